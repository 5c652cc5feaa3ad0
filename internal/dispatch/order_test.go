package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// watch checks the order in which events of each conversation are handled:
// their IDs end in consecutive numbers, which a failing one holds up.
type watch struct {
	t       *testing.T
	mu      sync.Mutex
	next    map[string]int
	running map[string]bool
	now     int
	most    int
}

func (w *watch) begin(ev *frontdesk.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now++
	w.most = max(w.most, w.now)
	if w.running[ev.Conversation] {
		w.t.Errorf("two handlers of conversation %s at once", ev.Conversation)
	}
	w.running[ev.Conversation] = true
	if want := fmt.Sprintf("%s-%d", ev.Conversation, w.next[ev.Conversation]); ev.ID != want {
		w.t.Errorf("conversation %s: got event %s, want %s", ev.Conversation, ev.ID, want)
	}
}

func (w *watch) end(ev *frontdesk.Event, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now--
	w.running[ev.Conversation] = false
	if done {
		w.next[ev.Conversation]++
	}
}

func newWatch(t *testing.T) *watch {
	return &watch{t: t, next: map[string]int{}, running: map[string]bool{}}
}

func TestOrderUnderLoadAndFailures(t *testing.T) {
	const conversations, each, atOnce = 300, 20, 16
	order := newWatch(t)
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		order.begin(ev)
		fails := rand.IntN(10) == 0
		defer order.end(ev, !fails)
		if fails {
			return errBot
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.MaxConcurrent, cfg.MaxAttempts = atOnce, 100 })
	w.start()
	var want []string
	for n := range each {
		var batch []engine.Event
		for c := range conversations {
			id := fmt.Sprintf("U%d-%d", c, n)
			want = append(want, id)
			batch = append(batch, said(fmt.Sprint("U", c), id))
		}
		w.accept(batch...)
	}
	w.settled()
	once(t, w.entries(), want...)
	if order.most > atOnce || order.most < 2 {
		t.Errorf("up to %d handlers ran at once, want 2 to %d", order.most, atOnce)
	}
	if letters := w.letters(); len(letters) != 0 {
		t.Errorf("got %d dead letters", len(letters))
	}
}

func TestFailingHeadBlocksOnlyItsConversation(t *testing.T) {
	var repaired atomic.Bool
	order := newWatch(t)
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		order.begin(ev)
		fails := ev.Conversation == "Ubad" && ev.ID == "Ubad-0" && !repaired.Load()
		defer order.end(ev, !fails)
		if fails {
			return frontdesk.Retry(errBot, 5*time.Millisecond)
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.MaxConcurrent, cfg.MaxAttempts = 1, 1<<30 })
	w.start()
	for n := range 10 {
		w.accept(said("Ubad", fmt.Sprint("Ubad-", n)), said("Ugood", fmt.Sprint("Ugood-", n)))
	}
	w.left(10)
	if got := order.next["Ubad"]; got != 0 {
		t.Errorf("%d events went past the failing one", got)
	}
	repaired.Store(true)
	w.settled()
	if got := order.next["Ubad"]; got != 10 {
		t.Errorf("%d events were handled, want 10", got)
	}
}

// Ten thousand handlers hang at once; whoever comes after them is served at
// once all the same.
func TestHangingHandlersKeepNobodyWaiting(t *testing.T) {
	const hanging = 10_000
	var hang atomic.Int64
	release := make(chan struct{})
	store := engine.Config{Dir: t.TempDir(), AppendLimit: patience} // all answers are stored at once
	w := newHouseOn(t, store, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Conversation[:2] == "Uh" {
			hang.Add(1)
			select {
			case <-release:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.MaxConcurrent = hanging + 100 })
	w.start()
	events := make([]engine.Event, hanging)
	for i := range events {
		events[i] = said(fmt.Sprint("Uh", i), fmt.Sprint("h", i))
	}
	w.accept(events...)
	w.await("all hang", func() bool { return hang.Load() == hanging })
	var slowest time.Duration
	for i := range 50 {
		start := time.Now()
		w.accept(said("Uquick", fmt.Sprint("q", i)))
		w.left(hanging)
		slowest = max(slowest, time.Since(start))
	}
	t.Logf("%d handlers hang; others took at most %v", hanging, slowest)
	if slowest > 2*time.Second {
		t.Errorf("an event of another conversation took %v", slowest)
	}
	close(release)
	w.settled()
	if got := len(w.entries()); got != hanging+50 {
		t.Errorf("got %d entries, want %d", got, hanging+50)
	}
}

// Beyond MaxConcurrent conversations wait in line, and each gets its turn.
func TestMaxConcurrentIsKept(t *testing.T) {
	order := newWatch(t)
	w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
		order.begin(ev)
		defer order.end(ev, true)
		return nil
	}, func(cfg *Config) { cfg.MaxConcurrent = 1 })
	w.start()
	for n := range 5 {
		for c := range 20 {
			w.accept(said(fmt.Sprint("U", c), fmt.Sprintf("U%d-%d", c, n)))
		}
	}
	w.settled()
	if order.most != 1 {
		t.Errorf("%d handlers at once, want 1", order.most)
	}
	for c := range 20 {
		if got := order.next[fmt.Sprint("U", c)]; got != 5 {
			t.Errorf("conversation %d: %d events handled, want 5", c, got)
		}
	}
}
