package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Kinds of objects that a bot writes: the values of "t".
const (
	kindHello = "hello"
	kindPong  = "pong"
	kindSend  = "send"
	kindPush  = "push"
	kindTimer = "timer"
	kindDone  = "done"
	kindRetry = "retry"
	kindDrop  = "drop"
)

// answer is one object that a bot wrote. Fields that its kind does not have or
// that were left out are zero.
type answer struct {
	kind string
	id   string

	to       string
	text     string
	messages []json.RawMessage

	key, at, cron, zone, payload string // of timer
	after, every                 time.Duration
	cancel                       bool // of timer, and of hello

	reason string
	paused bool // a retry says after when it wants to come again

	version int // of hello
	max     int
	ping    bool
}

// parseAnswer reads one object as docs/worker-protocol.schema.json has it. An
// error says which field is wrong and never what stands in it.
func parseAnswer(raw []byte) (answer, error) {
	if !utf8.Valid(raw) {
		return answer{}, errors.New("not UTF-8")
	}
	if !json.Valid(raw) {
		return answer{}, errors.New("not JSON")
	}
	return readAnswer(gjson.ParseBytes(raw))
}

// readAnswer reads one object of valid JSON.
func readAnswer(object gjson.Result) (a answer, err error) {
	if !object.IsObject() {
		return a, errors.New("not a JSON object")
	}
	var named, set field // set are those that are not null
	object.ForEach(func(key, value gjson.Result) bool {
		f, known := fields[key.Str]
		switch {
		case !known:
			err = fmt.Errorf("%s is not a field of any answer", fieldName(key.Str))
		case named&f.bit != 0:
			err = fmt.Errorf("%q stands there twice", key.Str)
		case value.Type == gjson.Null:
		case !f.read(&a, value):
			err = fmt.Errorf("%q must be %s", key.Str, f.is)
		default:
			set |= f.bit
		}
		named |= f.bit
		return err == nil
	})
	if err != nil {
		return a, err
	}
	return a, a.check(named, set)
}

// fieldName quotes a name that nobody knows, if it looks like one: it may be a
// slip of the pen or part of what a user said.
func fieldName(name string) string {
	const longest = 30
	if name == "" || len(name) > longest {
		return "something"
	}
	for _, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "something"
		}
	}
	return fmt.Sprintf("%q", name)
}

// check holds the fields of an object against its kind.
func (a *answer) check(named, set field) error {
	kind, known := kinds[a.kind]
	switch {
	case set&fieldT == 0:
		return errors.New(`it has no "t"`)
	case !known:
		return errors.New(`"t" is none of send, push, timer, done, retry, drop, hello and pong`)
	case named&^(kind.takes|fieldT) != 0:
		return fmt.Errorf("%q is not a field of %s", nameOf(named&^(kind.takes|fieldT)), a.kind)
	case kind.needs&^set != 0:
		return fmt.Errorf("%s needs %q", a.kind, nameOf(kind.needs&^set))
	case set&fieldsContent == fieldsContent:
		return fmt.Errorf(`%s has both "text" and "messages"; one is enough`, a.kind)
	case kind.content && set&fieldsContent == 0:
		return fmt.Errorf(`%s needs "text" or "messages"`, a.kind)
	}
	a.paused = set&fieldAfter != 0
	for f, d := range map[field]time.Duration{fieldAfter: a.after, fieldEvery: a.every} {
		if set&f != 0 && (d < kind.least || d > kind.most) {
			return fmt.Errorf("%q must be from %d to %d seconds", nameOf(f), kind.least/time.Second, kind.most/time.Second)
		}
	}
	return nil
}
