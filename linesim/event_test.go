package linesim_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/tidwall/gjson"
)

const (
	hanako = "U00000000000000000000000000000001"
	alex   = "U00000000000000000000000000000002"
	garden = "C00000000000000000000000000000001"
	lounge = "R00000000000000000000000000000001"
)

// mask replaces what differs from run to run, after a check of its form.
func mask(t *testing.T, raw string) string {
	t.Helper()
	out := raw
	for _, m := range []struct{ path, form, name string }{
		{"webhookEventId", `^[0-9A-HJKMNP-TV-Z]{26}$`, "ULID"},
		{"replyToken", `^[0-9a-f]{32}$`, "HEX"},
		{"message.id", `^[0-9]{18}$`, "ID"},
		{"unsend.messageId", `^[0-9]{18}$`, "ID"},
		{"message.quoteToken", `^[\w-]{32}$`, "QUOTE"},
		{"message.markAsReadToken", `^[0-9]{18}\.[\w-]{22}$`, "READ"},
		{"timestamp", `^[0-9]{13}$`, "TIME"},
	} {
		v := gjson.Get(raw, m.path)
		if !v.Exists() {
			continue
		}
		if !regexp.MustCompile(m.form).MatchString(v.String()) {
			t.Errorf("%s is %s, want %s", m.path, v.Raw, m.form)
		}
		out = strings.Replace(out, v.Raw, m.name, 1)
	}
	return out
}

func TestEvents(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	for _, n := range []linesim.NewUser{{UserID: hanako, DisplayName: "Hanako"}, {UserID: alex, DisplayName: "Alex"}} {
		if _, err := f.AddUser(n); err != nil {
			t.Fatal(err)
		}
	}
	const (
		common = `"webhookEventId":ULID,"deliveryContext":{"isRedelivery":false},"timestamp":TIME,`
		reply  = `"replyToken":HEX,"mode":"active"}`
		silent = `"mode":"active"}`
		user   = `"source":{"type":"user","userId":"` + hanako + `"},`
		group  = `"source":{"type":"group","groupId":"` + garden + `"},`
		tokens = `"quoteToken":QUOTE,`
	)
	send := func(m linesim.UserMessage) func() error {
		return func() error { _, err := f.SendMessage(hanako, m); return err }
	}
	one := func(_ string, err error) error { return err }
	steps := []struct {
		name string
		do   func() error
		want string
	}{
		{"text", send(linesim.UserMessage{Type: "text", Text: "hi"}), `{"type":"message","message":{"type":"text","id":ID,` + tokens + `"text":"hi","markAsReadToken":READ},` + common + user + reply},
		{"sticker", send(linesim.UserMessage{Type: "sticker", PackageID: "446", StickerID: "1988"}), `{"type":"message","message":{"type":"sticker","id":ID,` + tokens + `"packageId":"446","stickerId":"1988","stickerResourceType":"STATIC","markAsReadToken":READ},` + common + user + reply},
		{"image", send(linesim.UserMessage{Type: "image"}), `{"type":"message","message":{"type":"image","id":ID,` + tokens + `"contentProvider":{"type":"line"},"markAsReadToken":READ},` + common + user + reply},
		{"video", send(linesim.UserMessage{Type: "video", DurationMS: 5000}), `{"type":"message","message":{"type":"video","id":ID,` + tokens + `"duration":5000,"contentProvider":{"type":"line"},"markAsReadToken":READ},` + common + user + reply},
		{"audio", send(linesim.UserMessage{Type: "audio"}), `{"type":"message","message":{"type":"audio","id":ID,"duration":1000,"contentProvider":{"type":"line"},"markAsReadToken":READ},` + common + user + reply},
		{"file", send(linesim.UserMessage{Type: "file", FileName: "a.txt", Size: 7}), `{"type":"message","message":{"type":"file","id":ID,"fileName":"a.txt","fileSize":7,"markAsReadToken":READ},` + common + user + reply},
		{"location at zero", send(linesim.UserMessage{Type: "location", Title: "Null Island"}), `{"type":"message","message":{"type":"location","id":ID,"title":"Null Island","latitude":0,"longitude":0,"markAsReadToken":READ},` + common + user + reply},
		{"quote", send(linesim.UserMessage{Type: "text", Text: "this", QuotedMessageID: "1"}), `{"type":"message","message":{"type":"text","id":ID,` + tokens + `"text":"this","quotedMessageId":"1","markAsReadToken":READ},` + common + user + reply},
		{"postback", func() error { return one(f.Postback(hanako, "", linesim.Postback{Data: "a=1"})) }, `{"type":"postback","postback":{"data":"a=1"},` + common + user + reply},
		{"date picker", func() error {
			return one(f.Postback(hanako, "", linesim.Postback{Data: "d", Params: map[string]string{"date": "2026-08-01"}}))
		}, `{"type":"postback","postback":{"data":"d","params":{"date":"2026-08-01"}},` + common + user + reply},
		{"unsend", func() error {
			msgs, err := f.Messages(hanako, linesim.Query{})
			if err != nil {
				return err
			}
			return one(f.Unsend(hanako, msgs[0].ID()))
		}, `{"type":"unsend","unsend":{"messageId":ID},` + common + user + silent},
		{"unfollow", func() error { return one(f.Unfollow(hanako)) }, `{"type":"unfollow",` + common + user + silent},
		{"follow again", func() error { return one(f.Follow(hanako)) }, `{"type":"follow","follow":{"isUnblocked":true},` + common + user + reply},
		{"join", func() error {
			_, err := f.AddGroup(linesim.NewGroup{GroupID: garden, Name: "Garden", Members: []string{hanako}})
			return err
		}, `{"type":"join",` + common + group + reply},
		{"text in a group", send(linesim.UserMessage{Type: "text", Text: "hi", GroupID: garden}), `{"type":"message","message":{"type":"text","id":ID,` + tokens + `"text":"hi","markAsReadToken":READ},` + common + `"source":{"type":"group","userId":"` + hanako + `","groupId":"` + garden + `"},` + reply},
		{"postback in a group", func() error { return one(f.Postback(hanako, garden, linesim.Postback{Data: "x"})) }, `{"type":"postback","postback":{"data":"x"},` + common + group + reply},
		{"member joined", func() error { return one(f.AddMember(garden, alex)) }, `{"type":"memberJoined","joined":{"members":[{"type":"user","userId":"` + alex + `"}]},` + common + group + reply},
		{"member left", func() error { return one(f.RemoveMember(garden, alex)) }, `{"type":"memberLeft","left":{"members":[{"type":"user","userId":"` + alex + `"}]},` + common + group + silent},
		{"leave", func() error { return one(f.RemoveBot(garden)) }, `{"type":"leave",` + common + group + silent},
		{"join again", func() error { return one(f.InviteBot(garden)) }, `{"type":"join",` + common + group + reply},
		{"room", func() error {
			_, err := f.AddGroup(linesim.NewGroup{GroupID: lounge, Members: []string{hanako, alex}})
			return err
		}, `{"type":"join",` + common + `"source":{"type":"room","roomId":"` + lounge + `"},` + reply},
		{"triggered", func() error {
			return one(f.Trigger(json.RawMessage(`{"type":"beacon","replyToken":"auto","source":{"type":"user","userId":"` + hanako + `"},"beacon":{"hwid":"0","type":"enter"}}`)))
		}, `{"beacon":{"hwid":"0","type":"enter"},"deliveryContext":{"isRedelivery":false},"mode":"active","replyToken":HEX,"source":{"type":"user","userId":"` + hanako + `"},"timestamp":TIME,"type":"beacon","webhookEventId":ULID}`},
		{"unknown type as given", func() error {
			return one(f.Trigger(json.RawMessage(`{"type":"dream","webhookEventId":"W","timestamp":12345678901234567890,"mode":"standby","deliveryContext":{"isRedelivery":true}}`)))
		}, `{"deliveryContext":{"isRedelivery":true},"mode":"standby","timestamp":12345678901234567890,"type":"dream","webhookEventId":"W"}`},
	}
	seen := len(b.received(t, f))
	for _, tc := range steps {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.do(); err != nil {
				t.Fatal(err)
			}
			raw := b.received(t, f)
			if len(raw) != seen+1 {
				t.Fatalf("%d events came, want 1", len(raw)-seen)
			}
			got := string(raw[seen])
			seen++
			if tc.name != "unknown type as given" {
				got = mask(t, got)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, ev := range b.events[:len(b.events)-1] {
		if _, unknown := ev.(webhook.UnknownEvent); unknown {
			t.Errorf("the official SDK does not know event %s", b.raw[i])
		}
	}
}
