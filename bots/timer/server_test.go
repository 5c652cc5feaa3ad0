package timer_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/bots/timer"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
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
	}, timer.New())
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

// phone is what a user has in hand.
type phone struct {
	*testing.T
	sim    *linesim.Simulator
	userID string
	seen   int
}

func newPhone(t *testing.T, sim *linesim.Simulator, language string) *phone {
	t.Helper()
	user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako", Language: language})
	if err != nil {
		t.Fatal(err)
	}
	return &phone{T: t, sim: sim, userID: user.UserID}
}

// next waits for the next message of the bot.
func (p *phone) next() linesim.Message {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 30*time.Second)
	defer cancel()
	p.seen++
	got, err := p.sim.WaitForMessages(ctx, p.userID, linesim.Query{From: linesim.FromBot}, p.seen)
	if err != nil {
		p.Fatal(err)
	}
	return got[p.seen-1]
}

// pattern matches a message in which a time and the time left differ from run to run.
func pattern(want string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer(
		"TIME", `(tomorrow |明日 )?\d\d:\d\d(:\d\d)?`, "LEFT", `[\d a-z分秒]+`,
	).Replace(regexp.QuoteMeta(want)) + "$")
}

// expect waits for the next message.
func (p *phone) expect(want string) linesim.Message {
	p.Helper()
	m := p.next()
	if got := m.Via + ": " + m.Text(); !pattern(want).MatchString(got) {
		p.Errorf("message %d: got %q, want %q", p.seen, got, want)
	}
	return m
}

func (p *phone) send(m linesim.UserMessage) {
	p.Helper()
	if _, err := p.sim.SendMessage(p.userID, m); err != nil {
		p.Fatal(err)
	}
}

func (p *phone) write(text string) {
	p.Helper()
	p.send(linesim.UserMessage{Type: "text", Text: text})
}

// tap taps the first button below a message.
func (p *phone) tap(m linesim.Message) {
	p.Helper()
	data := gjson.GetBytes(m.Message, "quickReply.items.0.action.data").Str
	if _, err := p.sim.Postback(p.userID, m.GroupID, linesim.Postback{Data: data}); err != nil {
		p.Fatal(err)
	}
}

// A user sets timers, writes of other things while they wait, and one rings.
func TestConversation(t *testing.T) {
	sim := newSimulator(t)
	for _, tc := range []struct{ name, language, welcome, set, promise, help, list, listed, cancelled, short, soon, notice, empty string }{
		{
			"English", "en", "reply: Thanks for adding me!\n" + examplesEn, "180 tea", "reply: ⏰ tea\nSet for TIME JST, in 3 minutes.", "reply: " + examplesEn,
			"list", "reply: Timers:\n1. tea (TIME), in LEFT\n\nTo cancel one, tap it below or send, for example, “cancel 1”.", "reply: Cancelled: tea (TIME)",
			"1 egg", "reply: ⏰ egg\nSet for TIME JST, in 1 second.", "push: ⏰ egg\nIt has been 1 second.",
			"reply: No timers are waiting. To set one, send, for example, “3 min tea”.",
		},
		{
			"Japanese", "ja", "reply: 友だち追加ありがとうございます！\n" + examplesJa, "３分 紅茶", "reply: ⏰ 紅茶\nTIMEにお知らせします（3分後）。", "reply: " + examplesJa,
			"一覧", "reply: タイマーの一覧です。\n1. 紅茶（TIME） あとLEFT\n\n取り消すには下のボタンを押すか、「取消 1」のように送ってください。", "reply: 取り消しました：紅茶（TIME）",
			"1秒 卵", "reply: ⏰ 卵\nTIMEにお知らせします（1秒後）。", "push: ⏰ 卵\n1秒たちました。",
			"reply: タイマーはありません。「3分 紅茶」のように送るとセットできます。",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPhone(t, sim, tc.language)
			p.expect(tc.welcome)
			p.write(tc.set)
			p.expect(tc.promise)
			p.send(linesim.UserMessage{Type: "sticker", PackageID: "446", StickerID: "1988"})
			p.expect(tc.help)
			p.write(tc.list)
			list := p.expect(tc.listed)
			p.tap(list)
			p.expect(tc.cancelled)
			p.write(tc.short)
			p.expect(tc.soon)
			p.expect(tc.notice)
			p.write(tc.list)
			p.expect(tc.empty)
		})
	}
}

// In a group the bot rings in the group.
func TestGroupConversation(t *testing.T) {
	sim := newSimulator(t)
	p := newPhone(t, sim, "en")
	p.expect("reply: Thanks for adding me!\n" + examplesEn)
	group, err := sim.AddGroup(linesim.NewGroup{Members: []string{p.userID}})
	if err != nil {
		t.Fatal(err)
	}
	p.next() // the greeting
	p.send(linesim.UserMessage{Type: "text", Text: "1 not for the bot", GroupID: group.GroupID})
	_, err = sim.TriggerTemplate(linesim.Template{Type: "message", UserID: p.userID, GroupID: group.GroupID, Override: []byte(
		`{"message":{"text":"@Bot 2秒 卵","mention":{"mentionees":[{"index":0,"length":4,"type":"user","isSelf":true}]}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"reply: ⏰ 卵\nTIMEにお知らせします（2秒後）。", "push: ⏰ 卵\n2秒たちました。"} {
		if m := p.expect(want); m.GroupID != group.GroupID {
			t.Errorf("%q is not in the group", m.Text())
		}
	}
}
