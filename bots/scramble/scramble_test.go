package scramble_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/scramble"
	"github.com/line-frontdesk/frontdesk/desktest"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

const (
	aboutJa = "文を送ってください。言葉をごちゃまぜにしてお返しします。例：「猫が魚を食べて、犬が水を飲んだ」"
	aboutEn = "Send me a sentence, and you get it back with its words in a muddle. Try: “The cat chased my dog.”"

	nothingJa = "入れかえられる言葉が見つかりませんでした。名詞か動詞が二つ以上ある文を送ってください。"
	nothingEn = "There is nothing to muddle in that. Send me a sentence with a few different words."
)

// newSimulator returns a simulator whose bot runs on a server of its own.
func newSimulator(t *testing.T) *linesim.Simulator {
	t.Helper()
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	line := httptest.NewServer(sim)
	t.Cleanup(line.Close)
	srv, err := server.New(t.Context(), server.Config{
		Listen: "127.0.0.1:0", Data: t.TempDir(), LINE: server.LINE{API: line.URL + "/sim/line"},
		Channels: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
	}, scramble.New())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // ends with stop
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, sim.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
	return sim
}

// Users of both languages write to the bot and look at their phones.
func TestConversations(t *testing.T) {
	sim := newSimulator(t)
	for _, tc := range []struct {
		name, language string
		message        linesim.UserMessage
		want           string
	}{
		{"Japanese", "ja", linesim.UserMessage{Type: "text", Text: "猫が魚を見た。"}, "魚が猫を見た。"},
		{"English", "en", linesim.UserMessage{Type: "text", Text: "Hello, world!"}, "World, hello!"},
		{"Japanese of a user who set English", "en", linesim.UserMessage{Type: "text", Text: "降ったり止んだりする"}, "止んだり降ったりする"},
		{"nothing to change, Japanese", "ja", linesim.UserMessage{Type: "text", Text: "こんにちは"}, nothingJa},
		{"nothing to change, English", "en", linesim.UserMessage{Type: "text", Text: "Hello!"}, nothingEn},
		{"sticker, Japanese", "ja", linesim.UserMessage{Type: "sticker", PackageID: "446", StickerID: "1988"}, aboutJa},
		{"sticker, English", "en", linesim.UserMessage{Type: "sticker", PackageID: "446", StickerID: "1988"}, aboutEn},
		{"picture", "en", linesim.UserMessage{Type: "image"}, aboutEn},
		{"video", "en", linesim.UserMessage{Type: "video"}, aboutEn},
		{"voice", "en", linesim.UserMessage{Type: "audio"}, aboutEn},
		{"file", "ja", linesim.UserMessage{Type: "file", FileName: "a.txt"}, aboutJa},
		{"place", "ja", linesim.UserMessage{Type: "location", Title: "東京タワー", Address: "港区"}, aboutJa},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako", Language: tc.language})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sim.SendMessage(user.UserID, tc.message); err != nil {
				t.Fatal(err)
			}
			phone, err := sim.WaitForMessages(ctx, user.UserID, linesim.Query{From: linesim.FromBot}, 2)
			if err != nil {
				t.Fatal(err)
			}
			greeting := map[string]string{"ja": aboutJa, "en": aboutEn, "": aboutEn}[tc.language]
			var got []string
			for _, m := range phone {
				got = append(got, m.Via+": "+m.Text())
			}
			if diff := cmp.Diff([]string{"reply: " + greeting, "reply: " + tc.want}, got); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	const group, user = "C00000000000000000000000000000001", "U00000000000000000000000000000001"
	desk := desktest.New()
	for _, ev := range []*frontdesk.Event{desktest.JoinEvent(group), desktest.GroupTextEvent(group, user, "Hello, world!")} {
		if err := scramble.New().Handle(t.Context(), desk, ev); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{aboutJa + "\n" + aboutEn, "World, hello!"}, desk.Texts("")); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestSilence(t *testing.T) {
	const user = "U00000000000000000000000000000001"
	for name, ev := range map[string]*frontdesk.Event{
		"unfollow":          desktest.UnfollowEvent(user),
		"postback":          desktest.PostbackEvent(user, "data"),
		"a future event":    desktest.Event(`{"type":"somethingNew"}`),
		"an edited message": desktest.Event(`{"type":"messageEdited","message":{"type":"text","text":"hello world"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			desk := desktest.New()
			if err := scramble.New().Handle(t.Context(), desk, ev); err != nil || len(desk.Sent()) != 0 {
				t.Errorf("got %q, %v, want silence", desk.Texts(""), err)
			}
		})
	}
}

// An event that is handled again gets the same answer, by any instance; other
// events with the same text get others.
func TestAnswersByEvent(t *testing.T) {
	answers := map[string]bool{}
	for range 20 {
		ev := desktest.TextEvent("U00000000000000000000000000000001", "one two three four five six seven")
		desk := desktest.New()
		for range 2 {
			if err := scramble.New().Handle(t.Context(), desk, ev); err != nil {
				t.Fatal(err)
			}
		}
		texts := desk.Texts("")
		if texts[0] != texts[1] {
			t.Fatalf("got %q, then %q", texts[0], texts[1])
		}
		answers[texts[0]] = true
	}
	if len(answers) < 2 {
		t.Error("20 events got the same answer")
	}
}

// What users may write is longer than what a bot may.
func TestLongTexts(t *testing.T) {
	for name, text := range map[string]string{
		"Japanese": strings.Repeat("猫と犬と", 2500), "English": strings.Repeat("one two ", 1250), "nothing to change": strings.Repeat("あ", 10_000),
		"pairs": strings.Repeat("𠮷と🦜と", 1667),
	} {
		t.Run(name, func(t *testing.T) {
			desk := desktest.New()
			if err := scramble.New().Handle(t.Context(), desk, desktest.TextEvent("U00000000000000000000000000000001", text)); err != nil {
				t.Fatal(err)
			}
			got := desk.Texts("")
			if len(got) != 1 || len(utf16.Encode([]rune(got[0]))) > frontdesk.MaxText {
				t.Errorf("got %d messages", len(got))
			}
		})
	}
}

// When LINE does not give a profile the event is tried again.
func TestProfileFails(t *testing.T) {
	down := errors.New("LINE does not answer")
	desk := desktest.New(desktest.WithError(down))
	ev := desktest.FollowEvent("U00000000000000000000000000000001", false)
	if err := scramble.New().Handle(t.Context(), desk, ev); !errors.Is(err, down) || len(desk.Sent()) != 0 {
		t.Errorf("got %v, want LINE's failure", err)
	}
}

// A bot answers many conversations at once.
func TestConcurrency(t *testing.T) {
	bot := scramble.New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			desk := desktest.New()
			ev := desktest.TextEvent("U00000000000000000000000000000001", "猫が魚を見た。")
			if err := bot.Handle(t.Context(), desk, ev); err != nil || desk.Texts("")[0] != "魚が猫を見た。" {
				t.Errorf("got %q, %v", desk.Texts(""), err)
			}
		})
	}
	wg.Wait()
}
