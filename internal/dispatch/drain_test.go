package dispatch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// At shutdown handlers that finish in time are done; those that are cut short
// have not failed, and are tried again by the next process.
func TestDrain(t *testing.T) {
	for _, tc := range []struct {
		name   string
		limit  time.Duration
		finish bool // the handler returns once the drain has begun
		again  bool // the next process handles it
		sent   bool // after the drain
	}{
		{"finishes in time", patience, true, false, true},
		{"is cancelled at the limit", 20 * time.Millisecond, false, true, false},
		{"has no time at all", time.Nanosecond, false, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var y diary
			entered, finish := make(chan struct{}, 10), make(chan struct{})
			attempts := make(chan int, 10)
			w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
				attempts <- ev.Attempt
				if y.note(ev.ID) == 1 && ev.ID == "e1" {
					entered <- struct{}{}
					select {
					case <-finish:
					case <-ctx.Done():
						if !errors.Is(context.Cause(ctx), errShutdown) {
							t.Errorf("cancelled because of %v", context.Cause(ctx))
						}
						return ctx.Err()
					}
				}
				return echo(ctx, d, ev)
			}, func(cfg *Config) { cfg.DrainLimit, cfg.MaxAttempts = tc.limit, 1 })
			w.start()
			w.accept(said("U1", "e1"), said("U1", "e2"))
			<-entered
			w.cancel()
			if tc.finish {
				w.await("no new work begins", func() bool {
					w.d.pool.mu.Lock()
					defer w.d.pool.mu.Unlock()
					return w.d.pool.stopped
				})
				close(finish)
			}
			if err := <-w.ended; err != nil {
				t.Error(err)
			}
			w.cancel = nil
			if y.count("e2") != 0 {
				t.Error("a handler was started during the drain")
			}
			if got := len(w.entries()) == 1; got != tc.sent {
				t.Errorf("sent: %v, want %v", got, tc.sent)
			}
			w.close()
			w.open()
			w.start()
			w.settled()
			once(t, w.entries(), "e1", "e2")
			if got := y.count("e1") == 2; got != tc.again {
				t.Errorf("handled again: %v, want %v", got, tc.again)
			}
			for range len(attempts) {
				if n := <-attempts; n != 1 {
					t.Errorf("attempt %d: the interrupted one was counted", n)
				}
			}
			if got := w.letters(); len(got) != 0 {
				t.Errorf("got dead letters %+v", got)
			}
		})
	}
}

// A handler that ignores its context is left behind after a limit. What it
// returns too late is not lost, and not doubled.
func TestHandlerLeftBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the limit of cancelled handlers")
	}
	t.Parallel()
	var y diary
	release := make(chan struct{})
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if y.note(ev.ID) == 1 {
			<-release
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.DrainLimit = time.Millisecond })
	w.start()
	w.accept(said("U1", "e1"))
	w.await("it runs", func() bool { return y.count("e1") == 1 })
	first := w.d
	start := time.Now()
	w.stop()
	if took := time.Since(start); took > cancelLimit+5*time.Second {
		t.Errorf("the end took %v", took)
	}
	close(release) // it stores its entry now, behind the last checkpoint
	<-first.pool.idle
	w.close()
	w.open()
	w.start()
	w.settled()
	once(t, w.entries(), "e1")
}

// An early end, before the recovery is through, is an orderly one.
func TestEndAtOnce(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.accept(said("U1", "e1"))
	for range 10 {
		w.start()
		w.stop()
	}
	w.start()
	w.settled()
	once(t, w.entries(), "e1")
}
