package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// modeStandby is LINE's word for a channel that another module answers.
const modeStandby = "standby"

// redeliveredTokenLife is how long after its event a reply token can work when
// the event is delivered again: LINE says 20 minutes, less what clocks may
// differ. Source: Messaging API reference, Reply token.
const redeliveredTokenLife = 19 * time.Minute

// desk gathers what a handler sends. It serves one attempt.
type desk struct {
	d  *Dispatcher
	ev *frontdesk.Event

	mu       sync.Mutex
	closed   bool
	messages int
	bytes    int
	gathered
}

// gathered is what a handler did through its desk.
type gathered struct {
	sends  []engine.Send // one for each conversation, in the order of their first messages
	timers []engine.TimerOp
}

var _ frontdesk.Desk = (*desk)(nil)

// Send is documented at frontdesk.Desk.
func (k *desk) Send(msgs ...frontdesk.Message) error {
	if k.ev.Conversation == "" {
		return frontdesk.Drop(fmt.Errorf("a %s event without a source cannot be answered", k.ev.Type))
	}
	return k.add(k.ev.Conversation, msgs)
}

// Push is documented at frontdesk.Desk.
func (k *desk) Push(to string, msgs ...frontdesk.Message) error {
	if to == "" {
		return frontdesk.Drop(errors.New("push without a user, group or room ID"))
	}
	return k.add(to, msgs)
}

func (k *desk) add(to string, msgs []frontdesk.Message) error {
	if k.ev.Mode == modeStandby {
		return frontdesk.ErrStandby
	}
	if len(msgs) == 0 {
		return nil // LINE takes no call without a message
	}
	encoded, err := line.EncodeMessages(msgs...)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.count(encoded); err != nil {
		return err
	}
	k.gather(to, encoded)
	return nil
}

// errClosed is the error of a desk that is used too late.
var errClosed = errors.New("the handler has returned: its desk is closed")

// count takes messages within the limits of one event; the caller holds mu.
func (k *desk) count(encoded []json.RawMessage) error {
	if k.closed {
		return errClosed
	}
	if k.messages+len(encoded) > frontdesk.MaxMessages {
		return frontdesk.Drop(fmt.Errorf("more than %d messages for one event", frontdesk.MaxMessages))
	}
	for _, m := range encoded {
		k.bytes += len(m)
	}
	if limit := k.d.eng.MaxRecord() / 2; k.bytes > limit {
		return frontdesk.Drop(fmt.Errorf("more than %d bytes of messages for one event", limit))
	}
	k.messages += len(encoded)
	return nil
}

// gather adds messages to the send of a conversation; the caller holds mu.
func (k *desk) gather(to string, encoded []json.RawMessage) {
	for i := range k.sends {
		if k.sends[i].To == to {
			k.sends[i].Messages = append(k.sends[i].Messages, encoded...)
			return
		}
	}
	send := engine.Send{To: to, Messages: encoded}
	if to == k.ev.Conversation {
		send.ReplyToken, send.ReplyUntil = k.d.ReplyToken(k.ev)
	}
	k.sends = append(k.sends, send)
}

// ReplyToken returns an event's reply token and when it ends; "" when it has
// none, or was delivered again too late for it.
func (d *Dispatcher) ReplyToken(ev *frontdesk.Event) (token string, until time.Time) {
	if ev.ReplyToken == "" || ev.Redelivered && ev.Accepted.Sub(ev.Timestamp) > redeliveredTokenLife {
		return "", time.Time{}
	}
	return ev.ReplyToken, ev.Accepted.Add(d.cfg.ReplyLife)
}

// close ends the desk and returns what was gathered.
func (k *desk) close() gathered {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return k.gathered
}

// Profile is documented at frontdesk.Desk.
func (k *desk) Profile(ctx context.Context, userID string) (frontdesk.Profile, error) {
	if userID == "" {
		return frontdesk.Profile{}, frontdesk.ErrNoProfile
	}
	return k.d.cfg.Profile(ctx, k.ev.Channel, k.ev.Source, userID)
}

// Content is documented at frontdesk.Desk.
func (k *desk) Content(ctx context.Context, messageID string) (*frontdesk.Media, error) {
	return k.d.cfg.Content(ctx, k.ev.Channel, messageID)
}
