package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line/rule"
)

// sendResponse is the answer to reply and push, and to a call whose retry key was
// accepted before.
type sendResponse struct {
	Message      string        `json:"message,omitempty"`
	SentMessages []sentMessage `json:"sentMessages,omitempty"`
}

// sentMessage tells the bot of a message. LINE's quote token is not known yet.
type sentMessage struct {
	ID string `json:"id"`
}

// errToken is LINE's answer to a reply token that was used, has ended or never
// was one.
func errToken() error { return rule.Refuse(http.StatusBadRequest, "Invalid reply token") }

// reply answers POST /v2/bot/message/reply.
func (g *Gateway) reply(c *call) (answer, error) {
	var req rule.Send
	if err := rule.Decode(c.body, &req); err != nil {
		return answer{}, err
	}
	if err := g.messages.Reply(req); err != nil {
		return answer{}, err
	}
	now := time.Now()
	t, ok := g.seal.openReply(req.ReplyToken)
	if !ok || t.Channel != c.ch.Name || now.Sub(time.UnixMilli(t.Issued)) > tokenLife {
		return answer{}, errToken()
	}
	if err := rule.MentionsFor(t.Conversation, req.Messages); err != nil {
		return answer{}, err
	}
	send := engine.Send{To: t.Conversation, Messages: req.Messages, Silent: req.NotificationDisabled}
	if until := time.UnixMilli(t.LineUntil); now.Before(until) {
		send.ReplyToken, send.ReplyUntil = t.LineToken, until
	}
	entry := g.newEntry(c, c.ch.Name+"/"+t.EventID+replySuffix, send)
	entry.EventID = t.EventID
	var late error
	if send.ReplyToken == "" && c.ch.RefuseLate {
		late = errToken()
	}
	if err := g.fits(req.Messages); err != nil {
		return answer{}, err
	}
	was, err := g.ledger.once(c.r.Context(), entry, t.Forward, late)
	if err != nil {
		return answer{}, err
	}
	n := len(req.Messages)
	if was != nil {
		if g.spent(t, was) {
			return answer{}, errToken()
		}
		n = was.messages
		g.cfg.Metrics.repeated(c.ch.Name, "reply")
	} else {
		g.cfg.Trace(t.EventID, StepReplied, now)
	}
	return answer{requestID: requestID(entry.ID), body: sendResponse{SentMessages: sentMessages(entry.ID, n)}}, nil
}

// spent reports whether an earlier reply used the very token that this one
// brings, and not one from another forwarding of the same event.
func (g *Gateway) spent(t replyToken, was *former) bool {
	if was.forward == 0 { // stored by an earlier process, or nobody knows
		return time.UnixMilli(t.Issued).Before(g.began)
	}
	return was.forward == t.Forward
}

// push answers POST /v2/bot/message/push.
func (g *Gateway) push(c *call) (answer, error) {
	var req rule.Send
	if err := rule.Decode(c.body, &req); err != nil {
		return answer{}, err
	}
	if err := g.messages.Push(req); err != nil {
		return answer{}, err
	}
	entry := g.newEntry(c, "", engine.Send{To: req.To, Messages: req.Messages, Silent: req.NotificationDisabled, Units: req.Units})
	return g.send(c, entry, func(n int) any { return sendResponse{SentMessages: sentMessages(entry.ID, n)} })
}

// multicast answers POST /v2/bot/message/multicast.
func (g *Gateway) multicast(c *call) (answer, error) {
	var req rule.Multicast
	if err := rule.Decode(c.body, &req); err != nil {
		return answer{}, err
	}
	if err := g.messages.Multicast(req); err != nil {
		return answer{}, err
	}
	entry := g.newEntry(c, "", engine.Send{Users: req.To, Messages: req.Messages, Silent: req.NotificationDisabled, Units: req.Units})
	entry.Bulk = true
	return g.send(c, entry, func(int) any { return empty{} })
}

// broadcast answers POST /v2/bot/message/broadcast.
func (g *Gateway) broadcast(c *call) (answer, error) {
	var req rule.Send
	if err := rule.Decode(c.body, &req); err != nil {
		return answer{}, err
	}
	if err := g.messages.Broadcast(req); err != nil {
		return answer{}, err
	}
	entry := g.newEntry(c, "", engine.Send{Broadcast: true, Messages: req.Messages, Silent: req.NotificationDisabled})
	entry.Bulk = true
	return g.send(c, entry, func(int) any { return empty{} })
}

// newEntry returns the entry of a call; without an ID it gets the one that its
// retry key makes, or a random one.
func (g *Gateway) newEntry(c *call, id string, send engine.Send) *engine.Entry {
	switch {
	case id != "":
	case c.retryKey != "":
		id = c.ch.Name + keyInfix + c.retryKey
	default:
		id = c.ch.Name + "#call#" + c.requestID
	}
	return &engine.Entry{ID: id, Channel: c.ch.Name, At: time.Now(), Sends: []engine.Send{send}}
}

// send stores the entry of a call that is no reply and returns its answer, whose
// body tells of so many messages.
func (g *Gateway) send(c *call, entry *engine.Entry, body func(messages int) any) (answer, error) {
	messages := entry.Sends[0].Messages
	if err := g.fits(messages); err != nil {
		return answer{}, err
	}
	if c.retryKey == "" {
		return answer{body: body(len(messages))}, g.ledger.append(entry)
	}
	was, err := g.ledger.once(c.r.Context(), entry, 0, nil)
	switch {
	case err != nil:
		return answer{}, err
	case was == nil:
		return answer{requestID: requestID(entry.ID), body: body(len(messages))}, nil
	}
	g.cfg.Metrics.repeated(c.ch.Name, "key")
	refused := sendResponse{Message: "The retry key is already accepted"}
	if sent, ok := body(was.messages).(sendResponse); ok {
		refused.SentMessages = sent.SentMessages
	}
	return answer{status: http.StatusConflict, acceptedID: requestID(entry.ID), body: refused}, nil
}

// fits refuses messages that would make no dead letter, which holds them as text.
func (g *Gateway) fits(msgs []json.RawMessage) error {
	size := 0
	for _, m := range msgs {
		size += len(m)
	}
	if size > g.cfg.Engine.MaxRecord()/2 {
		return errTooLarge()
	}
	return nil
}

// requestID returns the ID of the request that an entry was stored for. It is
// made from the entry's, so that it is known as long as the entry is.
func requestID(entryID string) string {
	sum := sha256.Sum256([]byte("frontdesk request id\x00" + entryID))
	return formatUUID([16]byte(sum[:16]), 8) // version 8: custom
}

// sentMessages returns what the bot is told of the messages of an entry. Their
// IDs look like LINE's: 18 digits.
func sentMessages(entryID string, n int) []sentMessage {
	sent := make([]sentMessage, n)
	for i := range sent {
		sum := sha256.Sum256(fmt.Appendf(nil, "frontdesk message id\x00%s\x00%d", entryID, i))
		sent[i].ID = fmt.Sprintf("9%017d", binary.BigEndian.Uint64(sum[:])%1e17)
	}
	return sent
}
