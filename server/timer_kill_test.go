package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	timerKillsEnv = "FRONTDESK_TIMER_KILLS" // default timerKills
	timerKills    = 3

	// For each kill so many users have so many timers each, which are set before
	// the first one. A third of them is due before the last.
	timerUsersPerKill = 10
	timersPerUser     = 18
	// timerOrdersPerKill is how many timers are set between two kills.
	timerOrdersPerKill = 50
	// timerRate is how many timers are due in a second after the last kill.
	timerRate = 500
	// restartTime is about how long a server takes to start.
	restartTime = 350 * time.Millisecond
)

// TestTimerKills kills the server again and again while timers wait, are due,
// are set, replaced and cancelled. Then each must have fired once on the phones,
// none early, and none that was replaced or cancelled before it was due.
func TestTimerKills(t *testing.T) {
	t.Parallel()
	kills := timerKills
	if text := os.Getenv(timerKillsEnv); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil || kills < 1 {
			t.Fatalf("%s: %q is no number of kills", timerKillsEnv, text)
		}
	}
	r := newTimerRun(newChaos(t, newSeed(t), 0), kills)
	r.start()
	r.addUsers(r.users)
	r.setEarly()
	r.storm()
	r.judge(r.drain())
}

// timerRun is one run.
type timerRun struct {
	*chaos
	users  int
	lives  []time.Duration // until each kill
	span   time.Duration   // about how long the storm takes
	orders []*givenOrder   // Number-1 is the index; while it storms, of the goroutine that types
	spans  []span          // in which the server ran, without the last
	phones *timerPhones
}

// givenOrder is an order and when it was given.
type givenOrder struct {
	timerOrder
	user int
	at   time.Duration // planned, from the beginning of the storm; negative before it
	sent time.Time
}

// newTimerRun plans a run. Everything but the instants follows from the seed.
func newTimerRun(c *chaos, kills int) *timerRun {
	c.cfg.Timers = true
	r := &timerRun{chaos: c, users: timerUsersPerKill * kills, phones: newTimerPhones()}
	for range kills {
		life := time.Duration(500+c.dice.IntN(1500)) * time.Millisecond
		if c.dice.IntN(4) == 0 { // hardly long enough to begin
			life = time.Duration(20+c.dice.IntN(480)) * time.Millisecond
		}
		r.lives = append(r.lives, life)
		r.span += life + restartTime
	}
	return r
}

// setEarly sets the timers that wait when the storm begins.
func (r *timerRun) setEarly() {
	dice := r.world.dice("early", 0)
	// LINE redelivers what a killed server did not take.
	redelivery := linesim.WebhookFaults{Redelivery: linesim.Redelivery{Count: 100, IntervalMS: 200}}
	if err := r.sim.SetFaults(linesim.Faults{Webhooks: redelivery}); err != nil {
		r.t.Fatal(err)
	}
	begin := time.Now()
	for user := range r.users {
		o := &givenOrder{user: user, at: -1}
		for i := range timersPerUser {
			wait := 2*time.Second + time.Duration(dice.Int64N(int64(r.span)))
			if i%3 > 0 {
				tail := time.Duration(r.users*timersPerUser*2/3) * time.Second / timerRate
				wait = r.span + 2*time.Second + time.Duration(dice.Int64N(int64(tail)))
			}
			o.Ops = append(o.Ops, newTimerOp(dice, earlyKey(user, i), 1, begin, wait))
		}
		r.give(o)
	}
	r.waitForWebhooks()
	for deadline := time.Now().Add(drainLimit); ; <-time.After(50 * time.Millisecond) {
		if r.phones.read(r.t, r.sim, r.users); len(r.phones.done) == len(r.orders) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%d of %d orders are done", len(r.phones.done), len(r.orders))
		}
	}
}

func earlyKey(user, i int) string { return fmt.Sprintf("early %d %d", user, i) }

// newTimerOp sets a timer that is due at about a wait after a time.
func newTimerOp(dice *rand.Rand, key string, generation int, from time.Time, wait time.Duration) timerOp {
	op := timerOp{Key: key, Generation: generation}
	if dice.IntN(2) == 0 {
		op.At = from.Add(wait)
	} else {
		op.After = wait
	}
	switch dice.IntN(10) {
	case 0, 1:
		op.Send = true
	case 2:
		op.Every, op.Times = time.Duration(1000+dice.IntN(500))*time.Millisecond, 2+dice.IntN(2)
	}
	return op
}

// give lets a user send an order.
func (r *timerRun) give(o *givenOrder) {
	r.orders = append(r.orders, o)
	o.Number = len(r.orders)
	text, err := json.Marshal(o.timerOrder)
	if err != nil {
		r.t.Error(err)
		return
	}
	o.sent = time.Now()
	if _, err := r.sim.SendText(userID(o.user), string(text)); err != nil {
		r.t.Error(err)
	}
}

// plan returns what users order while it storms: new timers, and for one in five
// of the early ones another or none.
func (r *timerRun) plan() []*givenOrder {
	dice := r.world.dice("orders", 0)
	anywhere := func() time.Duration { return time.Duration(dice.Int64N(int64(r.span))) }
	var orders []*givenOrder
	for user := range r.users {
		for i := range timersPerUser {
			if dice.IntN(5) > 0 {
				continue
			}
			o := &givenOrder{user: user, at: anywhere()}
			o.Ops = []timerOp{{Key: earlyKey(user, i), Cancel: true}}
			if dice.IntN(2) == 0 {
				o.Ops[0] = newTimerOp(dice, earlyKey(user, i), 2, time.Now().Add(o.at), waitShort(dice))
			}
			orders = append(orders, o)
		}
	}
	for i := range timerOrdersPerKill * len(r.lives) {
		o := &givenOrder{user: dice.IntN(r.users), at: anywhere()}
		o.Ops = []timerOp{newTimerOp(dice, fmt.Sprint("later ", i), 1, time.Now().Add(o.at), waitShort(dice))}
		orders = append(orders, o)
	}
	slices.SortStableFunc(orders, func(a, b *givenOrder) int { return int(a.at - b.at) })
	return orders
}

func waitShort(dice *rand.Rand) time.Duration {
	return time.Second + time.Duration(dice.Int64N(int64(2*time.Second)))
}

// storm kills the server while users give orders. Now and then it ends in order.
func (r *timerRun) storm() {
	var typing sync.WaitGroup
	defer typing.Wait()
	orders, begin := r.plan(), time.Now()
	typing.Go(func() {
		for _, o := range orders {
			<-time.After(time.Until(begin.Add(o.at)))
			r.give(o)
		}
	})
	since := begin
	for _, life := range r.lives {
		<-time.After(life)
		r.spans = append(r.spans, span{since, time.Now()})
		r.kill()
		since = time.Now()
		r.collect()
		if r.dice.IntN(10) == 0 {
			r.spans = append(r.spans, span{since, time.Now()})
			r.stop()
			r.start()
			since = time.Now()
		}
	}
	r.spans = append(r.spans, span{from: since})
}

// drain waits until everything that must be on the phones is there. Then the
// server has to end in order and start again: what it sends now was sent before.
func (r *timerRun) drain() timerVerdict {
	r.waitForWebhooks()
	for deadline := time.Now().Add(drainLimit); time.Now().Before(deadline); <-time.After(300 * time.Millisecond) {
		r.phones.read(r.t, r.sim, r.users)
		if judgeTimers(r.orders, r.phones, r.spans).lost.n == 0 {
			break
		}
	}
	last := &r.spans[len(r.spans)-1]
	last.until = time.Now()
	r.stop()
	r.start()
	r.stop()
	r.collect()
	r.phones.read(r.t, r.sim, r.users)
	return judgeTimers(r.orders, r.phones, r.spans)
}
