package timer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// TestModel does the steps of services in any order, with crashes between them,
// and holds what comes of it against a model: a timer that nothing replaced or
// cancelled fires once, any other at most once, and what waits is what was set
// last.
func TestModel(t *testing.T) {
	runs := 12
	if testing.Short() {
		runs = 2
	}
	for seed := range runs {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			m := &model{h: newHouse(t), rng: rand.New(rand.NewPCG(uint64(seed), 1)), last: map[string]modelOp{}, is: map[string]int{}}
			m.s = m.h.begin()
			for range 250 {
				m.step()
			}
			m.end()
		})
	}
}

type model struct {
	h    *house
	s    *Service
	rng  *rand.Rand
	last map[string]modelOp // by key, what was done to it last
	made int                // timers that were set

	is map[string]int // how often steps were done
}

// modelOp is a timer, whose payload is its number.
type modelOp struct {
	number string // "" for one that is cancelled
	due    bool   // now; otherwise it never is
	again  bool   // and then never
	sends  bool
}

func (m *model) step() {
	switch m.rng.IntN(10) {
	case 0, 1, 2:
		m.is["store"]++
		m.store()
	case 3, 4:
		m.is["apply"]++
		m.h.applyNext(m.s, m.rng.IntN(8) > 0)
	case 5:
		m.is["checkpoint"]++
		m.h.must(m.s.takeCheckpoint(m.h.t.Context()))
	case 6, 7, 8:
		m.fire()
	default:
		m.crash()
	}
}

func (m *model) crash() {
	m.is["crash"]++
	m.s = m.h.begin()
}

// store stores an entry with timers, due at once or never.
func (m *model) store() {
	var ops []engine.TimerOp
	for range 1 + m.rng.IntN(3) {
		key := fmt.Sprint("k", m.rng.IntN(8))
		if m.rng.IntN(4) == 0 {
			ops = append(ops, engine.TimerOp{Key: key, Cancel: true})
			m.last[key] = modelOp{}
			continue
		}
		m.made++
		is := modelOp{number: fmt.Sprint(m.made), due: m.rng.IntN(3) > 0, again: m.rng.IntN(4) == 0, sends: m.rng.IntN(3) == 0}
		op := soon(m.s, key, time.Hour)
		if is.due {
			op.At = m.h.now()
		}
		if is.again {
			op.Cron, op.Zone = "@yearly", "UTC"
		}
		if op.Payload = is.number; is.sends {
			op.Messages = []json.RawMessage{json.RawMessage(`"` + is.number + `"`)}
		}
		ops = append(ops, op)
		m.last[key] = is
	}
	m.h.store(m.s, ops...)
}

// fire fires some, up to a point where a crash may come.
func (m *model) fire() {
	batch, now := m.h.take(m.s, 1+m.rng.IntN(4))
	crash := m.rng.IntN(6)
	if len(batch) == 0 {
		return
	}
	m.is["fire"]++
	if crash != 0 {
		m.h.must(m.s.send(batch))
	}
	switch crash {
	case 0, 1:
		m.crash()
	case 2:
		m.h.halfOf(m.s, batch, now, true)
		m.crash()
	case 3:
		m.h.halfOf(m.s, batch, now, false)
		m.crash()
	default:
		m.h.must(m.s.finish(m.h.t.Context(), batch, now))
	}
}

// end lets a service do all that is left, and checks.
func (m *model) end() {
	t := m.h.t
	t.Helper()
	s := m.h.service()
	stop := m.h.run(s)
	m.h.store(s, soon(s, "end", 0))
	m.h.mark(func(n int) []engine.Event { m.h.events(n); return m.h.all() }, "end")
	stop()

	fired := map[string]int{} // by number
	for _, ev := range m.h.all() {
		fired[firedBy(t, ev).Timer.Payload]++
	}
	for _, e := range m.h.sent() {
		fired[strings.Trim(string(e.Sends[0].Messages[0]), `"`)]++
	}
	for number, n := range fired {
		if n > 1 {
			t.Errorf("timer %s fired %d times", number, n)
		}
	}
	var want []string
	for key, is := range m.last {
		if n := fired[is.number]; is.number != "" && is.due != (n == 1) {
			t.Errorf("timer %s of %s, due %v, fired %d times", is.number, key, is.due, n)
		}
		switch {
		case is.number != "" && !is.due:
			want = append(want, key+" 0")
		case is.due && is.again:
			want = append(want, key+" 1")
		}
	}
	got := m.h.waiting()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("waiting: %q, want %q", got, want)
	}
	for _, step := range []string{"store", "apply", "checkpoint", "fire", "crash"} {
		if m.is[step] < 3 {
			t.Errorf("step %s was done %d times", step, m.is[step])
		}
	}
}
