package worker

import (
	"encoding/json"
	"math"
	"time"

	"github.com/tidwall/gjson"
)

// field is a set of fields, one bit for each.
type field uint

const (
	fieldT field = 1 << iota
	fieldID
	fieldTo
	fieldText
	fieldMessages
	fieldKey
	fieldCancel
	fieldAfter
	fieldEvery
	fieldAt
	fieldCron
	fieldZone
	fieldPayload
	fieldReason
	fieldV
	fieldMax
	fieldPing

	fieldsContent = fieldText | fieldMessages
)

const (
	maxMessages = 100                  // in one object
	maxTimer    = 366 * 24 * time.Hour // as frontdesk.MaxTimer
	maxRetry    = 24 * time.Hour
	maxHello    = 10_000 // events at once
	maxVersion  = 1000
)

// kinds says of each kind which fields it takes, which it cannot do without,
// whether it must say something, and how long its times may be.
var kinds = map[string]struct {
	takes, needs field
	content      bool
	least, most  time.Duration
}{
	kindHello: {takes: fieldV | fieldMax | fieldPing | fieldCancel, needs: fieldV},
	kindPong:  {},
	kindSend:  {takes: fieldID | fieldsContent, content: true},
	kindPush:  {takes: fieldID | fieldsContent | fieldTo, needs: fieldTo, content: true},
	kindTimer: {takes: fieldID | fieldsContent | fieldKey | fieldCancel | fieldAfter | fieldEvery | fieldAt | fieldCron | fieldZone | fieldPayload,
		least: time.Second, most: maxTimer},
	kindDone:  {takes: fieldID | fieldsContent},
	kindRetry: {takes: fieldID | fieldAfter | fieldReason, most: maxRetry},
	kindDrop:  {takes: fieldID | fieldReason},
}

// fields reads each field into an answer, unless it is null. is says what it
// must be.
var fields = map[string]struct {
	bit  field
	is   string
	read func(*answer, gjson.Result) bool
}{
	"t":        {fieldT, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.kind) }},
	"id":       {fieldID, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.id) }},
	"to":       {fieldTo, "a string that is not empty", func(a *answer, v gjson.Result) bool { return readText(v, &a.to) && a.to != "" }},
	"text":     {fieldText, "a string that is not empty", func(a *answer, v gjson.Result) bool { return readText(v, &a.text) && a.text != "" }},
	"messages": {fieldMessages, "1 to 100 message objects, each with a type", func(a *answer, v gjson.Result) bool { return readMessages(v, &a.messages) }},
	"key":      {fieldKey, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.key) }},
	"cancel":   {fieldCancel, "true or false", func(a *answer, v gjson.Result) bool { return readBool(v, &a.cancel) }},
	"after":    {fieldAfter, "a number of seconds", func(a *answer, v gjson.Result) bool { return readSeconds(v, &a.after) }},
	"every":    {fieldEvery, "a number of seconds", func(a *answer, v gjson.Result) bool { return readSeconds(v, &a.every) }},
	"at":       {fieldAt, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.at) }},
	"cron":     {fieldCron, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.cron) }},
	"zone":     {fieldZone, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.zone) }},
	"payload":  {fieldPayload, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.payload) }},
	"reason":   {fieldReason, "a string", func(a *answer, v gjson.Result) bool { return readText(v, &a.reason) }},
	"v":        {fieldV, "a whole number from 1 to 1000", func(a *answer, v gjson.Result) bool { return readCount(v, maxVersion, &a.version) }},
	"max":      {fieldMax, "a whole number from 1 to 10000", func(a *answer, v gjson.Result) bool { return readCount(v, maxHello, &a.max) }},
	"ping":     {fieldPing, "true or false", func(a *answer, v gjson.Result) bool { return readBool(v, &a.ping) }},
}

// nameOf returns the name of one of the fields in a set.
func nameOf(set field) string {
	first := ""
	for name, f := range fields {
		if f.bit&set != 0 && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func readText(v gjson.Result, into *string) bool {
	*into = v.Str
	return v.Type == gjson.String
}

func readBool(v gjson.Result, into *bool) bool {
	*into = v.Type == gjson.True
	return v.IsBool()
}

// readCount reads a whole number from 1 to most, also in the form 1.0.
func readCount(v gjson.Result, most int, into *int) bool {
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 1 || v.Num > float64(most) {
		return false
	}
	*into = int(v.Num)
	return true
}

// readSeconds reads any number. Those beyond what a duration holds become one
// that no kind takes.
func readSeconds(v gjson.Result, into *time.Duration) bool {
	*into = time.Duration(min(max(v.Num, -1), (2*maxTimer).Seconds()) * float64(time.Second))
	return v.Type == gjson.Number
}

func readMessages(v gjson.Result, into *[]json.RawMessage) bool {
	if !v.IsArray() {
		return false
	}
	good := true
	v.ForEach(func(_, m gjson.Result) bool {
		good = m.IsObject() && len(*into) < maxMessages && typed(m)
		*into = append(*into, json.RawMessage(m.Raw))
		return good
	})
	return good && len(*into) > 0
}

// typed reports whether an object has a type.
func typed(object gjson.Result) bool {
	typed := false
	object.ForEach(func(key, value gjson.Result) bool {
		if key.Str == "type" {
			typed = value.Type == gjson.String && value.Str != "" // the last one counts, as everywhere
		}
		return true
	})
	return typed
}
