package outbox

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// post is an outbox on a real store that sends to a simulated LINE.
type post struct {
	t      testing.TB
	dir    string
	cfg    Config // of every outbox it starts
	sim    *linesim.Simulator
	gate   *gate
	tokens chan string // reply tokens of webhooks, in order
	eng    *engine.Engine
	o      *Outbox
	cancel context.CancelFunc
	ended  chan error
}

// gate stands before the simulator and lets a test refuse calls in ways that
// the simulator does not know.
type gate struct {
	mu     sync.Mutex
	refuse func(endpoint string, body []byte) (status int, answer string) // 0 passes the call on
	next   http.Handler
}

func (g *gate) set(refuse func(endpoint string, body []byte) (int, string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refuse = refuse
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	refuse := g.refuse
	g.mu.Unlock()
	if endpoint, ok := strings.CutPrefix(r.URL.Path, "/sim/line/v2/bot/message/"); ok && refuse != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if status, answer := refuse(endpoint, body); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Line-Request-Id", "00000000-0000-4000-8000-000000000000")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	g.next.ServeHTTP(w, r)
}

// newPost opens a store in a new folder beside a simulator. change may alter the
// outbox's and the simulator's configuration, nil for nothing.
func newPost(t testing.TB, change func(*Config, *linesim.Config)) *post {
	t.Helper()
	p := &post{t: t, dir: t.TempDir(), tokens: make(chan string, 10_000)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if token := gjson.GetBytes(body, "events.0.replyToken").Str; token != "" && gjson.GetBytes(body, "events.0.type").Str == "message" {
			p.tokens <- token
		}
	}))
	t.Cleanup(hook.Close)
	cfg := Config{
		BackoffMin: 2 * time.Millisecond, BackoffMax: 20 * time.Millisecond, DrainLimit: 2 * time.Second,
		Logger: slog.New(slog.DiscardHandler),
	}
	simCfg := linesim.Config{WebhookURL: hook.URL}
	if change != nil {
		change(&cfg, &simCfg)
	}
	var err error
	if p.sim, err = linesim.New(simCfg); err != nil {
		t.Fatal(err)
	}
	p.gate = &gate{next: p.sim}
	api := httptest.NewServer(p.gate)
	t.Cleanup(api.Close)
	client, err := line.NewClient(line.Config{
		BaseURL: api.URL + "/sim/line", Token: line.FixedToken(p.sim.ChannelAccessToken()), Timeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	cfg.Channels = append(cfg.Channels, Channel{Name: "main", Client: client})
	p.cfg = cfg
	p.open()
	t.Cleanup(func() {
		p.stop()
		p.close()
		if err := p.sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *post) open() {
	p.t.Helper()
	var err error
	if p.eng, err = engine.Open(p.t.Context(), engine.Config{Dir: p.dir}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) close() {
	if p.eng == nil {
		return
	}
	if err := p.eng.Close(); err != nil {
		p.t.Error(err)
	}
	p.eng = nil
}

func (p *post) start() {
	p.t.Helper()
	cfg := p.cfg
	cfg.Engine, cfg.Metrics = p.eng, p.metrics()
	p.o = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.ended = cancel, make(chan error, 1)
	go func(o *Outbox, ended chan<- error) { ended <- o.Run(ctx) }(p.o, p.ended) // awaited by stop
}

func (p *post) stop() {
	p.t.Helper()
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.cancel = nil
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Error("run:", err)
		}
	case <-time.After(patience):
		p.t.Fatal("the outbox does not end")
	}
}

// restart ends outbox and store in an orderly way and starts both again.
func (p *post) restart() {
	p.t.Helper()
	p.stop()
	p.close()
	p.open()
	p.start()
}

// crash takes the store away from the running outbox, so that it cannot note
// anything any more, ends it, and opens the store again.
func (p *post) crash() {
	p.t.Helper()
	p.close()
	p.cancel()
	p.cancel = nil
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("the outbox does not end")
	}
	p.open()
}

// metrics returns new ones.
func (p *post) metrics() *Metrics { return NewMetrics(prometheus.NewRegistry()) }

// user adds a friend.
func (p *post) user() string {
	p.t.Helper()
	u, err := p.sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		p.t.Fatal(err)
	}
	return u.UserID
}

// token lets the user write and returns the reply token of that.
func (p *post) token(user string) string {
	p.t.Helper()
	if _, err := p.sim.SendText(user, "hello"); err != nil {
		p.t.Fatal(err)
	}
	select {
	case token := <-p.tokens:
		return token
	case <-time.After(patience):
		p.t.Fatal("no webhook came")
	}
	return ""
}

// store appends records.
func (p *post) store(records ...encoding.BinaryAppender) {
	p.t.Helper()
	if _, _, err := p.eng.Outbox.Append(records...); err != nil {
		p.t.Fatal(err)
	}
}

// texts makes messages.
func texts(texts ...string) (msgs []json.RawMessage) {
	for _, text := range texts {
		msgs = append(msgs, fmt.Appendf(nil, `{"type":"text","text":%q}`, text))
	}
	return msgs
}

// numbered makes n messages prefix1, prefix2 and so on.
func numbered(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint(prefix, i+1))
	}
	return names
}

// answer is an entry that answers a user, token "" for a push.
func answer(id, to, token string, names ...string) *engine.Entry {
	send := engine.Send{To: to, Messages: texts(names...)}
	if token != "" {
		send.ReplyToken, send.ReplyUntil = token, time.Now().Add(55*time.Second)
	}
	return &engine.Entry{ID: "main/" + id, Channel: "main", EventID: id, At: time.Now(), Sends: []engine.Send{send}}
}

// done waits until nothing is left to be sent.
func (p *post) done() {
	p.t.Helper()
	end, err := p.eng.Outbox.End(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.o.Ready():
	case <-time.After(patience):
		p.t.Fatal("the outbox does not begin")
	}
	p.await("all sends are done", func() bool {
		if engine.Pos(p.o.read.Load()) < end {
			return false
		}
		for _, s := range p.o.senders {
			if s.backlog().Sends > 0 {
				return false
			}
		}
		return true
	})
}

func (p *post) await(what string, reached func() bool) {
	p.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// phone returns what came onto a user's phone from the bot, as way:text.
func (p *post) phone(user string) (got []string) {
	p.t.Helper()
	msgs, err := p.sim.Messages(user, linesim.Query{From: linesim.FromBot})
	if err != nil {
		p.t.Fatal(err)
	}
	for _, m := range msgs {
		got = append(got, m.Via+":"+m.Text())
	}
	return got
}

// letters returns the dead letters.
func (p *post) letters() (letters []engine.Letter) {
	p.t.Helper()
	err := p.eng.Dead.List(p.t.Context(), 0, func(l engine.Letter) bool {
		letters = append(letters, l)
		return true
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return letters
}

// calls returns the statuses of the calls to an endpoint.
func (p *post) calls(endpoint string) (statuses []int) {
	for _, c := range p.sim.Calls(linesim.CallQuery{Endpoint: endpoint}) {
		statuses = append(statuses, c.Status)
	}
	return statuses
}

// faults sets the simulator's faults of an endpoint.
func (p *post) faults(endpoint string, f linesim.EndpointFaults) {
	p.t.Helper()
	if err := p.sim.SetFaults(linesim.Faults{Seed: 7, Endpoints: map[string]linesim.EndpointFaults{endpoint: f}}); err != nil {
		p.t.Fatal(err)
	}
}

// to returns the receiver in the body of a push.
func to(body []byte) string { return gjson.GetBytes(body, "to").Str }

// letterEntry decodes the entry of a dead send.
func letterEntry(t *testing.T, l engine.Letter) (e engine.Entry) {
	t.Helper()
	if err := json.Unmarshal(l.Body, &e); err != nil {
		t.Fatal(err)
	}
	return e
}
