package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// redelivered is the event as LINE delivers it again.
func redelivered(ev engine.Event) engine.Event {
	ev.Redelivered = true
	return ev
}

func TestDuplicates(t *testing.T) {
	first := said("U1", "e1")
	other := said("U1", "e1")
	other.Channel = "other"
	rerun := said("U1", "e1")
	rerun.Run = 1
	for _, tc := range []struct {
		name    string
		second  engine.Event
		between func(w *house)
		want    int
	}{
		{"in the same request", first, nil, 1},
		{"later", first, func(w *house) { w.settled() }, 1},
		{"later and flagged", redelivered(first), func(w *house) { w.settled() }, 1},
		{"after a restart", first, func(w *house) { w.settled(); w.restart() }, 1},
		{"after a restart and flagged", redelivered(first), func(w *house) { w.settled(); w.restart() }, 1},
		{"after a crash", first, func(w *house) { w.settled(); w.crash(); w.start() }, 1},
		{"while the process was down", redelivered(first), func(w *house) { w.settled(); w.stop() }, 1},
		{"in another channel", other, func(w *house) { w.settled() }, 2},
		{"taken back from the dead letters", rerun, func(w *house) { w.settled() }, 2},
		{"taken back, after a restart", rerun, func(w *house) { w.settled(); w.restart() }, 2},
	} {
		for _, sends := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sends %v", tc.name, sends), func(t *testing.T) {
				t.Parallel()
				if !sends && tc.name == "after a crash" {
					t.Skip("an event that sent nothing may be handled again after a crash")
				}
				var y diary
				w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
					y.note(ev.ID)
					if !sends {
						return nil
					}
					return echo(ctx, d, ev)
				}, nil)
				w.start()
				if tc.between == nil {
					w.accept(first, tc.second)
				} else {
					w.accept(first)
					tc.between(w)
					w.accept(tc.second)
				}
				if w.cancel == nil {
					w.start()
				}
				w.settled()
				if got := y.count("e1"); got != tc.want {
					t.Errorf("handled %d times, want %d", got, tc.want)
				}
				if got := len(w.entries()); sends && got != tc.want {
					t.Errorf("stored %d entries, want %d", got, tc.want)
				}
			})
		}
	}
}

// An event whose first delivery keeps failing, or is a dead letter already, is
// not tried a second time by the side.
func TestDuplicateOfAFailingEvent(t *testing.T) {
	var y diary
	w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
		y.note(ev.ID)
		return errBot
	}, func(cfg *Config) { cfg.MaxAttempts = 3 })
	w.start()
	w.accept(said("U1", "e1"), said("U1", "e1"))
	w.settled()
	w.accept(redelivered(said("U1", "e1")))
	w.settled()
	if got := y.count("e1"); got != 3 {
		t.Errorf("tried %d times, want 3", got)
	}
	if got := len(w.letters()); got != 1 {
		t.Errorf("got %d dead letters, want 1", got)
	}
}

// A redelivered event of long ago waits until the IDs of that time are known;
// other events do not.
func TestRedeliveryWhileTheIndexLoads(t *testing.T) {
	var y diary
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		y.note(ev.ID)
		return echo(ctx, d, ev)
	}, nil)
	old := said("U1", "old")
	// A dispatcher whose index is not loaded yet: the old ID is not in it.
	d := w.begin(w.cfg)
	d.pool = newPool(8)
	if _, err := d.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.pool.start(func(c *conversation) bool { return d.work(t.Context(), c) })
	w.accept(redelivered(old), said("U2", "new"))
	err := w.eng.Inbox.Scan(t.Context(), 0, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				t.Fatal(err)
			}
			d.arrive(pos, &ev)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	w.await("the new event is handled", func() bool { return y.count("new") == 1 })
	if y.count("old") != 0 {
		t.Fatal("the redelivered event was handled before old IDs were known")
	}
	d.index.add(idOf(&old), 1) // as load finds it
	close(d.index.loaded)
	w.await("the duplicate is done", func() bool { return d.Backlog().Events == 0 })
	if y.count("old") != 0 {
		t.Error("the redelivered event was handled twice")
	}
	if err := d.running.close(); err != nil {
		t.Error(err)
	}
}

func TestIndexRemembers(t *testing.T) {
	id := func(s string) eventID { return idOf(&engine.Event{Channel: "main", ID: s}) }
	at := func(seq uint64) engine.Pos { return engine.Pos(seq << 16) }
	start := time.Now()
	for _, tc := range []struct {
		name  string
		trims []struct {
			before uint64
			after  time.Duration
		}
		known bool // the ID at sequence 5
	}{
		{"nothing trimmed", nil, true},
		{"the beginning is the same", []struct {
			before uint64
			after  time.Duration
		}{{1, 0}, {1, time.Hour}}, true},
		{"trimmed just now", []struct {
			before uint64
			after  time.Duration
		}{{6, 0}, {6, rememberFor - time.Second}}, true},
		{"trimmed long ago", []struct {
			before uint64
			after  time.Duration
		}{{6, 0}, {6, rememberFor}}, false},
		{"trimmed long ago, and more of late", []struct {
			before uint64
			after  time.Duration
		}{{6, 0}, {9, rememberFor / 2}, {9, rememberFor}}, false},
		{"others were trimmed", []struct {
			before uint64
			after  time.Duration
		}{{5, 0}, {5, time.Hour}}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := newIDIndex()
			x.add(id("a"), at(5))
			for _, trim := range tc.trims {
				x.trimmed(trim.before, start.Add(trim.after))
			}
			if got := x.add(id("a"), at(20)) == at(5); got != tc.known {
				t.Errorf("known: %v, want %v", got, tc.known)
			}
			if len(x.cuts) > 1 {
				t.Errorf("%d trims are remembered, want only those that took something", len(x.cuts))
			}
		})
	}
}

// IDs come in any order while old ones are loaded; the first place wins.
func TestIndexKeepsTheFirstPlace(t *testing.T) {
	x := newIDIndex()
	for _, step := range []struct{ pos, want engine.Pos }{{50, 50}, {70, 50}, {10, 10}, {50, 10}, {10, 10}} {
		if got := x.add(1, step.pos); got != step.want {
			t.Errorf("add at %d: first is %d, want %d", step.pos, got, step.want)
		}
	}
}

// The wait for old IDs has a limit, and says nothing about the event.
func TestRecheckHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := newIDIndex().recheck(t.Context(), 1, 1)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != indexLoadLimit {
			t.Errorf("got %v after %v, want a deadline after %v", err, time.Since(start), indexLoadLimit)
		}
	})
}

// A damaged record is counted and skipped, its neighbours are handled.
func TestDamagedRecordIsSkipped(t *testing.T) {
	w := newHouse(t, echo, func(cfg *Config) { cfg.Logger = slog.New(slog.DiscardHandler) })
	w.start()
	a, b := said("U1", "a"), said("U1", "b")
	if _, _, err := w.eng.Inbox.Append(&a, damaged{}, &b); err != nil {
		t.Fatal(err)
	}
	w.settled()
	once(t, w.entries(), "a", "b")
	w.restart()
	w.settled()
	once(t, w.entries(), "a", "b")
}

// damaged is a record that is no event.
type damaged struct{}

func (damaged) AppendBinary(b []byte) ([]byte, error) { return append(b, 0xff, 0xff, 0xff), nil }
