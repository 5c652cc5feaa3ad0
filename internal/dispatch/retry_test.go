package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Attempts that a handler calls interrupted do not count, however many there are.
func TestInterruptedAttempts(t *testing.T) {
	const interruptions = 10
	var y diary
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Attempt != 1 {
			t.Errorf("attempt is %d, want 1", ev.Attempt)
		}
		if err := echo(ctx, d, ev); err != nil || y.note("try") > interruptions {
			return err
		}
		return fmt.Errorf("words: %w", frontdesk.Interrupted(errBot, time.Millisecond))
	}, func(cfg *Config) { cfg.MaxAttempts = 2 })
	w.start()
	w.accept(said("U1", "e1"))
	w.settled()
	if got := y.count("try"); got != interruptions+1 {
		t.Errorf("%d tries, want %d", got, interruptions+1)
	}
	once(t, w.entries(), "e1")
	if letters := w.letters(); len(letters) != 0 {
		t.Errorf("got dead letters %v, want none", letters)
	}
}

// What a handler returns decides what becomes of its event.
func TestVerdicts(t *testing.T) {
	type bot = func(ctx context.Context, d frontdesk.Desk, attempt int) error
	for _, tc := range []struct {
		name     string
		handler  bot
		tries    int // of the handler
		reason   string
		attempts int // in the dead letter
	}{
		{"done", func(context.Context, frontdesk.Desk, int) error { return nil }, 1, "", 0},
		{"error, then done", func(_ context.Context, _ frontdesk.Desk, n int) error {
			if n < 3 {
				return errBot
			}
			return nil
		}, 3, "", 0},
		{"errors to the end", func(context.Context, frontdesk.Desk, int) error { return errBot }, 4, "out of order", 4},
		{"retry to the end", func(context.Context, frontdesk.Desk, int) error { return frontdesk.Retry(errBot, 0) }, 4, "out of order", 4},
		{"drop", func(context.Context, frontdesk.Desk, int) error { return frontdesk.Drop(errBot) }, 1, "out of order", 1},
		{"wrapped drop", func(context.Context, frontdesk.Desk, int) error {
			return fmt.Errorf("more words: %w", frontdesk.Drop(errBot))
		}, 1, "more words", 1},
		{"drop at the second try", func(_ context.Context, _ frontdesk.Desk, n int) error {
			if n == 1 {
				return errBot
			}
			return frontdesk.Drop(errBot)
		}, 2, "dropped", 2},
		{"panic", func(context.Context, frontdesk.Desk, int) error { panic("secret words") }, 4, "panicked", 4},
		{"panic with an error", func(context.Context, frontdesk.Desk, int) error { panic(errors.New("secret words")) }, 4, "panicked", 4},
		{"panic, then done", func(_ context.Context, _ frontdesk.Desk, n int) error {
			if n == 1 {
				panic("secret words")
			}
			return nil
		}, 2, "", 0},
		{"too slow", func(ctx context.Context, _ frontdesk.Desk, _ int) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}, 4, "longer than 30ms", 4},
		{"a canceled call of its own", func(context.Context, frontdesk.Desk, int) error { return context.Canceled }, 4, "canceled", 4},
		{"no conversation to push to", func(_ context.Context, d frontdesk.Desk, _ int) error {
			return d.Push("", frontdesk.Text("secret words"))
		}, 1, "push without", 1},
		{"more messages than an event may send", func(_ context.Context, d frontdesk.Desk, _ int) error {
			for range frontdesk.MaxMessages {
				if err := d.Send(frontdesk.Text("secret words")); err != nil {
					return err
				}
			}
			return d.Push("Uother", frontdesk.Text("secret words"))
		}, 1, "more than 100 messages", 1},
		{"more bytes than an event may send", func(_ context.Context, d frontdesk.Desk, _ int) error {
			for range frontdesk.MaxMessages {
				if err := d.Send(frontdesk.Text(strings.Repeat("secret words", 10_000))); err != nil {
					return err
				}
			}
			return nil
		}, 1, "bytes of messages", 1},
		{"a very long error", func(context.Context, frontdesk.Desk, int) error {
			return frontdesk.Drop(errors.New(strings.Repeat("x", 10_000)))
		}, 1, "xxx…", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var y diary
			w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
				if ev.ID != "e1" {
					return echo(ctx, d, ev)
				}
				if n := y.note("try"); n != ev.Attempt {
					t.Errorf("attempt is %d at try %d", ev.Attempt, n)
				}
				if err := d.Push("Uother", frontdesk.Text("gathered")); err != nil {
					return err
				}
				return tc.handler(ctx, d, ev.Attempt)
			}, func(cfg *Config) { cfg.MaxAttempts, cfg.Timeout = 4, 30*time.Millisecond })
			w.start()
			ev := said("U1", "e1")
			w.accept(ev, said("U1", "e2"))
			w.settled()
			if got := y.count("try"); got != tc.tries {
				t.Errorf("%d tries, want %d", got, tc.tries)
			}
			want := []string{"e2"} // what follows is handled in any case
			if tc.reason == "" {
				want = append(want, "e1")
			}
			once(t, w.entries(), want...)
			letters := w.letters()
			if tc.reason == "" {
				if len(letters) != 0 {
					t.Errorf("got dead letters %v, want none", letters)
				}
				return
			}
			if len(letters) != 1 {
				t.Fatalf("got %d dead letters, want 1", len(letters))
			}
			l := letters[0]
			if !strings.Contains(l.Reason, tc.reason) || strings.Contains(l.Reason, "secret") || len(l.Reason) > 600 {
				t.Errorf("reason is %q, want it to tell of %q and of no message", l.Reason, tc.reason)
			}
			if l.Attempts != tc.attempts || l.Kind != engine.DeadEvent || l.Channel != "main" || l.Conversation != "U1" ||
				l.EventID != "e1" || string(l.Body) != string(ev.Raw) {
				t.Errorf("got letter %+v with %d attempts, want %d", l, l.Attempts, tc.attempts)
			}
		})
	}
}

// Events that no handler could take become dead letters and hold up nobody.
func TestDeadOnArrival(t *testing.T) {
	unconfigured := said("U1", "e1")
	unconfigured.Channel = "former"
	wrongType := said("U1", "e2")
	wrongType.Raw = []byte(`{"type":"message","webhookEventId":"e2","timestamp":"secret"}`)
	noObject := said("U1", "e3")
	noObject.Raw = []byte(`"secret"`)
	empty := said("U1", "e4")
	empty.Raw = nil
	w := newHouse(t, echo, nil)
	w.start()
	w.accept(unconfigured, wrongType, noObject, empty, said("U1", "good"))
	w.settled()
	once(t, w.entries(), "good")
	reasons := map[string]string{"e1": "channel former is not in the configuration", "e2": "timestamp", "e3": "wrong type", "e4": "not valid JSON"}
	letters := w.letters()
	if len(letters) != len(reasons) {
		t.Errorf("got %d dead letters, want %d", len(letters), len(reasons))
	}
	for _, l := range letters {
		if !strings.Contains(l.Reason, reasons[l.EventID]) || strings.Contains(l.Reason, "secret") {
			t.Errorf("reason of %s is %q, want %q in it", l.EventID, l.Reason, reasons[l.EventID])
		}
	}
}

func TestPauses(t *testing.T) {
	d := &Dispatcher{cfg: Config{BackoffMin: time.Second, BackoffMax: time.Minute}}
	for _, tc := range []struct {
		name     string
		attempts int
		err      error
		min, max time.Duration
	}{
		{"first", 1, errBot, 800 * time.Millisecond, 1200 * time.Millisecond},
		{"second", 2, errBot, 1600 * time.Millisecond, 2400 * time.Millisecond},
		{"fourth", 4, errBot, 6400 * time.Millisecond, 9600 * time.Millisecond},
		{"at the top", 7, errBot, 48 * time.Second, 72 * time.Second},
		{"far beyond", 1_000_000, errBot, 48 * time.Second, 72 * time.Second},
		{"wished for", 1, frontdesk.Retry(errBot, time.Hour), time.Hour, time.Hour},
		{"wished for, wrapped", 1, fmt.Errorf("words: %w", frontdesk.Retry(errBot, time.Hour)), time.Hour, time.Hour},
		{"wished for in the past", 1, frontdesk.Retry(errBot, -time.Hour), 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 100 {
				got := d.pause(tc.attempts, tc.err)
				seen[got] = true
				if got < tc.min || got > tc.max {
					t.Fatalf("pause is %v, want %v to %v", got, tc.min, tc.max)
				}
			}
			if tc.min != tc.max && len(seen) < 50 {
				t.Errorf("%d different pauses of 100: they must be scattered", len(seen))
			}
		})
	}
}

// A handler's wish for a pause is kept: not earlier, and not much later.
func TestRetryAfterIsKept(t *testing.T) {
	const after = 120 * time.Millisecond
	var first time.Time
	waited := make(chan time.Duration, 1)
	w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Attempt == 1 {
			first = time.Now()
			return frontdesk.Retry(errBot, after)
		}
		waited <- time.Since(first)
		return nil
	}, func(cfg *Config) { cfg.BackoffMin, cfg.BackoffMax = time.Hour, time.Hour })
	w.start()
	w.accept(said("U1", "e1"))
	if got := <-waited; got < after || got > after+2*time.Second {
		t.Errorf("tried again after %v, want %v", got, after)
	}
}

// An event without a source can be handled but not answered, one in standby
// mode must not be.
func TestEventsThatCannotBeAnswered(t *testing.T) {
	for _, tc := range []struct {
		name, raw, reason string
	}{
		{"no source", `{"type":"accountLink","webhookEventId":"e1","timestamp":1,"mode":"active"}`, "accountLink event without a source"},
		{"standby", `{"type":"message","webhookEventId":"e1","timestamp":1,"mode":"standby","source":{"type":"user","userId":"U1"}}`, "standby"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newHouse(t, echo, nil)
			w.start()
			w.accept(engine.Event{ID: "e1", Channel: "main", Conversation: "e1", Accepted: time.Now(), Raw: []byte(tc.raw)})
			w.settled()
			letters := w.letters()
			if len(letters) != 1 || !strings.Contains(letters[0].Reason, tc.reason) || letters[0].Attempts != 1 {
				t.Errorf("got %+v, want one letter about %q", letters, tc.reason)
			}
			once(t, w.entries())
		})
	}
}
