package outbox

import (
	"fmt"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// entry is one record of the outbox.
type entry struct {
	pos     engine.Pos
	id      string
	eventID string
	at      time.Time
	bulk    bool
	sends   []*send
	open    int // sends that are not done
	sent    int // receivers that LINE took
	dead    int // receivers whose send became a dead letter, in whole or in part
}

// send is messages for one conversation, or for many users at once.
type send struct {
	entry      *entry
	index      int      // in the entry
	user       int      // of a multicast that was divided: which user, from 1; else 0
	to         string   // "" for many users
	users      []string // of a multicast
	way        string   // multicast or broadcast, when it must go so; else ""
	count      int      // messages
	content    digest   // of the messages
	replyUntil time.Time

	// Until the send is in a queue guarded by sender.mu, then owned by the
	// goroutine that works on its conversation.
	next    int // the next call
	done    bool
	noReply bool    // there is no reply token, or LINE refused it
	alone   bool    // does not share a call: it differs from others, or LINE refused one that it shared
	call    *call   // of an earlier process, that may have reached LINE
	divided []*send // of a multicast that LINE refused: one for each user
}

func newEntry(pos engine.Pos, stored *engine.Entry) *entry {
	e := &entry{pos: pos, id: stored.ID, eventID: stored.EventID, at: stored.At, bulk: stored.Bulk, open: len(stored.Sends)}
	if strings.HasSuffix(e.id, e.eventID) {
		e.eventID = e.id[len(e.id)-len(e.eventID):] // the same memory
	}
	for i := range stored.Sends {
		one := &stored.Sends[i]
		snd := &send{
			entry: e, index: i, to: one.To, users: one.Users, count: len(one.Messages), content: digestOf(one.Messages),
			replyUntil: one.ReplyUntil, noReply: one.ReplyToken == "",
			// Without messages there is no call: what it would share one with must not
			// take it along.
			alone: len(one.Messages) == 0 || one.Silent || len(one.Units) > 0,
		}
		switch {
		case one.Broadcast:
			snd.way = wayBroadcast
		case len(one.Users) > 0:
			snd.way = wayMulticast
		}
		e.sends = append(e.sends, snd)
	}
	return e
}

// find returns the send that a note is about, nil if there is none.
func (e *entry) find(id engine.CallID) *send {
	if id.Send < 0 || id.Send >= len(e.sends) {
		return nil
	}
	snd := e.sends[id.Send]
	if snd.divided == nil || id.Call == 0 {
		return snd
	}
	if id.Call < 0 || id.Call > len(snd.divided) {
		return nil
	}
	return snd.divided[id.Call-1]
}

// pending returns the sends that are not done.
func (e *entry) pending() (sends []*send) {
	for _, snd := range e.sends {
		if !snd.done {
			sends = append(sends, snd)
		}
		for _, one := range snd.divided {
			if !one.done {
				sends = append(sends, one)
			}
		}
	}
	return sends
}

// key returns the queue that the send belongs into.
func (snd *send) key() string {
	if snd.way == "" {
		return snd.to
	}
	return fmt.Sprintf("\x00%s#%d", snd.entry.id, snd.index) // no receiver's
}

// callID names what of the send goes in its next call.
func (snd *send) callID() engine.CallID {
	return engine.CallID{Entry: snd.entry.id, Send: snd.index, Call: snd.next + snd.user}
}

// messages counts those of the next call.
func (snd *send) messages() int { return min(snd.count-snd.next*maxPerCall, maxPerCall) }

// lastCall reports whether the next call ends the send.
func (snd *send) lastCall() bool { return snd.count <= (snd.next+1)*maxPerCall }

// hasToken reports whether the send's reply token can be used.
func (snd *send) hasToken(now time.Time) bool {
	return snd.next == 0 && !snd.noReply && now.Before(snd.replyUntil.Add(-replyMargin))
}

// receivers counts the users or groups. Nobody knows those of a broadcast.
func (snd *send) receivers() int { return max(1, len(snd.users)) }

// markDone ends a send.
func (snd *send) markDone(dead bool) {
	if snd.done {
		return
	}
	snd.done = true
	snd.entry.open--
	if dead {
		snd.entry.dead += snd.receivers()
	} else {
		snd.entry.sent += snd.receivers()
	}
}

// divide makes a send for each user out of a multicast. It has one call, which
// none of theirs is called like.
func (snd *send) divide() {
	if snd.divided != nil || snd.done {
		return
	}
	for i, user := range snd.users {
		snd.divided = append(snd.divided, &send{
			entry: snd.entry, index: snd.index, user: i + 1, to: user, count: snd.count, content: snd.content, noReply: true,
		})
	}
	snd.done = true
	snd.entry.open += len(snd.divided) - 1
}
