package frontdesk

import (
	"encoding/json"
	"errors"
)

// RawMessage is an outgoing message as JSON, for types and fields that the SDK
// does not know and for bots that write JSON themselves. A send errs when it is
// not an object with a type; what else it says is between the bot and LINE.
type RawMessage json.RawMessage

// GetType returns the message's type, "" when it has none.
func (m RawMessage) GetType() string {
	var typed struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(m, &typed); err != nil {
		return ""
	}
	return typed.Type
}

// MarshalJSON returns the message as it is.
func (m RawMessage) MarshalJSON() ([]byte, error) {
	if len(m) == 0 {
		return nil, errors.New("message is empty")
	}
	return m, nil
}
