package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// Timers keeps the timers that handlers set. Its methods may be called
// concurrently.
type Timers interface {
	// Room takes room for a timer of so many bytes; frontdesk.ErrTimersFull when
	// there is none.
	Room(bytes int) error
	// Stamp sets the time of an entry that is about to be stored.
	Stamp(*engine.Entry)
	// Pending returns the timers that wait in a conversation, the next one first,
	// with all that entries stored before did to them.
	Pending(ctx context.Context, channel, conversation string) ([]*engine.Timer, error)
}

// noTimers stands for a server that keeps none.
type noTimers struct{}

var errNoTimers = errors.New("no timers are kept here")

func (noTimers) Room(int) error        { return errNoTimers }
func (noTimers) Stamp(e *engine.Entry) { e.At = time.Now() }
func (noTimers) Pending(context.Context, string, string) ([]*engine.Timer, error) {
	return nil, errNoTimers
}

// TimerOp returns what sets a timer now, without its conversation and source, or
// what is wrong with it.
func TimerOp(t frontdesk.Timer, now time.Time) (engine.TimerOp, error) {
	op := engine.TimerOp{Key: t.Key, Payload: t.Payload, After: t.After, Every: t.Every, Cron: t.Cron, Zone: t.Zone}
	if err := t.Check(now); err != nil {
		return op, err
	}
	switch {
	case t.After > 0:
	case t.At.IsZero() && t.Every > 0:
		op.After = t.Every
	default:
		op.At = t.First(now)
	}
	if len(t.Send) == 0 {
		return op, nil
	}
	var err error
	op.Messages, err = line.EncodeMessages(t.Send...)
	return op, err
}

// SetTimer is documented at frontdesk.Desk.
func (k *desk) SetTimer(t frontdesk.Timer) error {
	if k.ev.Mode == modeStandby {
		return frontdesk.ErrStandby
	}
	op, err := TimerOp(t, time.Now())
	if err != nil {
		return frontdesk.Drop(err)
	}
	if op.Source, err = json.Marshal(k.ev.Source); err != nil {
		return err // unreachable: it is made of strings
	}
	op.Conversation = k.ev.Conversation
	return k.addTimer(op)
}

// CancelTimer is documented at frontdesk.Desk.
func (k *desk) CancelTimer(key string) error {
	if key == "" {
		return frontdesk.Drop(errors.New("cancel a timer: no key is given"))
	}
	return k.addTimer(engine.TimerOp{Conversation: k.ev.Conversation, Key: key, Cancel: true})
}

func (k *desk) addTimer(op engine.TimerOp) error {
	if k.ev.Conversation == "" {
		return frontdesk.Drop(fmt.Errorf("a %s event without a source has no conversation for a timer", k.ev.Type))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.count(op.Messages); err != nil {
		return err
	}
	if len(k.timers) == frontdesk.MaxTimers {
		return frontdesk.Drop(fmt.Errorf("more than %d timers for one event", frontdesk.MaxTimers))
	}
	if op.Key == "" {
		op.Key = fmt.Sprintf("%s#%d", k.ev.ID, len(k.timers))
	}
	if !op.Cancel {
		bytes := len(op.Payload) + len(op.Source)
		for _, m := range op.Messages {
			bytes += len(m)
		}
		if err := k.d.cfg.Timers.Room(bytes); err != nil {
			return err
		}
	}
	k.timers = append(k.timers, op)
	return nil
}

// Timers is documented at frontdesk.Desk.
func (k *desk) Timers(ctx context.Context) ([]frontdesk.PendingTimer, error) {
	if k.ev.Conversation == "" {
		return nil, nil
	}
	timers, err := k.d.cfg.Timers.Pending(ctx, k.ev.Channel, k.ev.Conversation)
	pending := make([]frontdesk.PendingTimer, len(timers))
	for i, t := range timers {
		pending[i] = frontdesk.PendingTimer{
			Key: t.Key, Payload: t.Payload, Due: t.Due, Every: t.Every, Cron: t.Cron, Zone: t.Zone, Sends: len(t.Messages),
		}
	}
	return pending, err
}
