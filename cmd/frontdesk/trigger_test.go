package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// LINE's own example (Messaging API, Verify webhook signature).
const (
	vectorSecret    = "8c570fa6dd201bb328f1c1eac23a96d8"
	vectorBody      = `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`
	vectorSignature = "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs="
)

// TestTriggerSignature signs LINE's example with the secret from every place.
func TestTriggerSignature(t *testing.T) {
	name := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(name, []byte(vectorBody), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		flag string
		env  []string
		ours bool
	}{
		{"flag", vectorSecret, []string{"FRONTDESK_CHANNEL_SECRET=x", "LINE_CHANNEL_SECRET=y"}, true},
		{"variable", "", []string{"FRONTDESK_CHANNEL_SECRET=" + vectorSecret, "LINE_CHANNEL_SECRET=y"}, true},
		{"the server's variable", "", []string{"LINE_CHANNEL_SECRET= " + vectorSecret + ", y"}, true},
		{"none", "", nil, false},
		{"another", "x", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"trigger", "--print", "--raw", name}
			if tt.flag != "" {
				args = append(args, "--channel-secret", tt.flag)
			}
			var out, errOut bytes.Buffer
			if code := run(args, strings.NewReader(""), &out, &errOut, tt.env); code != exitOK {
				t.Fatalf("exit code %d: %s", code, &errOut)
			}
			if got := strings.Contains(out.String(), "X-Line-Signature: "+vectorSignature+"\n"); got != tt.ours {
				t.Errorf("LINE's signature: got %v, want %v in\n%s", got, tt.ours, &out)
			}
		})
	}
}

// TestTriggerEvents reads every kind of event as the server would.
func TestTriggerEvents(t *testing.T) {
	now := time.Now()
	types := map[string]bool{}
	for _, kind := range triggerKinds() {
		t.Run(kind, func(t *testing.T) {
			made, err := triggerEvent{kind: kind, text: "hi", data: "d", user: "Ua", group: "Ca"}.event()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := triggerSource{doc: made}.content(now)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), auto) {
				t.Errorf("something is still to be made up: %s", raw)
			}
			ev, err := frontdesk.ParseEvent(raw)
			if err != nil {
				t.Fatal(err)
			}
			types[ev.Type] = true
			where := "Ca"
			if made["source"] == nil {
				where = ""
			}
			if len(ev.ID) != 26 || ev.Source.GroupID != where || ev.Mode != "active" || ev.Timestamp.UnixMilli() != now.UnixMilli() {
				t.Errorf("got %+v", ev)
			}
			if ev.Type != kind && (ev.Type != "message" || ev.Message.Type != kind) {
				t.Errorf("got type %s with message %+v, want %s", ev.Type, ev.Message, kind)
			}
			if _, err := ev.SDK(); err != nil {
				t.Errorf("the SDK does not read it: %v", err)
			}
		})
	}
	for _, name := range linesim.EventTypes() {
		if !types[name] {
			t.Errorf("no kind makes an event of type %s", name)
		}
	}
}

// TestFillAuto makes up new values for every webhook, also in a whole body.
func TestFillAuto(t *testing.T) {
	const ev = `{"type":"message","webhookEventId":"auto","timestamp":"auto","replyToken":"auto","message":{"id":"auto","text":"auto"},"unsend":{"messageId":"auto"}}`
	for _, text := range []string{ev, `{"destination":"U1","events":[` + ev + `,7]}`} {
		doc, err := parseDocument([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for i := range 2 {
			made, err := triggerSource{doc: doc}.content(time.Now().Add(time.Duration(i) * time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(made), auto); n != 1 {
				t.Errorf("%d values are auto, want only the text: %s", n, made)
			}
			for _, path := range []string{"webhookEventId", "timestamp", "replyToken", "message.id"} {
				value := gjson.GetBytes(wrap(made), "events.0."+path).String()
				if value == "" || seen[value] {
					t.Errorf("%s is %q, want a new value", path, value)
				}
				seen[value] = true
			}
		}
	}
}

func TestSetPath(t *testing.T) {
	const doc = `{"a":{"b":1},"list":[{"c":2},3],"text":"x"}`
	tests := []struct{ set, want string }{
		{"a.b=2", `{"a":{"b":2},"list":[{"c":2},3],"text":"x"}`},
		{`a={"d":[]}`, `{"a":{"d":[]},"list":[{"c":2},3],"text":"x"}`},
		{"new.deep.er=true", `{"a":{"b":1},"list":[{"c":2},3],"new":{"deep":{"er":true}},"text":"x"}`},
		{"list.0.c=null", `{"a":{"b":1},"list":[{"c":null},3],"text":"x"}`},
		{"list.1=12345678901234567890", `{"a":{"b":1},"list":[{"c":2},12345678901234567890],"text":"x"}`},
		{"text=two = words", `{"a":{"b":1},"list":[{"c":2},3],"text":"two = words"}`},
		{`text="7"`, `{"a":{"b":1},"list":[{"c":2},3],"text":"7"}`},
		{"text=", `{"a":{"b":1},"list":[{"c":2},3],"text":""}`},
		{"list.2=4", `"2" is not a place in a list of 2`},
		{"list.x.y=4", `"x" is not a place in a list of 2`},
		{"text.x=4", "text holds no properties"},
		{"a.b.c.d=4", "a.b holds no properties"},
		{"nothing", "PATH=VALUE is wanted"},
		{"=1", "PATH=VALUE is wanted"},
	}
	for _, tt := range tests {
		t.Run(tt.set, func(t *testing.T) {
			d, err := parseDocument([]byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			path, value, err := settingOf(tt.set)
			if err == nil {
				err = setPath(d, path, value)
			}
			checkDocument(t, d, err, tt.want)
		})
	}
}

func TestUnsetPath(t *testing.T) {
	tests := []struct{ path, want string }{
		{"a", `{"list":[{"c":2}]}`},
		{"a.b", `{"a":{},"list":[{"c":2}]}`},
		{"list.0.c", `{"a":{"b":1},"list":[{}]}`},
		{"list.0", "not a place in a list"},
		{"x", "there is no such property"},
		{"x.y", "there is no such property"},
		{"a.b.c", "a.b holds no properties"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			d, err := parseDocument([]byte(`{"a":{"b":1},"list":[{"c":2}]}`))
			if err != nil {
				t.Fatal(err)
			}
			checkDocument(t, d, unsetPath(d, tt.path), tt.want)
		})
	}
}

// checkDocument compares a document, or an error, with what is wanted.
func checkDocument(t *testing.T, doc fields, err error, want string) {
	t.Helper()
	got, marshalErr := json.Marshal(doc)
	if marshalErr != nil {
		t.Fatal(marshalErr)
	}
	if text := fmt.Sprint(err); err != nil && strings.HasPrefix(want, "{") || err != nil && !strings.Contains(text, want) || err == nil && string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

// TestNewEventID looks at the form of LINE's IDs: 26 characters that begin
// with the time.
func TestNewEventID(t *testing.T) {
	at := time.UnixMilli(1_469_918_176_385) // the example of the ULID specification
	id := newEventID(at)
	if len(id) != 26 || !strings.HasPrefix(id, "01ARYZ6S41") {
		t.Errorf("got %s, want 26 characters that begin with 01ARYZ6S41", id)
	}
	if newEventID(at) == id {
		t.Error("two IDs of one moment are the same")
	}
}
