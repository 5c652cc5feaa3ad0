package linesim

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// web holds the phone page.
//
//go:embed web
var web embed.FS

// firstMessageID makes message ids 18 digits long. To it comes the time in milliseconds with five digits
// to count, so that ids rise and differ after a restart.
const firstMessageID = 400_000_000_000_000_000

// Simulator is the LINE Platform for one channel. Make it with New; it is an http.Handler and all its
// methods may be called concurrently. Close it when done.
type Simulator struct {
	cfg       Config
	log       *slog.Logger
	clients   map[string]*http.Client // by WebhookFaults.HTTP
	sender    *sender
	handler   http.Handler
	samples   samples
	checker   checker
	botUserID string
	done      chan struct{} // closed by Close

	mu sync.Mutex
	// The following is guarded by mu. Nothing blocks under it.
	closed     bool
	webhookURL string
	users      map[string]*account
	userOrder  []*account
	byPhone    map[string]*account // by the SHA-256 of their phone number
	groups     map[string]*Group
	groupOrder []*Group
	lastID     int64 // of a message
	tokens     recent[replyToken]
	keys       recent[accepted]
	issued     recent[issuedToken]
	limits     limiter
	contents   *contents
	quota      quota
	sent       sentCounts
	narrow     recent[narrowcastProgress]
	menus      menus
	coupons    coupons
	links      recent[linkToken]
	faults     faultState
	events     recent[*eventTrace]
	sends      recent[sendTrace]
	webhooks   ring[Webhook]
	calls      ring[Call]
	count      counters
	stream     stream
}

// New makes a simulator without users. It starts nothing until the first webhook is to be sent.
func New(cfg Config) (*Simulator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	media, err := newSamples()
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		cfg: cfg, log: cfg.Logger, clients: newWebhookClients(cfg), samples: media, checker: newChecker(),
		botUserID: newChatID('U'), done: make(chan struct{}),
		webhookURL: cfg.WebhookURL,
		users:      make(map[string]*account), byPhone: make(map[string]*account), groups: make(map[string]*Group),
		lastID: firstMessageID + time.Now().UnixMilli()*100_000,
		tokens: newRecent[replyToken](replyTokens), keys: newRecent[accepted](retryKeys),
		issued: newRecent[issuedToken](issuedTokens), limits: newLimiter(cfg.Rates),
		contents: newContents(cfg.ContentBytes),
		quota:    quota{limit: cfg.MonthlyQuota},
		sent:     newSentCounts(), narrow: newRecent[narrowcastProgress](narrowcasts),
		menus: newMenus(), coupons: newCoupons(), links: newRecent[linkToken](linkTokens),
		events: newRecent[*eventTrace](eventRecords), sends: newRecent[sendTrace](deliveryRecords),
		webhooks: newRing[Webhook](webhookRecords), calls: newRing[Call](callRecords),
		faults: newFaultState(Faults{}), count: newCounters(), stream: newStream(),
	}
	s.sender = newSender(cfg.WebhookParallel, cfg.WebhookQueue, s.deliver)
	s.handler = s.routes()
	return s, nil
}

// ServeHTTP answers LINE's API under /sim/line and at the root (/v2, /oauth2 and /bot), the control API under
// /sim, and the phone page under / and /phone/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close refuses further events, drops the webhooks that wait, ends the streams and lets the requests
// under way end; when ctx ends first they are cut off, and the error says so. The API and the records
// can still be read. Closing twice is harmless.
func (s *Simulator) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	err := s.sender.close(ctx)
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
	return err
}

// WaitIdle returns when no webhook waits or is under way, or with an error when ctx ends first.
func (s *Simulator) WaitIdle(ctx context.Context) error { return s.sender.waitIdle(ctx) }

// ChannelSecret returns the key of webhook signatures, made up or from Config.
func (s *Simulator) ChannelSecret() string { return s.cfg.ChannelSecret }

// ChannelAccessToken returns the token that the API accepts, made up or from Config.
func (s *Simulator) ChannelAccessToken() string { return s.cfg.ChannelAccessToken }

// ChannelID returns the channel id for POST /oauth2/v3/token.
func (s *Simulator) ChannelID() string { return s.cfg.ChannelID }

// BotUserID returns the user id of the bot, the destination of its webhooks.
func (s *Simulator) BotUserID() string { return s.botUserID }

// nextMessageIDLocked returns a new message id: 18 decimal digits.
func (s *Simulator) nextMessageIDLocked() string {
	s.lastID++
	return strconv.FormatInt(s.lastID, 10)
}
