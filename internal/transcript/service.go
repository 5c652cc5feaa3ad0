package transcript

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxUnderWay bounds the messages that wait for the store.
	maxUnderWay = 256
	// storePause is the wait before it begins anew at its checkpoint after the
	// store failed, doubled each time up to storePauseMax.
	storePause    = 100 * time.Millisecond
	storePauseMax = 5 * time.Second
	// cacheBytes keeps what was read of the outbox for when it is sent.
	cacheBytes = 8 << 20
)

// Rooms is where transcripts are written.
type Rooms interface {
	// Put stores a message and calls done when it is durable. The same message
	// again, within two minutes, is stored once. Messages of a room stand in the
	// order of the calls.
	Put(m Message, done func(id uint64, err error))
	// Before returns the newest messages of a room before an ID, 0 for the newest
	// of all, in order.
	Before(ctx context.Context, room string, id uint64, most int) ([]Posted, error)
	// After returns messages of all rooms that match a pattern behind an ID, in
	// order, and how many there are behind them.
	After(ctx context.Context, pattern string, id uint64, most int) (list []Posted, left int, err error)
	// Erase takes a message away for good.
	Erase(ctx context.Context, id uint64) error
}

// Message is a message of a transcript.
type Message struct {
	Room      string
	User      string // the LINE user, or UserBot
	Name      string
	CID       string
	Via       string // how the bot's was sent: reply, push or multicast
	At        time.Time
	Body      json.RawMessage
	Edit, Del uint64 // ID of the message that it changes or deletes
}

// Posted is a message that stands in a room.
type Posted struct {
	Room   string
	ID     uint64
	Stored time.Time
	CID    string
	Edit   uint64
	Body   json.RawMessage
}

// UserBot is the user as whom the bot speaks.
const UserBot = "bot"

// Config is what a Service needs. Fields without a default are required.
type Config struct {
	Engine   *engine.Engine
	Channels []string // those that have transcripts
	Rooms    Rooms
	// Name returns what a LINE user is called, "" when that is not known.
	Name func(ctx context.Context, channel, userID string) string
	// BotName is what the bot is called.
	BotName string
	// Sent returns the place in the outbox before which everything is sent, or
	// is a dead letter.
	Sent func() engine.Pos
	Rate float64 // messages a second, a tenth of it while more come in; default 2,000

	Metrics *Metrics
	Logger  *slog.Logger
}

// Service writes transcripts. Make one with New, run it once.
type Service struct {
	cfg      Config
	eng      *engine.Engine
	lg       *slog.Logger
	channels map[string]bool
	cache    *engine.Cache
	pace     *pace
	floors   atomic.Pointer[checkpoint] // on disk; nil before it is known

	behind atomic.Int64 // when what is written was stored, in ns since 1970; 0 for nothing

	mu    sync.Mutex
	moved chan struct{} // closed when floors has grown
}

// New returns a service that has not read anything yet.
func New(cfg Config) *Service {
	s := &Service{
		cfg: cfg, eng: cfg.Engine, lg: cfg.Logger, channels: map[string]bool{}, moved: make(chan struct{}),
		cache: engine.NewCache(cfg.Engine.Outbox, cacheBytes),
	}
	for _, name := range cfg.Channels {
		s.channels[name] = true
	}
	s.pace = newPace(cmp.Or(cfg.Rate, defaultRate), s.came)
	cfg.Metrics.observe(s)
	return s
}

// came returns about how many messages have come in. Each of the outbox has two notes.
func (s *Service) came() float64 {
	return float64(s.eng.Inbox.Appended()) + float64(s.eng.Outbox.Appended())/3
}

// Run writes until ctx ends. It returns nil then.
func (s *Service) Run(ctx context.Context) error {
	for pause := storePause; ctx.Err() == nil; pause = min(2*pause, storePauseMax) {
		began := time.Now()
		err := s.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > storePauseMax {
			pause = storePause
		}
		s.lg.Warn("transcripts wait for the store and go on from their last checkpoint", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
	return nil
}

// Floors returns the first records of the inbox and of the outbox that are not
// written yet.
func (s *Service) Floors() (inbox, outbox engine.Pos) {
	cp := s.floors.Load()
	if cp == nil {
		return 0, 0
	}
	return cp.Inbox, cp.Open
}

// errBehind says that CatchUp took too long.
var errBehind = errors.New("transcripts are not written up to the end of the logs yet")

// CatchUp waits until everything that is stored now is written, and will not be
// written again.
func (s *Service) CatchUp(ctx context.Context) error {
	inbox, err := s.eng.Inbox.End(ctx)
	if err != nil {
		return err
	}
	outbox, err := s.eng.Outbox.End(ctx)
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		if cp := s.floors.Load(); cp != nil && reached(cp.Inbox, inbox) && reached(cp.Outbox, outbox) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errBehind, ctx.Err())
		}
	}
}

// reached reports whether a log is written up to its end. An empty one is.
func reached(done, end engine.Pos) bool { return done >= end || end.Seq() <= 1 }

// lag returns how old the record is that is written, 0 for none.
func (s *Service) lag() time.Duration {
	behind := s.behind.Load()
	if behind == 0 {
		return 0
	}
	return time.Since(time.Unix(0, behind))
}
