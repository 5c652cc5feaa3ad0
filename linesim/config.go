package linesim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// LINE's values and the simulator's bounds, used where Config leaves a field at zero.
const (
	// DefaultChannelID is the channel id where Config names none.
	DefaultChannelID = "1234567890"
	// DefaultWebhookTimeout is the time LINE gives a bot's server to answer a webhook (development
	// guidelines, "Processing flow").
	DefaultWebhookTimeout = 2 * time.Second
	// DefaultReplyTokenLife is the time in which a reply token must be used (Messaging API
	// reference, "Reply token").
	DefaultReplyTokenLife = time.Minute
	// DefaultWebhookParallel is how many conversations get their webhooks at the same time. LINE
	// does not publish its own number.
	DefaultWebhookParallel = 64
	// DefaultWebhookQueue is how many webhooks may wait.
	DefaultWebhookQueue = 100_000
	// DefaultContentBytes bounds the pictures, videos, sounds and files that users sent.
	DefaultContentBytes = 64 << 20
)

// Config describes a Simulator. The zero value works: a channel with made-up secrets, LINE's
// limits, and no bot yet.
type Config struct {
	// WebhookURL is where the bot's server takes webhooks (http or https). Empty: webhooks are
	// noted as not connected until SetWebhookURL names one.
	WebhookURL string

	// ChannelSecret is the key of webhook signatures. Empty: made up, see Simulator.ChannelSecret.
	ChannelSecret string
	// ChannelAccessToken is the long-lived token that the API accepts. Empty: made up, see
	// Simulator.ChannelAccessToken.
	ChannelAccessToken string
	// ChannelID is what POST /oauth2/v3/token expects together with ChannelSecret. Empty:
	// DefaultChannelID.
	ChannelID string
	// BotName is the display name of the bot. Empty: "Simulated bot".
	BotName string

	// PublicURL is put before the paths of content URLs in answers, for example
	// "http://127.0.0.1:8080". Empty: the paths alone.
	PublicURL string

	// Logger gets what is worth a person's look: ids and outcomes, never texts or secrets. Nil: nothing
	// is logged.
	Logger *slog.Logger

	// Path, if set, tells what the bot's server knows of the way of one event. It is called without
	// locks, at most 2 s long, and may be called concurrently.
	Path func(ctx context.Context, webhookEventID string) ([]Step, error)

	// Rates are the limits of the API's endpoints. Zero: LINE's published rates. SetRates changes them.
	Rates Rates

	// WebhookTimeout is the time from the start of a webhook to its complete answer. Zero:
	// DefaultWebhookTimeout.
	WebhookTimeout time.Duration
	// WebhookParallel is how many conversations get webhooks at once. Zero: DefaultWebhookParallel.
	WebhookParallel int
	// WebhookQueue is how many webhooks may wait for their turn; when it is full, what would cause
	// one more is refused with ErrQueueFull and has no effect. Zero: DefaultWebhookQueue.
	WebhookQueue int
	// WebhookInsecureTLS turns the check of the bot's certificate off. LINE never does.
	WebhookInsecureTLS bool
	// Transport carries the webhooks. Nil: an own one with keep-alive and no proxy.
	Transport http.RoundTripper

	// ReplyTokenLife is the time in which a reply token must be used, counted from the moment its
	// webhook is sent. Zero: DefaultReplyTokenLife.
	ReplyTokenLife time.Duration
	// MonthlyQuota is how many recipients pushes, multicasts and broadcasts may reach in a calendar
	// month (Japan time). Zero: no limit.
	MonthlyQuota int64
	// ContentBytes bounds what users sent as media; the oldest leaves and is then "not found". Zero:
	// DefaultContentBytes.
	ContentBytes int64
}

// withDefaults returns cfg with every zero replaced, or an error that names each bad field.
func (cfg Config) withDefaults() (Config, error) {
	var errs []error
	if cfg.WebhookURL != "" {
		errs = append(errs, checkWebhookURL(cfg.WebhookURL))
	}
	for _, n := range []struct {
		field string
		value int64
	}{
		{"WebhookTimeout", int64(cfg.WebhookTimeout)},
		{"WebhookParallel", int64(cfg.WebhookParallel)},
		{"WebhookQueue", int64(cfg.WebhookQueue)},
		{"ReplyTokenLife", int64(cfg.ReplyTokenLife)},
		{"MonthlyQuota", cfg.MonthlyQuota},
		{"ContentBytes", cfg.ContentBytes},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d, it must not be negative", n.field, n.value))
		}
	}
	if err := cfg.Rates.check(); err != nil {
		errs = append(errs, fmt.Errorf("Rates: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return cfg, fmt.Errorf("linesim config: %w", err)
	}
	setDefault(&cfg.ChannelSecret, randomHex(16))
	setDefault(&cfg.ChannelAccessToken, randomToken(64))
	setDefault(&cfg.ChannelID, DefaultChannelID)
	setDefault(&cfg.BotName, "Simulated bot")
	setDefault(&cfg.WebhookTimeout, DefaultWebhookTimeout)
	setDefault(&cfg.WebhookParallel, DefaultWebhookParallel)
	setDefault(&cfg.WebhookQueue, DefaultWebhookQueue)
	setDefault(&cfg.ReplyTokenLife, DefaultReplyTokenLife)
	setDefault(&cfg.ContentBytes, DefaultContentBytes)
	cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

// setDefault gives *p the value def when it is zero.
func setDefault[T comparable](p *T, def T) {
	if *p == *new(T) {
		*p = def
	}
}

// maxWebhookURL is LINE's limit (Messaging API reference, "Set webhook endpoint URL").
const maxWebhookURL = 500

// checkWebhookURL tells what is wrong with a webhook URL. Unlike LINE the simulator takes http, for
// bots on the same machine.
func checkWebhookURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the webhook URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return errors.New("the webhook URL must begin with http:// or https:// and name a host")
	case len(raw) > maxWebhookURL:
		return fmt.Errorf("the webhook URL is %d characters long, LINE takes %d", len(raw), maxWebhookURL)
	}
	return nil
}
