package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	botToken  = "the-bots-token"
	channelID = "1234567890"
	hanako    = "U00000000000000000000000000000001"
	garden    = "C00000000000000000000000000000001"
	aKey      = "123e4567-e89b-12d3-a456-426614174000"
)

// hello is the messages of a send.
const hello = `[{"type":"text","text":"hello"}]`

// hall is a gateway on a real store, between a bot and a simulated LINE.
type hall struct {
	t     testing.TB
	dir   string
	sim   *linesim.Simulator
	bot   *httptest.Server
	cfg   Config
	logs  *bytes.Buffer
	eng   *engine.Engine
	g     *Gateway
	api   *httptest.Server
	leave func() // ends Run and waits for it
	room  int64  // for the outbox
}

// newHall opens a gateway to a bot, nil for one that takes everything. change may
// alter the configuration, nil for nothing.
func newHall(t testing.TB, bot http.Handler, change func(*Config)) *hall {
	t.Helper()
	if bot == nil {
		bot = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	}
	h := &hall{t: t, dir: t.TempDir(), bot: httptest.NewServer(bot), logs: new(bytes.Buffer), room: 1 << 30}
	t.Cleanup(h.bot.Close)
	var err error
	if h.sim, err = linesim.New(linesim.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.sim.Close(context.Background()) })
	if _, err := h.sim.AddUser(linesim.NewUser{UserID: hanako, DisplayName: "Hanako"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sim.AddGroup(linesim.NewGroup{GroupID: garden, Members: []string{hanako}}); err != nil {
		t.Fatal(err)
	}
	lineAPI := httptest.NewServer(h.sim)
	t.Cleanup(lineAPI.Close)
	source := line.FixedToken(h.sim.ChannelAccessToken())
	client, err := line.NewClient(line.Config{BaseURL: lineAPI.URL, Token: source})
	if err != nil {
		t.Fatal(err)
	}
	h.cfg = Config{
		Channels: []Channel{{
			Name: "main", URL: h.bot.URL + "/callback", Secrets: []string{"secret", "old secret"}, ID: channelID,
			Token: botToken, Client: client, Source: source,
		}},
		API: lineAPI.URL,
		Profile: func(ctx context.Context, _ string, _ frontdesk.Source, userID string) (frontdesk.Profile, error) {
			p, err := client.Profile(ctx, userID)
			if errors.Is(err, line.ErrNotFound) {
				return frontdesk.Profile{}, frontdesk.ErrNoProfile
			}
			if err != nil {
				return frontdesk.Profile{}, err
			}
			return frontdesk.Profile{UserID: p.UserID, DisplayName: p.DisplayName}, nil
		},
		ReplyToken: func(ev *frontdesk.Event) (string, time.Time) { return ev.ReplyToken, ev.Accepted.Add(55 * time.Second) },
		Logger:     slog.New(slog.NewTextHandler(h.logs, nil)),
	}
	if change != nil {
		change(&h.cfg)
	}
	h.open()
	t.Cleanup(h.close)
	return h
}

func (h *hall) open() {
	h.t.Helper()
	var err error
	if h.eng, err = engine.Open(h.t.Context(), engine.Config{Dir: h.dir, OutboxMaxBytes: h.room}); err != nil {
		h.t.Fatal(err)
	}
	cfg := h.cfg
	cfg.Engine, cfg.Metrics = h.eng, NewMetrics(prometheus.NewRegistry())
	if h.g, err = New(h.t.Context(), cfg); err != nil {
		h.t.Fatal(err)
	}
	h.api = httptest.NewServer(h.g)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func(g *Gateway) { ended <- g.Run(ctx) }(h.g) // awaited by leave
	h.leave = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
}

func (h *hall) close() {
	h.api.Close()
	h.leave()
	if err := h.eng.Close(); err != nil {
		h.t.Error(err)
	}
}

// restart ends the gateway and its store, and opens both again.
func (h *hall) restart() {
	h.t.Helper()
	h.close()
	h.open()
}

// response is what the API answered.
type response struct {
	status int
	header http.Header
	body   string
}

// call calls the API with the bot's token; headers are "Name: value".
func (h *hall) call(method, path, body string, headers ...string) response {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.api.URL+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+botToken)
	req.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(data)}
}

// send calls a sending operation.
func (h *hall) send(name, body string, headers ...string) response {
	h.t.Helper()
	return h.call(http.MethodPost, "/v2/bot/message/"+name, body, headers...)
}

// reply replies with a token.
func (h *hall) reply(token, messages string) response {
	h.t.Helper()
	return h.send("reply", `{"replyToken":"`+token+`","messages":`+messages+`}`)
}

// want compares a response.
func (r response) want(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("answered %d %s\nwant %d %s", r.status, r.body, status, body)
	}
	if len(r.header.Get("X-Line-Request-Id")) != 36 {
		t.Errorf("request ID is %q", r.header.Get("X-Line-Request-Id"))
	}
}

// said is an event of a text message; the front desk accepts it now.
func said(id, conversation string) *frontdesk.Event {
	source := `{"type":"user","userId":"` + conversation + `"}`
	if conversation[0] == 'C' {
		source = `{"type":"group","groupId":"` + conversation + `","userId":"` + hanako + `"}`
	}
	raw := `{"type":"message","webhookEventId":"` + id + `","timestamp":` + "1700000000000" +
		`,"mode":"active","replyToken":"0123456789abcdef0123456789abcdef","deliveryContext":{"isRedelivery":false},"source":` + source +
		`,"message":{"type":"text","id":"1","quoteToken":"q","text":"hi"}}`
	ev, err := frontdesk.ParseEvent([]byte(raw))
	if err != nil {
		panic(err)
	}
	ev.Channel, ev.Accepted, ev.Attempt = "main", time.Now(), 1
	return ev
}

// token forwards an event and returns the reply token that the bot got.
func (h *hall) token(ev *frontdesk.Event) string {
	f := h.g.channels["main"].forwarder
	return gjson.GetBytes(f.webhook(h.t.Context(), ev), "events.0.replyToken").Str
}

// entries returns what the outbox holds.
func (h *hall) entries() (entries []engine.Entry) {
	h.t.Helper()
	err := h.eng.Outbox.Scan(h.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if v, err := engine.ParseOutbox(rec); err != nil {
				h.t.Error(err)
			} else if e, ok := v.(*engine.Entry); ok {
				entries = append(entries, *e)
			}
		}
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return entries
}

// ids returns the IDs of what the outbox holds.
func (h *hall) ids() (ids []string) {
	h.t.Helper()
	for _, e := range h.entries() {
		ids = append(ids, e.ID)
	}
	return ids
}

// messages returns messages as they are stored.
func messages(text string) (msgs []json.RawMessage) {
	if err := json.Unmarshal([]byte(text), &msgs); err != nil {
		panic(err)
	}
	return msgs
}
