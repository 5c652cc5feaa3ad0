package quota

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// bench is a watcher on a real store that asks a simulated LINE.
type bench struct {
	*Watcher
	t      *testing.T
	sim    *linesim.Simulator
	down   atomic.Bool  // LINE answers nothing but 500
	asked  atomic.Int64 // calls for the consumption
	failed atomic.Int64 // calls that were answered 500
	log    logBuffer
	reg    *prometheus.Registry
	cfg    Config
	clock  atomic.Int64 // in nanoseconds
	stop   func()

	pushed int
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) count(part string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.text.String(), part)
}

func newBench(t *testing.T, limit int64) *bench {
	t.Helper()
	b := &bench{t: t, stop: func() {}}
	b.clock.Store(day(11).UnixNano())
	var err error
	if b.sim, err = linesim.New(linesim.Config{MonthlyQuota: limit}); err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.down.Load() {
			b.failed.Add(1)
			http.Error(w, `{"message":"out of order"}`, http.StatusInternalServerError)
			return
		}
		b.sim.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/consumption") {
			b.asked.Add(1)
		}
	}))
	t.Cleanup(api.Close)
	client, err := line.NewClient(line.Config{BaseURL: api.URL + "/sim/line", Token: line.FixedToken(b.sim.ChannelAccessToken())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	eng, err := engine.Open(t.Context(), engine.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b.cfg = Config{
		Channels: []Channel{{"main", client}}, Store: eng.Control, Every: 5 * time.Millisecond, Warn: []int{80, 50},
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	t.Cleanup(func() {
		b.stop()
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// start runs a new watcher, as after a restart. Its clock stands still.
func (b *bench) start() {
	b.t.Helper()
	b.stop()
	b.reg = prometheus.NewRegistry()
	b.cfg.Metrics = b.reg
	b.Watcher = New(b.cfg)
	b.now, b.soonest = func() time.Time { return time.Unix(0, b.clock.Load()) }, 50*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func(w *Watcher) { ended <- w.Run(ctx) }(b.Watcher) // awaited by stop
	b.stop = func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.t.Error(err)
			}
			ended <- nil // for a second stop
		case <-time.After(patience):
			b.t.Fatal("the watcher does not end")
		}
	}
}

// answered waits until LINE has answered twice more: the second question was
// asked after this.
func (b *bench) answered() {
	b.t.Helper()
	from := b.asked.Load()
	b.await("LINE was asked again", func() bool { return b.asked.Load() >= from+2 })
}

func (b *bench) await(what string, reached func() bool) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("waited %v in vain until %s; log:\n%s", patience, what, b.log.text.String())
		}
	}
}

// push sends n messages that count, past the watcher.
func (b *bench) push(n int) {
	b.t.Helper()
	user, err := b.sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		b.t.Fatal(err)
	}
	for range n {
		b.pushed++
		key := fmt.Sprintf("00000000-0000-4000-8000-%012d", b.pushed)
		hello := []json.RawMessage{[]byte(`{"type":"text","text":"hello"}`)}
		if _, err := b.cfg.Channels[0].Client.Push(b.t.Context(), user.UserID, hello, key); err != nil {
			b.t.Fatal(err)
		}
	}
}

// figures returns those of the only channel.
func (b *bench) figures() Figures { return b.Figures()[0] }

// gauges returns the metrics by the last part of their names.
func (b *bench) gauges() map[string]float64 {
	b.t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[strings.TrimPrefix(f.GetName(), "frontdesk_quota_")] = f.Metric[0].GetGauge().GetValue()
	}
	return got
}

// TestWarnings uses up the quota, restarts the watcher after every step, and
// counts the lines in the log.
func TestWarnings(t *testing.T) {
	b := newBench(t, 10)
	steps := []struct {
		push                    int
		half, fourFifths, ahead int
	}{
		{0, 0, 0, 0},
		{3, 0, 0, 0},
		{1, 0, 0, 1}, // 4 on the eleventh: 12 in the month
		{1, 1, 0, 1},
		{2, 1, 0, 1},
		{2, 1, 1, 1},
	}
	for i, s := range steps {
		b.push(s.push)
		b.start()
		b.answered()
		half, fourFifths, ahead := b.log.count("share=50%"), b.log.count("share=80%"), b.log.count("will not last")
		if half != s.half || fourFifths != s.fourFifths || ahead != s.ahead {
			t.Errorf("step %d: got %d, %d and %d warnings, want %d, %d and %d", i, half, fourFifths, ahead, s.half, s.fourFifths, s.ahead)
		}
	}
	if f := b.figures(); !f.Limited || f.Limit != 10 || f.Used != 9 || f.Left != 1 || !f.AsOf.Equal(day(11)) {
		t.Errorf("got %+v, want 9 of 10 as of the eleventh", f)
	}
}

// TestEstimate counts what was sent between two answers, and lets LINE's next
// answer replace it.
func TestEstimate(t *testing.T) {
	b := newBench(t, 100)
	b.cfg.Every = time.Hour
	b.start()
	b.await("LINE has answered", func() bool { return !b.figures().AsOf.IsZero() })
	for range 4 {
		b.Meter("main").Sent(1)
	}
	if f := b.figures(); f.Used != 4 || f.Left != 96 {
		t.Errorf("got %+v, want 4 used", f)
	}
	b.push(7) // of which the watcher hears nothing
	b.Meter("main").Sent(1)
	b.await("the next answer counts", func() bool { return b.figures().Used == 7 })
}

// TestBroadcast asks soon, since nobody knows how many got it.
func TestBroadcast(t *testing.T) {
	b := newBench(t, 0)
	b.cfg.Every = time.Hour
	b.start()
	b.await("LINE has answered", func() bool { return !b.figures().AsOf.IsZero() })
	b.push(3)
	b.Meter("main").Sent(0)
	b.await("LINE was asked again", func() bool { return b.figures().Used == 3 })
}

// TestFiguresOverLimit tells no negative rest.
func TestFiguresOverLimit(t *testing.T) {
	m := Meter{last: answer{at: day(11), quota: line.Quota{Limited: true, Value: 100}, used: 98}, since: 5}
	if f := m.figures(day(12)); f.Used != 103 || f.Left != 0 {
		t.Errorf("got %+v, want 103 used and none left", f)
	}
}

// TestExceeded asks soon after the outbox met the limit.
func TestExceeded(t *testing.T) {
	b := newBench(t, 5)
	b.cfg.Every = time.Hour
	b.start()
	b.await("LINE has answered", func() bool { return !b.figures().AsOf.IsZero() })
	b.push(5)
	b.Meter("main").Exceeded()
	b.await("LINE was asked again", func() bool { return b.figures().Used == 5 })
	if f := b.figures(); !f.Over || f.Left != 0 {
		t.Errorf("got %+v, want over", f)
	}
	b.Meter("main").Sent(1)
	if b.figures().Over {
		t.Error("a push was taken, but the channel is still over its quota")
	}
}

// TestOutage warns once while LINE does not answer, and keeps the figures.
func TestOutage(t *testing.T) {
	b := newBench(t, 10)
	b.down.Store(true)
	b.start()
	b.await("LINE did not answer three times", func() bool { return b.failed.Load() >= 3 })
	if n := b.log.count("did not tell"); n != 1 {
		t.Errorf("%d warnings of an outage, want 1", n)
	}
	if f := b.figures(); !f.AsOf.IsZero() || f.Used != 0 {
		t.Errorf("got %+v, want nothing known", f)
	}
	if gauges := b.gauges(); len(gauges) > 0 {
		t.Errorf("gauges %v without an answer, want none", gauges)
	}
	b.down.Store(false)
	b.push(2)
	b.await("LINE answers", func() bool { return b.log.count("tells the monthly quota again") == 1 && b.figures().Used == 2 })
	b.down.Store(true)
	b.await("LINE is out of order again", func() bool { return b.log.count("did not tell") == 2 })
	if f := b.figures(); f.Used != 2 {
		t.Errorf("got %+v, want those of the last answer", f)
	}
}

// TestNewMonth knows nothing of a month before LINE has told.
func TestNewMonth(t *testing.T) {
	b := newBench(t, 10)
	b.push(5)
	b.start()
	b.answered()
	if b.figures().Used != 5 {
		t.Fatalf("got %+v, want 5 used", b.figures())
	}
	b.stop()
	b.clock.Store(day(32).UnixNano())
	if f := b.figures(); !f.AsOf.IsZero() || f.Used != 0 || f.HasForecast {
		t.Errorf("got %+v, want nothing known", f)
	}
	b.start()
	b.answered()
	if n := b.log.count("share=50%"); n != 2 {
		t.Errorf("%d warnings of one share in two months, want 2", n)
	}
}

// TestDamagedNotes goes on without them.
func TestDamagedNotes(t *testing.T) {
	b := newBench(t, 2)
	b.push(1)
	if err := b.cfg.Store.Put(t.Context(), notesKey("main"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.answered()
	if b.log.count("cannot be read") != 1 || b.log.count("share=50%") != 1 {
		t.Errorf("log:\n%s", b.log.text.String())
	}
	if n, err := loadNotes(t.Context(), b.cfg.Store, "main"); err != nil || n.Warned != 50 {
		t.Errorf("stored %+v, %v; want what was warned of", n, err)
	}
}

// TestStoredNotes reads what the first version stored.
func TestStoredNotes(t *testing.T) {
	b := newBench(t, 0)
	const stored = `{"month":"2026-08","limit":200,"warned":80,"overrun":true,"days":[{"at":"2026-08-01T10:00:00+09:00","used":7}]}`
	if err := b.cfg.Store.Put(t.Context(), notesKey("main"), []byte(stored)); err != nil {
		t.Fatal(err)
	}
	n, err := loadNotes(t.Context(), b.cfg.Store, "main")
	if err != nil || n.Month != "2026-08" || n.Limit != 200 || n.Warned != 80 || !n.Overrun || len(n.Days) != 1 || n.Days[0].Used != 7 {
		t.Errorf("got %+v, %v", n, err)
	}
}

// TestForecastAfterRestart knows the pace of the last week from what is stored.
func TestForecastAfterRestart(t *testing.T) {
	b := newBench(t, 10)
	b.push(5)
	const stored = `{"month":"2026-08","days":[{"at":"2026-08-03T12:00:00+09:00","used":5}]}`
	if err := b.cfg.Store.Put(t.Context(), notesKey("main"), []byte(stored)); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.answered()
	if f := b.figures(); !f.HasForecast || f.Forecast != 5 {
		t.Errorf("got %+v, want a forecast of 5: nothing was sent for eight days", f)
	}
}

// TestMetrics looks at the gauges with and without a limit.
func TestMetrics(t *testing.T) {
	tests := []struct {
		name  string
		limit int64
		want  string
	}{
		{"limited", 10, "10 4 6 12"},
		{"unlimited", 0, "+Inf 4 +Inf 12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.limit)
			b.push(4)
			b.start()
			b.answered()
			got := b.gauges()
			if text := fmt.Sprint(got["limit"], got["used"], got["left"], got["forecast"]); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}

// TestUnknownChannel has no meter.
func TestUnknownChannel(t *testing.T) {
	b := newBench(t, 0)
	b.start()
	if b.Meter("nosuch") != nil {
		t.Error("got a meter for a channel that is not watched")
	}
}
