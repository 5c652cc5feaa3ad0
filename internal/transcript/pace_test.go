package transcript

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// TestPace counts what may be written while little and while much comes in.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const full, took = 1000, 20 * time.Second
		began, perSecond, before := time.Now(), 0.0, 0.0
		p := newPace(full, func() float64 { return before + perSecond*time.Since(began).Seconds() })
		for _, phase := range []struct {
			name string
			come float64 // a second
			want float64 // messages a second
		}{
			{"quiet", 0, full},
			{"as many come as may be written", full, full},
			{"more come", 2 * full, full * busyShare},
			{"quiet again", 10, full},
		} {
			before += perSecond * time.Since(began).Seconds()
			began, perSecond = time.Now(), phase.come
			n := 0.0
			for ; time.Since(began) < took; n++ {
				if err := p.wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := n / took.Seconds(); got < 0.9*phase.want || got > 1.1*phase.want+maxUnderWay/took.Seconds() {
				t.Errorf("%s: %.0f messages a second, want %.0f", phase.name, got, phase.want)
			}
		}
	})
}

// TestCollect: what comes a moment after the first is written with it.
func TestCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writer{inbox: newSource(nil, 0), outbox: newSource(nil, 0)}
		go func() { // ends by itself
			w.inbox.batches <- engine.Batch{Seq: 1}
			time.Sleep(collect / 2)
			w.inbox.batches <- engine.Batch{Seq: 2}
			w.outbox.batches <- engine.Batch{Seq: 1}
		}()
		began := time.Now()
		if err := w.await(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != collect || w.inbox.head.Seq != 1 || len(w.inbox.batches) != 1 || len(w.outbox.batches) != 1 {
			t.Errorf("after %v: head %+v, behind it %d, of the outbox %d", took, w.inbox.head, len(w.inbox.batches), len(w.outbox.batches))
		}
	})
}

// TestCame counts an event and what was sent for it.
func TestCame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("1", "hello")
	h.answer("main/E1", false, "one")
	h.tried("main/E1")
	h.settled("main/E1", engine.OutcomeSent)
	if got := h.service().came(); got != 2 {
		t.Errorf("%v messages came, want 2", got)
	}
}
