package worker

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
	messaging "github.com/line-frontdesk/frontdesk/line"
)

const (
	pageFile   = "../../docs/worker-protocol.md"
	schemaFile = "../../docs/worker-protocol.schema.json"
)

// newSchema returns a definition of the published schema.
func newSchema(t testing.TB, def string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile + "#/$defs/" + def)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// against returns what the schema has against a JSON text.
func against(s *jsonschema.Schema, text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// The page, the schema and the code must say the same.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	toBot, fromBot, response := newSchema(t, "toBot"), newSchema(t, "fromBot"), newSchema(t, "response")
	seen := map[string]int{}
	for _, block := range strings.Split(string(page), "\n```json")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		where, body, _ := strings.Cut(block, "\n")
		for line := range strings.Lines(body) {
			text := []byte(strings.TrimSpace(line))
			seen[where]++
			switch where {
			case "":
				if err := against(toBot, text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			case " from-bot":
				if err := against(fromBot, text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
				if a, err := parseAnswer(text); err != nil || a.kind != kindHello && a.kind != kindPong && a.id == "" {
					t.Errorf("%s: %+v %v", text, a, err)
				}
			case " response":
				if err := against(response, text); err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
		}
	}
	if seen[""] < 4 || seen[" from-bot"] < 12 || seen[" response"] < 2 {
		t.Errorf("too few examples were found: %v", seen)
	}
}

func TestEventLine(t *testing.T) {
	toBot := newSchema(t, "toBot")
	text := desktest.TextEvent("U1", "「やあ」\n\"quoted\"")
	pretty := desktest.Event("{\n \"type\": \"beacon\",\r\n \"source\": {\"type\":\"user\",\"userId\":\"U1\"}\n}")
	nowhere := desktest.Event(`{"type":"accountLink"}`)
	odd := desktest.TextEvent("U\"1\\\n花", "x")
	timer := desktest.TimerEvent("U1", frontdesk.Timer{Key: "tea", Payload: "green", After: time.Minute})
	for _, tc := range []struct {
		name    string
		ev      *frontdesk.Event
		profile *frontdesk.Profile
	}{
		{"text", text, nil},
		{"with profile", text, &frontdesk.Profile{UserID: "U1", DisplayName: "花子\n", Language: "ja"}},
		{"pretty", pretty, nil},
		{"without a conversation", nowhere, nil},
		{"odd names", odd, nil},
		{"timer", timer, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			line := appendEvent([]byte("before"), "17", tc.ev, tc.profile)[len("before"):]
			if bytes.ContainsAny(line, "\r\n") {
				t.Errorf("more than one line: %q", line)
			}
			if err := against(toBot, line); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			var got struct {
				ID, Channel, Conversation string
				Attempt                   int
				Profile                   *frontdesk.Profile
				Event                     any
			}
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if got.ID != "17" || got.Attempt != 1 || got.Channel != tc.ev.Channel || got.Conversation != tc.ev.Conversation {
				t.Errorf("got %+v of %+v", got, tc.ev)
			}
			if diff := cmp.Diff(tc.profile, got.Profile); diff != "" {
				t.Errorf("profile (-want +got):\n%s", diff)
			}
			var event any
			if err := json.Unmarshal(tc.ev.Raw, &event); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(event, got.Event); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
	for _, line := range []string{pingLine, string(appendCancel(nil, "17"))} {
		if err := against(toBot, []byte(line)); err != nil || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	raw := func(texts ...string) (messages []json.RawMessage) {
		for _, text := range texts {
			messages = append(messages, json.RawMessage(text))
		}
		return messages
	}
	for _, tc := range []struct {
		line string
		want answer
	}{
		{`{"t":"done","id":"1"}`, answer{kind: "done", id: "1"}},
		{` { "id" : "1" , "t" : "done" , "text" : null , "messages" : null } `, answer{kind: "done", id: "1"}},
		{`{"t":"send","id":"1","text":"\u82b1\n"}`, answer{kind: "send", id: "1", text: "花\n"}},
		{`{"\u0074":"send","id":"1","messages":[{"type":"x","deep":{"a":[1]}},{"type":"y"}]}`,
			answer{kind: "send", id: "1", messages: raw(`{"type":"x","deep":{"a":[1]}}`, `{"type":"y"}`)}},
		{`{"t":"push","id":"1","to":"U2","text":"a"}`, answer{kind: "push", id: "1", to: "U2", text: "a"}},
		{`{"t":"timer","id":"1","key":"k","after":1.5,"every":60,"payload":"p"}`,
			answer{kind: "timer", id: "1", key: "k", after: 1500 * time.Millisecond, every: time.Minute, payload: "p", paused: true}},
		{`{"t":"timer","id":"1","key":"k","cancel":true}`, answer{kind: "timer", id: "1", key: "k", cancel: true}},
		{`{"t":"timer","id":"1","cron":"0 7 * * *","zone":"Asia/Tokyo","text":"a"}`,
			answer{kind: "timer", id: "1", cron: "0 7 * * *", zone: "Asia/Tokyo", text: "a"}},
		{`{"t":"timer","id":"1","at":"2026-11-21T14:22:18Z"}`, answer{kind: "timer", id: "1", at: "2026-11-21T14:22:18Z"}},
		{`{"t":"retry","id":"1"}`, answer{kind: "retry", id: "1"}},
		{`{"t":"retry","id":"1","after":0,"reason":"r"}`, answer{kind: "retry", id: "1", paused: true, reason: "r"}},
		{`{"t":"drop","id":"1","reason":"r"}`, answer{kind: "drop", id: "1", reason: "r"}},
		{`{"t":"hello","v":1,"max":500.0,"ping":true,"cancel":false}`, answer{kind: "hello", version: 1, max: 500, ping: true}},
		{`{"t":"pong"}`, answer{kind: "pong"}},
	} {
		got, err := parseAnswer([]byte(tc.line))
		if err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.line, diff)
		}
	}
}

func TestParseAnswerRefuses(t *testing.T) {
	const secret = "he said it" // what stands in a line stays out of errors
	for _, tc := range []struct{ name, line, want string }{
		{"nothing", ``, "not JSON"},
		{"words", secret, "not JSON"},
		{"half", `{"t":"done","id":"1"`, "not JSON"},
		{"two", `{"t":"done","id":"1"}{"t":"done","id":"1"}`, "not JSON"},
		{"bytes", "{\"t\":\"done\",\"id\":\"\xff\"}", "not UTF-8"},
		{"a list", `["` + secret + `"]`, "not a JSON object"},
		{"no kind", `{"id":"1"}`, `no "t"`},
		{"null kind", `{"t":null,"id":"1"}`, `no "t"`},
		{"unknown kind", `{"t":"` + secret + `","id":"1"}`, `"t" is none of`},
		{"unknown field", `{"t":"send","id":"1","mesages":[]}`, `"mesages" is not a field`},
		{"a field that may be a text", `{"t":"send","id":"1","` + secret + `":1}`, `something is not a field`},
		{"a field of another kind", `{"t":"done","id":"1","after":null}`, `"after" is not a field of done`},
		{"other case", `{"T":"done","id":"1"}`, `"T" is not a field`},
		{"twice", `{"t":"done","id":"1","id":"2"}`, `"id" stands there twice`},
		{"number as id", `{"t":"done","id":1}`, `"id" must be a string`},
		{"nothing to send", `{"t":"send","id":"1","text":null}`, `needs "text" or "messages"`},
		{"empty text", `{"t":"send","id":"1","text":""}`, `"text" must be`},
		{"no messages", `{"t":"send","id":"1","messages":[]}`, `"messages" must be`},
		{"too many messages", `{"t":"send","id":"1","messages":[` + strings.Repeat(`{"type":"x"},`, 100) + `{"type":"x"}]}`, `"messages" must be`},
		{"a message that is none", `{"t":"send","id":"1","messages":["` + secret + `"]}`, `"messages" must be`},
		{"a message without a type", `{"t":"send","id":"1","messages":[{"text":"` + secret + `"}]}`, `"messages" must be`},
		{"both", `{"t":"done","id":"1","text":"a","messages":[{"type":"x"}]}`, `both "text" and "messages"`},
		{"push to nobody", `{"t":"push","id":"1","text":"a"}`, `push needs "to"`},
		{"push to null", `{"t":"push","id":"1","to":null,"text":"a"}`, `push needs "to"`},
		{"short timer", `{"t":"timer","id":"1","after":0.5}`, `"after" must be from 1 to 31622400`},
		{"long timer", `{"t":"timer","id":"1","every":1e300}`, `"every" must be from 1 to 31622400`},
		{"negative retry", `{"t":"retry","id":"1","after":-1}`, `"after" must be from 0 to 86400`},
		{"hello without a version", `{"t":"hello"}`, `hello needs "v"`},
		{"half an event", `{"t":"hello","v":1,"max":1.5}`, `"max" must be`},
		{"deep", strings.Repeat("[", 100_000), "not JSON"},
	} {
		_, err := parseAnswer([]byte(tc.line))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error tells what was said: %v", tc.name, err)
		}
	}
}

// FuzzAnswer holds the reader of what bots write to the published schema: it
// takes exactly what the schema takes, but for one rule that a schema cannot
// express, that no field stands there twice.
func FuzzAnswer(f *testing.F) {
	page, err := os.ReadFile(pageFile)
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(page) {
		if bytes.HasPrefix(line, []byte("{")) {
			f.Add(line)
		}
	}
	f.Add([]byte(`{"t":"hello","v":1.0,"max":1e1}`))
	f.Add([]byte(`{"t":"retry","id":null,"after":86400.5}`))
	f.Add([]byte(`{"t":"send","id":"","messages":[{"type":"a","type":null}],"text":null}`))
	var any []*jsonschema.Schema
	for _, def := range []string{"answer", "hello", "pong"} {
		any = append(any, newSchema(f, def))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := parseAnswer(line)
		if err != nil && (strings.Contains(err.Error(), "twice") || !utf8.Valid(line)) {
			return
		}
		taken := slices.ContainsFunc(any, func(s *jsonschema.Schema) bool { return against(s, line) == nil })
		if taken != (err == nil) {
			t.Errorf("%q: the schema takes it: %v; we: %v", line, taken, err)
		}
		if err != nil {
			return
		}
		for _, m := range a.messages {
			if _, err := messaging.EncodeMessages(frontdesk.RawMessage(m)); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}
