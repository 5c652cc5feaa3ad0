package linesim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/tidwall/gjson"
)

// TestWebhooksBySpec lets every type of event happen, by the users and by templates, in batches and redelivered,
// and validates every body by LINE's specification.
func TestWebhooksBySpec(t *testing.T) {
	s := loadSpec(t, "webhook.yml")
	f := newFixture(t, linesim.Config{WebhookQueue: 10_000})
	var mu sync.Mutex
	var bodies [][]byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, body)
		if len(bodies)%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(srv.Close)
	if err := f.SetWebhookURL(srv.URL); err != nil {
		t.Fatal(err)
	}
	err := f.SetFaults(linesim.Faults{Webhooks: linesim.WebhookFaults{
		Redelivery: linesim.Redelivery{Count: 3}, Batch: linesim.Batch{Size: 7}, Duplicates: linesim.Duplicates{Share: 0.2},
	}})
	if err != nil {
		t.Fatal(err)
	}
	liveFully(t, f)
	for _, kind := range linesim.EventTypes() {
		if _, err := f.TriggerTemplate(linesim.Template{Type: kind}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, kind := range []string{"text", "sticker", "image", "video", "audio", "file", "location"} {
		if _, err := f.TriggerTemplate(linesim.Template{Type: "message", MessageType: kind}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	failed := linesim.Template{Type: "accountLink", Override: json.RawMessage(`{"link":{"result":"failed"}}`)}
	if _, err := f.TriggerTemplate(failed); err != nil {
		t.Error(err)
	}
	if err := f.WaitIdle(testContext(t)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	seen := map[string]bool{}
	for _, body := range bodies {
		s.valid(t, "CallbackRequest", olderThanEdits(t, body))
		for _, ev := range gjson.GetBytes(body, "events").Array() {
			kind := ev.Get("type").Str
			seen[kind+" "+ev.Get("message.type").Str] = true
			known, err := webhook.UnmarshalEvent([]byte(ev.Raw))
			if _, unknown := known.(webhook.UnknownEvent); unknown || err != nil {
				t.Errorf("the official SDK does not know %s: %v", ev.Raw, err)
			}
		}
	}
	if len(seen) != 26 {
		t.Errorf("%d kinds of events and messages were sent, want 26: %v", len(seen), seen)
	}
}

// liveFully lets users do all they can.
func liveFully(t *testing.T, f *fixture) {
	t.Helper()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	must(f.AddUser(linesim.NewUser{UserID: hanako, DisplayName: "Hanako"}))
	must(f.AddUser(linesim.NewUser{UserID: alex, DisplayName: "Alex"}))
	must(f.AddGroup(linesim.NewGroup{GroupID: garden, Members: []string{hanako}}))
	must(f.AddGroup(linesim.NewGroup{GroupID: lounge, Members: []string{hanako, alex}}))
	for _, chat := range []string{"", garden, lounge} {
		for _, m := range []linesim.UserMessage{
			{Type: "text", Text: "hi"}, {Type: "sticker", PackageID: "446", StickerID: "1988"}, {Type: "image"}, {Type: "video"},
			{Type: "audio"}, {Type: "file", FileName: "a"}, {Type: "location"},
		} {
			m.GroupID = chat
			must(f.SendMessage(hanako, m))
		}
		must(f.Postback(hanako, chat, linesim.Postback{Data: "x", Params: map[string]string{"date": "2026-08-01"}}))
	}
	sent, err := f.SendText(hanako, "oh")
	must(sent, err)
	must(f.Unsend(hanako, sent.MessageID))
	must(f.AddMember(garden, alex))
	must(f.RemoveMember(garden, alex))
	must(f.RemoveBot(garden))
	must(f.InviteBot(garden))
	must(f.Unfollow(alex))
	must(f.Follow(alex))
	for range 2 { // of one's own, and of somebody else's
		token := gjson.Get(f.line(t, "POST", "/v2/bot/user/"+hanako+"/linkToken", "").body, "linkToken").Str
		must(f.LinkAccount(hanako, token, "0123456789"))
		token = gjson.Get(f.line(t, "POST", "/v2/bot/user/"+hanako+"/linkToken", "").body, "linkToken").Str
		must(f.LinkAccount(alex, token, "0123456789"))
	}
}

// olderThanEdits returns a body with its messageEdited events as message events: the type is newer than the
// specification, and differs in the markAsReadToken that it never has.
func olderThanEdits(t *testing.T, body []byte) []byte {
	t.Helper()
	for _, ev := range gjson.GetBytes(body, "events").Array() {
		if ev.Get("type").Str == "messageEdited" && ev.Get("message.markAsReadToken").Exists() {
			t.Errorf("an edit with a markAsReadToken: %s", ev.Raw)
		}
	}
	return []byte(strings.ReplaceAll(string(body), `"type":"messageEdited"`, `"type":"message"`))
}
