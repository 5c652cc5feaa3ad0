package line_test

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	userID    = "U0123456789abcdef0123456789abcdef"
	groupID   = "C0123456789abcdef0123456789abcdef"
	roomID    = "R0123456789abcdef0123456789abcdef"
	messageID = "461230966842064897"
	retryKey  = "123e4567-e89b-12d3-a456-426614174000"
	token     = "channel-access-token"
	secretary = "the text that must not be told"
)

// text is an encoded message whose words must not turn up in errors.
var text = []json.RawMessage{json.RawMessage(`{"type":"text","text":"` + secretary + `"}`)}

// call is a request as LINE got it.
type call struct {
	method, path, body string
	header             http.Header
}

// platform plays LINE with one answer to everything.
type platform struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

// newPlatform starts a platform that notes each call and then answers with h.
func newPlatform(tb testing.TB, h http.HandlerFunc) *platform {
	tb.Helper()
	p := &platform{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Errorf("reading the request: %v", err)
		}
		p.mu.Lock()
		p.calls = append(p.calls, call{r.Method, r.URL.EscapedPath(), string(body), r.Header.Clone()})
		p.mu.Unlock()
		h(w, r)
	}))
	tb.Cleanup(p.Close)
	return p
}

// all returns the calls so far.
func (p *platform) all() []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]call(nil), p.calls...)
}

// answer is a handler that always gives the same answer. Headers are "name:
// value" lines.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// newClient returns a client of the platform at url.
func newClient(tb testing.TB, url string) *line.Client {
	tb.Helper()
	return newClientOf(tb, line.Config{BaseURL: url, Token: line.FixedToken(token), Timeout: 5 * time.Second})
}

func newClientOf(tb testing.TB, cfg line.Config) *line.Client {
	tb.Helper()
	c, err := line.NewClient(cfg)
	if err != nil {
		tb.Fatalf("NewClient: %v", err)
	}
	tb.Cleanup(c.CloseIdleConnections)
	return c
}

// direct is a transport that runs a handler in the caller's goroutine, for
// tests whose time is not the clock's: there is no network to wait for.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// quietLog is for servers whose complaints are part of a test.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
