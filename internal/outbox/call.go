package outbox

import (
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Ways of a call.
const (
	wayReply     = "reply"
	wayPush      = "push"
	wayMulticast = "multicast"
	wayBroadcast = "broadcast"
)

const (
	// maxPerCall is how many messages LINE takes in a call.
	maxPerCall = 5
	// retryKeyLife is how long a call may be tried with its key: LINE keeps
	// keys for 24 hours, less what clocks may differ.
	retryKeyLife = 23 * time.Hour
	// replyMargin is left of a reply token's minute for the call to arrive.
	replyMargin = 3 * time.Second
)

// call is one call to LINE: for one conversation or, as a multicast, the same
// messages for many users. What it takes is open until it leaves its lane, so
// that what arrives meanwhile can go with it. Once it may have reached LINE its
// parts stay together until that is known: a retry must have the same body.
//
// While it waits in a lane or gathers users it is guarded by sender.mu; otherwise it belongs to
// the goroutine that makes it.
type call struct {
	conversations []*conversation // one, or the receivers of a multicast
	parts         []*send         // in order; of a multicast, receiver after receiver
	way           string
	token         *send     // of a reply: whose token it uses
	triedAt       time.Time // of the first try whose outcome is not known; zero for none
	attempts      int       // since the start
	bulk          bool      // lets calls that are not go first
	waits         bool      // in its lane's line, or for more users
	each          int       // of a gathered multicast: how many sends of each receiver it takes
	gathering     *gathering
}

// undecided reports whether the call may have reached LINE already.
func (k *call) undecided() bool { return !k.triedAt.IsZero() }

// id names the call, to the log and by its retry key to LINE.
func (k *call) id() engine.CallID { return k.parts[0].callID() }

// last reports whether the call ends all of its sends.
func (k *call) last() bool { return k.parts[0].lastCall() }

// expired says why nobody can tell any more whether the call arrived, "" while
// LINE still can.
func (k *call) expired(now time.Time) string {
	switch {
	case !k.undecided():
		return ""
	case k.way == wayReply && !now.Before(k.token.replyUntil.Add(-replyMargin)):
		return "it is not known whether the reply arrived, and its token no longer tells"
	case k.way != wayReply && now.Sub(k.triedAt) > retryKeyLife:
		return "it is not known whether the " + k.way + " arrived, and its retry key no longer tells"
	}
	return ""
}

// conversation is the queue of sends to one receiver, or to the receivers of
// one multicast or broadcast. It exists while it has any. Guarded by sender.mu.
type conversation struct {
	key     string
	queue   []*send
	call    *call // the one that it waits for
	limited int   // refusals for the rate since the last success
}

// compose decides what the next call of a conversation takes, and how it goes:
// the messages of its first send, with the sends behind it that fit in whole;
// by reply if one of them has a token that lives, because that costs nothing.
func (c *conversation) compose(now time.Time) (parts []*send, way string, token *send) {
	head := c.queue[0]
	if head.way != "" {
		return []*send{head}, head.way, nil
	}
	size := 1
	if n := head.messages(); head.lastCall() && !head.alone {
		for _, snd := range c.queue[1:] {
			if n += snd.count; snd.alone || n > maxPerCall {
				break
			}
			size++
		}
	}
	parts = slices.Clone(c.queue[:size])
	for _, snd := range parts {
		if snd.hasToken(now) {
			return parts, wayReply, snd
		}
	}
	return parts, wayPush, nil
}

// leaving counts the sends in front that a call has taken.
func (c *conversation) leaving() int {
	switch k := c.call; {
	case k == nil || k.waits && !k.undecided():
		return 0
	case len(k.conversations) > 1:
		return len(k.parts) / len(k.conversations)
	default:
		return len(k.parts)
	}
}

// overtake lets the first send go first that has a living reply token, unless it
// goes with the first one anyway: what waits for the monthly quota must not keep
// back replies.
func (c *conversation) overtake(now time.Time) {
	if _, way, _ := c.compose(now); way != wayPush {
		return
	}
	if i := slices.IndexFunc(c.queue, func(snd *send) bool { return snd.hasToken(now) }); i > 0 {
		snd := c.queue[i]
		c.queue = slices.Insert(slices.Delete(c.queue, i, i+1), 0, snd)
	}
}
