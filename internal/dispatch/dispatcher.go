package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// checkpointEvery is how much handling a crash may repeat, for events that
	// sent nothing.
	checkpointEvery = 250 * time.Millisecond
	// cacheBytes is how much of the log's bytes is kept between reading and
	// handling.
	cacheBytes = 64 << 20
	// cancelLimit is how long handlers get after their context was cancelled
	// at the end of the drain.
	cancelLimit = 5 * time.Second
)

// Config is what a Dispatcher needs. Fields without a default are required.
type Config struct {
	Engine *engine.Engine

	// Handler is the bot of each channel. Events of a channel without one
	// become dead letters.
	Handler map[string]frontdesk.Handler
	// Note is told of every event before its handler runs; it may be told
	// again of the same event.
	Note func(ctx context.Context, ev *frontdesk.Event) error
	// Profile and Content serve a desk's methods of the same names.
	Profile func(ctx context.Context, channel string, source frontdesk.Source, userID string) (frontdesk.Profile, error)
	Content func(ctx context.Context, channel, messageID string) (*frontdesk.Media, error)
	// Loading shows the loading animation in the chat with a user for a time;
	// nil for never.
	Loading func(ctx context.Context, channel, userID string, d time.Duration) error
	// Button is what the reply token of a slow answer is spent on, by channel.
	// The answer then waits for the tap. Channels without one push it.
	Button map[string]Button
	// Timers keeps the timers that handlers set; nil for none.
	Timers Timers
	// ReplyLife is how long after its acceptance an event's reply token works.
	ReplyLife time.Duration

	MaxConcurrent int           // handlers at once; default 10,000
	Timeout       time.Duration // of one attempt; default 5 minutes
	LoadingAfter  time.Duration // how long a handler runs before Loading is called; default 1 s
	ButtonAfter   time.Duration // how long after its acceptance an event gets its button; default 45 s
	AnswerLife    time.Duration // how long an answer waits for the tap; default 7 days
	MaxAttempts   int           // before an event is a dead letter; default 8
	BackoffMin    time.Duration // pause after the first failure, doubled each time; default 1 s
	BackoffMax    time.Duration // default 1 minute
	DrainLimit    time.Duration // for running handlers at shutdown; default 20 s

	Metrics *Metrics
	Logger  *slog.Logger
	// Trace is told when an event passed a step; nil for nobody.
	Trace func(eventID, step string, at time.Time)
}

// Steps that Trace is told of.
const (
	StepHanded  = "handed to the handler"
	StepHandled = "handled"
	StepOutbox  = "stored in the outbox"
	StepButton  = "button stored in the outbox"
	StepParked  = "answer parked until the button is tapped"
	StepTapped  = "button tapped"
)

func (c *Config) setDefaults() {
	c.MaxConcurrent = cmp.Or(c.MaxConcurrent, 10_000)
	c.Timeout = cmp.Or(c.Timeout, 5*time.Minute)
	c.LoadingAfter = cmp.Or(c.LoadingAfter, time.Second)
	c.ButtonAfter = cmp.Or(c.ButtonAfter, 45*time.Second)
	c.AnswerLife = cmp.Or(c.AnswerLife, 7*24*time.Hour)
	c.MaxAttempts = cmp.Or(c.MaxAttempts, 8)
	c.BackoffMin = cmp.Or(c.BackoffMin, time.Second)
	c.BackoffMax = cmp.Or(c.BackoffMax, time.Minute)
	c.DrainLimit = cmp.Or(c.DrainLimit, 20*time.Second)
	if c.Timers == nil {
		c.Timers = noTimers{}
	}
	if c.Trace == nil {
		c.Trace = func(string, string, time.Time) {}
	}
}

// Dispatcher hands events to handlers. Make one with New, run it once.
type Dispatcher struct {
	cfg     Config
	eng     *engine.Engine
	lg      *slog.Logger
	shards  [engine.Shards]*shard
	cache   *engine.Cache
	pool    *pool
	running *runningFile
	appends *appendTracker
	index   *idIndex

	read      atomic.Uint64       // engine.Pos behind the last event that was read
	floor     atomic.Uint64       // engine.Pos: lowest stored checkpoint
	outbox    atomic.Uint64       // engine.Pos: lowest place in the outbox that a restart needs
	completed map[string]struct{} // what the last process left in the outbox, until unread is nil
	unread    *generation         // stands for what the last process left in the inbox; nil once it is read
	suspects  suspects
	lookup    lookup
}

// New returns a dispatcher that has not read anything yet.
func New(cfg Config) (*Dispatcher, error) {
	cfg.setDefaults()
	d := &Dispatcher{
		cfg: cfg, eng: cfg.Engine, lg: cfg.Logger,
		cache:  engine.NewCache(cfg.Engine.Inbox, cacheBytes),
		index:  newIDIndex(),
		lookup: lookup{outbox: cfg.Engine.Outbox},
	}
	d.pool = newPool(cfg.MaxConcurrent)
	for i := range d.shards {
		d.shards[i] = newShard()
	}
	var err error
	d.running, err = openRunning(filepath.Join(cfg.Engine.Dir(), "running"), cfg.MaxConcurrent)
	if err != nil {
		return nil, fmt.Errorf("dispatcher: %w", err)
	}
	cfg.Metrics.observe(d)
	return d, nil
}

// Run reads and hands out events until ctx ends, then waits for the running
// handlers up to the drain limit and stores a last checkpoint. It returns nil
// after an orderly end.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer d.running.close()
	recovery, err := d.recover(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("dispatcher: recover: %w", err)
	}
	handlers, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	d.pool.start(func(c *conversation) bool { return d.work(handlers, c) })

	var g errgroup.Group
	g.Go(func() error { return d.follow(ctx, recovery) })
	g.Go(func() error { d.index.load(ctx, d.eng.Inbox, recovery.indexed, d.lg); return nil })
	g.Go(func() error { d.writeCheckpoints(ctx); return nil })
	g.Go(func() error { d.expireAnswers(ctx); return nil })
	<-ctx.Done()
	d.drain(cancel)
	err = g.Wait()
	if last := d.checkpoint(context.WithoutCancel(ctx)); last != nil {
		d.lg.Error("last checkpoint was not stored; a restart repeats what it would have told", "error", last)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// errShutdown is the cause of the cancellation of handlers at shutdown.
var errShutdown = errors.New("frontdesk shuts down")

// drain waits for the handlers that run, and lets no other start.
func (d *Dispatcher) drain(cancel context.CancelCauseFunc) {
	idle := d.pool.stop()
	limit := time.NewTimer(d.cfg.DrainLimit)
	defer limit.Stop()
	select {
	case <-idle:
		return
	case <-limit.C:
	}
	d.lg.Warn("handlers are interrupted: drain limit reached", "running", d.pool.busy(), "limit", d.cfg.DrainLimit)
	cancel(errShutdown)
	limit.Reset(cancelLimit)
	select {
	case <-idle:
	case <-limit.C:
		d.lg.Error("handlers ignore their context and are left behind; their events will be tried again", "running", d.pool.busy())
	}
}

// follow reads the inbox and queues what is to be handled.
func (d *Dispatcher) follow(ctx context.Context, r recovery) error {
	d.caughtUp(r)
	err := d.eng.Inbox.Follow(ctx, r.floor, func(b engine.Batch) error {
		d.cache.Add(b)
		for pos, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				d.cfg.Metrics.damaged.Inc()
				d.lg.Error("inbox record is damaged and skipped", "position", pos.String())
				continue
			}
			d.arrive(pos, &ev)
		}
		d.read.Store(uint64(engine.After(b)))
		d.caughtUp(r)
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// caughtUp lets go of what the outbox told of the last process, once all that
// it left has been read.
func (d *Dispatcher) caughtUp(r recovery) {
	if d.unread != nil && engine.Pos(d.read.Load()) >= r.end {
		d.unread.end()
		d.unread, d.completed = nil, nil
	}
}

// arrive files one event: done already, a duplicate, or to be handled.
func (d *Dispatcher) arrive(pos engine.Pos, ev *engine.Event) {
	sh := d.shards[engine.Shard(ev.Channel, ev.Conversation)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if pos < sh.floor {
		d.index.add(idOf(ev), pos)
		return
	}
	t := &task{pos: pos, accepted: ev.Accepted}
	if tries, ok := sh.tries[pos]; ok {
		t.tries = tries
		delete(sh.tries, pos)
	}
	t.done = sh.restore.take(pos)
	if done, button := d.found(ev); !t.done && (done || button) {
		t.done, t.Button = done, t.Button || button
		sh.changed = true // the next checkpoint must tell it: the outbox may let go of the entries
	}
	if first := d.index.add(idOf(ev), pos); first != pos && !t.done {
		t.done = true
		d.cfg.Metrics.duplicates.Inc()
	}
	t.recheck = ev.Redelivered && !d.index.complete()
	sh.push(t)
	if t.done {
		sh.settle()
		return
	}
	if c := sh.enqueue(ev, t); c != nil {
		d.pool.submit(c)
	}
}

// found reports which entries of the event were in the outbox at the start: the
// one by which it is done, and its button.
func (d *Dispatcher) found(ev *engine.Event) (done, button bool) {
	if len(d.completed) == 0 {
		return false, false
	}
	_, done = d.completed[ev.Key()]
	_, button = d.completed[buttonID(ev)]
	return done, button
}

// Floors returns the first records of the inbox and of the outbox that a
// restart would need.
func (d *Dispatcher) Floors() (inbox, outbox engine.Pos) {
	return engine.Pos(d.floor.Load()), engine.Pos(d.outbox.Load())
}

// Trimmed tells that the inbox now begins at a sequence, so that older IDs may
// be forgotten.
func (d *Dispatcher) Trimmed(first uint64, now time.Time) { d.index.trimmed(first, now) }
