package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/line/rule"
)

// Config is what a Gateway needs. Fields without a default are required.
type Config struct {
	Engine   *engine.Engine
	Channels []Channel

	// API and DataAPI are LINE's, for the calls that are passed on; "" for
	// LINE's own hosts, DataAPI also for the same as API.
	API, DataAPI string

	// Profile returns a user's profile, frontdesk.ErrNoProfile if there is none.
	Profile func(ctx context.Context, channel string, source frontdesk.Source, userID string) (frontdesk.Profile, error)
	// ReplyToken returns the token by which an event can be replied to at LINE,
	// and when it ends; "" when LINE would not take it any more.
	ReplyToken func(ev *frontdesk.Event) (token string, until time.Time)

	MaxForwards int // webhooks under way at once, per channel; default 1000

	Metrics *Metrics
	Logger  *slog.Logger
	// Trace is told when an event passed a step; nil for nobody.
	Trace func(eventID, step string, at time.Time)
}

// Channel is a channel whose bot stands behind the gateway.
type Channel struct {
	Name    string
	URL     string   // of the bot's webhook
	Secrets []string // of the channel; the first one signs
	ID      string   // channel ID, for bots that issue tokens; "" when it is not known
	// Token is what the bot must show; "" accepts only tokens that were issued
	// here. No two channels have the same.
	Token  string
	Client *line.Client
	Source line.TokenSource // of the channel's own access tokens
	// RefuseLate refuses replies after LINE's token has ended. Without it they
	// are pushed, which counts against the monthly quota.
	RefuseLate bool
}

// StepReplied is what Trace is told of an event to which the bot has replied.
const StepReplied = "replied to by the bot"

func (c *Config) setDefaults() {
	c.MaxForwards = cmp.Or(c.MaxForwards, 1000)
	if c.Trace == nil {
		c.Trace = func(string, string, time.Time) {}
	}
}

// Gateway serves bots in LINE's place. It is an http.Handler: the API. Make one
// with New, run it once.
type Gateway struct {
	cfg      Config
	lg       *slog.Logger
	began    time.Time // in whole milliseconds, as tokens tell when they were issued
	channels map[string]*channel
	messages rule.Messages
	seal     seal
	ledger   *ledger
	api      http.Handler
	bots     *http.Client // to the bots
	slots    chan struct{}
}

// channel is a Channel at work.
type channel struct {
	Channel
	tokenSum  [sha256.Size]byte // of Token
	forwarder *forwarder
}

// New returns a gateway that does not know yet what the outbox holds.
func New(ctx context.Context, cfg Config) (*Gateway, error) {
	cfg.setDefaults()
	g := &Gateway{
		cfg: cfg, lg: cfg.Logger, began: time.Now().Truncate(time.Millisecond), channels: map[string]*channel{},
		messages: rule.NewMessages(), ledger: newLedger(cfg.Engine.Outbox),
		bots: newBotClient(cfg.MaxForwards), slots: make(chan struct{}, maxCalls),
	}
	var err error
	if g.seal, err = openSeal(ctx, cfg.Engine); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	for _, ch := range cfg.Channels {
		c := &channel{Channel: ch, tokenSum: sha256.Sum256([]byte(ch.Token))}
		if c.forwarder, err = newForwarder(g, c); err != nil {
			return nil, fmt.Errorf("gateway: channel %s: %w", ch.Name, err)
		}
		g.channels[ch.Name] = c
	}
	if g.api, err = newAPI(g); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

// Run reads from the outbox what was sent before, until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.bots.CloseIdleConnections()
	g.ledger.load(ctx, g.lg)
	<-ctx.Done()
	return nil
}

// Handler returns the handler of a channel; nil for one that has no bot here.
func (g *Gateway) Handler(channel string) frontdesk.Handler {
	if ch := g.channels[channel]; ch != nil {
		return ch.forwarder
	}
	return nil
}

// Trimmed tells that the outbox now begins at a sequence.
func (g *Gateway) Trimmed(first uint64) { g.ledger.trimmed(first) }

// byToken returns the channel whose bot shows a token, nil for none. How long it
// takes says nothing about the tokens.
func (g *Gateway) byToken(token string, now time.Time) (found *channel) {
	sum := sha256.Sum256([]byte(token))
	for _, ch := range g.channels {
		if subtle.ConstantTimeCompare(sum[:], ch.tokenSum[:]) == 1 && ch.Token != "" {
			found = ch
		}
	}
	if found == nil {
		if t, ok := g.seal.openAccess(token); ok && now.Before(time.UnixMilli(t.Until)) {
			found = g.channels[t.Channel]
		}
	}
	return found
}
