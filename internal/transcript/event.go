package transcript

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// unknownUser speaks for members of groups whom LINE does not name.
	unknownUser = "unknown"
	// maxBody bounds a message. What is larger is named only.
	maxBody = 256 << 10
	// unsendWithin is how far back the message is looked for that is edited or
	// taken back: LINE lets users do so for 24 hours.
	unsendWithin = 25 * time.Hour
)

// eventUnsend tells, in the message that deletes another, which one of LINE it is.
const eventUnsend = "unsend"

// body is the body of a message that is not LINE's: what happened in a
// conversation. It also reads those that are.
type body struct {
	Type      string            `json:"type"` // "event", "postback" or, of messages, LINE's
	Event     string            `json:"event,omitempty"`
	Members   []string          `json:"members,omitempty"`   // who came or went
	MessageID string            `json:"messageId,omitempty"` // that was taken back
	Data      string            `json:"data,omitempty"`      // of a postback
	Params    map[string]string `json:"params,omitempty"`    // of a postback
	ID        string            `json:"id,omitempty"`        // LINE's, of a message
}

// bodyOf reads a body. One that cannot be read has no type.
func bodyOf(raw json.RawMessage) (b body) {
	if json.Unmarshal(raw, &b) != nil {
		return body{}
	}
	return b
}

// takeEvent writes what an event of the inbox tells.
func (w *writer) takeEvent(ctx context.Context, rec []byte) error {
	stored, err := engine.ParseEvent(rec)
	if err != nil || !w.s.channels[stored.Channel] || stored.Run > 0 {
		return nil // damaged ones are counted by the dispatcher; further runs are written already
	}
	ev, err := frontdesk.ParseEvent(stored.Raw)
	if err != nil || ev.Type == frontdesk.TypeTimer || ev.Conversation == "" {
		return nil // the dispatcher makes dead letters of what it cannot read
	}
	m := Message{
		Room: roomOf(stored.Channel, stored.Conversation), User: ev.Source.UserID,
		CID: fmt.Sprintf("%s.%s", stored.Channel, stored.ID), At: ev.Timestamp,
	}
	if m.User == "" {
		m.User = unknownUser
	} else {
		m.Name = w.s.cfg.Name(ctx, stored.Channel, m.User)
	}
	if stored.Redelivered {
		if there, err := w.standsAlready(ctx, m); there || err != nil {
			return err
		}
	}
	return w.tell(ctx, m, ev)
}

// tell writes an event as it is told in a room.
func (w *writer) tell(ctx context.Context, m Message, ev *frontdesk.Event) (err error) {
	what := body{Type: "event", Event: ev.Type}
	switch ev.Type {
	case frontdesk.TypeMessage, frontdesk.TypeEdited:
		return w.tellMessage(ctx, m, ev)
	case frontdesk.TypeUnsend:
		return w.unsend(ctx, m, ev.Unsend.MessageID)
	case frontdesk.TypePostback:
		what = body{Type: frontdesk.TypePostback, Data: ev.Postback.Data, Params: ev.Postback.Params}
	case frontdesk.TypeMemberJoined, frontdesk.TypeMemberLeft:
		for _, member := range ev.Members {
			what.Members = append(what.Members, member.UserID)
		}
	}
	if m.Body, err = json.Marshal(what); err != nil {
		return nil // unreachable: strings
	}
	return w.put(ctx, m)
}

// tellMessage writes a message, or the new words of one.
func (w *writer) tellMessage(ctx context.Context, m Message, ev *frontdesk.Event) error {
	var raw struct{ Message json.RawMessage }
	if json.Unmarshal(ev.Raw, &raw) != nil {
		return nil // unreachable: it was read before
	}
	m.Body = raw.Message
	if len(m.Body) > maxBody {
		m.Body, _ = json.Marshal(body{Type: ev.Message.Type, ID: ev.Message.ID}) // strings
	}
	if _, unsent := w.written.unsent[messageKey(m.Room, ev.Message.ID)]; unsent {
		return nil // it was taken back, and must not come back
	}
	if ev.Type == frontdesk.TypeEdited {
		found, err := w.find(ctx, m.Room, ev.Message.ID)
		if err != nil {
			return err
		}
		for _, p := range found {
			if p.Edit == 0 {
				m.Edit = p.ID
			}
		}
	}
	return w.put(ctx, m)
}

// unsend deletes a message that its user took back, with its edits: their texts
// are gone from the store.
func (w *writer) unsend(ctx context.Context, m Message, messageID string) error {
	found, err := w.find(ctx, m.Room, messageID)
	if err != nil || len(found) == 0 {
		return err
	}
	for _, p := range found {
		if m.Del == 0 || p.Edit == 0 {
			m.Del = p.ID
		}
	}
	if m.Body, err = json.Marshal(body{Type: "event", Event: eventUnsend, MessageID: messageID}); err != nil {
		return nil // unreachable: strings
	}
	if err := w.put(ctx, m); err != nil {
		return err
	}
	if err := w.wait(ctx, 0); err != nil { // members hear of it before it is gone
		return err
	}
	for _, p := range found {
		if err := w.s.cfg.Rooms.Erase(ctx, p.ID); err != nil {
			return err
		}
	}
	return nil
}

// find returns a message of LINE and its edits.
func (w *writer) find(ctx context.Context, room, messageID string) (found []Posted, err error) {
	err = w.search(ctx, room, time.Now().Add(-unsendWithin), func(p Posted) bool {
		if bodyOf(p.Body).ID != messageID {
			return false
		}
		found = append(found, p)
		return p.Edit == 0
	})
	return found, err
}

// standsAlready looks for an event that LINE delivered before: longer ago than the
// store remembers.
func (w *writer) standsAlready(ctx context.Context, m Message) (there bool, err error) {
	if _, ok := w.written.messages[messageKey(m.Room, m.CID)]; ok {
		return false, nil // put knows
	}
	err = w.search(ctx, m.Room, m.At.Add(-time.Hour), func(p Posted) bool {
		there = there || p.CID == m.CID
		return there
	})
	return there, err
}

// search calls fn with the messages of a room, the newest first, until it returns
// true or they are older than a time.
func (w *writer) search(ctx context.Context, room string, since time.Time, fn func(Posted) bool) error {
	if err := w.wait(ctx, 0); err != nil {
		return err
	}
	for before := uint64(0); ; {
		list, err := w.s.cfg.Rooms.Before(ctx, room, before, pageMost)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].Stored.Before(since) || fn(list[i]) {
				return nil
			}
		}
		before = list[0].ID
	}
}
