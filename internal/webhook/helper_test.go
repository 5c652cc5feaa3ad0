package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	mainSecret  = "8c570fa6dd201bb328f1c1eac23a96d8"
	newSecret   = "00000000000000000000000000000001"
	otherSecret = "00000000000000000000000000000002"
)

// sign is what LINE does, made of the standard library alone.
func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// desk is a front desk on a real store.
type desk struct {
	eng     *engine.Engine
	handler *Handler
}

func testConfig(e *engine.Engine) Config {
	return Config{
		Channels: []Channel{
			{Name: "main", Secrets: []string{mainSecret, newSecret}},
			{Name: "other", Secrets: []string{otherSecret}},
		},
		Inbox: e.Inbox, Dead: e.Dead,
		Metrics: NewMetrics(prometheus.NewRegistry()),
		Logger:  slog.New(slog.DiscardHandler),
	}
}

func openEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	cfg.Dir = t.TempDir()
	if cfg.AppendLimit == 0 {
		cfg.AppendLimit = 10 * time.Second // a busy machine is no failure here
	}
	e, err := engine.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() }) // its errors are the engine's tests' business
	return e
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	e := openEngine(t, engine.Config{})
	return &desk{e, New(testConfig(e))}
}

// serve starts an HTTP server and returns its address.
func (d *desk) serve(t testing.TB) string {
	t.Helper()
	srv := httptest.NewServer(d.handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

// post sends one webhook and returns the status and the answer's body. An
// empty signature sends none.
func post(t testing.TB, url, body, signature string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if signature != "" {
		req.Header.Set("x-line-signature", signature)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// stored returns all events of the inbox.
func (d *desk) stored(t testing.TB) []engine.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var events []engine.Event
	err := d.eng.Inbox.Scan(ctx, 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				t.Errorf("stored event: %v", err)
			}
			events = append(events, ev)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (d *desk) letters(t testing.TB) []engine.Letter {
	t.Helper()
	var letters []engine.Letter
	err := d.eng.Dead.List(t.Context(), 0, func(l engine.Letter) bool {
		letters = append(letters, l)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

// textEvent is a text message as LINE sends it.
func textEvent(id, user, text string) string {
	return `{"type":"message","message":{"type":"text","id":"468789577898262530","quoteToken":"q3Plxr4AgKd","text":"` + text + `"},` +
		`"webhookEventId":"` + id + `","deliveryContext":{"isRedelivery":false},"timestamp":1692251666727,` +
		`"source":{"type":"user","userId":"` + user + `"},"replyToken":"38ef843bde154d9b91c21320ffd17a0f","mode":"active"}`
}

func bodyOf(events ...string) string {
	return `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[` + strings.Join(events, ",") + `]}`
}

func newTextLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
