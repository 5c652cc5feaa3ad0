package linesim_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// TestTemplates triggers events by the control API. A want is a list of "path=value" of the last event; a
// value of "-" means that there is none.
func TestTemplates(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	for _, id := range []string{hanako, alex} {
		if _, err := f.AddUser(linesim.NewUser{UserID: id, DisplayName: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{garden, lounge} {
		if _, err := f.AddGroup(linesim.NewGroup{GroupID: id, Members: []string{hanako}}); err != nil {
			t.Fatal(err)
		}
	}
	const user, group = "source.type=user source.userId=" + hanako, "source.type=group source.groupId=" + garden
	for _, tc := range []struct{ name, body, want string }{
		{"beacon", `{"type":"beacon","userId":"` + alex + `"}`, "type=beacon source.type=user source.userId=" + alex + " beacon.type=enter mode=active deliveryContext.isRedelivery=false"},
		{"first user", `{"type":"postback"}`, "type=postback postback.data=action=test " + user},
		{"in a room", `{"type":"postback","groupId":"` + lounge + `"}`, "source.type=room source.roomId=" + lounge + " source.userId=-"},
		{"first group", `{"type":"memberJoined"}`, "joined.members.0.userId=" + hanako + " source.userId=- " + group},
		{"text", `{"type":"message"}`, "message.type=text message.text=Hello " + user},
		{"text in a group", `{"type":"message","groupId":"` + garden + `"}`, "source.userId=" + hanako + " source.groupId=" + garden},
		{"sticker", `{"type":"message","messageType":"sticker"}`, "message.type=sticker message.text=-"},
		{"edited", `{"type":"messageEdited"}`, "message.type=text message.markAsReadToken=- source.userId=" + hanako + " " + group},
		{"override", `{"type":"beacon","override":{"beacon":{"type":"stay"},"timestamp":1}}`, "beacon.type=stay beacon.hwid=d41d8cd98f timestamp=1"},
		{"remove", `{"type":"message","remove":["source.userId","message.quoteToken","nothing.at.all"]}`, "source.userId=- source.type=user message.quoteToken=- message.text=Hello"},
		{"standby", `{"type":"message","override":{"mode":"standby"}}`, "mode=standby replyToken=-"},
		{"link that failed", `{"type":"accountLink","override":{"link":{"result":"failed"}}}`, "link.result=failed replyToken=- source=-"},
		{"unknown type with changes", `{"event":{"type":"dream","a":{"b":12345678901234567890}},"override":{"c":[]},"remove":["a.d"]}`, "type=dream a.b=12345678901234567890 c=[]"},
		{"module", `{"type":"module"}`, "module.type=attached source=- replyToken=-"},
		{"without a token", `{"type":"unfollow"}`, "replyToken=- " + user},
	} {
		t.Run(tc.name, func(t *testing.T) {
			seen := len(b.received(t, f))
			a := f.control(t, "POST", "/sim/trigger", tc.body)
			if a.status != 202 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			raw := b.received(t, f)
			if len(raw) != seen+1 {
				t.Fatalf("%d events came, want 1", len(raw)-seen)
			}
			ev := string(raw[seen])
			if id := gjson.Get(a.body, "webhookEventId").Str; id == "" || gjson.Get(ev, "webhookEventId").Str != id {
				t.Errorf("answered %s for %s", a.body, ev)
			}
			for _, w := range strings.Fields(tc.want) {
				path, want, _ := strings.Cut(w, "=")
				if got := gjson.Get(ev, path); got.Exists() == (want == "-") || want != "-" && got.String() != want && got.Raw != want {
					t.Errorf("%s is %s, want %s in %s", path, got.Raw, want, ev)
				}
			}
		})
	}
}

func TestTemplateRepeats(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	ids, err := f.TriggerTemplate(linesim.Template{Type: "message", Repeat: 20})
	if err != nil || len(ids) != 20 {
		t.Fatalf("%d ids, %v", len(ids), err)
	}
	fresh := map[string]bool{}
	for _, raw := range b.received(t, f) {
		fresh[gjson.GetBytes(raw, "webhookEventId").Str] = true
		fresh[gjson.GetBytes(raw, "replyToken").Str] = true
	}
	if len(fresh) != 42 {
		t.Errorf("%d different ids and tokens, want those of 21 events", len(fresh))
	}
	a := f.send(t, "reply", `{"replyToken":"`+b.lastToken(t, f, u)+`","messages":`+hi+`}`)
	if a.status != 200 {
		t.Errorf("reply to a triggered event: %d %s", a.status, a.body)
	}
}

func TestTemplateRefusals(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(srv.Close)
	f := newFixture(t, linesim.Config{WebhookQueue: 5, WebhookURL: srv.URL, WebhookTimeout: time.Minute})
	t.Cleanup(func() { close(release) })
	try := func(tpl linesim.Template) error { _, err := f.TriggerTemplate(tpl); return err }
	if err := try(linesim.Template{Type: "follow"}); !errors.Is(err, linesim.ErrInvalid) {
		t.Errorf("without a user: %v", err)
	}
	f.user(t, "Hanako")
	for name, tpl := range map[string]linesim.Template{
		"nothing":          {},
		"two things":       {Type: "follow", WebhookEventID: "x"},
		"unknown type":     {Type: "things"},
		"message type":     {Type: "follow", MessageType: "text"},
		"bad message type": {Type: "message", MessageType: "dance"},
		"user":             {Type: "follow", UserID: "Hanako"},
		"group":            {Type: "message", GroupID: "x"},
		"no group":         {Type: "join"},
		"not in groups":    {Type: "follow", GroupID: garden},
		"override":         {Type: "follow", Override: json.RawMessage("[]")},
		"override is null": {Type: "follow", Override: json.RawMessage("null")},
		"event":            {Event: json.RawMessage("5")},
		"negative":         {Type: "follow", Repeat: -1},
		"too often":        {Type: "follow", Repeat: 10_001},
	} {
		if err := try(tpl); !errors.Is(err, linesim.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := try(linesim.Template{WebhookEventID: "x"}); !errors.Is(err, linesim.ErrNotFound) {
		t.Errorf("unknown event: %v", err)
	}
	if ids, err := f.TriggerTemplate(linesim.Template{Type: "follow", Repeat: 100}); !errors.Is(err, linesim.ErrQueueFull) || len(ids) != 4 {
		t.Errorf("%d events into a queue with room for 4, %v", len(ids), err)
	}
}

// TestEventAgain sends an event again: a used token stays used, and only a redelivery gives another minute.
func TestEventAgain(t *testing.T) {
	for _, tc := range []struct {
		name     string
		use      bool
		override string
		want     int
	}{
		{"the same", false, "", 400},
		{"redelivered", false, `{"deliveryContext":{"isRedelivery":true}}`, 200},
		{"redelivered, used", true, `{"deliveryContext":{"isRedelivery":true}}`, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, linesim.Config{})
				b.say(t, mustUser(t, b.Simulator, linesim.NewUser{}))
				if tc.use {
					wantStatus(t, b.reply(), 200)
				}
				time.Sleep(2 * time.Minute)
				id := b.Webhooks(0, 0)[1].WebhookEventIDs[0]
				ids, err := b.TriggerTemplate(linesim.Template{WebhookEventID: id, Override: json.RawMessage(tc.override)})
				if err != nil || len(ids) != 1 || ids[0] != id {
					t.Errorf("sent %q, %v", ids, err)
				}
				synctest.Wait()
				wantStatus(t, b.reply(), tc.want)
			})
		})
	}
}
