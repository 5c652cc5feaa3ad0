package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	// userAgent is what LINE's webhooks say.
	userAgent = "LineBotWebhook/2.0"
	// maxAnswer is how much of a bot's answer is read, so that its connection can
	// be used again. LINE does not look at it either.
	maxAnswer   = 64 << 10
	dialTimeout = 5 * time.Second
	// idleTimeout is shorter than common bots' servers keep a connection that
	// nobody uses: Node.js ends it after 5 s.
	idleTimeout = 4 * time.Second
)

// newBotClient returns the client that bots are called with. Redirects are an
// answer like others that are not 2xx: LINE does not follow them either.
func newBotClient(maxForwards int) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout,
			MaxIdleConns: 2 * maxForwards, MaxIdleConnsPerHost: maxForwards, IdleConnTimeout: idleTimeout,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// forwarder hands a channel's events to its bot.
type forwarder struct {
	g       *Gateway
	ch      *channel
	url     string
	host    string // for errors: the rest of the address may hold secrets
	slots   chan struct{}
	macs    sync.Pool // of hash.Hash, keyed with the secret
	account account
	absence absence
}

var _ frontdesk.Handler = (*forwarder)(nil)

func newForwarder(g *Gateway, ch *channel) (*forwarder, error) {
	u, err := ParseURL(ch.URL)
	if err != nil {
		return nil, err
	}
	key := []byte(ch.Secrets[0])
	return &forwarder{
		g: g, ch: ch, url: u.String(), host: u.Host, slots: make(chan struct{}, g.cfg.MaxForwards),
		macs:    sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
		account: account{client: ch.Client, lg: g.lg.With("channel", ch.Name)},
	}, nil
}

// ParseURL checks the address of a bot's webhook. Its error does not repeat it.
func ParseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of the bot's webhook is not a URL such as http://127.0.0.1:3000/callback")
	}
	return u, nil
}

// Handle posts an event to the bot and waits for its answer.
func (f *forwarder) Handle(ctx context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
	if ev.Timer != nil {
		return frontdesk.Drop(errors.New("a LINE bot behind the gateway knows no timers"))
	}
	wait, absent := f.absence.enter(time.Now())
	if wait > 0 {
		return frontdesk.Interrupted(f.errAbsent(), wait)
	}
	if absent {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { f.present() }})
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return frontdesk.Interrupted(fmt.Errorf("%d webhooks are under way to the bot: %w", cap(f.slots), context.Cause(ctx)), time.Second)
	}
	start := time.Now()
	status, err := f.post(ctx, ev)
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" && ctx.Err() == nil {
		f.g.cfg.Metrics.forwarded(f.ch.Name, "absent", time.Since(start))
		wait, news := f.absence.noticed(time.Now())
		if news {
			f.g.lg.Error("nobody listens where the bot should be; its events wait", "channel", f.ch.Name, "bot", f.host, "error", op)
		}
		return frontdesk.Interrupted(f.errAbsent(), wait)
	}
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("bot at %s answered %d", f.host, status)
	}
	if err != nil {
		f.g.cfg.Metrics.forwarded(f.ch.Name, "failed", time.Since(start))
		return err
	}
	f.g.cfg.Metrics.forwarded(f.ch.Name, "taken", time.Since(start))
	return nil
}

// present notes that somebody listens at the bot's address.
func (f *forwarder) present() {
	if f.absence.over() {
		f.g.lg.Info("bot is there again", "channel", f.ch.Name, "bot", f.host)
	}
}

func (f *forwarder) errAbsent() error {
	return fmt.Errorf("nobody listens at %s, where the bot should be", f.host)
}

// post sends the webhook of an event and returns the status of the answer.
func (f *forwarder) post(ctx context.Context, ev *frontdesk.Event) (status int, err error) {
	body := f.webhook(ctx, ev)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("webhook to %s: bad request", f.host) // unreachable: the address was checked
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", userAgent)
	req.Header["X-Line-Signature"] = []string{f.sign(body)}
	// Not sent; it says that the request may go again where the bot closed an idle
	// connection just then. Webhooks may come twice, and say so by their ID.
	req.Header["Idempotency-Key"] = nil
	resp, err := f.g.bots.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return 0, fmt.Errorf("webhook to %s: %w", f.host, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	return resp.StatusCode, nil
}

// sign returns the signature of a body (Messaging API documentation, Verify
// webhook signature).
func (f *forwarder) sign(body []byte) string {
	mac := f.macs.Get().(hash.Hash)
	defer f.macs.Put(mac)
	mac.Reset()
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// webhook returns the body of an event's webhook.
func (f *forwarder) webhook(ctx context.Context, ev *frontdesk.Event) []byte {
	var edits []edit
	if ev.ReplyToken != "" && ev.Conversation != "" { // else nobody could tell whom a late reply is for
		edits = append(edits, edit{"replyToken", f.replyToken(ev)})
	}
	// The process before this one may have forwarded it, too.
	if ev.Attempt > 1 || ev.Accepted.Before(f.g.began) {
		edits = append(edits, edit{"deliveryContext.isRedelivery", "true"})
	}
	destination, _ := json.Marshal(f.account.userID(ctx)) // a string
	body := make([]byte, 0, len(ev.Raw)+1024)
	body = append(append(body, `{"destination":`...), destination...)
	body = append(body, `,"events":[`...)
	body = appendEdited(body, ev.Raw, edits)
	return append(body, "]}"...)
}

// replyToken returns the JSON of the token that the bot gets.
func (f *forwarder) replyToken(ev *frontdesk.Event) string {
	t := replyToken{
		Channel: f.ch.Name, Conversation: ev.Conversation, EventID: ev.ID,
		Issued: time.Now().UnixMilli(), Forward: rand.Uint64() | 1,
	}
	if token, until := f.g.cfg.ReplyToken(ev); token != "" {
		t.LineToken, t.LineUntil = token, until.UnixMilli()
	}
	return `"` + f.g.seal.make(sealedReply, t) + `"` // base64 needs no escapes
}
