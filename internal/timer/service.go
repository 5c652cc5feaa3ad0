package timer

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// recheck is how often the wall clock is looked at while a timer waits for it:
	// somebody may set it.
	recheck = time.Second
	// storePause is the wait before a store that does not answer is asked again,
	// doubled each time up to storePauseMax.
	storePause    = 50 * time.Millisecond
	storePauseMax = 2 * time.Second
	// catchUpLimit bounds the wait until the outbox is read up to its end.
	catchUpLimit = 10 * time.Second
)

// Config is what a Service needs. Fields without a default are required.
type Config struct {
	Engine *engine.Engine
	// Channels are those of the configuration. Timers of others are kept and do
	// not fire, until a server runs that has their channel.
	Channels []string

	Metrics *Metrics
	Logger  *slog.Logger
	// Trace is told when a timer's event passed a step; nil for nobody.
	Trace func(eventID, step string, at time.Time)
	// Now tells the wall clock's time; default time.Now.
	Now func() time.Time
}

// Steps of what timers make. Trace is told of the first two.
const (
	StepDue    = "timer due"
	StepStored = "stored in the inbox"
	StepSend   = "timer due, stored in the outbox" // of the event whose handler set a timer with messages
)

func (c *Config) setDefaults() {
	if c.Trace == nil {
		c.Trace = func(string, string, time.Time) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Service looks after the timers. Make one with New, run it once.
type Service struct {
	cfg     Config
	eng     *engine.Engine
	lg      *slog.Logger
	clock   clock
	process string                     // names this process in what it stores
	running atomic.Bool                // Run was called and has not returned
	ready   chan struct{}              // closed when Run has read what earlier processes left
	wake    chan struct{}              // holds one: the queue has a timer that may be the next one
	used    atomic.Int64               // bytes of the store, with what was asked for since it was looked at
	limit   atomic.Int64               // of used
	pending atomic.Int64               // timers, as the store told last
	floors  atomic.Pointer[checkpoint] // what a restart needs

	// working is held while the ops of a batch are applied, timers are fired and
	// what a checkpoint says is noted: each sees the others done or not begun.
	working sync.Mutex
	queue   queue
	changed bool            // since the last checkpoint: ops were applied, or timers fired
	unsure  bool            // events or entries of timers may have been stored that still wait
	durable checkpoint      // the last one; it is on disk
	held    map[string]bool // channels that timers were held of

	thinFrom int // how long the queue may get before thinOut looks at it

	storing sync.Mutex // held while a checkpoint is stored; taken before working

	// reading guards how far the outbox was read.
	reading sync.Mutex
	applied engine.Pos    // the ops of all records before it are applied
	moved   chan struct{} // closed when applied has grown
}

// New returns a service that has not read anything yet.
func New(cfg Config) *Service {
	cfg.setDefaults()
	s := &Service{
		cfg: cfg, eng: cfg.Engine, lg: cfg.Logger,
		clock: newClock(cfg.Now), process: rand.Text(),
		ready: make(chan struct{}), wake: make(chan struct{}, 1), moved: make(chan struct{}),
		held: map[string]bool{}, thinFrom: thinFrom,
	}
	s.floors.Store(&checkpoint{})
	cfg.Metrics.observe(s)
	return s
}

// Run fires timers until ctx ends. It returns nil after an orderly end.
func (s *Service) Run(ctx context.Context) error {
	s.running.Store(true)
	defer s.running.Store(false)
	from, err := s.recover(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("timers: recover: %w", err)
	}
	close(s.ready)
	var g errgroup.Group
	g.Go(func() error { return s.follow(ctx, from) })
	g.Go(func() error { s.fireDue(ctx); return nil })
	g.Go(func() error { s.writeCheckpoints(ctx); return nil })
	err = g.Wait()
	if last := s.takeCheckpoint(context.WithoutCancel(ctx)); last != nil {
		s.lg.Error("last checkpoint of the timers was not stored; the next start reads more", "error", last)
	}
	return err
}

// Ready is closed when Run has read what earlier processes left.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// readTo notes that all ops before a place are applied.
func (s *Service) readTo(pos engine.Pos) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if pos <= s.applied {
		return
	}
	s.applied = pos
	close(s.moved)
	s.moved = make(chan struct{})
}

// readSoFar returns the place before which all ops are applied, and what is
// closed when it has grown.
func (s *Service) readSoFar() (engine.Pos, <-chan struct{}) {
	s.reading.Lock()
	defer s.reading.Unlock()
	return s.applied, s.moved
}

// catchUp waits until the ops of everything that is stored now are applied.
func (s *Service) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	end, err := s.eng.Outbox.End(ctx)
	if err != nil {
		return err
	}
	for {
		applied, moved := s.readSoFar()
		if applied >= end {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("timers: the outbox is not read up to its end: %w", ctx.Err())
		}
	}
}

// Stamp sets the time of an entry that is about to be stored. The durations of
// its timers begin at it.
func (s *Service) Stamp(e *engine.Entry) {
	now := s.clock.read()
	e.At = now.wall
	for i := range e.Timers {
		if e.Timers[i].After > 0 {
			e.Steady = &engine.Steady{Process: s.process, Elapsed: now.steady}
		}
	}
}

// timerOverhead is what the store keeps of a timer besides what it says.
const timerOverhead = 512

// Room takes room for a timer of so many bytes, and returns
// frontdesk.ErrTimersFull when there is none.
func (s *Service) Room(bytes int) error {
	n := int64(bytes) + timerOverhead
	if limit := s.limit.Load(); limit > 0 && s.used.Add(n) > limit {
		s.used.Add(-n)
		return frontdesk.ErrTimersFull
	}
	return nil
}

// Pending returns the timers that wait in a conversation, the next one first. It
// knows of all that was stored before it is called.
func (s *Service) Pending(ctx context.Context, channel, conversation string) ([]*engine.Timer, error) {
	if err := s.current(ctx); err != nil {
		return nil, err
	}
	var timers []*engine.Timer
	filter := engine.TimerFilter{Channel: channel, Conversation: conversation}
	err := s.eng.Timers.List(ctx, filter, 0, func(t *engine.Timer) bool {
		timers = append(timers, t)
		return true
	})
	slices.SortFunc(timers, func(a, b *engine.Timer) int {
		return Place{a.Due, a.Seq}.compare(Place{b.Due, b.Seq})
	})
	return timers, err
}

// Floors returns the first records of the inbox and of the outbox that a restart
// would need.
func (s *Service) Floors() (inbox, outbox engine.Pos) {
	cp := s.floors.Load()
	return cp.Inbox, cp.Outbox
}

// untilDone calls f until it succeeds or ctx ends, then with ctx's error.
func (s *Service) untilDone(ctx context.Context, what string, f func(context.Context) error) error {
	for pause := storePause; ; pause = min(2*pause, storePauseMax) {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.lg.Error(what+"; trying again", "error", err)
		sleep(ctx, pause, nil)
	}
}
