package linesim

import (
	"bytes"
	"encoding/json"

	"github.com/line-frontdesk/frontdesk/line/rule"
	"github.com/tidwall/gjson"
)

// sentMessage tells the bot of a message that was sent.
type sentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken,omitempty"`
}

// checker checks message objects against LINE's rules. It is made once and never changes.
type checker struct {
	messages rule.Messages
	action   rule.Rule       // of a rich menu
	quote    map[string]bool // types whose sentMessages have a quote token ("Get quote tokens")
}

func newChecker() checker {
	return checker{
		messages: rule.NewMessages(),
		action:   rule.MenuAction(),
		quote: map[string]bool{
			"text": true, "textV2": true, "sticker": true, "image": true, "video": true, "template": true, "flex": true,
		},
	}
}

// prepared is a request's messages as they go onto phones, and what the bot is told of them.
type prepared struct {
	raw  []json.RawMessage
	sent []sentMessage
}

// prepareLocked gives checked messages their ids and quote tokens.
func (s *Simulator) prepareLocked(msgs []json.RawMessage) prepared {
	p := prepared{raw: make([]json.RawMessage, len(msgs)), sent: make([]sentMessage, len(msgs))}
	for i, raw := range msgs {
		id := s.nextMessageIDLocked()
		p.sent[i].ID = id
		if s.checker.quote[gjson.GetBytes(raw, "type").Str] {
			p.sent[i].QuoteToken = randomToken(24)
		}
		p.raw[i] = withID(raw, id)
	}
	return p
}

// withID returns the JSON object raw with its "id", in place of one that the bot put there.
func withID(raw json.RawMessage, id string) json.RawMessage {
	quoted := `"` + id + `"`
	var fields map[string]json.RawMessage
	if gjson.GetBytes(raw, "id").Exists() && json.Unmarshal(raw, &fields) == nil {
		fields["id"] = json.RawMessage(quoted)
		if out, err := json.Marshal(fields); err == nil {
			return out
		}
	}
	end := bytes.LastIndexByte(raw, '}')
	out := make(json.RawMessage, 0, len(raw)+len(id)+10)
	out = append(out, raw[:end]...)
	out = append(out, `,"id":`...)
	out = append(out, quoted...)
	return append(out, '}')
}
