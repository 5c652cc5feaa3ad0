package room

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// pingEvery is how often the server pings, and pongWithin how long a client
	// has to answer. Load balancers cut connections that are silent for a minute.
	pingEvery  = 25
	pongWithin = 10
	// writeWithin is how long one write may take.
	writeWithin = 10
	// lookEvery is how often the store is asked what it still has.
	lookEvery = 10 * time.Second
	// keepReadsEvery is how often it is stored what users have read.
	keepReadsEvery = 2 * time.Second
	// drainLimit is what clients get to finish and leave at shutdown, and
	// drainSpread over which time they are asked to come back.
	drainLimit  = 3 * time.Second
	drainSpread = 2 * time.Second
	// dedup is how long a cid is promised to be known: less than the store
	// remembers it, for the way here.
	dedup = engine.RoomsDedup - 20*time.Second
)

// Config is what a Service needs. Zero values mean the defaults that the fields
// name.
type Config struct {
	Engine *engine.Engine // required

	Guests         GuestPolicy // default GuestsOff
	Secret         string      // signs tokens; "" for one that is kept in the store
	Origins        []string    // other origins whose pages may connect, such as https://example.com
	MaxConnections int         // default 20,000
	Rate           float64     // frames a second of one connection; default 20, with bursts of twice that

	// Bot is given what is sent to rooms with the bot, before it is acknowledged;
	// it must be ready for one message several times. nil: there is no bot.
	Bot     func(ctx context.Context, m Message) error
	BotName string // default "Bot"

	Server  string       // what welcome names; default "frontdesk"
	Metrics *Metrics     // default: of no registry
	Logger  *slog.Logger // default discards
}

func (c *Config) setDefaults() {
	if c.Guests == "" {
		c.Guests = GuestsOff
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 20_000
	}
	if c.Rate == 0 {
		c.Rate = 20
	}
	if c.BotName == "" {
		c.BotName = "Bot"
	}
	if c.Server == "" {
		c.Server = "frontdesk"
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Service is the chat. Its methods may be called concurrently; but for Run and
// what it serves, they work while it does not run, too.
type Service struct {
	cfg      Config
	lg       *slog.Logger
	metrics  *Metrics
	store    *engine.Rooms
	bucket   *engine.Bucket
	flush    func() error
	signer   signer
	epoch    string
	began    time.Time
	first    atomic.Uint64 // ID of the oldest message of all that the store has
	hub      hub
	registry registry
	others   others
	notices  notices
	instance string // names this one among others
	alone    bool   // there are no others

	open    atomic.Bool // connections are taken
	writers sync.WaitGroup
	readers sync.WaitGroup

	mu       sync.Mutex
	clients  map[*client]struct{}
	streams  map[string]*client // of clients, those that come with GET /chat/events, by ID
	coming   int                // connections that are about to be clients
	greeting greeting
	users    map[string]*user // of clients, behind it, and whose reads are to be stored
}

// New opens the chat.
func New(ctx context.Context, cfg Config) (*Service, error) {
	cfg.setDefaults()
	s := &Service{
		cfg: cfg, lg: cfg.Logger, metrics: cfg.Metrics, store: cfg.Engine.Rooms, bucket: cfg.Engine.Chat, flush: cfg.Engine.Flush,
		began: time.Now(), clients: map[*client]struct{}{}, streams: map[string]*client{}, users: map[string]*user{},
		notices: notices{last: map[string]time.Time{}},
		others:  others{instances: map[string]*instance{}}, instance: rand.Text(), alone: cfg.Engine.Embedded(),
		registry: registry{rooms: map[string]*Record{}, users: map[string]string{}},
	}
	s.hub = hub{store: s.store, server: s, rooms: map[string]*room{}, dirty: map[*room]struct{}{}}
	key, err := s.secret(ctx)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	s.signer = signer{key}
	st, err := s.store.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	s.epoch = strconv.FormatInt(st.Created.UnixNano(), 36)
	return s, nil
}

// secret returns the key of tokens. All instances on one store share it.
func (s *Service) secret(ctx context.Context) ([]byte, error) {
	if s.cfg.Secret != "" {
		return []byte(s.cfg.Secret), nil
	}
	for {
		key, _, err := s.bucket.Get(ctx, keySecret)
		if !errors.Is(err, engine.ErrNotFound) {
			return key, err
		}
		made := make([]byte, 32)
		rand.Read(made) // never fails
		err = s.bucket.Swap(ctx, keySecret, []byte(base64.RawStdEncoding.EncodeToString(made)), 0)
		if err != nil && !errors.Is(err, engine.ErrExists) {
			return nil, err
		}
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
}

// seconds is the service's clock.
func (s *Service) seconds() int64 { return int64(time.Since(s.began) / time.Second) }

// Run serves until ctx ends; then it lets the clients finish, sends them away and
// waits for them.
func (s *Service) Run(ctx context.Context) error {
	st, err := s.store.State(ctx)
	if err != nil {
		return err
	}
	s.hub.pos.Store(st.Last)
	s.first.Store(st.First)
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, work := errgroup.WithContext(work)
	rooms, users := make(chan struct{}), make(chan struct{})
	g.Go(func() error { return s.store.Follow(work, st.Last, s.hub.deliver) })
	g.Go(func() error { return s.bucket.Watch(work, prefixRoom+"*", s.noteRoom, once(rooms)) })
	g.Go(func() error { return s.bucket.Watch(work, prefixUser+"*", s.registry.noteUser, once(users)) })
	g.Go(func() error { return s.tick(work) })
	g.Go(func() error { return s.look(work) })
	if !s.alone {
		g.Go(func() error { return s.store.Listen(work, s.hear) })
		g.Go(func() error { return s.tellAll(work) })
	}
	for _, ready := range []chan struct{}{rooms, users} {
		select {
		case <-ready:
		case <-work.Done():
		}
	}
	s.open.Store(true)
	select {
	case <-ctx.Done():
	case <-work.Done():
	}
	s.mu.Lock()
	s.open.Store(false) // with the mutex: who was added before is in the list
	s.mu.Unlock()
	s.sendAway(work)
	s.keepReads(work)
	end()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// once returns a function that closes a channel the first time.
func once(c chan struct{}) func() { return sync.OnceFunc(func() { close(c) }) }

// tick does what is due each second, until ctx ends.
func (s *Service) tick(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-ticker.C:
			s.checkClients(now)
			s.hub.tellPresence()
			s.hub.sendOverdueAcks()
			s.hub.sweep(now)
		}
	}
}

// look asks now and then what the store still has, and stores what users have
// read, until ctx ends.
func (s *Service) look(ctx context.Context) error {
	ticker, keep := time.NewTicker(lookEvery), time.NewTicker(keepReadsEvery)
	defer ticker.Stop()
	defer keep.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-keep.C:
			s.keepReads(ctx)
		case <-ticker.C:
			if st, err := s.store.State(ctx); err == nil {
				s.first.Store(st.First)
			} // else it is away: clients are told when they ask for something
		}
	}
}

// checkClients pings, and ends connections whose time is up.
func (s *Service) checkClients(now time.Time) {
	seconds := s.seconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		s.checkClient(c, now, seconds)
	}
}

func (s *Service) checkClient(c *client, now time.Time, seconds int64) {
	who := c.who.Load()
	due := c.nextPing.Load()
	awaiting := c.awaiting.Load()
	began := c.writes.Load()
	switch {
	case began > 0 && seconds-began > writeWithin, awaiting > 0 && seconds > awaiting:
		c.out.shut()
	case who == nil: // its reader has a deadline
	case !now.Before(who.Expires):
		c.end(closeAuth, "login ended")
	case seconds >= due:
		c.send(pingFrame)
		c.nextPing.Store(seconds + pingEvery)
		if !c.silent.Load() {
			c.awaiting.CompareAndSwap(0, seconds+pongWithin)
		}
	}
}

// firstPing spreads the pings of clients that came together.
func (s *Service) firstPing() int64 { return s.seconds() + 1 + mathrand.Int64N(pingEvery) }

// sendAway tells all clients to finish and come back, elsewhere or later, and
// waits for them, for no longer than the drain limit.
func (s *Service) sendAway(ctx context.Context) {
	for _, c := range s.all() {
		after := mathrand.Int64N(int64(drainSpread / time.Millisecond))
		c.send(jsonFrame(drainFrame{"drain", after, int64(drainLimit / time.Millisecond)}))
	}
	limit := time.NewTimer(drainLimit)
	defer limit.Stop()
	s.awaitNone(ctx, limit.C)
	for _, c := range s.all() {
		c.end(closeRestart, "the server restarts")
	}
	shut := time.NewTimer(time.Second)
	defer shut.Stop()
	s.awaitNone(ctx, shut.C)
	for _, c := range s.all() {
		c.out.shut()
	}
	s.readers.Wait()
	s.writers.Wait()
}

// awaitNone waits until no client is left, or until limit.
func (s *Service) awaitNone(ctx context.Context, limit <-chan time.Time) {
	check := time.NewTicker(10 * time.Millisecond)
	defer check.Stop()
	for {
		s.mu.Lock()
		left := len(s.clients)
		s.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-check.C:
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) all() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		list = append(list, c)
	}
	return list
}
