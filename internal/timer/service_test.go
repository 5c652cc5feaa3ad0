package timer

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Pending knows all that was stored before it is asked.
func TestPending(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	if timers, err := s.Pending(t.Context(), "main", "U1"); err != nil || len(timers) != 0 {
		t.Errorf("of an empty store: got %v, %v", timers, err)
	}
	h.store(s, engine.TimerOp{Key: "of another", After: time.Hour, Conversation: "U2"})
	var want []string
	for i := range 60 {
		key := fmt.Sprintf("%02d", i)
		h.store(s, engine.TimerOp{Key: key, After: time.Hour - time.Duration(i)*time.Second})
		want = append([]string{key}, want...)
		if i%10 == 9 {
			h.store(s, engine.TimerOp{Key: key, Cancel: true})
			want = want[1:]
		}
		timers, err := s.Pending(t.Context(), "main", "U1")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, timer := range timers {
			got = append(got, timer.Key)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("after %d: got %v, want %v", i, got, want)
		}
	}
	for _, of := range [][2]string{{"main", "U3"}, {"other", "U1"}} {
		if timers, err := s.Pending(t.Context(), of[0], of[1]); err != nil || len(timers) != 0 {
			t.Errorf("%v: got %v, %v", of, timers, err)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	if err := s.Room(1 << 30); err != nil {
		t.Errorf("before the store was looked at: %v", err)
	}
	h.must(s.look(t.Context()))
	taken := 0
	for ; s.Room(1<<20) == nil; taken++ {
		if taken > 64 {
			t.Fatal("there is no limit")
		}
	}
	if taken < 60 {
		t.Errorf("64 MiB have room for %d MiB", taken)
	}
	if err := s.Room(1 << 20); !errors.Is(err, frontdesk.ErrTimersFull) {
		t.Errorf("got %v, want %v", err, frontdesk.ErrTimersFull)
	}
	if err := s.Room(100); err != nil {
		t.Errorf("a small one: %v", err)
	}
	h.must(s.look(t.Context())) // nothing of it was stored
	if err := s.Room(1 << 20); err != nil {
		t.Errorf("after the store was looked at again: %v", err)
	}
}

// The queue forgets timers that were replaced or cancelled, and no others.
func TestThinOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	s.thinFrom = 100
	first := h.now()
	for range 30 {
		var ops []engine.TimerOp
		for i := range 10 {
			ops = append(ops, soon(s, fmt.Sprint(i), 0), engine.TimerOp{Key: fmt.Sprint("after ", i), After: time.Nanosecond})
		}
		h.store(s, ops...)
		h.applyNext(s, true)
	}
	h.store(s, engine.TimerOp{Key: "3", Cancel: true})
	h.applyNext(s, true)
	h.must(s.look(t.Context()))
	if n := s.queue.len(); n != 600 {
		t.Fatalf("the queue holds %d, want 600", n)
	}
	h.must(s.thinOut(t.Context()))
	if n := s.queue.len(); n != 19 {
		t.Errorf("the queue holds %d, want 19", n)
	}
	h.must(s.takeCheckpoint(t.Context()))
	if n, _, err := s.fire(t.Context()); n != 19 || err != nil {
		t.Errorf("%d fired, %v", n, err)
	}
	if events := h.all(); len(events) != 19 || firedBy(t, events[0]).Timer.Due.Before(first) {
		t.Errorf("%d events, want 19", len(events))
	}
}

// A full inbox lets timers wait, and everything else go on.
func TestInboxFull(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	for _, size := range []int{4 << 20, 64 << 10, 1 << 10, 8} {
		var err error
		for i := 0; err == nil; i++ {
			_, _, err = h.eng.Inbox.Append(&engine.Event{ID: fmt.Sprint("X", size, i), Channel: "main", Accepted: h.now(), Raw: make([]byte, size)})
		}
		if !errors.Is(err, engine.ErrFull) {
			t.Fatal(err)
		}
	}
	h.store(s, soon(s, "tea", 0), soon(s, "rice", 0))
	for range 20 { // it is set, and the outbox goes on being applied while it cannot fire
		h.store(s, soon(s, "later", time.Hour))
		if timers, err := s.Pending(t.Context(), "main", "U1"); err != nil || len(timers) != 3 {
			t.Fatalf("%d timers, %v", len(timers), err)
		}
	}
	end, err := h.eng.Inbox.End(t.Context())
	h.must(err)
	_, err = h.eng.Inbox.Trim(t.Context(), engine.TrimRule{Floor: end}, h.now())
	h.must(err)
	h.mark(func(n int) []engine.Event { return h.timerEvents(n) }, "rice")
	h.checkOnce([]string{"rice", "tea"}, nil)
}

// timerEvents waits until the inbox holds n events of timers.
func (h *house) timerEvents(n int) []engine.Event {
	h.t.Helper()
	for others := 0; ; {
		got := h.all()
		if len(got) >= n {
			return got
		}
		others = len(h.events(others + 1))
	}
}

// The floors follow what is applied, so that the logs can be trimmed.
func TestFloors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	if in, out := s.Floors(); in.Seq() > 1 || out.Seq() > 1 {
		t.Errorf("floors %v, %v of empty logs", in, out)
	}
	h.store(s, soon(s, "tea", 0))
	h.applyNext(s, true)
	if _, out := s.Floors(); out.Seq() > 1 {
		t.Error("the floor is behind an entry whose timer could be lost")
	}
	h.must(s.takeCheckpoint(t.Context()))
	if _, _, err := s.fire(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, out := s.Floors()
	if end, err := h.eng.Outbox.End(t.Context()); err != nil || out != end {
		t.Errorf("outbox floor %v, want %v", out, end)
	}
	if in.Seq() > 1 {
		t.Error("the inbox floor is behind an event whose timer may not be removed")
	}
	h.must(s.takeCheckpoint(t.Context()))
	in, _ = s.Floors()
	if end, err := h.eng.Inbox.End(t.Context()); err != nil || in != end {
		t.Errorf("inbox floor %v, want %v", in, end)
	}
}
