package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func newDice(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// seedOf returns the seed of a random test, from FRONTDESK_SEED where it is set.
func seedOf(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FRONTDESK_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("FRONTDESK_SEED=%d", seed)
	return seed
}

// inOrder reports entries of a conversation that do not stand in the order of
// their numbers: IDs are conversation-number.
func inOrder(t *testing.T, ids []string) {
	t.Helper()
	last := map[string]int{}
	for _, id := range ids {
		conversation, number, _ := strings.Cut(id, "-")
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		if before, ok := last[conversation]; ok && before > n {
			t.Errorf("conversation %s: event %d was done before event %d", conversation, before, n)
		}
		last[conversation] = n
	}
}

// Random events, failures, slow handlers, duplicates, orderly ends and crashes,
// held against a model: which events send, which die, in which order, and which
// have a button.
func TestDispatcherAgainstModel(t *testing.T) {
	seed := seedOf(t)
	dice := newDice(seed)
	plan := newPlan()
	w := newHouse(t, plan.handle, func(cfg *Config) {
		cfg.MaxConcurrent, cfg.MaxAttempts, cfg.DrainLimit = 1+dice.IntN(20), 3, time.Duration(dice.IntN(20))*time.Millisecond+1
		cfg.Button, cfg.ButtonAfter = testButton(), 5*time.Millisecond
	})
	w.start()
	for range 12 {
		for range 1 + dice.IntN(15) {
			w.accept(plan.request(dice)...)
		}
		<-time.After(time.Duration(dice.IntN(30)) * time.Millisecond) // a random moment
		switch dice.IntN(4) {
		case 0:
			w.restart()
		case 1:
			w.crash()
			w.start()
		case 2:
			w.crash()
			w.start()
			<-time.After(time.Duration(dice.IntN(3)) * time.Millisecond)
			w.crash()
			w.start()
		}
	}
	w.settled()
	w.stop()
	w.close()
	w.open()
	plan.excuse(t, w.blamed(), w.letters())
	plan.check(t, w.entries(), w.letters())
	plan.checkButtons(t, w.outbox(), w.parked())
}

// plan is the model: what the bot does with each event, and what must come of it.
type plan struct {
	mu       sync.Mutex
	verdicts map[string]string // by event ID
	handled  map[string]bool
	sent     []string
	blamed   []string // excused; they are in none of the others
	events   []engine.Event
	number   map[string]int
}

func newPlan() *plan {
	return &plan{verdicts: map[string]string{}, handled: map[string]bool{}, number: map[string]int{}}
}

// request makes the events of one webhook, some of which came before.
func (p *plan) request(dice *rand.Rand) (events []engine.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 1 + dice.IntN(8) {
		if len(p.events) > 0 && dice.IntN(6) == 0 {
			again := p.events[dice.IntN(len(p.events))]
			again.Redelivered = dice.IntN(2) == 0
			events = append(events, again)
			continue
		}
		conversation := fmt.Sprint("U", dice.IntN(9))
		id := fmt.Sprintf("%s-%d", conversation, p.number[conversation])
		p.number[conversation]++
		verdict := []string{"send", "send", "send", "send", "slow", "nothing", "fail once", "drop", "fail"}[dice.IntN(9)]
		p.verdicts[id] = verdict
		if verdict == "send" || verdict == "slow" || verdict == "fail once" {
			p.sent = append(p.sent, id)
		}
		ev := said(conversation, id)
		p.events = append(p.events, ev)
		events = append(events, ev)
	}
	return events
}

func (p *plan) handle(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	p.mu.Lock()
	verdict, first := p.verdicts[ev.ID], !p.handled[ev.ID]
	p.handled[ev.ID] = true
	p.mu.Unlock()
	switch verdict {
	case "slow":
		if !first {
			break // or some would be at work at three crashes, and be blamed
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	case "nothing":
		return nil
	case "drop":
		return frontdesk.Drop(errBot)
	case "fail":
		return errBot
	case "fail once":
		if ev.Attempt == 1 {
			return errBot
		}
	}
	return echo(ctx, d, ev)
}

// excuse takes out what became a dead letter because it was at work at too many
// crashes: on a busy machine innocent events are.
func (p *plan) excuse(t *testing.T, blamed map[string]bool, letters []engine.Letter) {
	for _, l := range letters {
		if blamed[l.EventID] && strings.HasPrefix(l.Reason, "the process ended") {
			delete(p.verdicts, l.EventID)
			p.sent = slices.DeleteFunc(p.sent, func(id string) bool { return id == l.EventID })
			p.blamed = append(p.blamed, l.EventID)
		}
	}
}

func (p *plan) check(t *testing.T, entries []string, letters []engine.Letter) {
	t.Helper()
	entries = slices.DeleteFunc(entries, func(id string) bool { return slices.Contains(p.blamed, id) })
	once(t, entries, p.sent...)
	inOrder(t, entries)
	dead := map[string]bool{}
	for _, l := range letters {
		if v := p.verdicts[l.EventID]; v != "drop" && v != "fail" && !slices.Contains(p.blamed, l.EventID) {
			t.Errorf("event %s became a dead letter: %s", l.EventID, l.Reason)
		}
		dead[l.EventID] = true
	}
	for id, verdict := range p.verdicts {
		if (verdict == "drop" || verdict == "fail") && !dead[id] {
			t.Errorf("event %s is no dead letter", id)
		}
	}
}

// checkButtons holds that each answer is sent or parked, once, and is parked if
// its event has a button, of which none has two.
func (p *plan) checkButtons(t *testing.T, entries []engine.Entry, answers []engine.Answer) {
	t.Helper()
	buttons, sent, parked := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range entries {
		if IsButton(e.ID) {
			buttons[e.EventID]++
		} else {
			sent[e.EventID] += len(e.Sends)
		}
	}
	for _, a := range answers {
		parked[a.EventID]++
	}
	for id := range p.verdicts {
		if buttons[id] > 1 || parked[id] > 0 && buttons[id] == 0 {
			t.Errorf("event %s has %d buttons and %d parked answers", id, buttons[id], parked[id])
		}
	}
	for _, id := range p.sent {
		if sent[id]+parked[id] != 1 || parked[id] != buttons[id] {
			t.Errorf("event %s (%s): sent %d, parked %d, buttons %d", id, p.verdicts[id], sent[id], parked[id], buttons[id])
		}
	}
	t.Logf("%d events, %d buttons, %d blamed for crashes", len(p.verdicts), len(buttons), len(p.blamed))
}

// Checkpoints of random tasks, read again in order, tell what was done.
func TestDoneSpansAgainstModel(t *testing.T) {
	dice := newDice(seedOf(t))
	for range 2000 {
		var tasks []*task
		pos := engine.Pos(dice.IntN(5))
		for range dice.IntN(30) {
			pos += engine.Pos(1 + dice.IntN(4))
			tasks = append(tasks, &task{pos: pos, done: dice.IntN(3) > 0})
		}
		spans := doneSpans(tasks)
		for i, s := range spans {
			if s[0] > s[1] || i > 0 && spans[i-1][1] >= s[0] {
				t.Fatalf("spans %v are not in order", spans)
			}
		}
		rest := append([]span(nil), spans...)
		for i, task := range tasks {
			if got := (*asSpans(&rest)).take(task.pos); got != task.done {
				t.Fatalf("task %d of %v: done is %v, want %v (spans %v)", i, tasks, got, task.done, spans)
			}
		}
	}
}

func asSpans(s *[]span) *spans { return (*spans)(s) }

// The tracker's floor never passes an entry whose event is not marked done, and
// follows when all are.
func TestAppendTrackerAgainstModel(t *testing.T) {
	dice := newDice(seedOf(t))
	for range 300 {
		type open struct {
			g   *generation
			pos engine.Pos // 0: not stored yet
		}
		var opened []*open
		end := engine.Pos(dice.IntN(100))
		a := newAppendTracker(end)
		last := end
		var lastFloor engine.Pos
		for range 200 {
			switch dice.IntN(4) {
			case 0:
				opened = append(opened, &open{g: a.begin()})
			case 1: // one of them is stored, its place is told, or not
				for _, o := range opened {
					if o.pos == 0 {
						last++
						o.pos = last
						if dice.IntN(2) == 0 {
							a.stored(o.pos)
						}
						break
					}
				}
			case 2: // one of them is marked done
				if len(opened) > 0 {
					i := dice.IntN(len(opened))
					opened[i].g.end()
					opened = append(opened[:i], opened[i+1:]...)
				}
			case 3:
				floor := a.floor()
				if floor < lastFloor {
					t.Fatalf("the floor fell from %v to %v", lastFloor, floor)
				}
				lastFloor = floor
				for _, o := range opened {
					if o.pos != 0 && o.pos < floor {
						t.Fatalf("the floor %v passed the entry at %v", floor, o.pos)
					}
				}
			}
		}
		for _, o := range opened {
			o.g.end()
		}
		a.stored(last + 1)
		a.floor()
		if got := a.floor(); got != last+1 {
			t.Fatalf("floor is %v with nothing open, want %v", got, last+1)
		}
		if n := len(a.generations); n > 2 {
			t.Fatalf("%d generations are kept with nothing open", n)
		}
	}
}

// Snapshots of a shard restored into another shard bring back what was done and
// tried, wherever between two events they are taken.
func TestSnapshotRestores(t *testing.T) {
	dice := newDice(seedOf(t))
	for range 500 {
		sh := newShard()
		want := map[engine.Pos]tries{}
		done := map[engine.Pos]bool{}
		n := 1 + dice.IntN(20)
		for i := range n {
			task := &task{pos: engine.Pos(i * 2), done: dice.IntN(2) == 0}
			if !task.done && dice.IntN(3) == 0 {
				task.tries = tries{Attempts: 1 + dice.IntN(3), Crashes: dice.IntN(2)}
			}
			if task.tries != (tries{}) {
				want[task.pos] = task.tries
			}
			done[task.pos] = task.done
			sh.push(task)
			if dice.IntN(2) == 0 {
				sh.settle()
			}
		}
		cp, dirty := sh.snapshot(engine.Pos(n * 2))
		if !dirty && cp.Floor != 0 {
			t.Fatal("a new floor is no change")
		}
		if got := cp.Tries; !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Fatalf("tries are %v, want %v", got, want)
		}
		restored := cp.Done
		for i := range n {
			pos := engine.Pos(i * 2)
			if got := pos < cp.Floor || restored.take(pos); got != done[pos] {
				t.Fatalf("event %v: done is %v after the restart, want %v (%+v)", pos, got, done[pos], cp)
			}
		}
	}
}
