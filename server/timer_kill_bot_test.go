package server_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// timerOrder is what a user tells the bot in a message, as JSON.
type timerOrder struct {
	Number int
	Ops    []timerOp
}

// timerOp sets or cancels one timer. Setting it again is another generation.
type timerOp struct {
	Key        string
	Generation int           `json:",omitempty"`
	Cancel     bool          `json:",omitempty"`
	After      time.Duration `json:",omitempty"`
	At         time.Time     `json:",omitzero"` // in place of After
	Every      time.Duration `json:",omitempty"`
	Times      int           `json:",omitempty"` // the bot cancels it then; 0 for one that comes once
	Send       bool          `json:",omitempty"`
}

// timerPayload is what the bot has to know when a timer fires.
type timerPayload struct{ Generation, Times int }

// timerSign is what the bot shows on the phone, as JSON: that an order is done,
// or that a timer fired.
type timerSign struct {
	Done       int       `json:",omitempty"` // number of the order, from 1
	Key        string    `json:",omitempty"`
	Generation int       `json:",omitempty"`
	Count      int       `json:",omitempty"`
	Due        time.Time `json:",omitzero"` // as the handler was told; zero for one that sends
	Now        time.Time `json:",omitzero"` // by the handler's clock
}

func (s timerSign) message() frontdesk.Message {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // unreachable: it is made of numbers and words
	}
	return frontdesk.Text(string(data))
}

// obey is a bot that sets timers as it is told.
func obey(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	switch {
	case ev.Timer != nil:
		return fired(d, ev.Timer, time.Now())
	case ev.Message == nil:
		return nil
	}
	var order timerOrder
	if err := json.Unmarshal([]byte(ev.Message.Text), &order); err != nil {
		return frontdesk.Drop(err)
	}
	for _, op := range order.Ops {
		if err := op.through(d); err != nil {
			return err
		}
	}
	return d.Send(timerSign{Done: order.Number}.message())
}

// lateAfter is when a timer is due of which the time has nearly come when its
// order is handled: behind that time.
const lateAfter = 2 * frontdesk.MinTimer

func (op timerOp) through(d frontdesk.Desk) error {
	if op.Cancel {
		return d.CancelTimer(op.Key)
	}
	t := frontdesk.Timer{Key: op.Key, After: op.After, At: op.At, Every: op.Every}
	if !t.At.IsZero() && time.Until(t.At) < frontdesk.MinTimer+time.Second/2 { // the order is late
		t.After, t.At = lateAfter, time.Time{}
	}
	if op.Send {
		t.Send = []frontdesk.Message{timerSign{Key: op.Key, Generation: op.Generation, Count: 1}.message()}
		return d.SetTimer(t)
	}
	payload, err := json.Marshal(timerPayload{op.Generation, op.Times})
	if err != nil {
		return err
	}
	t.Payload = string(payload)
	return d.SetTimer(t)
}

// fired tells of a timer and, if it came often enough, cancels it.
func fired(d frontdesk.Desk, t *frontdesk.FiredTimer, now time.Time) error {
	var p timerPayload
	if err := json.Unmarshal([]byte(t.Payload), &p); err != nil {
		return frontdesk.Drop(err)
	}
	if p.Times > 0 && t.Count >= p.Times {
		if err := d.CancelTimer(t.Key); err != nil {
			return err
		}
	}
	return d.Send(timerSign{Key: t.Key, Generation: p.Generation, Count: t.Count, Due: t.Due, Now: now}.message())
}
