package linesim_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/linesim"
)

func TestMentionsOfUsers(t *testing.T) {
	f := newFixture(t, linesim.Config{BotName: "Timer"})
	hana, hanako := f.user(t, "Hana").UserID, f.user(t, "Hanako").UserID
	g, err := f.AddGroup(linesim.NewGroup{Members: []string{hana, hanako}})
	if err != nil {
		t.Fatal(err)
	}
	bot := gjson.Get(f.control(t, "GET", "/sim/bot", "").body, "userId").Str
	self := `{"index":0,"length":6,"type":"user","userId":"` + bot + `","isSelf":true}`
	for _, tc := range []struct{ name, group, text, want string }{
		{"the bot", g.GroupID, "@Timer 3 min", `{"mentionees":[` + self + `]}`},
		{"the bot at the end of a word", g.GroupID, "@Timers", `{"mentionees":[` + self + `]}`},
		{"a member, the longest name", g.GroupID, "hi @Hanako", `{"mentionees":[{"index":3,"length":7,"type":"user","userId":"` + hanako + `","isSelf":false}]}`},
		{"behind an emoji, which has two units", g.GroupID, "🍵 @Hana!", `{"mentionees":[{"index":3,"length":5,"type":"user","userId":"` + hana + `","isSelf":false}]}`},
		{"all, and one", g.GroupID, "@All @Hana", `{"mentionees":[{"index":0,"length":4,"type":"all"},{"index":5,"length":5,"type":"user","userId":"` + hana + `","isSelf":false}]}`},
		{"nobody's name", g.GroupID, "mail@example.com @Nobody @", ""},
		{"no group", "", "@Timer 3 min", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := f.SendMessage(hana, linesim.UserMessage{Type: "text", Text: tc.text, GroupID: tc.group}); err != nil {
				t.Fatal(err)
			}
			msgs, err := f.Messages(hana, linesim.Query{GroupID: tc.group})
			if err != nil || len(msgs) == 0 {
				t.Fatal(len(msgs), err)
			}
			got := gjson.GetBytes(msgs[len(msgs)-1].Message, "mention").Raw
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDisplayTextIsOnThePhoneAlone(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	f.control(t, "POST", "/sim/users/"+u+"/postback", `{"data":"buy=1","displayText":"I take one"}`)
	if events := b.received(t, f); gjson.GetBytes(events[len(events)-1], "postback").Raw != `{"data":"buy=1"}` {
		t.Errorf("the bot got %s", events[len(events)-1])
	}
	msgs, err := f.Messages(u, linesim.Query{From: linesim.FromUser})
	if err != nil || len(msgs) != 1 || gjson.GetBytes(msgs[0].Message, "text").Str != "I take one" {
		t.Errorf("the phone shows %d messages of its user (%v), want the button's text", len(msgs), err)
	}
}
