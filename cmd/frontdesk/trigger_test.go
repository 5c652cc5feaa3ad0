package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
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
	for _, kind := range triggerKinds() {
		t.Run(kind, func(t *testing.T) {
			id, body, err := triggerEvent{kind: kind, text: "hi", data: "d", user: "Ua", group: "Ca"}.body(now)
			if err != nil {
				t.Fatal(err)
			}
			var hook struct{ Events []json.RawMessage }
			if err := json.Unmarshal(body, &hook); err != nil || len(hook.Events) != 1 {
				t.Fatalf("got %d events in %s, %v", len(hook.Events), body, err)
			}
			ev, err := frontdesk.ParseEvent(hook.Events[0])
			if err != nil {
				t.Fatal(err)
			}
			if ev.ID != id || ev.Source.GroupID != "Ca" || ev.Conversation != "Ca" || ev.Mode != "active" || ev.Timestamp.UnixMilli() != now.UnixMilli() {
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
