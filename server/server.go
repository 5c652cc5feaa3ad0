package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/campaign"
	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/internal/dispatch"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/gateway"
	"github.com/line-frontdesk/frontdesk/internal/outbox"
	"github.com/line-frontdesk/frontdesk/internal/quota"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/roombot"
	"github.com/line-frontdesk/frontdesk/internal/timer"
	"github.com/line-frontdesk/frontdesk/internal/transcript"
	"github.com/line-frontdesk/frontdesk/internal/webhook"
	"github.com/line-frontdesk/frontdesk/internal/worker"
	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// replyLife is how long after its acceptance a reply token is relied on.
	// LINE says one minute from receiving the webhook; five seconds are left
	// for its way here and the difference of clocks.
	replyLife = 55 * time.Second
	// httpShutdown bounds answering the requests under way at shutdown.
	httpShutdown = 5 * time.Second
)

// Server is Frontdesk, wired and not yet running.
type Server struct {
	cfg         Config
	lg          *slog.Logger
	eng         *engine.Engine
	dir         *directory.Directory
	disp        *dispatch.Dispatcher
	out         *outbox.Outbox
	timers      *timer.Service
	campaigns   *campaign.Runner
	quota       *quota.Watcher
	chat        *room.Service
	bot         *roombot.Service    // nil for no bot in rooms
	transcripts *transcript.Service // nil for none
	gateway     *gateway.Gateway    // nil for none
	pipes       []*worker.Pipe      // whose processes run while the server does
	trace       *trace
	reg         *prometheus.Registry
	public      net.Listener
	internal    net.Listener // nil for none
	admin       net.Listener
	botAPI      net.Listener // nil for none
	handler     http.Handler // of the public port
	draining    atomic.Bool
}

// Run makes a server and runs it until ctx ends.
func Run(ctx context.Context, cfg Config, handler frontdesk.Handler) error {
	s, err := New(ctx, cfg, handler)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// New opens the store and the ports, and wires everything. handler is the bot
// of every channel that has none of its own. The caller must call Run, or
// Close if it does not.
func New(ctx context.Context, cfg Config, handler frontdesk.Handler) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, lg: cfg.Logger, trace: newTrace(), reg: prometheus.NewRegistry()}
	s.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	s.eng, err = engine.Open(ctx, storeConfig(cfg))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.wire(ctx, handler), s.listen()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// storeConfig returns what of a configuration the store needs.
func storeConfig(cfg Config) engine.Config {
	return engine.Config{
		Dir: cfg.Data, NATSURL: cfg.NATS.URL, Replicas: cfg.NATS.Replicas,
		InboxMaxBytes: cfg.Inbox.MaxBytes, OutboxMaxBytes: cfg.Outbox.MaxBytes, TimersMaxBytes: cfg.Timers.MaxBytes,
		RoomsMaxBytes: cfg.Chat.MaxBytes, RoomsKeep: cfg.Chat.Keep,
		Logger: cfg.Logger,
	}
}

// wire introduces the parts to each other.
func (s *Server) wire(ctx context.Context, handler frontdesk.Handler) error {
	clients := map[string]*line.Client{}
	handlers, err := s.makeBots(handler)
	if err != nil {
		return err
	}
	var senders []outbox.Channel
	var desks []webhook.Channel
	buttons := map[string]dispatch.Button{}
	var behind []gateway.Channel
	for _, ch := range s.cfg.Channels {
		client, source, err := newClient(s.cfg.LINE, ch)
		if err != nil {
			return fmt.Errorf("channel %s: %w", ch.Name, err)
		}
		if address, ok := ch.lineBot(); ok {
			behind = append(behind, gatewayChannel(ch, address, client, source))
		}
		clients[ch.Name] = client
		if ch.SlowAnswer == slowAnswerButton {
			buttons[ch.Name] = button(ch)
		}
		desks = append(desks, webhook.Channel{Name: ch.Name, Secrets: ch.Secrets})
		senders = append(senders, outbox.Channel{
			Name: ch.Name, Client: client, Rates: outbox.Rates{
				Reply: ch.ReplyRate, Push: ch.PushRate, Multicast: ch.MulticastRate, Broadcast: ch.BroadcastRate / 3600,
			},
			PreferDelivered: ch.Prefer == preferDelivered, DropOverQuota: ch.OverQuota == overQuotaDrop,
		})
	}
	if err := s.watchQuota(senders); err != nil {
		return err
	}
	if bot := s.chatHandler(handlers, handler); bot != nil {
		handlers[roombot.Channel] = bot
		sender, err := s.addBot()
		if err != nil {
			return err
		}
		senders = append(senders, sender)
	}
	s.dir = directory.New(directory.Config{
		Bucket: s.eng.Directory, Clients: clients, ProfileAge: s.cfg.ProfileAge, Logger: s.lg,
	})
	err = s.loadCampaigns(ctx, clients)
	if err != nil {
		return err
	}
	if err := s.openGateway(ctx, behind, handlers); err != nil {
		return err
	}
	s.out = outbox.New(outbox.Config{
		Engine: s.eng, Channels: senders, Metrics: outbox.NewMetrics(s.reg), Logger: s.lg, Trace: s.trace.sent,
		Finished: s.campaigns.Finished,
	})
	s.timers = timer.New(timer.Config{
		Engine: s.eng, Channels: slices.Sorted(maps.Keys(handlers)),
		Metrics: timer.NewMetrics(s.reg), Logger: s.lg, Trace: s.trace.passed,
	})
	if s.disp, err = s.newDispatcher(handlers, clients, buttons); err != nil {
		return err
	}
	desk := webhook.New(webhook.Config{
		Channels: desks, Inbox: s.eng.Inbox, Dead: s.eng.Dead,
		Metrics: webhook.NewMetrics(s.reg), Logger: s.lg, Trace: s.trace.passed,
	})
	s.observeDead()
	if err := s.openChat(ctx); err != nil {
		return err
	}
	s.openTranscripts()
	s.handler = s.publicHandler(desk)
	return nil
}

// newDispatcher returns the dispatcher, which goes by the configuration's handler.
func (s *Server) newDispatcher(handlers map[string]frontdesk.Handler, clients map[string]*line.Client, buttons map[string]dispatch.Button) (*dispatch.Dispatcher, error) {
	h := s.cfg.Handler
	return dispatch.New(dispatch.Config{
		Engine: s.eng, Handler: handlers, Note: s.note, Profile: s.profile,
		Content: content(clients), Timers: s.timers, Loading: s.loading(clients), LoadingAfter: h.LoadingAfter, ReplyLife: replyLife,
		Button: buttons, ButtonAfter: h.ButtonAfter,
		MaxConcurrent: h.MaxConcurrent, Timeout: h.Timeout, MaxAttempts: h.MaxAttempts,
		BackoffMin: h.BackoffMin, BackoffMax: h.BackoffMax, DrainLimit: s.cfg.Drain,
		Metrics: dispatch.NewMetrics(s.reg), Logger: s.lg, Trace: s.trace.passed,
	})
}

// button returns what a slow answer of the channel gets.
func button(ch Channel) dispatch.Button {
	return dispatch.Button{
		Text: cmp.Or(ch.ButtonText, DefaultButtonText), Label: cmp.Or(ch.ButtonLabel, DefaultButtonLabel),
	}
}

// newClient returns the LINE client of a channel, and where it has its tokens
// from.
func newClient(api LINE, ch Channel) (*line.Client, line.TokenSource, error) {
	cfg := line.Config{BaseURL: api.API, DataURL: api.DataAPI, Token: line.FixedToken(ch.AccessToken)}
	if ch.AccessToken == "" {
		token, err := line.NewStatelessToken(line.StatelessConfig{
			BaseURL: api.API, ChannelID: ch.ID, ChannelSecret: ch.Secrets[0],
		})
		if err != nil {
			return nil, nil, err
		}
		cfg.Token = token
	}
	client, err := line.NewClient(cfg)
	return client, cfg.Token, err
}

// content serves Desk.Content.
func content(clients map[string]*line.Client) func(ctx context.Context, channel, messageID string) (*frontdesk.Media, error) {
	return func(ctx context.Context, channel, messageID string) (*frontdesk.Media, error) {
		client := clients[channel]
		if client == nil {
			return nil, frontdesk.ErrGone // rooms have no files
		}
		got, err := client.Content(ctx, messageID)
		if errors.Is(err, line.ErrGone) || errors.Is(err, line.ErrNotFound) {
			return nil, frontdesk.ErrGone
		}
		if err != nil {
			return nil, err
		}
		return &frontdesk.Media{ContentType: got.ContentType, Length: got.Length, Body: got.Body}, nil
	}
}

// loadingRate is LINE's limit for the loading animation, per channel and second.
// Source: Messaging API reference, Rate limits.
const loadingRate = 100

// loading shows the loading animation within LINE's rate: beyond it a user goes
// without, because it is of no use later.
func (s *Server) loading(clients map[string]*line.Client) func(ctx context.Context, channel, userID string, d time.Duration) error {
	limits := map[string]*rate.Limiter{}
	for name := range clients {
		limits[name] = rate.NewLimiter(loadingRate, loadingRate/10)
	}
	return func(ctx context.Context, channel, userID string, d time.Duration) error {
		if channel == roombot.Channel {
			return s.bot.ShowLoading(ctx, userID, d)
		}
		if !limits[channel].Allow() {
			return fmt.Errorf("more than %d loading animations a second", loadingRate)
		}
		return clients[channel].ShowLoading(ctx, userID, d)
	}
}

func (s *Server) publicHandler(desk http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/callback", desk)
	mux.Handle("/callback/{channel}", desk)
	if s.cfg.Chat.Enabled {
		s.serveChat(mux)
	}
	if s.cfg.Pages != nil {
		mux.Handle("/", s.cfg.Pages)
	}
	return mux
}

// Addr returns the address of the public port.
func (s *Server) Addr() net.Addr { return s.public.Addr() }

// InternalAddr returns the address of the internal port, nil for none.
func (s *Server) InternalAddr() net.Addr {
	if s.internal == nil {
		return nil
	}
	return s.internal.Addr()
}

// Run serves until ctx ends, then shuts down in order. It returns nil after an
// orderly end.
func (s *Server) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	failed, fail := context.WithCancelCause(ctx) // ends when any part does
	defer fail(nil)

	web := s.startHTTP(fail)
	forwarding := start(fail, "gateway", s.runGateway)
	working := start(fail, "bots", s.runBots)
	dispatching := start(fail, "dispatcher", s.disp.Run)
	sending := start(fail, "outbox", s.out.Run)
	timing := start(fail, "timers", s.timers.Run)
	asking := start(fail, "quota", s.quota.Run)
	campaigning := start(fail, "campaigns", s.runCampaigns)
	answering := start(fail, "bot in rooms", s.runBot)
	chatting := start(fail, "chat", s.runChat)
	transcribing := start(fail, "transcripts", s.runTranscripts)
	cleaning := start(fail, "janitor", s.clean)
	watching := start(fail, "store", s.watch)
	s.lg.Info("frontdesk runs", "listen", s.Addr().String(), "data", s.cfg.Data)
	<-failed.Done()

	s.draining.Store(true)
	s.lg.Info("frontdesk shuts down: no more webhooks are taken")
	chatting.cancel() // its clients finish and leave while the port closes
	web.stopPublic()
	chatting.stop()
	answering.stop()
	s.lg.Info("waiting for handlers", "limit", s.cfg.Drain)
	dispatching.stop()
	working.stop()   // no handler waits for an answer any more
	web.stopBotAPI() // after the handlers, whose bots answer through it
	forwarding.stop()
	timing.stop() // after the handlers, who may ask for theirs
	campaigning.stop()
	s.lg.Info("sending what can be sent at once")
	sending.stop()
	s.endTranscripts(transcribing)
	asking.stop()
	cleaning.stop()
	watching.stop()
	web.stopInternal()
	if cause := context.Cause(failed); ctx.Err() == nil || !errors.Is(cause, context.Cause(ctx)) {
		return cause
	}
	return nil
}

// part is one of the server's long-running parts.
type part struct {
	cancel context.CancelFunc
	group  errgroup.Group
}

// start runs a part until stop is called. When it ends before, with or without
// an error, the server is told to end.
func start(fail context.CancelCauseFunc, name string, run func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{cancel: cancel}
	p.group.Go(func() error { // awaited by stop
		err := run(ctx)
		switch {
		case err != nil:
			fail(fmt.Errorf("%s: %w", name, err))
		case ctx.Err() == nil:
			fail(fmt.Errorf("%s ended early", name))
		}
		return nil
	})
	return p
}

// stop ends the part and waits for it.
func (p *part) stop() {
	p.cancel()
	p.group.Wait() // its error has been passed on
}

// Close releases the ports and the store. It is called by Run.
func (s *Server) Close() error {
	for _, l := range []net.Listener{s.public, s.internal, s.admin, s.botAPI} {
		if l != nil {
			l.Close() // closed by its http.Server already, if that ran
		}
	}
	return s.eng.Close()
}

// listen opens the ports.
func (s *Server) listen() (err error) {
	if s.public, err = listenPublic(s.cfg); err != nil {
		return err
	}
	if s.cfg.InternalListen != "" {
		if s.internal, err = net.Listen("tcp", s.cfg.InternalListen); err != nil {
			return fmt.Errorf("internal_listen: %w", err)
		}
	}
	if s.botAPI, err = s.listenBotAPI(); err != nil {
		return err
	}
	s.admin, err = listenAdmin(filepath.Join(s.cfg.Data, adminSocket))
	return err
}
