package dispatch

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// once reports events that were handled, or stand in the outbox, another number
// of times.
func once(t *testing.T, got []string, want ...string) {
	t.Helper()
	times := map[string]int{}
	for _, id := range got {
		times[id]++
	}
	for _, id := range want {
		if times[id] != 1 {
			t.Errorf("event %s was done %d times, want once", id, times[id])
		}
		delete(times, id)
	}
	for id, n := range times {
		t.Errorf("event %s was done %d times, want never", id, n)
	}
}

func TestRestartHandlesNothingTwice(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sends  bool
		repeat func(w *house)
	}{
		{"orderly, events that sent", true, func(w *house) { w.restart() }},
		{"orderly, events that sent nothing", false, func(w *house) { w.restart() }},
		{"crash, events that sent", true, func(w *house) { w.crash(); w.start() }},
		{"two crashes in a row", true, func(w *house) { w.crash(); w.start(); w.crash(); w.start() }},
		{"crash and orderly end before anything was read", true, func(w *house) {
			w.crash()
			w.start()
			w.restart()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var y diary
			w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
				y.note(ev.ID)
				if !tc.sends {
					return nil
				}
				return echo(ctx, d, ev)
			}, nil)
			w.start()
			var ids []string
			for i := range 300 {
				id := fmt.Sprint("e", i)
				ids = append(ids, id)
				w.accept(said(fmt.Sprint("U", i%7), id))
			}
			w.settled()
			tc.repeat(w)
			w.accept(said("U1", "later"))
			w.settled()
			ids = append(ids, "later")
			if tc.sends {
				once(t, w.entries(), ids...)
			}
			once(t, y.all(), ids...)
		})
	}
}

// What was handled out of order, past a head that keeps failing, is not
// handled again.
func TestRestartKeepsDoneSpans(t *testing.T) {
	for _, end := range []string{"orderly", "crash after a checkpoint"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			var y diary
			w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
				y.note(ev.ID)
				if ev.Conversation == "Ubad" {
					return frontdesk.Retry(errBot, time.Hour)
				}
				return nil // nothing sent: only the checkpoint knows
			}, nil)
			w.start()
			var want []string
			for i := range 200 {
				if i%50 == 0 {
					w.accept(said("Ubad", fmt.Sprint("bad", i)))
				}
				id := fmt.Sprint("e", i)
				want = append(want, id)
				w.accept(said(fmt.Sprint("U", i%20), id))
			}
			w.left(4)
			if end == "orderly" {
				w.restart()
			} else {
				if err := w.d.checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.crash()
				w.start()
			}
			w.accept(said("U1", "later"))
			w.left(4)
			got := slices.DeleteFunc(y.all(), func(id string) bool { return id == "bad0" })
			once(t, got, append(want, "later")...)
		})
	}
}

// A process that dies again before it has read its inbox must leave the next
// one all that it knew itself.
func TestRestartInterruptedWhileReading(t *testing.T) {
	for _, end := range []string{"orderly", "crash"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			block := make(chan struct{})
			w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
				if ev.Conversation == "Uslow" {
					select {
					case <-block:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				return echo(ctx, d, ev)
			}, func(cfg *Config) { cfg.DrainLimit = time.Millisecond })
			w.start()
			slow, done := []string{}, []string{}
			for i := range 40 { // an event that waits in each batch keeps the floor at the beginning
				slow, done = append(slow, fmt.Sprint("slow", i)), append(done, fmt.Sprint("e", i))
				w.accept(said("Uslow", slow[i]))
				w.accept(said("U1", done[i]))
			}
			w.left(len(slow))
			w.crash()

			// The second process stores a checkpoint when it has read little.
			cfg := w.cfg
			second := w.begin(cfg)
			r, err := second.recover(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			read := 0
			err = w.eng.Inbox.Scan(t.Context(), r.floor, func(b engine.Batch) bool {
				for pos, rec := range b.Records() {
					ev, err := engine.ParseEvent(rec)
					if err != nil {
						t.Fatal(err)
					}
					second.arrive(pos, &ev)
				}
				second.read.Store(uint64(engine.After(b)))
				read++
				return read < 5
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := second.checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := second.running.file.Close(); err != nil {
				t.Fatal(err)
			}

			if end == "orderly" {
				w.close()
				w.open()
			}
			close(block)
			w.start()
			w.settled()
			once(t, w.entries(), append(slow, done...)...)
		})
	}
}

// Tries that the last process counted are not lost by one that dies before it
// has read their events.
func TestTriesSurviveAnInterruptedStart(t *testing.T) {
	w := newHouse(t, func(context.Context, frontdesk.Desk, *frontdesk.Event) error {
		return frontdesk.Retry(errBot, time.Hour)
	}, nil)
	w.start()
	for i := range 6 {
		w.accept(said(fmt.Sprint("U", i), fmt.Sprint("e", i)))
	}
	w.await("all failed once", func() bool { return countTries(w.d) == 6 })
	w.stop()

	second := w.begin(w.cfg)
	if _, err := second.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sh := range second.shards {
		sh.changed = true
	}
	if err := second.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.running.file.Close(); err != nil {
		t.Fatal(err)
	}

	third := w.begin(w.cfg)
	if _, err := third.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer third.running.file.Close()
	n := 0
	for _, sh := range third.shards {
		n += len(sh.tries)
	}
	if n != 6 {
		t.Errorf("the third process knows of %d failed events, want 6", n)
	}
}

// begin makes a dispatcher that the test runs by hand.
func (w *house) begin(cfg Config) *Dispatcher {
	w.t.Helper()
	cfg.Engine, cfg.Metrics = w.eng, newTestMetrics()
	d, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	d.pool.stop()
	return d
}

// countTries returns how many events have failed attempts.
func countTries(d *Dispatcher) (n int) {
	for _, sh := range d.shards {
		sh.mu.Lock()
		for _, t := range sh.tasks {
			if t.Attempts > 0 && !t.done {
				n++
			}
		}
		sh.mu.Unlock()
	}
	return n
}

func TestAttemptsSurviveARestart(t *testing.T) {
	for _, end := range []string{"orderly", "crash"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			attempts := make(chan int, 10)
			w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
				attempts <- ev.Attempt
				if ev.Attempt < 3 {
					return frontdesk.Retry(errBot, 0)
				}
				return frontdesk.Retry(errBot, time.Hour)
			}, func(cfg *Config) { cfg.MaxAttempts = 4 })
			w.start()
			w.accept(said("U1", "e1"))
			for want := 1; want <= 3; want++ {
				if got := <-attempts; got != want {
					t.Fatalf("attempt %d, want %d", got, want)
				}
			}
			w.await("the third attempt is counted", func() bool { return triesOf(w.d, "U1") == 3 })
			if end == "orderly" {
				w.restart()
			} else {
				if err := w.d.checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.crash()
				w.start()
			}
			if got := <-attempts; got != 4 {
				t.Errorf("attempt %d after the restart, want 4", got)
			}
			w.settled()
			letters := w.letters()
			if len(letters) != 1 || letters[0].Attempts != 4 || letters[0].EventID != "e1" {
				t.Errorf("got dead letters %+v, want one of e1 with 4 attempts", letters)
			}
		})
	}
}

// triesOf returns the attempts at the head of a conversation.
func triesOf(d *Dispatcher, conversation string) int {
	sh := d.shards[engine.Shard("main", conversation)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := sh.conversations[conversationKey{"main", conversation}]
	if c == nil {
		return 0
	}
	return c.queue[0].Attempts
}
