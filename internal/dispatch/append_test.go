package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// A store that says too late that it took an entry must not be given it again.
// Its limit is set so that it often is too late; for those whose entry is never
// stored in time the process ends and the next one has a faster store.
func TestEntryIsStoredOnceBySlowStore(t *testing.T) {
	w := newHouse(t, echo, func(cfg *Config) { cfg.DrainLimit = 50 * time.Millisecond })
	var took []time.Duration
	for i := range 51 {
		start := time.Now()
		entry := &engine.Entry{ID: fmt.Sprint("measure", i), EventID: fmt.Sprint("m", i), Sends: []engine.Send{{To: "U"}}}
		if _, _, err := w.eng.Outbox.Append(entry); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	var want []string
	for i := range 51 {
		want = append(want, fmt.Sprint("m", i))
	}
	for i := range 60 {
		id := fmt.Sprint("e", i)
		want = append(want, id)
		w.accept(said(fmt.Sprint("U", i%6), id))
	}

	w.close()
	w.store.AppendLimit = took[len(took)/2]
	w.open()
	w.start()
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline) && w.d.Backlog().Events > 0; {
		<-time.After(10 * time.Millisecond)
	}
	w.stop()
	w.close()
	w.store.AppendLimit = 0
	w.open()
	w.start()
	w.settled()
	once(t, w.entries(), want...)
}

func TestFindLooksBehindAPlace(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.start()
	var at []engine.Pos
	for _, id := range []string{"a", "b", "c"} {
		_, pos, err := w.eng.Outbox.Append(&engine.Entry{ID: id, Channel: "main"})
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, pos)
	}
	for _, tc := range []struct {
		name string
		id   string
		from engine.Pos
		want bool
	}{
		{"from the beginning", "a", 0, true},
		{"from its place", "b", at[1], true},
		{"the last one", "c", at[0], true},
		{"from behind it", "a", at[1], false},
		{"never stored", "d", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := w.d.lookup.find(t.Context(), tc.id, tc.from)
			if err != nil || (got != 0) != tc.want {
				t.Errorf("got %v, %v, want %v", got, err, tc.want)
			}
		})
	}
	at = append(at, 0)
	var wg sync.WaitGroup
	for i := range 200 { // at once: each its own answer
		wg.Go(func() {
			got, err := w.d.lookup.find(t.Context(), []string{"a", "b", "c", "d"}[i%4], 0)
			if err != nil || got != at[i%4] {
				t.Errorf("got %v, %v, want %v", got, err, at[i%4])
			}
		})
	}
	wg.Wait()
	if end, err := w.eng.Outbox.End(t.Context()); err != nil || end.Seq() > 100 {
		t.Errorf("200 who ask at once made the log %d messages long, %v", end.Seq(), err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.d.lookup.find(gone, "a", 0); err == nil {
		t.Error("an answer after the end")
	}
}

// fillOutbox leaves no room in a small outbox.
func (w *house) fillOutbox() {
	w.t.Helper()
	filler := &engine.Entry{ID: "filler", EventID: "filler", Sends: []engine.Send{{To: "U", ReplyToken: string(slices.Repeat([]byte{'x'}, 40<<10))}}}
	var err error
	for err == nil {
		_, _, err = w.eng.Outbox.Append(filler)
	}
	for err = nil; err == nil; { // and the rest of it
		_, _, err = w.eng.Outbox.Append(&engine.Entry{ID: "filler", EventID: "filler"})
	}
	if !errors.Is(err, engine.ErrFull) {
		w.t.Fatal(err)
	}
}

// emptyOutbox makes room again.
func (w *house) emptyOutbox() {
	w.t.Helper()
	end, err := w.eng.Outbox.End(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.eng.Outbox.Trim(w.t.Context(), engine.TrimRule{Floor: end}, time.Now().Add(time.Hour)); err != nil {
		w.t.Fatal(err)
	}
}

// The outbox is full when the handler is done: it is not run again, and its
// answer goes out once there is room.
func TestFullOutboxHoldsUpTheAnswerOnly(t *testing.T) {
	var y diary
	store := engine.Config{Dir: t.TempDir(), OutboxMaxBytes: 256 << 10}
	w := newHouseOn(t, store, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		y.note(ev.ID)
		return echo(ctx, d, ev)
	}, nil)
	w.start()
	w.fillOutbox()
	w.accept(said("U1", "e1"), said("U1", "e2"))
	w.await("the first handler has returned", func() bool { return y.count("e1") == 1 })
	w.await("it waits for the outbox", func() bool { return w.d.Backlog().Events == 2 })

	w.emptyOutbox()
	w.settled()
	once(t, slices.DeleteFunc(w.entries(), func(id string) bool { return id == "filler" }), "e1", "e2")
	once(t, y.all(), "e1", "e2")
}

// The store is gone when the handler is done, and the process ends: the next
// one runs the handler again and its answer is stored once.
func TestStoreGoneAtCompletion(t *testing.T) {
	var y diary
	release := make(chan struct{})
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if y.note(ev.ID) == 1 {
			<-release
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.DrainLimit = 50 * time.Millisecond })
	w.start()
	w.accept(said("U1", "e1"))
	w.await("the handler runs", func() bool { return y.count("e1") == 1 })
	w.close()
	close(release)
	w.await("its answer was refused", func() bool { return w.d.pool.busy() == 1 && y.count("e1") == 1 })
	w.stop()
	w.open()
	w.start()
	w.settled()
	once(t, w.entries(), "e1")
	if got := y.count("e1"); got != 2 {
		t.Errorf("handled %d times, want 2", got)
	}
}
