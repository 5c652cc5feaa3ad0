package server_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// storm sends events, changes the weather and kills the server until its time
// is over. Then the weather is fine.
func (c *chaos) storm() {
	stop := make(chan struct{})
	var typing sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); typing.Wait() })
	defer end()
	typing.Go(func() { c.typeUntil(stop) })

	sky := forecast{dice: c.dice}
	begin := time.Now()
	change, kill, over := begin, begin.Add(c.life()), begin.Add(c.duration)
	for time.Now().Before(over) {
		c.collect()
		if !time.Now().Before(change) {
			d := c.between(2*time.Second, 4*time.Second)
			c.set(sky.next(d))
			change = change.Add(d)
		}
		if !time.Now().Before(kill) {
			c.kill()
			kill = time.Now().Add(c.life())
		}
		next := slices.MinFunc([]time.Time{change, kill, over, time.Now().Add(time.Second)}, time.Time.Compare)
		<-time.After(time.Until(next))
	}
	end()
	c.set(weather{})
	c.kill() // what comes next is not held up by calls without an answer
}

// between throws the dice for a time. A short run has as much of everything as
// half a minute has.
func (c *chaos) between(least, most time.Duration) time.Duration {
	d := least + time.Duration(c.dice.Int64N(int64(most-least)))
	return time.Duration(float64(d) * min(1, 2*c.duration.Minutes()))
}

// life is how long the server runs until it is killed: some seconds; or hardly
// long enough to begin again; or longer than a call may take, so that calls
// without an answer time out.
func (c *chaos) life() time.Duration {
	switch c.dice.IntN(8) {
	case 0:
		return time.Duration(50+c.dice.IntN(450)) * time.Millisecond
	case 1:
		return c.between(12*time.Second, 15*time.Second)
	}
	return c.between(time.Second, 6*time.Second)
}

// set makes the weather.
func (c *chaos) set(w weather) {
	c.t.Helper()
	c.changes++
	from := time.Now()
	if err := c.sim.SetFaults(w.faults); err != nil {
		c.t.Fatal(err)
	}
	if err := c.sim.SetRates(w.rates); err != nil {
		c.t.Fatal(err)
	}
	if n := len(c.lowered); n > 0 && c.lowered[n-1].until.IsZero() {
		c.lowered[n-1].until = time.Now()
	}
	if w.rates.Factor != 0 {
		c.lowered = append(c.lowered, span{from: from})
	}
}

// kill ends the server by SIGKILL and starts it again.
func (c *chaos) kill() {
	c.t.Helper()
	c.kills++
	if !c.child.kill() {
		c.t.Fatalf("the server ended by itself:\n%s", c.child.tail())
	}
	c.child.checkRace(c.t)
	c.start()
}

// collect takes the records, of which the simulator keeps the newest only.
func (c *chaos) collect() {
	c.calls = append(c.calls, c.sim.Calls(linesim.CallQuery{After: int64(len(c.calls))})...)
	c.webhooks = append(c.webhooks, c.sim.Webhooks(int64(len(c.webhooks)), 0)...)
}

// typeUntil sends the planned events, at random distances.
func (c *chaos) typeUntil(stop chan struct{}) {
	dice := c.world.dice("typing", 0)
	next := time.Now()
	for n := 0; ; n++ {
		next = next.Add(time.Duration(dice.ExpFloat64() * float64(time.Second) / chaosRate))
		select {
		case <-time.After(time.Until(next)):
		case <-stop:
			return
		}
		f, err := c.send(n)
		if err != nil {
			c.t.Error(err)
			return
		}
		c.fates = append(c.fates, f)
	}
}

// send sends the nth event.
func (c *chaos) send(n int) (f fate, err error) {
	p := c.world.plan(n)
	if p.postback {
		f.id, err = c.sim.Postback(p.user, p.group, linesim.Postback{Data: strconv.Itoa(n)})
	} else {
		var sent linesim.Sent
		sent, err = c.sim.SendMessage(p.user, linesim.UserMessage{Type: "text", Text: strconv.Itoa(n), GroupID: p.group})
		f.id = sent.WebhookEventID
	}
	if err != nil {
		return f, err
	}
	raw, err := c.sim.Event(f.id)
	if err != nil {
		return f, err
	}
	var event struct{ ReplyToken string }
	err = json.Unmarshal(raw, &event)
	f.token = event.ReplyToken
	return f, err
}
