package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/dispatch"
	"github.com/line-frontdesk/frontdesk/internal/roombot"
)

// Config is all that a server can be told. The tags name the keys of the
// configuration file. Zero values mean the defaults of DefaultConfig, except
// where a comment says otherwise.
type Config struct {
	Listen         string `koanf:"listen"`          // public address, such as ":8080"
	InternalListen string `koanf:"internal_listen"` // metrics, health, pprof; "" for none
	Data           string `koanf:"data"`            // data folder; one process at a time

	TLS      TLS       `koanf:"tls"`
	NATS     NATS      `koanf:"nats"`
	LINE     LINE      `koanf:"line"`
	Inbox    Store     `koanf:"inbox"`
	Outbox   Store     `koanf:"outbox"`
	Timers   Timers    `koanf:"timers"`
	Handler  Handling  `koanf:"handler"`
	Workers  int       `koanf:"workers"` // processes of each bot whose address is exec:
	Worker   Worker    `koanf:"worker"`
	Quota    Quota     `koanf:"quota"`
	Chat     Chat      `koanf:"chat"`
	BotAPI   BotAPI    `koanf:"bot_api"`
	Channels []Channel `koanf:"channels"` // at least one; the first also answers on /callback

	ProfileAge time.Duration `koanf:"profile_age"` // how old a profile gets before it is fetched again
	Drain      time.Duration `koanf:"drain"`       // for running handlers at shutdown

	// Pages serves what is not a webhook on the public port; nil for nothing.
	Pages http.Handler `koanf:"-"`
	// Logger is told what happens; nil for slog.Default(). It never gets
	// message texts, tokens or secrets, but for what a handler's error says and what
	// a bot's process writes to its standard error.
	Logger *slog.Logger `koanf:"-"`
}

// TLS names the certificate of the public port. The files are read again when
// they change. Both empty: plain HTTP, for use behind a proxy.
type TLS struct {
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
}

// NATS says where the store is.
type NATS struct {
	URL      string `koanf:"url"`      // "" embeds the store in this process
	Replicas int    `koanf:"replicas"` // of each stream, with URL
}

// LINE says where the Messaging API is; "" for LINE itself.
type LINE struct {
	API     string `koanf:"api"`
	DataAPI string `koanf:"data_api"` // for message content; "" is the same as API if that is set
}

// Store limits a log.
type Store struct {
	MaxBytes int64         `koanf:"max_bytes"` // beyond it nothing new is taken until old records are done
	Keep     time.Duration `koanf:"keep"`      // how long records stay after they are done, while there is room
}

// Timers limits the timers that wait.
type Timers struct {
	MaxBytes int64 `koanf:"max_bytes"` // beyond it no more are set; one takes about 600 bytes and its payload
}

// Handling says how handlers are run.
type Handling struct {
	MaxConcurrent int           `koanf:"max_concurrent"` // handlers at once
	Timeout       time.Duration `koanf:"timeout"`        // of one attempt
	LoadingAfter  time.Duration `koanf:"loading_after"`  // when a slow handler shows the loading animation in a chat with one user
	ButtonAfter   time.Duration `koanf:"button_after"`   // when an event whose handler still runs gets its button, from its acceptance
	MaxAttempts   int           `koanf:"max_attempts"`   // before an event becomes a dead letter
	BackoffMin    time.Duration `koanf:"backoff_min"`    // pause after the first failure, doubled each time
	BackoffMax    time.Duration `koanf:"backoff_max"`
}

// Worker says how bots in other languages are served.
type Worker struct {
	InFlight int    `koanf:"in_flight"` // events that a process, or a bot at a URL, has at once
	Secret   string `koanf:"secret"`    // signs what is posted to URLs; "" for no signature
}

// Quota says how the monthly quota of the channels is watched.
type Quota struct {
	Every time.Duration `koanf:"every"` // between two questions to LINE
	// Warn lists the percents of the limit at which the log warns, such as
	// "50,80,95"; "none" for no warning.
	Warn string `koanf:"warn"`
}

// BotAPI is the Messaging API that Frontdesk offers to LINE bots behind it, which
// are a Channel's Bot of "line:" and a URL.
type BotAPI struct {
	Listen      string `koanf:"listen"`       // address; open only when a channel has such a bot
	MaxForwards int    `koanf:"max_forwards"` // webhooks under way to a bot at once
}

// Channel is one LINE channel. Either AccessToken or ID is needed: with the ID
// and the first secret, short-lived stateless tokens are fetched and renewed.
type Channel struct {
	Name        string   `koanf:"name"`         // in /callback/{name}; letters, digits, '-' and '_'
	Secrets     []string `koanf:"secrets"`      // channel secrets; two while one is being replaced
	AccessToken string   `koanf:"access_token"` // long-lived channel access token
	ID          string   `koanf:"id"`           // channel ID
	Bot         string   `koanf:"bot"`          // where the channel's bot is, see ServesBot; for the command line also the name of a built-in one
	Workers     int      `koanf:"workers"`      // processes of that bot; 0 for Config.Workers
	BotSecret   string   `koanf:"bot_secret"`   // signs what is posted to that bot; "" for Worker.Secret

	ReplyRate float64 `koanf:"reply_rate"` // calls per second; 0 for LINE's limit
	PushRate  float64 `koanf:"push_rate"`  // calls per second; 0 for LINE's limit
	// MulticastRate is calls per second, BroadcastRate calls per hour; 0 for LINE's limit.
	MulticastRate float64 `koanf:"multicast_rate"`
	BroadcastRate float64 `koanf:"broadcast_rate"`

	// Prefer decides where nobody can tell any more whether a reply arrived:
	// "once" (also "") makes a dead letter, "delivered" pushes the answer.
	Prefer string `koanf:"prefer"`
	// OverQuota decides about pushes when the monthly quota is used up: "hold"
	// (also "") lets them wait, "drop" makes dead letters of them.
	OverQuota string `koanf:"over_quota"`
	// SlowAnswer decides about an answer that is not ready when its reply token
	// ends: "push" (also "") pushes it, "button" spends the token on a button,
	// whose tap brings the answer.
	SlowAnswer  string `koanf:"slow_answer"`
	ButtonText  string `koanf:"button_text"`  // above the button, at most 160 characters; "" for DefaultButtonText
	ButtonLabel string `koanf:"button_label"` // on the button, at most 20 characters; "" for DefaultButtonLabel

	// BotToken is the channel access token that a bot of "line:" must show; "" for
	// AccessToken. Without either it issues tokens with ID and secret.
	BotToken string `koanf:"bot_token"`
	// LateReply decides about replies of such a bot that come after LINE's token has
	// ended: "push" (also "") pushes them, "refuse" answers that the token is
	// invalid.
	LateReply string `koanf:"late_reply"`

	// Handler is this channel's bot; nil for the one at Bot, or that Run was given.
	Handler frontdesk.Handler `koanf:"-"`
}

// Values of Channel.Prefer, Channel.OverQuota, Channel.SlowAnswer and
// Channel.LateReply.
const (
	preferOnce       = "once"
	preferDelivered  = "delivered"
	overQuotaHold    = "hold"
	overQuotaDrop    = "drop"
	slowAnswerPush   = "push"
	slowAnswerButton = "button"
	lateReplyPush    = "push"
	lateReplyRefuse  = "refuse"
)

// What the button of a slow answer says unless the channel says it in its own
// words. Users may read Japanese, English or neither.
const (
	DefaultButtonText  = "回答の準備に時間がかかっています。少し待ってから押してください。 / This takes a little longer. Please tap in a moment."
	DefaultButtonLabel = "回答を見る / Answer"
)

const (
	// maxButtonText and maxButtonLabel are LINE's limits, which count in
	// graphemes, of a template without picture and title. Source: Messaging API
	// reference, Buttons template and Postback action.
	maxButtonText  = 160
	maxButtonLabel = 20
	// maxButtonAfter leaves the button a second beyond what its call needs of
	// the reply token's life.
	maxButtonAfter = replyLife - dispatch.ButtonMargin - time.Second
)

// DefaultConfig returns the defaults, without channels.
func DefaultConfig() Config {
	return Config{
		Listen:     ":8080",
		Data:       "frontdesk-data",
		NATS:       NATS{Replicas: 1},
		Inbox:      Store{MaxBytes: 1 << 30, Keep: 7 * 24 * time.Hour},
		Outbox:     Store{MaxBytes: 1 << 30, Keep: 3 * 24 * time.Hour},
		Timers:     Timers{MaxBytes: 1 << 30},
		ProfileAge: 24 * time.Hour,
		Drain:      20 * time.Second,
		Handler: Handling{
			MaxConcurrent: 10_000,
			Timeout:       5 * time.Minute,
			LoadingAfter:  time.Second,
			ButtonAfter:   45 * time.Second,
			MaxAttempts:   8,
			BackoffMin:    time.Second,
			BackoffMax:    time.Minute,
		},
		Workers: 1,
		Worker:  Worker{InFlight: 64},
		Chat:    Chat{Guests: "none", BotName: "Bot", Transcripts: transcriptsOn, MaxConnections: 20_000, Rate: 20, MaxBytes: 1 << 30},
		Quota:   Quota{Every: 10 * time.Minute, Warn: "50,80,95"},
		BotAPI:  BotAPI{Listen: "127.0.0.1:8081", MaxForwards: 1000},
	}
}

// setDefaults replaces zero values.
func (c *Config) setDefaults() {
	def := DefaultConfig()
	c.Listen = cmp.Or(c.Listen, def.Listen)
	c.Data = cmp.Or(c.Data, def.Data)
	c.NATS.Replicas = cmp.Or(c.NATS.Replicas, def.NATS.Replicas)
	c.Inbox.MaxBytes = cmp.Or(c.Inbox.MaxBytes, def.Inbox.MaxBytes)
	c.Inbox.Keep = cmp.Or(c.Inbox.Keep, def.Inbox.Keep)
	c.Outbox.MaxBytes = cmp.Or(c.Outbox.MaxBytes, def.Outbox.MaxBytes)
	c.Outbox.Keep = cmp.Or(c.Outbox.Keep, def.Outbox.Keep)
	c.Timers.MaxBytes = cmp.Or(c.Timers.MaxBytes, def.Timers.MaxBytes)
	c.ProfileAge = cmp.Or(c.ProfileAge, def.ProfileAge)
	c.Drain = cmp.Or(c.Drain, def.Drain)
	c.Handler.MaxConcurrent = cmp.Or(c.Handler.MaxConcurrent, def.Handler.MaxConcurrent)
	c.Handler.Timeout = cmp.Or(c.Handler.Timeout, def.Handler.Timeout)
	c.Handler.LoadingAfter = cmp.Or(c.Handler.LoadingAfter, def.Handler.LoadingAfter)
	c.Handler.ButtonAfter = cmp.Or(c.Handler.ButtonAfter, def.Handler.ButtonAfter)
	c.Handler.MaxAttempts = cmp.Or(c.Handler.MaxAttempts, def.Handler.MaxAttempts)
	c.Handler.BackoffMin = cmp.Or(c.Handler.BackoffMin, def.Handler.BackoffMin)
	c.Handler.BackoffMax = cmp.Or(c.Handler.BackoffMax, def.Handler.BackoffMax)
	c.Workers = cmp.Or(c.Workers, def.Workers)
	c.Worker.InFlight = cmp.Or(c.Worker.InFlight, def.Worker.InFlight)
	c.Quota.Every = cmp.Or(c.Quota.Every, def.Quota.Every)
	c.Quota.Warn = cmp.Or(c.Quota.Warn, def.Quota.Warn)
	c.Chat.Guests = cmp.Or(c.Chat.Guests, def.Chat.Guests)
	c.Chat.Transcripts = cmp.Or(c.Chat.Transcripts, def.Chat.Transcripts)
	c.Chat.BotName = cmp.Or(c.Chat.BotName, def.Chat.BotName)
	c.Chat.MaxConnections = cmp.Or(c.Chat.MaxConnections, def.Chat.MaxConnections)
	c.Chat.Rate = cmp.Or(c.Chat.Rate, def.Chat.Rate)
	c.Chat.MaxBytes = cmp.Or(c.Chat.MaxBytes, def.Chat.MaxBytes)
	c.BotAPI.Listen = cmp.Or(c.BotAPI.Listen, def.BotAPI.Listen)
	c.BotAPI.MaxForwards = cmp.Or(c.BotAPI.MaxForwards, def.BotAPI.MaxForwards)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
}

var channelName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// minStoreBytes is the smallest log that is of use.
const minStoreBytes = 16 << 20

// Check returns all that is wrong with the configuration, each fault with the
// name of its key, or nil. Zero values are not faults.
func (c Config) Check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		fault("tls: cert and key belong together; one of them is missing")
	}
	for key, value := range map[string]string{"line.api": c.LINE.API, "line.data_api": c.LINE.DataAPI} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			fault("%s: not a URL such as https://api.line.me", key)
		}
	}
	for key, value := range map[string]int64{
		"inbox.max_bytes": c.Inbox.MaxBytes, "outbox.max_bytes": c.Outbox.MaxBytes, "timers.max_bytes": c.Timers.MaxBytes,
	} {
		if value != 0 && value < minStoreBytes {
			fault("%s: at least %d", key, minStoreBytes)
		}
	}
	for key, value := range map[string]time.Duration{
		"inbox.keep": c.Inbox.Keep, "outbox.keep": c.Outbox.Keep, "profile_age": c.ProfileAge, "drain": c.Drain,
		"handler.timeout": c.Handler.Timeout, "handler.loading_after": c.Handler.LoadingAfter, "handler.button_after": c.Handler.ButtonAfter,
		"handler.backoff_min": c.Handler.BackoffMin, "handler.backoff_max": c.Handler.BackoffMax, "quota.every": c.Quota.Every,
	} {
		if value < 0 {
			fault("%s: must not be negative", key)
		}
	}
	if c.Handler.ButtonAfter > maxButtonAfter {
		fault("handler.button_after: at most %v, because a reply token lives for a minute", maxButtonAfter)
	}
	if c.Handler.MaxConcurrent < 0 || c.Handler.MaxAttempts < 0 {
		fault("handler: max_concurrent and max_attempts must not be negative")
	}
	if c.BotAPI.MaxForwards < 0 {
		fault("bot_api.max_forwards: must not be negative")
	}
	if _, err := c.Quota.shares(); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.Chat.check()...)
	faults = append(faults, c.Worker.check(c.Workers)...)
	faults = append(faults, c.checkChannels()...)
	faults = append(faults, c.checkLINEBots()...)
	return errors.Join(faults...)
}

func (c Config) checkChannels() (faults []error) {
	if len(c.Channels) == 0 {
		return []error{errors.New("channels: none; set LINE_CHANNEL_SECRET and LINE_CHANNEL_ACCESS_TOKEN, or list them in the file")}
	}
	seen := map[string]bool{}
	for i, ch := range c.Channels {
		where := fmt.Sprintf("channels[%d] (%s)", i, ch.Name)
		if !channelName.MatchString(ch.Name) {
			faults = append(faults, fmt.Errorf("%s: name must be 1 to 32 letters, digits, '-' or '_'", where))
		}
		if ch.Name == roombot.Channel {
			faults = append(faults, fmt.Errorf("%s: this is the name of the chat's channel; choose another", where))
		}
		if seen[ch.Name] {
			faults = append(faults, fmt.Errorf("%s: name is used twice", where))
		}
		seen[ch.Name] = true
		if len(ch.Secrets) == 0 {
			faults = append(faults, fmt.Errorf("%s: secrets: none; the channel secret is on the Basic settings page of the LINE Developers Console", where))
		}
		for _, secret := range ch.Secrets {
			if secret == "" {
				faults = append(faults, fmt.Errorf("%s: secrets: one is empty", where))
			}
		}
		if ch.AccessToken == "" && ch.ID == "" {
			faults = append(faults, fmt.Errorf("%s: access_token or id is needed to send", where))
		}
		faults = append(faults, ch.checkChoices(where)...)
		if err := ch.checkBot(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", where, err))
		}
		if min(ch.ReplyRate, ch.PushRate, ch.MulticastRate, ch.BroadcastRate) < 0 {
			faults = append(faults, fmt.Errorf("%s: rates must not be negative", where))
		}
	}
	return faults
}

// checkChoices checks how the channel wants to be served.
func (ch Channel) checkChoices(where string) (faults []error) {
	for _, choice := range []struct{ key, value, usual, other string }{
		{"prefer", ch.Prefer, preferOnce, preferDelivered},
		{"over_quota", ch.OverQuota, overQuotaHold, overQuotaDrop},
		{"slow_answer", ch.SlowAnswer, slowAnswerPush, slowAnswerButton},
		{"late_reply", ch.LateReply, lateReplyPush, lateReplyRefuse},
	} {
		if !slices.Contains([]string{"", choice.usual, choice.other}, choice.value) {
			faults = append(faults, fmt.Errorf("%s: %s must be %s or %s", where, choice.key, choice.usual, choice.other))
		}
	}
	for _, text := range []struct {
		key, value string
		most       int
	}{{"button_text", ch.ButtonText, maxButtonText}, {"button_label", ch.ButtonLabel, maxButtonLabel}} {
		if utf8.RuneCountInString(text.value) > text.most {
			faults = append(faults, fmt.Errorf("%s: %s: at most %d characters", where, text.key, text.most))
		}
	}
	return faults
}
