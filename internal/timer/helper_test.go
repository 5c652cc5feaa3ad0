package timer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// house is a store, and a wall clock that can be set.
type house struct {
	t       testing.TB
	dir     string
	eng     *engine.Engine
	shift   atomic.Int64 // of the wall clock, in ns
	entries int
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.open()
	t.Cleanup(func() {
		if err := h.eng.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) open() {
	h.t.Helper()
	eng, err := engine.Open(h.t.Context(), engine.Config{
		Dir: h.dir, InboxMaxBytes: 64 << 20, OutboxMaxBytes: 64 << 20, TimersMaxBytes: 64 << 20, AppendLimit: 10 * time.Second,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.eng = eng
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.shift.Load())) }

// setClock lets the wall clock jump.
func (h *house) setClock(by time.Duration) { h.shift.Add(int64(by)) }

func (h *house) service() *Service {
	return New(Config{Engine: h.eng, Channels: []string{"main"}, Logger: slog.New(slog.NewTextHandler(testWriter{h.t}, nil)), Now: h.now})
}

// testWriter logs what a service logs.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

var _ io.Writer = testWriter{}

// run runs a service until the returned function is called, which tests that it
// ends in order.
func (h *house) run(s *Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // awaited by stop
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(stop)
	return stop
}

// store stores an entry of user U1's event that does something to timers, stamped
// by a service, and returns its ID.
func (h *house) store(s *Service, ops ...engine.TimerOp) string {
	h.t.Helper()
	h.entries++
	e := &engine.Entry{ID: fmt.Sprintf("main/E%d", h.entries), Channel: "main", EventID: fmt.Sprint("E", h.entries), Timers: ops}
	for i := range ops {
		if ops[i].Conversation == "" {
			ops[i].Conversation = "U1"
		}
	}
	s.Stamp(e)
	if _, _, err := h.eng.Outbox.Append(e); err != nil {
		h.t.Fatal(err)
	}
	return e.ID
}

// events reads the inbox until it holds n events, and returns them.
func (h *house) events(n int) (events []engine.Event) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if n == 0 {
		return nil
	}
	enough := fmt.Errorf("enough")
	err := h.eng.Inbox.Follow(ctx, 0, func(b engine.Batch) error {
		for _, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				return err
			}
			ev.Raw = slices.Clone(ev.Raw)
			events = append(events, ev)
		}
		if len(events) >= n {
			return enough
		}
		return nil
	})
	if len(events) < n {
		h.t.Fatalf("%d events, want %d: %v", len(events), n, err)
	}
	return events
}

// all returns the events of timers that the inbox holds now.
func (h *house) all() (events []engine.Event) {
	h.t.Helper()
	err := h.eng.Inbox.Scan(h.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if ev, err := engine.ParseEvent(rec); err == nil && strings.HasPrefix(ev.ID, engine.TimerID) {
				ev.Raw = slices.Clone(ev.Raw)
				events = append(events, ev)
			}
		}
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return events
}

// sent returns the entries of timers that the outbox holds now.
func (h *house) sent() (entries []*engine.Entry) {
	h.t.Helper()
	err := h.eng.Outbox.Scan(h.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if _, ok := engine.TimerEntry(rec); ok {
				v, err := engine.ParseOutbox(rec)
				if err != nil {
					h.t.Error(err)
					return false
				}
				entries = append(entries, v.(*engine.Entry))
			}
		}
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return entries
}

// waiting returns the timers in the store as "key count".
func (h *house) waiting() (timers []string) {
	h.t.Helper()
	err := h.eng.Timers.List(h.t.Context(), engine.TimerFilter{}, 0, func(t *engine.Timer) bool {
		timers = append(timers, fmt.Sprintf("%s %d", t.Key, t.Count))
		return true
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return timers
}

// fired is what a timer's event says of it.
type fired struct {
	Type      string
	Timestamp int64
	Source    struct{ Type, UserID, GroupID string }
	Timer     struct {
		Key, Payload string
		Due          time.Time
		Count        int
	}
}

func firedBy(t testing.TB, ev engine.Event) (f fired) {
	t.Helper()
	if err := json.Unmarshal(ev.Raw, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// keys returns the keys of the timers that made events, in order.
func keys(t testing.TB, events []engine.Event) (keys []string) {
	for _, ev := range events {
		keys = append(keys, firedBy(t, ev).Timer.Key)
	}
	return keys
}

// soon is a timer that is due after a time.
func soon(s *Service, key string, in time.Duration) engine.TimerOp {
	return engine.TimerOp{Key: key, At: s.clock.wall().Add(in)}
}
