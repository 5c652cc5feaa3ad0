package parrot_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/desktest"
)

const (
	hanako = "U00000000000000000000000000000001" // speaks Japanese
	john   = "U00000000000000000000000000000002" // speaks English
	nobody = "U00000000000000000000000000000003" // shows no profile
	taro   = "U00000000000000000000000000000004" // keeps the name empty
	group  = "C00000000000000000000000000000001"
)

func newDesk() *desktest.Desk {
	return desktest.New(
		desktest.WithProfile(frontdesk.Profile{UserID: hanako, DisplayName: "花子", Language: "ja"}),
		desktest.WithProfile(frontdesk.Profile{UserID: john, DisplayName: "John", Language: "en"}),
		desktest.WithProfile(frontdesk.Profile{UserID: taro, Language: "ja"}),
	)
}

func TestAnswers(t *testing.T) {
	message := func(m map[string]any) func(user string) *frontdesk.Event {
		return func(user string) *frontdesk.Event { return desktest.MessageEvent(user, m) }
	}
	for _, tc := range []struct {
		name       string
		event      func(user string) *frontdesk.Event
		ja, en     string
		jaNo, enNo string // to a user without a name
	}{
		{"text", func(u string) *frontdesk.Event { return desktest.TextEvent(u, "100% %s") },
			"花子さん: 「100% %s」", "John says: “100% %s”", "「100% %s」", "You said: “100% %s”"},
		{"text in a group", func(u string) *frontdesk.Event { return desktest.GroupTextEvent(group, u, "hi") },
			"花子さん: 「hi」", "John says: “hi”", "「hi」", "You said: “hi”"},
		{"image", message(map[string]any{"type": "image"}),
			"花子さん、写真をありがとうございます！", "Thanks for the picture, John!", "写真をありがとうございます！", "Thanks for the picture!"},
		{"video", message(map[string]any{"type": "video"}),
			"花子さん、動画をありがとうございます！", "Thanks for the video, John!", "動画をありがとうございます！", "Thanks for the video!"},
		{"audio", message(map[string]any{"type": "audio"}),
			"花子さん、音声をありがとうございます！", "Thanks for the voice message, John!", "音声をありがとうございます！", "Thanks for the voice message!"},
		{"file", message(map[string]any{"type": "file", "fileName": "a %d.txt", "fileSize": 123}),
			"花子さん、ファイル「a %d.txt」（123バイト）を受け取りました。", "Got your file “a %d.txt” (123 bytes), John.",
			"ファイル「a %d.txt」（123バイト）を受け取りました。", "Got your file “a %d.txt” (123 bytes)."},
		{"location with a title", message(map[string]any{"type": "location", "title": "Tokyo Tower", "address": "Minato"}),
			"花子さん、「Tokyo Tower」の位置情報をありがとうございます！", "Thanks for the location of “Tokyo Tower”, John!",
			"「Tokyo Tower」の位置情報をありがとうございます！", "Thanks for the location of “Tokyo Tower”!"},
		{"location with an address", message(map[string]any{"type": "location", "address": "Minato"}),
			"花子さん、「Minato」の位置情報をありがとうございます！", "Thanks for the location of “Minato”, John!",
			"「Minato」の位置情報をありがとうございます！", "Thanks for the location of “Minato”!"},
		{"location without words", message(map[string]any{"type": "location", "latitude": 35.6, "longitude": 139.7}),
			"花子さん、位置情報をありがとうございます！", "Thanks for the location, John!", "位置情報をありがとうございます！", "Thanks for the location!"},
		{"sticker", message(map[string]any{"type": "sticker", "packageId": "446", "stickerId": "2"}),
			"花子さん、スタンプをありがとうございます！|[sticker]", "Thanks for the sticker, John!|[sticker]",
			"スタンプをありがとうございます！|[sticker]", "Thanks for the sticker!|[sticker]"},
		{"new friend", func(u string) *frontdesk.Event { return desktest.FollowEvent(u, false) },
			"花子さん、友だち追加ありがとうございます！何でも話しかけてくださいね。", "Thanks for adding me, John! Say anything.",
			"友だち追加ありがとうございます！何でも話しかけてくださいね。", "Thanks for adding me! Say anything."},
		{"old friend", func(u string) *frontdesk.Event { return desktest.FollowEvent(u, true) },
			"花子さん、おかえりなさい！またお話しできてうれしいです。", "Welcome back, John! Good to hear from you again.",
			"おかえりなさい！またお話しできてうれしいです。", "Welcome back! Good to hear from you again."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for user, want := range map[string]string{hanako: tc.ja, john: tc.en, taro: tc.jaNo, nobody: tc.enNo} {
				desk := newDesk()
				if err := parrot.New().Handle(t.Context(), desk, tc.event(user)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.Split(want, "|"), desk.Texts("")); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestSilence(t *testing.T) {
	for name, ev := range map[string]*frontdesk.Event{
		"unfollow":           desktest.UnfollowEvent(hanako),
		"postback":           desktest.PostbackEvent(hanako, "data"),
		"a future event":     desktest.Event(`{"type":"somethingNew"}`),
		"a future message":   desktest.MessageEvent(hanako, map[string]any{"type": "hologram"}),
		"an edited message":  desktest.Event(`{"type":"messageEdited","message":{"type":"text","text":"hi"}}`),
		"leaving of a group": desktest.Event(`{"type":"leave","source":{"type":"group","groupId":"` + group + `"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			desk := newDesk()
			if err := parrot.New().Handle(t.Context(), desk, ev); err != nil || len(desk.Sent()) != 0 {
				t.Errorf("got %v, %v, want silence", desk.Texts(""), err)
			}
		})
	}
}

func TestGreetsAGroup(t *testing.T) {
	desk := newDesk()
	if err := parrot.New().Handle(t.Context(), desk, desktest.JoinEvent(group)); err != nil {
		t.Fatal(err)
	}
	got := desk.Texts("")
	if len(got) != 1 || !strings.Contains(got[0], "はじめまして") || !strings.Contains(got[0], "Hello everyone") {
		t.Errorf("got %q, want a greeting in both languages", got)
	}
}

func TestStickers(t *testing.T) {
	for _, tc := range []struct{ name, packageID, stickerID, want string }{
		{"one that bots may send", "11537", "52002734", `{"packageId":"11537","stickerId":"52002734","type":"sticker"}`},
		{"one that they may not", "99999", "1", `{"packageId":"446","stickerId":"1988","type":"sticker"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			desk := newDesk()
			ev := desktest.MessageEvent(hanako, map[string]any{"type": "sticker", "packageId": tc.packageID, "stickerId": tc.stickerID})
			if err := parrot.New().Handle(t.Context(), desk, ev); err != nil {
				t.Fatal(err)
			}
			if got := string(desk.Sent()[1].JSON); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// The longest texts still fit LINE's limit, and no character is cut in half.
func TestLongTexts(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("a", 5000), strings.Repeat("あ", 5000), strings.Repeat("🦜", 2500), "a" + strings.Repeat("🦜", 2499), strings.Repeat("a", 4980),
	} {
		for _, user := range []string{hanako, john, nobody} {
			desk := newDesk()
			if err := parrot.New().Handle(t.Context(), desk, desktest.TextEvent(user, text)); err != nil {
				t.Fatal(err)
			}
			got := desk.Texts("")[0]
			if n := len(utf16.Encode([]rune(got))); n > 5000 {
				t.Errorf("%d UTF-16 units", n)
			}
			if strings.ContainsRune(got, '\uFFFD') {
				t.Error("a character was cut in half")
			}
		}
	}
}

// When LINE does not give a profile the event is tried again.
func TestProfileFails(t *testing.T) {
	down := errors.New("LINE does not answer")
	for _, ev := range []*frontdesk.Event{
		desktest.TextEvent(hanako, "hi"), desktest.FollowEvent(hanako, false), desktest.MessageEvent(hanako, map[string]any{"type": "location"}),
	} {
		desk := desktest.New(desktest.WithError(down))
		if err := parrot.New().Handle(t.Context(), desk, ev); !errors.Is(err, down) || len(desk.Sent()) != 0 {
			t.Errorf("%s: got %v, want LINE's failure", ev.Type, err)
		}
	}
}
