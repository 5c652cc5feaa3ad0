package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// maxBody is LINE's limit of a request body (Messaging API reference, "Status
	// codes", 413).
	maxBody = 2 << 20
	// maxCalls bounds the calls that are answered at once; others wait.
	maxCalls = 512
	// answerType is the content type of all answers of our own.
	answerType = "application/json"
)

// call is one call of a bot.
type call struct {
	r         *http.Request
	ch        *channel // whose bot it is; nil for calls that need no token
	body      []byte
	requestID string
	retryKey  string
}

// answer is what an operation returns when it is not an error.
type answer struct {
	status     int    // 0 for 200
	body       any    // encoded as JSON
	requestID  string // in place of the call's own
	acceptedID string // of the call that took the retry key
}

// empty is LINE's answer without content.
type empty struct{}

// route is an operation that is answered here.
type route struct {
	pattern string // of http.ServeMux
	name    string // in the metrics
	handle  func(*Gateway, *call) (answer, error)
	open    bool   // needs no channel access token
	media   string // content type that a body must have; "" for no body
	keyed   bool   // takes X-Line-Retry-Key
}

const (
	jsonMedia = "application/json"
	formMedia = "application/x-www-form-urlencoded"
)

// routes is the table of the operations that are answered here.
func routes() []route {
	return []route{
		{pattern: "POST /v2/bot/message/reply", name: "reply", media: jsonMedia, handle: (*Gateway).reply},
		{pattern: "POST /v2/bot/message/push", name: "push", media: jsonMedia, keyed: true, handle: (*Gateway).push},
		{pattern: "POST /v2/bot/message/multicast", name: "multicast", media: jsonMedia, keyed: true, handle: (*Gateway).multicast},
		{pattern: "POST /v2/bot/message/broadcast", name: "broadcast", media: jsonMedia, keyed: true, handle: (*Gateway).broadcast},
		{pattern: "GET /v2/bot/profile/{userId}", name: "profile", handle: (*Gateway).profile},
		{pattern: "POST /v2/bot/chat/loading/start", name: "loading", media: jsonMedia, handle: (*Gateway).loading},
		{pattern: "PUT /v2/bot/channel/webhook/endpoint", name: "setWebhookEndpoint", handle: (*Gateway).keepWebhook},

		{pattern: "POST /oauth2/v3/token", name: "token", open: true, media: formMedia, handle: (*Gateway).issueStateless},
		{pattern: "POST /v2/oauth/accessToken", name: "token", open: true, media: formMedia, handle: (*Gateway).issueShortLived},
		{pattern: "POST /v2/oauth/verify", name: "verify", open: true, media: formMedia, handle: (*Gateway).verify},
		{pattern: "GET /oauth2/v2.1/verify", name: "verify", open: true, handle: (*Gateway).verify},
		{pattern: "POST /v2/oauth/revoke", name: "revoke", open: true, media: formMedia, handle: (*Gateway).revoke},
		{pattern: "POST /oauth2/v2.1/revoke", name: "revoke", open: true, media: formMedia, handle: (*Gateway).revoke},
		{pattern: "/oauth2/", name: "unknown", open: true, handle: (*Gateway).noSuchToken},
		{pattern: "/v2/oauth/", name: "unknown", open: true, handle: (*Gateway).noSuchToken},
	}
}

// newAPI returns the handler of all calls.
func newAPI(g *Gateway) (http.Handler, error) {
	pass, err := newPassage(g)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, rt := range routes() {
		mux.HandleFunc(rt.pattern, g.serve(rt))
	}
	mux.Handle("/", pass)
	return mux, nil
}

// ServeHTTP answers a call of a bot.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
		g.api.ServeHTTP(w, r)
	case <-r.Context().Done():
	}
}

// serve answers the calls of one operation.
func (g *Gateway) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{r: r, requestID: newUUID()}
		ans, err := g.perform(&rt, c, w)
		if err != nil {
			ans = g.errorAnswer(rt.name, c, err)
		}
		ans.status = cmp.Or(ans.status, http.StatusOK)
		writeAnswer(w, c, ans)
		g.cfg.Metrics.called(rt.name, ans.status, time.Since(start))
	}
}

func (g *Gateway) perform(rt *route, c *call, w http.ResponseWriter) (answer, error) {
	if !rt.open {
		if c.ch = g.caller(c.r); c.ch == nil {
			return answer{}, errUnauthorized()
		}
	}
	if err := c.read(rt, w); err != nil {
		return answer{}, err
	}
	return rt.handle(g, c)
}

// caller returns the channel whose token a call shows; nil for none.
func (g *Gateway) caller(r *http.Request) *channel {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || len(token) > maxToken {
		return nil
	}
	return g.byToken(token, time.Now())
}

// errUnauthorized is LINE's answer to a channel access token that it does not know.
func errUnauthorized() error {
	return rule.Refuse(http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. "+
		"Confirm that the access token in the authorization header is valid.")
}

// read takes the body of a call and checks its headers.
func (c *call) read(rt *route, w http.ResponseWriter) error {
	if rt.media != "" {
		got := c.r.Header.Get("Content-Type")
		if media, _, err := mime.ParseMediaType(got); err != nil || media != rt.media {
			return rule.Refuse(http.StatusUnsupportedMediaType, "The content type, "+got+", is not supported")
		}
		var err error
		if c.body, err = io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody)); err != nil {
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				return errTooLarge()
			}
			return rule.Refuse(http.StatusBadRequest, "The request body could not be read")
		}
	}
	key, valid := rule.RetryKey(c.r.Header.Get("X-Line-Retry-Key"))
	if !valid || key != "" && !rt.keyed {
		return rule.Refuse(http.StatusBadRequest, "The request header, X-Line-Retry-Key, is invalid")
	}
	c.retryKey = key
	return nil
}

func errTooLarge() error {
	return rule.Refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
}

// errorAnswer returns the answer to a call that failed. What is not LINE's to
// say is a 500, which tells bots to try again.
func (g *Gateway) errorAnswer(name string, c *call, err error) answer {
	if refusal := (*rule.Refusal)(nil); errors.As(err, &refusal) {
		return answer{status: refusal.Status, body: refusal}
	}
	if e := (*line.Error)(nil); errors.As(err, &e) && e.Status/100 == 4 && e.Status != http.StatusUnauthorized {
		return answer{status: e.Status, body: &rule.Refusal{Message: e.Message}}
	}
	if errors.Is(err, engine.ErrTooLarge) {
		return g.errorAnswer(name, c, errTooLarge())
	}
	if !errors.Is(err, context.Canceled) { // the bot has hung up
		g.lg.Error("a bot's call was answered 500", "call", name, "request", c.requestID, "error", err)
	}
	return answer{status: http.StatusInternalServerError, body: &rule.Refusal{Message: "Internal server error"}}
}

// writeAnswer sends an answer. That the bot is gone is not our fault.
func writeAnswer(w http.ResponseWriter, c *call, ans answer) {
	body, err := json.Marshal(ans.body)
	if err != nil {
		body, ans.status = []byte(`{"message":"Internal server error"}`), http.StatusInternalServerError // unreachable
	}
	h := w.Header()
	h["Content-Type"] = []string{answerType}
	h["X-Line-Request-Id"] = []string{c.requestID}
	if ans.requestID != "" {
		h["X-Line-Request-Id"] = []string{ans.requestID}
	}
	if ans.acceptedID != "" {
		h["X-Line-Accepted-Request-Id"] = []string{ans.acceptedID}
	}
	w.WriteHeader(ans.status)
	_, _ = w.Write(body)
}

// newUUID returns a random UUID, the form of LINE's request IDs.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return formatUUID(b, 4)
}

// formatUUID returns a UUID of the given version.
func formatUUID(b [16]byte, version byte) string {
	b[6] = b[6]&0x0f | version<<4
	b[8] = b[8]&0x3f | 0x80 // RFC 9562 variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
