package desktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/line"
)

// SetTimer keeps a timer, in the place of one with its key. All events that the
// desk serves count as of one conversation.
func (d *Desk) SetTimer(t frontdesk.Timer) error {
	if err := t.Check(time.Now()); err != nil {
		return frontdesk.Drop(err)
	}
	if _, err := line.EncodeMessages(t.Send...); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.timers) >= frontdesk.MaxTimers {
		return frontdesk.Drop(fmt.Errorf("more than %d timers for one event", frontdesk.MaxTimers))
	}
	if t.Key == "" {
		d.nameless++
		t.Key = fmt.Sprintf("desktest#%d", d.nameless)
	}
	d.remove(t.Key)
	d.timers = append(d.timers, t)
	return nil
}

// CancelTimer removes the timer with a key.
func (d *Desk) CancelTimer(key string) error {
	if key == "" {
		return frontdesk.Drop(errors.New("cancel a timer: no key is given"))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(key)
	return nil
}

func (d *Desk) remove(key string) {
	d.timers = slices.DeleteFunc(d.timers, func(t frontdesk.Timer) bool { return t.Key == key })
}

// Timers returns the timers that were set and not cancelled, the one that is due
// next first.
func (d *Desk) Timers(context.Context) ([]frontdesk.PendingTimer, error) {
	now := time.Now()
	var pending []frontdesk.PendingTimer
	for _, t := range d.SetTimers() {
		pending = append(pending, frontdesk.PendingTimer{
			Key: t.Key, Payload: t.Payload, Due: t.First(now), Every: t.Every, Cron: t.Cron, Zone: t.Zone, Sends: len(t.Send),
		})
	}
	slices.SortStableFunc(pending, func(a, b frontdesk.PendingTimer) int { return a.Due.Compare(b.Due) })
	return pending, nil
}

// SetTimers returns the timers that were set and not cancelled as the handler set
// them, in that order. A timer without a key has got one.
func (d *Desk) SetTimers() []frontdesk.Timer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.timers)
}

// TimerEvent is a timer of the chat with a user that is due now.
func TimerEvent(userID string, t frontdesk.Timer) *frontdesk.Event {
	now := time.Now()
	return event(map[string]any{
		"type": frontdesk.TypeTimer, "source": source(userID), "timestamp": now.UnixMilli(),
		"timer": frontdesk.FiredTimer{Key: t.Key, Payload: t.Payload, Due: now, Count: 1},
	})
}
