package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/outbox"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// office is a Runner and an outbox on a real store, that send to a simulated
// LINE.
type office struct {
	t       testing.TB
	dir     string
	sim     *linesim.Simulator
	client  *line.Client
	drop    bool // over_quota: drop
	friends []string
	gate    *gate

	eng    *engine.Engine
	reg    *prometheus.Registry
	r      *Runner
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// gate stands before the simulator. It lets a test see calls, hold them up and
// refuse them.
type gate struct {
	next http.Handler
	mu   sync.Mutex
	pass func(endpoint string, body []byte) (status int, answer string) // 0 passes the call on
}

func (g *gate) set(pass func(endpoint string, body []byte) (int, string)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = pass
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	pass := g.pass
	g.mu.Unlock()
	endpoint, ok := strings.CutPrefix(r.URL.Path, "/sim/line/v2/bot/message/")
	if ok && pass != nil && r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if status, answer := pass(endpoint, body); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	g.next.ServeHTTP(w, r)
}

// newOffice opens a store beside a simulator. Nothing runs until start.
func newOffice(t testing.TB, quota int64) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	var err error
	if o.sim, err = linesim.New(linesim.Config{MonthlyQuota: quota}); err != nil {
		t.Fatal(err)
	}
	o.gate = &gate{next: o.sim}
	api := httptest.NewServer(o.gate)
	o.client, err = line.NewClient(line.Config{
		BaseURL: api.URL + "/sim/line", Token: line.FixedToken(o.sim.ChannelAccessToken()), Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.open()
	t.Cleanup(func() {
		o.stop()
		o.close()
		o.client.CloseIdleConnections()
		api.Close()
		if err := o.sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return o
}

// open opens the store and loads the campaigns.
func (o *office) open() {
	o.t.Helper()
	var err error
	if o.eng, err = engine.Open(o.t.Context(), engine.Config{Dir: o.dir}); err != nil {
		o.t.Fatal(err)
	}
	o.load(nil)
}

// load makes a Runner. open is its Config.Open, nil for none.
func (o *office) load(open func(channel, entryID string) bool) {
	o.t.Helper()
	var err error
	o.reg = prometheus.NewRegistry()
	o.r, err = New(o.t.Context(), Config{
		Engine: o.eng, Clients: map[string]*line.Client{"main": o.client}, Friends: o.listFriends, Open: open,
		Metrics: NewMetrics(o.reg), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) listFriends(_ context.Context, _ string, fn func(string) bool) error {
	for _, id := range o.friends {
		if !fn(id) {
			return nil
		}
	}
	return nil
}

// start runs the Runner and an outbox, as the server does.
func (o *office) start() {
	o.t.Helper()
	out := outbox.New(outbox.Config{
		Engine: o.eng, Channels: []outbox.Channel{{Name: "main", Client: o.client, DropOverQuota: o.drop}},
		BackoffMin: 2 * time.Millisecond, BackoffMax: 20 * time.Millisecond, DrainLimit: 2 * time.Second,
		Metrics: outbox.NewMetrics(prometheus.NewRegistry()), Logger: slog.New(slog.DiscardHandler),
		Finished: o.r.Finished,
	})
	o.r.cfg.Open = out.Open
	var ctx context.Context
	ctx, o.cancel = context.WithCancel(context.Background())
	r := o.r
	o.ended.Go(func() { // awaited by end
		_ = out.Run(ctx) // fails when the store is taken away
	})
	o.ended.Go(func() { // awaited by end
		select {
		case <-out.Ready():
		case <-ctx.Done():
			return
		}
		if err := r.Run(ctx); err != nil {
			o.t.Error("run:", err)
		}
	})
}

// stop ends Runner and outbox in order.
func (o *office) stop() {
	o.t.Helper()
	if o.cancel == nil {
		return
	}
	o.cancel()
	o.cancel = nil
	o.ended.Wait()
}

func (o *office) close() {
	if err := o.eng.Close(); err != nil {
		o.t.Error(err)
	}
}

// crash takes the store away from Runner and outbox, so that they cannot note
// anything any more, and opens it again.
func (o *office) crash() {
	o.t.Helper()
	o.close()
	o.stop()
	o.open()
}

// restart ends everything in order and starts it again.
func (o *office) restart() {
	o.t.Helper()
	o.stop()
	o.close()
	o.open()
	o.start()
}

// users adds friends to the simulator.
func (o *office) users(n int) (ids []string) {
	o.t.Helper()
	for i := range n {
		id := fmt.Sprintf("U%032x", 0xa0000000+i)
		if _, err := o.sim.AddUser(linesim.NewUser{UserID: id, DisplayName: "Hanako"}); err != nil {
			o.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// strangers returns IDs that the simulator does not know.
func strangers(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("U%032x", 0xb0000000+i))
	}
	return ids
}

// text is a message.
func text(words string) []json.RawMessage {
	return []json.RawMessage{fmt.Appendf(nil, `{"type":"text","text":%q}`, words)}
}

// toList is a campaign to a list.
func toList(id string) Spec {
	return Spec{ID: id, Channel: "main", Audience: AudienceUsers, Messages: text("sale"), OverQuota: true}
}

func list(ids []string) io.Reader { return strings.NewReader(strings.Join(ids, "\n")) }

// create creates a campaign that must be taken.
func (o *office) create(spec Spec, ids []string) Campaign {
	o.t.Helper()
	var from io.Reader
	if ids != nil {
		from = list(ids)
	}
	c, err := o.r.Create(o.t.Context(), spec, from)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *office) get(id string) Campaign {
	o.t.Helper()
	c, err := o.r.Get(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// await waits until a campaign is as wanted.
func (o *office) await(id, what string, reached func(Campaign) bool) Campaign {
	o.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		c := o.get(id)
		if reached(c) {
			return c
		}
		select {
		case <-tick.C:
		case <-deadline:
			o.t.Fatalf("waited %v in vain until %s; it is %+v", patience, what, c)
		}
	}
}

func ended(c Campaign) bool { return !c.Ended.IsZero() }

// got returns what came onto a user's phone, as way:text.
func (o *office) got(user string) (got []string) {
	o.t.Helper()
	msgs, err := o.sim.Messages(user, linesim.Query{From: linesim.FromBot})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, m := range msgs {
		got = append(got, m.Via+":"+m.Text())
	}
	return got
}

// everyoneOnce checks that each user got a message once.
func (o *office) everyoneOnce(users []string, want string) {
	o.t.Helper()
	wrong := 0
	for _, u := range users {
		if got := o.got(u); !slices.Equal(got, []string{want}) {
			if wrong == 0 {
				o.t.Errorf("user %s got %q, want %q once", u, got, want)
			}
			wrong++
		}
	}
	if wrong > 0 {
		o.t.Errorf("%d of %d users did not get it once", wrong, len(users))
	}
}

// entries counts the campaign entries in the outbox log, by name.
func (o *office) entries() map[string]int {
	o.t.Helper()
	found := map[string]int{}
	err := o.eng.Outbox.Scan(o.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if v, err := engine.ParseOutbox(rec); err == nil {
				if e, ok := v.(*engine.Entry); ok {
					found[e.ID]++
					if !e.Bulk || e.Channel != "main" {
						o.t.Errorf("entry %s is not campaign traffic of its channel", e.ID)
					}
				}
			}
		}
		return true
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return found
}

// accepted counts the calls to an endpoint that LINE took for the first time.
func (o *office) accepted(endpoint string) (n int) {
	for _, c := range o.sim.Calls(linesim.CallQuery{Endpoint: endpoint}) {
		if c.Status == http.StatusOK {
			n++
		}
	}
	return n
}

// counted returns what the metric of receivers says of an outcome.
func (o *office) counted(outcome string) float64 {
	o.t.Helper()
	families, err := o.reg.Gather()
	if err != nil {
		o.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, label := range m.GetLabel() {
				if f.GetName() == "frontdesk_campaign_receivers_total" && label.GetValue() == outcome {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// keys returns the stored keys that match.
func (o *office) keys(pattern string) (keys []string) {
	o.t.Helper()
	err := o.eng.Campaigns.Keys(o.t.Context(), pattern, func(key string) bool {
		keys = append(keys, key)
		return true
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return keys
}
