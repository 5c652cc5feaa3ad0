package rule

import (
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"
)

const (
	// MaxMessages is how many message objects one request may carry.
	MaxMessages = 5
	// MaxMulticast is how many users one multicast reaches (messaging-api.yml, MulticastRequest).
	MaxMulticast = 500
)

// Send is the body of reply, push and broadcast, and of the validate operations.
type Send struct {
	ReplyToken           string            `json:"replyToken"`
	To                   string            `json:"to"`
	Messages             []json.RawMessage `json:"messages"`
	NotificationDisabled bool              `json:"notificationDisabled"`
	Units                []string          `json:"customAggregationUnits"`
}

// Multicast is the body of multicast.
type Multicast struct {
	To                   []string          `json:"to"`
	Messages             []json.RawMessage `json:"messages"`
	NotificationDisabled bool              `json:"notificationDisabled"`
	Units                []string          `json:"customAggregationUnits"`
}

// Messages checks message objects, and the requests that send them. It never changes.
type Messages struct{ message Rule }

// NewMessages makes the rules of message objects.
func NewMessages() Messages { return Messages{message: messageRule()} }

// Details returns what is wrong with the messages of a request; nil when nothing is.
func (m Messages) Details(msgs []json.RawMessage) []Detail {
	if len(msgs) < 1 || len(msgs) > MaxMessages {
		return []Detail{{Message: SizeBetween(1, MaxMessages), Property: "messages"}}
	}
	var r Report
	for i, raw := range msgs {
		r.path = append(r.path[:0], Step{Name: "messages"}, Step{Index: i})
		m.message(&r, gjson.ParseBytes(raw))
	}
	return r.Details
}

// Check returns LINE's answer to messages that it would refuse; nil when it takes them.
func (m Messages) Check(msgs []json.RawMessage) error { return InBody(m.Details(msgs)) }

// Reply checks the body of a reply. Mentions are left to who knows the token: see [MentionsFor].
func (m Messages) Reply(s Send) error {
	details := m.Details(s.Messages)
	if s.ReplyToken == "" {
		details = append(details, Detail{Message: MayNotBeEmpty, Property: "replyToken"})
	}
	return InBody(details)
}

// Push checks the body of a push.
func (m Messages) Push(s Send) error {
	details := append(m.Details(s.Messages), checkUnits(s.Units)...)
	if s.To == "" {
		details = append(details, Detail{Message: MayNotBeEmpty, Property: "to"})
	}
	if details != nil {
		return InBody(details)
	}
	if !ChatID(s.To, "UCR") {
		return BadProperty("to")
	}
	return MentionsFor(s.To, s.Messages)
}

// Multicast checks the body of a multicast.
func (m Messages) Multicast(s Multicast) error {
	details := append(m.Details(s.Messages), checkUnits(s.Units)...)
	if len(s.To) < 1 || len(s.To) > MaxMulticast {
		details = append(details, Detail{Message: SizeBetween(1, MaxMulticast), Property: "to"})
	}
	if details != nil {
		return InBody(details)
	}
	for i, id := range s.To {
		if !ChatID(id, "U") {
			return BadProperty("to[" + strconv.Itoa(i) + "]")
		}
	}
	return InBody(Mentions(s.Messages))
}

// Broadcast checks the body of a broadcast.
func (m Messages) Broadcast(s Send) error {
	if details := m.Details(s.Messages); details != nil {
		return InBody(details)
	}
	return InBody(Mentions(s.Messages))
}

// MentionsFor refuses messages that mention somebody, unless they go to a group or room.
func MentionsFor(chatID string, msgs []json.RawMessage) error {
	if ChatID(chatID, "CR") {
		return nil
	}
	return InBody(Mentions(msgs))
}

// checkUnits reports what is wrong with the aggregation units of a send (messaging-api.yml).
func checkUnits(units []string) []Detail {
	if len(units) > 1 {
		return []Detail{{Message: SizeBetween(0, 1), Property: "customAggregationUnits"}}
	}
	var r Report
	for i, u := range units {
		r.path = append(r.path[:0], Step{Name: "customAggregationUnits"}, Step{Index: i})
		Word(1, 30, WordAlphabet)(&r, gjson.Result{Type: gjson.String, Str: u})
	}
	return r.Details
}
