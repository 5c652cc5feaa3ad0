package linesim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// listener is a bot's server that keeps the bodies it gets, without a network.
type listener struct {
	mu     sync.Mutex
	bodies []string
	at     []time.Duration
	start  time.Time
	status int // answered; 0 = 200
}

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bodies = append(l.bodies, string(body))
	l.at = append(l.at, time.Since(l.start))
	status := http.StatusOK
	if l.status != 0 {
		status = l.status
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Proto: "HTTP/1.1"}, nil
}

// seen returns the bodies.
func (l *listener) seen() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.bodies)
}

// times returns when the requests came.
func (l *listener) times() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.at)
}

// texts returns the texts of the requests: those of one request together, joined by "+".
func (l *listener) texts() []string {
	out := []string{}
	for _, body := range l.seen() {
		var texts []string
		for _, ev := range gjson.Get(body, "events").Array() {
			texts = append(texts, ev.Get("message.text").Str)
		}
		out = append(out, strings.Join(texts, "+"))
	}
	return out
}

// listen starts a simulator with two friends, whose follow events are over, and lets the faults begin.
func listen(t *testing.T, cfg linesim.Config, w linesim.WebhookFaults) (*bubble, *listener) {
	t.Helper()
	l := &listener{start: time.Now()}
	cfg.WebhookURL, cfg.Transport = "http://bot.example", l
	sim, err := linesim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, id := range []string{hanako, alex} {
		mustUser(t, sim, linesim.NewUser{UserID: id})
	}
	synctest.Wait()
	l.mu.Lock()
	l.bodies, l.at = nil, nil
	l.mu.Unlock()
	if err := sim.SetFaults(linesim.Faults{Seed: 1, Webhooks: w}); err != nil {
		t.Fatal(err)
	}
	return &bubble{Simulator: sim}, l
}

// write lets users write: "h:text" is Hanako's, "a:text" Alex's, "." waits 10 ms.
func (b *bubble) write(t *testing.T, script ...string) {
	t.Helper()
	for _, line := range script {
		who, text, _ := strings.Cut(line, ":")
		id := map[string]string{"h": hanako, "a": alex}[who]
		if id == "" {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if _, err := b.SendText(id, text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWebhookFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults linesim.WebhookFaults
		script []string
		want   []string
		stats  map[string]int64
	}{
		{"none", linesim.WebhookFaults{}, []string{"h:1", ".", "h:2"}, []string{"1", "2"}, map[string]int64{}},
		{
			"duplicates", linesim.WebhookFaults{Duplicates: linesim.Duplicates{Share: 1}},
			[]string{"h:1", ".", "h:2"}, []string{"1", "1", "2", "2"}, map[string]int64{"duplicated": 2},
		},
		{
			"late duplicates", linesim.WebhookFaults{Duplicates: linesim.Duplicates{Share: 1, AfterMS: 500}},
			[]string{"h:1", ".", "h:2"}, []string{"1", "2", "1", "2"}, map[string]int64{"duplicated": 2},
		},
		{
			"order", linesim.WebhookFaults{Reorder: linesim.Reorder{Share: 1}},
			[]string{"h:1", ".", "h:2", ".", "h:3"}, []string{"2", "1", "3"}, map[string]int64{"reordered": 2},
		},
		{
			"order of other chats", linesim.WebhookFaults{Reorder: linesim.Reorder{Share: 1, HoldMS: 15}},
			[]string{"h:1", ".", "a:2", ".", ".", "h:3"}, []string{"1", "2", "3"}, map[string]int64{"reordered": 3},
		},
		{
			"late", linesim.WebhookFaults{Late: linesim.Late{Share: 1, ByMS: 100}},
			[]string{"h:1", ".", "h:2"}, []string{"1", "2"}, map[string]int64{"late": 2},
		},
		{
			"batch that is full", linesim.WebhookFaults{Batch: linesim.Batch{Size: 3, WindowMS: 1000}},
			[]string{"h:1", "h:2", "h:3", ".", "h:4"}, []string{"1+2+3", "4"}, map[string]int64{"batched": 2},
		},
		{
			"batch whose time is over", linesim.WebhookFaults{Batch: linesim.Batch{Size: 3, WindowMS: 15}},
			[]string{"h:1", ".", "h:2", ".", "h:3"}, []string{"1+2", "3"}, map[string]int64{"batched": 1},
		},
		{
			"duplicates beside batches", linesim.WebhookFaults{Batch: linesim.Batch{Size: 3, WindowMS: 15}, Duplicates: linesim.Duplicates{Share: 1}},
			[]string{"h:1"}, []string{"1", "1"}, map[string]int64{"duplicated": 1},
		},
		{
			"redelivery is not for those that were taken", linesim.WebhookFaults{Redelivery: linesim.Redelivery{Count: 3}},
			[]string{"h:1"}, []string{"1"}, map[string]int64{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := listen(t, linesim.Config{}, tc.faults)
				b.write(t, tc.script...)
				if err := b.WaitIdle(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, l.texts()); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tc.stats, b.Stats().Faults); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestLateHoldsItsChatOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Late: linesim.Late{Share: 1, ByMS: 100}})
		b.write(t, "h:1")
		if err := b.SetFaults(linesim.Faults{}); err != nil {
			t.Fatal(err)
		}
		b.write(t, "h:2", "a:3")
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"3", "1", "2"}, l.texts()); diff != "" {
			t.Error(diff)
		}
		if at := l.times()[1]; at != 100*time.Millisecond {
			t.Errorf("the late one came after %v", at)
		}
	})
}

func TestFullBatchLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Batch: linesim.Batch{Size: 3, WindowMS: 1000}})
		b.write(t, "h:1", ".", "h:2", "h:3", "h:4")
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The fourth came together with the third, and waits for its own second.
		if want := []time.Duration{10 * time.Millisecond, 1010 * time.Millisecond}; !slices.Equal(l.times(), want) {
			t.Errorf("sent at %v, want %v", l.times(), want)
		}
	})
}

// TestBatchesKeepOrder sends from many users into batches and expects several users in one request, and
// each user's texts in order.
func TestBatchesKeepOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{Batch: linesim.Batch{Size: 20, WindowMS: 5}})
		for i := range 20 {
			for n := range 50 {
				id := fmt.Sprintf("U%032x", 100+n)
				if i == 0 {
					mustUser(t, b.Simulator, linesim.NewUser{UserID: id})
				}
				if _, err := b.SendText(id, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Millisecond)
		}
		if err := b.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		next, several, events := map[string]int{}, 0, 0
		for _, body := range l.seen() {
			users := map[string]bool{}
			all := gjson.Get(body, "events").Array()
			if len(all) > 20 {
				t.Errorf("%d events in one request", len(all))
			}
			for _, ev := range all {
				id := ev.Get("source.userId").Str
				users[id] = true
				if ev.Get("type").Str != "message" {
					continue
				}
				events++
				if got := ev.Get("message.text").Str; got != fmt.Sprint(next[id]) {
					t.Errorf("%s of %s came, want %d", got, id, next[id])
				}
				next[id]++
			}
			if len(users) > 1 {
				several++
			}
		}
		if events != 1000 || several < 20 {
			t.Errorf("%d events, %d requests with several users", events, several)
		}
	})
}

// TestWebhookFaultsFollowTheSeed makes sure that two runs with one seed suffer the same.
func TestWebhookFaultsFollowTheSeed(t *testing.T) {
	run := func(seed uint64) (out []string) {
		synctest.Test(t, func(t *testing.T) {
			b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{})
			err := b.SetFaults(linesim.Faults{Seed: seed, Webhooks: linesim.WebhookFaults{
				Duplicates: linesim.Duplicates{Share: 0.2}, Reorder: linesim.Reorder{Share: 0.2}, Late: linesim.Late{Share: 0.1, ByMS: 20},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				b.write(t, fmt.Sprintf("h:%d", i), ".")
			}
			if err := b.WaitIdle(t.Context()); err != nil {
				t.Fatal(err)
			}
			out = l.texts()
		})
		return out
	}
	one, again, other := run(1), run(1), run(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error("what happens to events does not follow the seed")
	}
	if slices.IsSorted(one) || len(one) < 105 {
		t.Errorf("%d requests: %q", len(one), one)
	}
}

func TestCloseDropsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := listen(t, linesim.Config{}, linesim.WebhookFaults{
			Reorder: linesim.Reorder{Share: 1, HoldMS: 50_000}, Duplicates: linesim.Duplicates{Share: 1, AfterMS: 50_000},
		})
		b.write(t, "h:1")
		if got := b.Stats().PendingWebhooks; got != 2 {
			t.Errorf("%d pending, want 2", got)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := b.Stats().PendingWebhooks; got != 0 || len(l.seen()) != 0 {
			t.Errorf("%d pending, %d sent after Close", got, len(l.seen()))
		}
	})
}
