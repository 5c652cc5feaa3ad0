package timer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// A crash takes a service's memory and nothing else, so a test lets a service do
// a part of its work by hand, leaves it, and has another one take over.

// begin recovers a service and lets nothing of it run.
func (h *house) begin() *Service {
	h.t.Helper()
	s := h.service()
	if _, err := s.recover(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// applyNext applies the next batch of the outbox, and reports whether there was
// one. It may stop before it is noted as applied.
func (h *house) applyNext(s *Service, note bool) bool {
	h.t.Helper()
	applied, _ := s.readSoFar()
	found := false
	err := h.eng.Outbox.Scan(h.t.Context(), applied, func(b engine.Batch) bool {
		found = true
		s.working.Lock()
		defer s.working.Unlock()
		if err := s.apply(h.t.Context(), s.opsOf(b)); err != nil {
			h.t.Error(err)
		}
		if note {
			s.readTo(engine.After(b))
		}
		return false
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// take takes timers that are due out of the queue, and puts those back that have
// to wait for a checkpoint.
func (h *house) take(s *Service, limit int) ([]firing, reading) {
	h.t.Helper()
	now := s.clock.read()
	ready, early, err := s.read(h.t.Context(), s.queue.pop(now, limit))
	if err != nil {
		h.t.Fatal(err)
	}
	s.queue.back(early)
	return ready, now
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// halfOf does a part of what finish does: it removes, or puts for the next time.
func (h *house) halfOf(s *Service, batch []firing, now reading, remove bool) {
	h.t.Helper()
	for _, f := range batch {
		next, again := s.next(f, now)
		switch {
		case again && !remove:
			h.must(s.put(h.t.Context(), []waiting{next}))
		case !again && remove:
			h.must(s.eng.Timers.Delete(h.t.Context(), f.Seq))
		}
	}
}

// TestCrash ends the process between every two steps of a timer's life.
func TestCrash(t *testing.T) {
	type work struct {
		h     *house
		s     *Service
		batch []firing
		now   reading
	}
	steps := []struct {
		name string
		do   func(w *work)
	}{
		{"its entry is stored", func(w *work) {
			w.h.store(w.s,
				soon(w.s, "event", 0), soon(w.s, "dropped", 0),
				engine.TimerOp{Key: "send", At: w.h.now(), Messages: []json.RawMessage{json.RawMessage(`{}`)}},
				engine.TimerOp{Key: "again", At: w.h.now(), Every: time.Hour},
				engine.TimerOp{Key: "send again", At: w.h.now(), Cron: "@yearly", Zone: "UTC", Messages: []json.RawMessage{json.RawMessage(`{}`)}},
				engine.TimerOp{Key: "dropped", Cancel: true}, soon(w.s, "later", time.Hour),
			)
		}},
		{"it is set", func(w *work) { w.h.applyNext(w.s, false) }},
		{"it is set again, and the entry noted", func(w *work) { w.h.applyNext(w.s, true) }},
		{"the checkpoint is stored", func(w *work) { w.h.must(w.s.takeCheckpoint(t.Context())) }},
		{"its event is stored", func(w *work) { w.batch, w.now = w.h.take(w.s, 10); w.h.must(w.s.send(w.batch)) }},
		{"no checkpoint is stored meanwhile", func(w *work) { w.h.must(w.s.takeCheckpoint(t.Context())) }},
		{"it is removed", func(w *work) { w.h.halfOf(w.s, w.batch, w.now, true) }},
		{"its next time is put", func(w *work) { w.h.halfOf(w.s, w.batch, w.now, false) }},
		{"it is finished", func(w *work) { w.h.must(w.s.finish(t.Context(), w.batch, w.now)) }},
		{"another entry is applied", func(w *work) {
			w.h.store(w.s, engine.TimerOp{Key: "never set", Cancel: true})
			w.h.applyNext(w.s, true) // the entries that the timers made
			w.h.applyNext(w.s, true)
		}},
		{"the next checkpoint is stored", func(w *work) { w.h.must(w.s.takeCheckpoint(t.Context())) }},
	}
	for n := range steps {
		t.Run(steps[n].name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			w := &work{h: h, s: h.begin()}
			for _, step := range steps[:n+1] {
				step.do(w)
			}
			s := h.service()
			stop := h.run(s)
			h.store(s, soon(s, "last", 0)) // everything else is due before it
			h.mark(h.events, "last")
			stop()
			h.checkOnce([]string{"again", "event", "last"}, []string{"send", "send again"})
			left := h.waiting()
			slices.Sort(left)
			if want := []string{"again 1", "later 0", "send again 1"}; !slices.Equal(left, want) {
				t.Errorf("waiting: %q, want %q", left, want)
			}
		})
	}
}

// mark reads events until one of a key is among them.
func (h *house) mark(events func(int) []engine.Event, key string) {
	h.t.Helper()
	for n := 1; ; {
		got := events(n)
		if slices.Contains(keys(h.t, got), key) {
			return
		}
		n = len(got) + 1
	}
}

// checkOnce checks that timers have made these events and entries, by their keys,
// and each once.
func (h *house) checkOnce(events, sends []string) {
	h.t.Helper()
	got := keys(h.t, h.all())
	slices.Sort(got)
	if !slices.Equal(got, events) {
		h.t.Errorf("events of %q, want %q", got, events)
	}
	if got := h.sent(); len(got) != len(sends) {
		h.t.Errorf("%d entries, want those of %q", len(got), sends)
	}
}

// A service that a crash left with events whose timers were never removed does
// not fire them again, however late it comes and whatever else was stored.
func TestCrashThenTraffic(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	h.store(s, soon(s, "tea", 0))
	h.applyNext(s, true)
	h.must(s.takeCheckpoint(t.Context()))
	batch, _ := h.take(s, 10)
	h.must(s.send(batch))
	for i := range 50 {
		ev := &engine.Event{ID: fmt.Sprint("X", i), Channel: "main", Conversation: "U1", Accepted: h.now(), Raw: []byte(`{"timer":{}}`)}
		if _, _, err := h.eng.Inbox.Append(ev); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		stop := h.run(h.service())
		stop()
		h.begin()
	}
	if got := h.all(); len(got) != 1 {
		t.Errorf("%d events, want 1", len(got))
	}
	if left := h.waiting(); len(left) != 0 {
		t.Errorf("waiting: %q", left)
	}
}

// What may have been stored although the store did not say so is stored again, by
// the same name, and no checkpoint passes over it before that.
func TestUnsure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	h.store(s, soon(s, "tea", 0), engine.TimerOp{Key: "send", At: h.now(), Messages: []json.RawMessage{json.RawMessage(`{}`)}})
	h.applyNext(s, true)
	h.must(s.takeCheckpoint(t.Context()))
	before := s.durable
	batch, _ := h.take(s, 10)
	h.must(s.send(batch))
	for _, f := range batch { // as if it had failed
		s.queue.add(f.item, f.timed)
	}
	h.must(s.takeCheckpoint(t.Context()))
	if s.durable != before {
		t.Errorf("checkpoint %+v, want still %+v", s.durable, before)
	}
	s = h.service()
	stop := h.run(s)
	h.store(s, soon(s, "last", 0))
	h.mark(h.events, "last")
	stop()
	h.checkOnce([]string{"last", "tea"}, []string{"send"})
}

// What was stored before a timer was due is done before it fires, also when the
// reading of the outbox is late.
func TestFiresBehindTheOutbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	h.store(s, soon(s, "tea", 0), soon(s, "rice", 0))
	h.applyNext(s, true)
	h.must(s.takeCheckpoint(t.Context()))
	h.store(s, engine.TimerOp{Key: "tea", Cancel: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if n, _, err := s.fire(ctx); err == nil || n != 0 {
		t.Errorf("%d fired with the outbox unread, %v", n, err)
	}
	h.applyNext(s, true)
	if _, _, err := s.fire(t.Context()); err != nil {
		t.Error(err)
	}
	h.checkOnce([]string{"rice"}, nil)
}

// TestStoreGoesAway closes the store under a service that is at work, and lets the
// next one go on.
func TestStoreGoesAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const n, rounds = 400, 5
	s := h.service()
	first := h.now().Add(500 * time.Millisecond)
	for i := range n {
		at := first.Add(time.Duration(i) * 5 * time.Millisecond)
		op := engine.TimerOp{Key: fmt.Sprint(i), At: at}
		if i%4 == 0 {
			op.Messages = []json.RawMessage{json.RawMessage(`{}`)}
		}
		h.store(s, op)
	}
	for i := range rounds {
		stop := h.run(s)
		<-s.ready
		time.Sleep(time.Until(first.Add(time.Duration(i+1) * 300 * time.Millisecond))) // anywhere in its work
		if err := h.eng.Close(); err != nil {
			t.Fatal(err)
		}
		stop()
		h.open()
		s = h.service()
	}
	h.store(s, engine.TimerOp{Key: "last", At: first.Add(n * 5 * time.Millisecond)})
	stop := h.run(s)
	h.mark(h.events, "last")
	stop()
	var events, sends []string
	for i := range n {
		if i%4 == 0 {
			sends = append(sends, fmt.Sprint(i))
		} else {
			events = append(events, fmt.Sprint(i))
		}
	}
	events = append(events, "last")
	slices.Sort(events)
	h.checkOnce(events, sends)
	if left := h.waiting(); len(left) != 0 {
		t.Errorf("waiting: %q", left)
	}
}
