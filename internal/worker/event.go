package worker

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/line-frontdesk/frontdesk"
)

// Version of the protocol. docs/worker-protocol.md says what may change
// within it.
const Version = 1

// eventRoom is about how much an event's line is longer than the event.
const eventRoom = 512

// newEvent returns an event as a bot gets it, with room for a line break.
func newEvent(id string, ev *frontdesk.Event, profile *frontdesk.Profile) []byte {
	return appendEvent(make([]byte, 0, len(ev.Raw)+eventRoom), id, ev, profile)
}

// appendEvent appends an event as a bot gets it, without a line break. profile
// is nil for none.
func appendEvent(b []byte, id string, ev *frontdesk.Event, profile *frontdesk.Profile) []byte {
	b = append(b, `{"v":1,"t":"event","id":"`...)
	b = append(b, id...)
	b = append(b, `","attempt":`...)
	b = strconv.AppendInt(b, int64(ev.Attempt), 10)
	b = append(b, `,"channel":`...)
	b = appendString(b, ev.Channel)
	b = append(b, `,"conversation":`...)
	b = appendString(b, ev.Conversation)
	if profile != nil {
		if encoded, err := json.Marshal(profile); err == nil { // unreachable: strings can be encoded
			b = append(append(b, `,"profile":`...), encoded...)
		}
	}
	b = append(b, `,"event":`...)
	return append(appendOneLine(b, ev.Raw), '}')
}

// appendOneLine appends JSON as one line. Line breaks stand between its tokens
// only; in its strings JSON has none.
func appendOneLine(b []byte, raw json.RawMessage) []byte {
	start := len(b)
	b = append(b, raw...)
	if bytes.ContainsAny(raw, "\r\n") {
		for i := start; i < len(b); i++ {
			if b[i] == '\n' || b[i] == '\r' {
				b[i] = ' '
			}
		}
	}
	return b
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // unreachable: strings can be encoded
			}
			return append(b, encoded...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// pingLine asks a process whether it lives.
const pingLine = `{"v":1,"t":"ping"}` + "\n"

// appendCancel appends the line that calls an event off.
func appendCancel(b []byte, id string) []byte {
	b = append(b, `{"v":1,"t":"cancel","id":"`...)
	b = append(b, id...)
	return append(b, "\"}\n"...)
}
