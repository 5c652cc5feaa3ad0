package frontdesk_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"github.com/line-frontdesk/frontdesk"
)

// wrap adds to an event's own properties those that all events have.
func wrap(properties string) string {
	return `{"webhookEventId":"01HXYZ","timestamp":1785931200123,"mode":"active","deliveryContext":{"isRedelivery":true},` + properties + `}`
}

const (
	inChat  = `"source":{"type":"user","userId":"U1"},"replyToken":"token",`
	inGroup = `"source":{"type":"group","groupId":"C1","userId":"U1"},"replyToken":"token",`
)

// All event types that LINE has, and one that it may have some day.
func TestParseEventTypes(t *testing.T) {
	for _, tc := range []struct {
		name string
		raw  string
		want frontdesk.Event // without what all have in common
	}{
		{"message", wrap(inChat + `"type":"message","message":{"type":"text","id":"468789577898262530","text":"hi","quoteToken":"q","quotedMessageId":"1","markAsReadToken":"m","mention":{"mentionees":[{"index":0,"length":2,"type":"user","userId":"U2","isSelf":true}]}}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "468789577898262530", Type: "text", Text: "hi", QuoteToken: "q", QuotedMessageID: "1", MarkAsReadToken: "m",
				Mention: &frontdesk.Mention{Mentionees: []frontdesk.Mentionee{{Length: 2, Type: "user", UserID: "U2", IsSelf: true}}}}}},
		{"image", wrap(inChat + `"type":"message","message":{"type":"image","id":"1","quoteToken":"q","contentProvider":{"type":"line"},"imageSet":{"id":"s","index":1,"total":2}}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "image", QuoteToken: "q"}}},
		{"video", wrap(inChat + `"type":"message","message":{"type":"video","id":"1","duration":60000,"contentProvider":{"type":"line"}}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "video", Duration: 60000}}},
		{"audio", wrap(inChat + `"type":"message","message":{"type":"audio","id":"1","duration":5,"contentProvider":{"type":"line"}}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "audio", Duration: 5}}},
		{"file", wrap(inChat + `"type":"message","message":{"type":"file","id":"1","fileName":"a.txt","fileSize":2138}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "file", FileName: "a.txt", FileSize: 2138}}},
		{"location", wrap(inChat + `"type":"message","message":{"type":"location","id":"1","title":"t","address":"a","latitude":35.65,"longitude":139.7}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "location", Title: "t", Address: "a", Latitude: 35.65, Longitude: 139.7}}},
		{"sticker", wrap(inChat + `"type":"message","message":{"type":"sticker","id":"1","packageId":"446","stickerId":"1988","stickerResourceType":"ANIMATION","keywords":["a"]}`),
			frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{ID: "1", Type: "sticker", PackageID: "446", StickerID: "1988"}}},
		{"messageEdited", wrap(inChat + `"type":"messageEdited","message":{"type":"text","id":"1","text":"hi"}`),
			frontdesk.Event{Type: "messageEdited", Message: &frontdesk.MessageContent{ID: "1", Type: "text", Text: "hi"}}},
		{"message without a message", wrap(inChat + `"type":"message"`), frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{}}},
		{"message of null", wrap(inChat + `"type":"message","message":null`), frontdesk.Event{Type: "message", Message: &frontdesk.MessageContent{}}},
		{"unsend", wrap(inChat + `"type":"unsend","unsend":{"messageId":"1"}`), frontdesk.Event{Type: "unsend", Unsend: &frontdesk.Unsend{MessageID: "1"}}},
		{"follow", wrap(inChat + `"type":"follow","follow":{"isUnblocked":true}`), frontdesk.Event{Type: "follow", Follow: &frontdesk.Follow{IsUnblocked: true}}},
		{"follow of old", wrap(inChat + `"type":"follow"`), frontdesk.Event{Type: "follow", Follow: &frontdesk.Follow{}}},
		{"unfollow", wrap(inChat + `"type":"unfollow"`), frontdesk.Event{Type: "unfollow"}},
		{"join", wrap(inChat + `"type":"join"`), frontdesk.Event{Type: "join"}},
		{"leave", wrap(inChat + `"type":"leave"`), frontdesk.Event{Type: "leave"}},
		{"memberJoined", wrap(inChat + `"type":"memberJoined","joined":{"members":[{"type":"user","userId":"U2"},{"type":"user","userId":"U3"}]}`),
			frontdesk.Event{Type: "memberJoined", Members: []frontdesk.Source{{Type: "user", UserID: "U2"}, {Type: "user", UserID: "U3"}}}},
		{"memberLeft", wrap(inChat + `"type":"memberLeft","left":{"members":[{"type":"user","userId":"U2"}]}`),
			frontdesk.Event{Type: "memberLeft", Members: []frontdesk.Source{{Type: "user", UserID: "U2"}}}},
		{"postback", wrap(inChat + `"type":"postback","postback":{"data":"d","params":{"datetime":"2026-08-01T12:00"}}`),
			frontdesk.Event{Type: "postback", Postback: &frontdesk.Postback{Data: "d", Params: map[string]string{"datetime": "2026-08-01T12:00"}}}},
		{"videoPlayComplete", wrap(inChat + `"type":"videoPlayComplete","videoPlayComplete":{"trackingId":"x"}`), frontdesk.Event{Type: "videoPlayComplete"}},
		{"beacon", wrap(inChat + `"type":"beacon","beacon":{"hwid":"d41d8cd98f","type":"enter"}`), frontdesk.Event{Type: "beacon"}},
		{"accountLink", wrap(inChat + `"type":"accountLink","link":{"result":"ok","nonce":"n"}`), frontdesk.Event{Type: "accountLink"}},
		{"membership", wrap(inChat + `"type":"membership","membership":{"type":"joined","membershipId":1}`), frontdesk.Event{Type: "membership"}},
		{"module", wrap(inChat + `"type":"module","module":{"type":"attached","botId":"U9","scopes":[]}`), frontdesk.Event{Type: "module"}},
		{"activated", wrap(inChat + `"type":"activated","chatControl":{"expireAt":1}`), frontdesk.Event{Type: "activated"}},
		{"deactivated", wrap(inChat + `"type":"deactivated"`), frontdesk.Event{Type: "deactivated"}},
		{"botSuspended", wrap(inChat + `"type":"botSuspended"`), frontdesk.Event{Type: "botSuspended"}},
		{"botResumed", wrap(inChat + `"type":"botResumed"`), frontdesk.Event{Type: "botResumed"}},
		{"delivery", wrap(inChat + `"type":"delivery","delivery":{"data":"d"}`), frontdesk.Event{Type: "delivery"}},
		{"a future type", wrap(inChat + `"type":"teleport","message":5,"postback":[],"follow":"x"`), frontdesk.Event{Type: "teleport"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := frontdesk.ParseEvent([]byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			want := tc.want
			want.ID, want.Conversation, want.Mode, want.Redelivered, want.ReplyToken = "01HXYZ", "U1", "active", true, "token"
			want.Timestamp, want.Source, want.Raw = time.UnixMilli(1785931200123), frontdesk.Source{Type: "user", UserID: "U1"}, json.RawMessage(tc.raw)
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConversation(t *testing.T) {
	for _, tc := range []struct{ name, source, want string }{
		{"user", `"source":{"type":"user","userId":"U1"},`, "U1"},
		{"user without consent", `"source":{"type":"user"},`, ""},
		{"group", `"source":{"type":"group","groupId":"C1","userId":"U1"},`, "C1"},
		{"group without a user", `"source":{"type":"group","groupId":"C1"},`, "C1"},
		{"room", `"source":{"type":"room","roomId":"R1","userId":"U1"},`, "R1"},
		{"a future kind", `"source":{"type":"plaza","userId":"U1"},`, "U1"},
		{"null", `"source":null,`, ""},
		{"none", ``, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev, err := frontdesk.ParseEvent([]byte(wrap(tc.source + `"type":"message"`)))
			if err != nil || ev.Conversation != tc.want {
				t.Errorf("got %q, %v, want %q", ev.Conversation, err, tc.want)
			}
		})
	}
}

// What cannot be decoded is named, and what was in it is not.
func TestParseEventRefuses(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"nothing", ``, "event is not valid JSON"},
		{"no JSON", `{"type":"secret`, "event is not valid JSON"},
		{"no object", `["secret"]`, "wrong type"},
		{"null", `null`, "no type"},
		{"no type", `{"message":{"text":"secret"}}`, "no type"},
		{"type of a number", wrap(`"type":4711`), `"type"`},
		{"timestamp of a string", `{"type":"message","timestamp":"secret"}`, `"timestamp"`},
		{"timestamp of a fraction", `{"type":"message","timestamp":4711.5}`, `"timestamp"`},
		{"ID of a number", `{"type":"message","webhookEventId":4711}`, `"webhookEventId"`},
		{"source of a string", wrap(`"type":"message","source":"secret"`), `"source"`},
		{"user of a number", wrap(`"type":"message","source":{"userId":4711}`), `"source.userId"`},
		{"message of a string", wrap(`"type":"message","message":"secret"`), "message field"},
		{"text of a number", wrap(`"type":"message","message":{"text":4711}`), `message field "text"`},
		{"params of a number", wrap(`"type":"postback","postback":{"params":{"secret":4711}}`), "postback field"},
		{"members of an object", wrap(`"type":"memberJoined","joined":{"members":{"secret":1}}`), `"joined.members"`},
		{"follow of a string", wrap(`"type":"follow","follow":{"isUnblocked":"secret"}`), `follow field "isUnblocked"`},
		{"unsend of a list", wrap(`"type":"unsend","unsend":["secret"]`), "unsend field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := frontdesk.ParseEvent([]byte(tc.raw))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want it to name %s", err, tc.want)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "4711") {
				t.Errorf("the error quotes the event: %v", err)
			}
		})
	}
}

func TestSDK(t *testing.T) {
	for _, tc := range []struct {
		name, raw string
		fits      func(webhook.EventInterface) bool
	}{
		{"message", wrap(inGroup + `"type":"message","message":{"type":"text","id":"1","text":"hi","quoteToken":"q"}`), func(e webhook.EventInterface) bool {
			m, ok := e.(webhook.MessageEvent)
			return ok && m.Message.(webhook.TextMessageContent).Text == "hi"
		}},
		{"beacon", wrap(inChat + `"type":"beacon","beacon":{"hwid":"h","type":"enter"}`), func(e webhook.EventInterface) bool {
			_, ok := e.(webhook.BeaconEvent)
			return ok
		}},
		{"a future type", wrap(inChat + `"type":"teleport"`), func(e webhook.EventInterface) bool {
			_, ok := e.(webhook.UnknownEvent)
			return ok
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev, err := frontdesk.ParseEvent([]byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ev.SDK()
			if err != nil || !tc.fits(got) {
				t.Errorf("got %T, %v", got, err)
			}
		})
	}
	ev := &frontdesk.Event{ID: "01HXYZ", Type: "message", Raw: json.RawMessage(`{"type":"message","timestamp":"secret"}`)}
	if _, err := ev.SDK(); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "01HXYZ") {
		t.Errorf("got %v, want an error that names the event and quotes nothing", err)
	}
}

// Whatever bytes come, decoding them does not panic, keeps them, and says no
// more than where they are wrong.
func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{
		wrap(inChat + `"type":"message","message":{"type":"text","id":"1","text":"hi"}`), wrap(`"type":"postback","postback":{"params":{"a":1}}`),
		wrap(`"type":"memberJoined","joined":{"members":[{}]}`), `{"type":"follow"}`, `null`, `[]`, `{"type":{}}`, `{"timestamp":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ev, err := frontdesk.ParseEvent(raw)
		if err != nil {
			if len(err.Error()) > 120 {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		if string(ev.Raw) != string(raw) || ev.Type == "" || ev.Conversation != ev.Source.Conversation() {
			t.Errorf("got %+v", ev)
		}
		if ev.Type == frontdesk.TypeMessage && ev.Message == nil || ev.Type == frontdesk.TypePostback && ev.Postback == nil ||
			ev.Type == frontdesk.TypeFollow && ev.Follow == nil || ev.Type == frontdesk.TypeUnsend && ev.Unsend == nil {
			t.Errorf("an event of type %s without its part", ev.Type)
		}
		_, _ = ev.SDK() // must not panic
	})
}
