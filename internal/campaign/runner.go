package campaign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// Config is what a Runner needs.
type Config struct {
	Engine *engine.Engine
	// Clients are LINE's API by channel. Without any, campaigns can be looked at,
	// paused and cancelled, but neither planned nor created.
	Clients map[string]*line.Client
	// Friends calls fn with the users of a channel who follow it and have not
	// blocked it. fn may return false to stop. Required with Clients.
	Friends func(ctx context.Context, channel string, fn func(userID string) bool) error
	// Used returns how many messages of this month's quota are known to be used;
	// LINE tells with a delay. nil for nobody who knows.
	Used func(channel string) int64
	// Open reports whether the outbox has read an entry and is not done with it.
	// Required by Run, which begins when the outbox knows all that was stored
	// before.
	Open    func(channel, entryID string) bool
	Metrics *Metrics // nil for none
	Logger  *slog.Logger
}

// Runner makes campaigns and runs them. Make one with New. All methods may be
// called concurrently, but Run once.
type Runner struct {
	cfg  Config
	lg   *slog.Logger
	wake chan struct{}    // holds one: there may be something to do
	now  func() time.Time // the wall clock, by which campaigns start

	mu        sync.Mutex
	campaigns map[string]*campaign // by ID, those that have ended too
	creating  map[string]bool      // IDs
}

// campaign is a campaign in memory. Its fields but work are guarded by
// Runner.mu, unless a comment says otherwise.
type campaign struct {
	record
	open   map[int]*chunk // the same as record.Open
	stored engine.Pos     // Position of the stored record
	dirty  bool           // the stored record is older
	// recovered says that the log was searched for chunks that the record does not
	// tell of. Until then early holds what became of those, by number; they are as
	// many as were appended at a time.
	recovered bool
	early     map[int]int // receivers in dead letters
	failing   int         // chunks in a row of which LINE took nothing

	messages []json.RawMessage // nil until they are needed; Run's own

	// work is held while the campaign is appended to, changed by the operator or
	// stored: in that order, one at a time. Runner.mu may be taken under it.
	work sync.Mutex
}

// New loads the campaigns, and takes away what is left of those that were not
// created. It starts nothing: Run does.
func New(ctx context.Context, cfg Config) (*Runner, error) {
	r := &Runner{
		cfg: cfg, lg: cfg.Logger, wake: make(chan struct{}, 1), now: time.Now,
		campaigns: map[string]*campaign{}, creating: map[string]bool{},
	}
	if r.lg == nil {
		r.lg = slog.New(slog.DiscardHandler)
	}
	var keys []string
	err := cfg.Engine.Campaigns.Keys(ctx, recordKey("*"), func(key string) bool {
		keys = append(keys, key)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("campaigns: %w", err)
	}
	for _, key := range keys {
		if err := r.load(ctx, key); err != nil {
			return nil, fmt.Errorf("campaigns: %w", err)
		}
	}
	if len(cfg.Clients) > 0 {
		r.clean(ctx)
	}
	r.cfg.Metrics.observe(r)
	return r, nil
}

// load reads a record. One that is damaged is left alone: the others go on.
func (r *Runner) load(ctx context.Context, key string) error {
	data, _, err := r.cfg.Engine.Campaigns.Get(ctx, key)
	if err != nil {
		return err
	}
	var rec record
	if json.Unmarshal(data, &rec) != nil || recordKey(rec.ID) != key {
		r.lg.Error("campaign is damaged and left alone", "campaign", strings.TrimPrefix(key, recordKey("")))
		return nil
	}
	r.campaigns[rec.ID] = newCampaign(rec)
	return nil
}

// newCampaign returns a campaign as its record tells of it.
func newCampaign(rec record) *campaign {
	c := &campaign{record: rec, stored: rec.Position, open: map[int]*chunk{}, early: map[int]int{}}
	for _, n := range rec.Open {
		c.open[n] = &chunk{pos: rec.Position}
	}
	c.Open = nil
	return c
}

// chunk is a chunk whose entry is in the outbox.
type chunk struct {
	pos    engine.Pos // not behind its entry
	users  int        // receivers; 0 until the log was searched
	unsure bool       // whether the log has its entry is not known yet
	missed int        // how often in a row the outbox did not know it as open
}

// inOutbox counts the receivers in the outbox; the caller holds mu.
func (c *campaign) inOutbox() int {
	n := 0
	for _, ch := range c.open {
		n += ch.users
	}
	return n
}

// view returns the campaign as others see it; the caller holds mu.
func (c *campaign) view() Campaign {
	return Campaign{
		ID: c.ID, Channel: c.Channel, Name: c.Name, Audience: c.Audience, State: c.State, Reason: c.Reason,
		Users: c.Users, Duplicates: c.Duplicates, Sent: c.Sent, Failed: c.Failed, InOutbox: c.inOutbox(),
		Calls: c.Chunks, CallsDone: c.Next - len(c.open), Created: c.Created, Ended: c.Ended,
		StartAt: c.StartAt,
	}
}

// complete reports whether nothing is left to be done; the caller holds mu.
func (c *campaign) complete() bool {
	return c.recovered && len(c.open) == 0 && (c.State == StateCancelled || c.Next == c.Chunks)
}

// List returns all campaigns, the newest first.
func (r *Runner) List() []Campaign {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Campaign, 0, len(r.campaigns))
	for _, c := range r.campaigns {
		list = append(list, c.view())
	}
	slices.SortFunc(list, func(a, b Campaign) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Get returns a campaign with its messages; an error that is engine.ErrNotFound
// when there is none.
func (r *Runner) Get(ctx context.Context, id string) (Campaign, error) {
	c, err := r.find(id)
	if err != nil {
		return Campaign{}, err
	}
	messages, err := r.readContent(ctx, id)
	if err != nil {
		return Campaign{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	view := c.view()
	view.Messages = messages
	return view, nil
}

func (r *Runner) find(id string) (*campaign, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.campaigns[id]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("campaign %q: %w", id, engine.ErrNotFound)
}

// readContent reads the messages of a campaign.
func (r *Runner) readContent(ctx context.Context, id string) ([]json.RawMessage, error) {
	data, _, err := r.cfg.Engine.Campaigns.Get(ctx, contentKey(id))
	if err != nil {
		return nil, fmt.Errorf("messages of campaign %s: %w", id, err)
	}
	var stored content
	if json.Unmarshal(data, &stored) != nil || len(stored.Messages) == 0 {
		return nil, fmt.Errorf("messages of campaign %s: %w", id, errContent)
	}
	return stored.Messages, nil
}

var errContent = errors.New("what is stored is damaged")

// Floor returns the first record of the outbox log that a restart would need,
// the largest Pos for none.
func (r *Runner) Floor() engine.Pos {
	r.mu.Lock()
	defer r.mu.Unlock()
	floor := engine.Pos(math.MaxUint64)
	for _, c := range r.campaigns {
		if c.stored != 0 {
			floor = min(floor, c.stored)
		}
	}
	return floor
}

// poke wakes Run.
func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyhow
	}
}
