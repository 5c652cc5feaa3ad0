package timer

import (
	"encoding/json"
	"time"
)

// note is a timer's payload, as JSON: what the notice needs.
type note struct {
	Label    string        `json:"label,omitempty"`
	Language string        `json:"language"`
	Asked    time.Time     `json:"asked"`
	Wait     time.Duration `json:"wait,omitempty"` // in nanoseconds; zero where a time of day was asked for
}

func (n note) payload() string {
	n.Asked = n.Asked.UTC()
	data, err := json.Marshal(n)
	if err != nil {
		return "" // unreachable: a year of four digits can be encoded
	}
	return string(data)
}

// parseNote returns an empty note for what is none: the timers of another bot
// that the channel had before ring all the same.
func parseNote(payload string) note {
	var n note
	if json.Unmarshal([]byte(payload), &n) != nil {
		return note{}
	}
	return n
}

// titled puts the label above a text.
func (n note) titled(text string) string {
	if n.Label == "" {
		return "⏰ " + text
	}
	return "⏰ " + n.Label + "\n" + text
}
