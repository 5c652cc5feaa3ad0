package line

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// Message is an outgoing message: any message type of the official SDK, by
// value or by pointer.
type Message = messaging_api.MessageInterface

// EncodeMessages turns messages into the JSON that LINE takes, one for each.
//
// Messages and what they hold may be values or pointers; the caller's are
// read only, so one message may be encoded by many goroutines at once. A nil
// message or one without a type is an error. Errors name index and Go type of a
// message and nothing of what it says. LINE's limits are not checked here.
func EncodeMessages(msgs ...Message) ([]json.RawMessage, error) {
	encoded := make([]json.RawMessage, len(msgs))
	for i, m := range msgs {
		raw, err := encodeMessage(m)
		if err != nil {
			return nil, fmt.Errorf("line: message %d (%T): %w", i, m, err)
		}
		encoded[i] = raw
	}
	return encoded, nil
}

func encodeMessage(m Message) (json.RawMessage, error) {
	if v := reflect.ValueOf(m); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, errors.New("message is nil")
	}
	encodable, err := addressable(m)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(encodable)
	if err != nil {
		return nil, encodingError(err)
	}
	var typed struct{ Type string }
	if !isObject(raw) || json.Unmarshal(raw, &typed) != nil || typed.Type == "" {
		return nil, errors.New("message has no type: use a message type of the SDK")
	}
	return raw, nil
}

// encodingError says why encoding/json gave up, without the text of an encoder
// that is not ours.
func encodingError(err error) error {
	if e, ok := errors.AsType[*json.UnsupportedValueError](err); ok {
		return fmt.Errorf("JSON has no form for the value %s", e.Str)
	}
	if e, ok := errors.AsType[*json.UnsupportedTypeError](err); ok {
		return fmt.Errorf("JSON has no form for the type %v", e.Type)
	}
	return errors.New("message cannot be encoded as JSON")
}
