package timer_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/timer"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func TestList(t *testing.T) {
	sit(t, func(t table) {
		for _, text := range []string{"180 tea", "10", "1h walk", "明日 7:00 ゴミ出し"} {
			t.write(john, text)
		}
		time.Sleep(time.Second)
		t.expect("list", t.write(john, "list"), "Timers:\n1. 09:00:11, in 10 seconds\n2. tea (09:03:01), in 3 minutes\n3. walk (10:00:01), in 1 hour\n"+
			"4. ゴミ出し (tomorrow 07:00), in 22 hours\n\nTo cancel one, tap it below or send, for example, “cancel 1”.")
		t.expect("buttons", t.labels(), "✕ 1. 09:00:11 | ✕ 2. tea | ✕ 3. walk | ✕ 4. ゴミ出し | cancel all")
		t.expect("一覧", t.write(john, "一覧"), "タイマーの一覧です。\n1. 09:00:11 あと10秒\n2. tea（09:03:01） あと3分\n3. walk（10:00:01） あと1時間\n"+
			"4. ゴミ出し（明日 07:00） あと22時間\n\n取り消すには下のボタンを押すか、「取消 1」のように送ってください。")
		t.expect("buttons", t.labels(), "✕ 1. 09:00:11 | ✕ 2. tea | ✕ 3. walk | ✕ 4. ゴミ出し | 全部取消")
	})
}

func TestListOfOne(t *testing.T) {
	sit(t, func(t table) {
		t.write(hanako, "3分 紅茶")
		t.expect("list", t.write(hanako, "一覧"), "タイマーの一覧です。\n1. 紅茶（09:03） あと3分\n\n取り消すには下のボタンを押すか、「取消 1」のように送ってください。")
		t.expect("buttons", t.labels(), "✕ 1. 紅茶")
	})
}

// A timer whose notice is still on its way is due now.
func TestListOfWhatIsDue(t *testing.T) {
	sit(t, func(t table) {
		t.write(john, "9:01 tea")
		time.Sleep(time.Minute + 1500*time.Millisecond)
		t.expect("list", strings.SplitN(t.write(john, "list"), "\n", 3)[1], "1. tea (09:01), in 0 seconds")
	})
}

func TestCancelByText(t *testing.T) {
	const (
		which = "Which timer shall I cancel?\n"
		tea   = "1. tea (09:03), in 3 minutes\n"
		two   = "2. 1 (09:04), in 4 minutes\n"
		egg   = "3. Egg (09:05), in 5 minutes\n"
		teas  = "4. tea (09:06), in 6 minutes\n"
		bare  = "5. 18:30, in 9 hours 30 minutes\n"
		hint  = "\nTo cancel one, tap it below or send, for example, “cancel 1”."
	)
	for _, tc := range []struct {
		text, want string
		left       int
	}{
		{"cancel egg", "Cancelled: Egg (09:05)", 4},
		{"cancel ＥＧＧ", "取り消しました：Egg（09:05）", 4},
		{"取消 egg", "取り消しました：Egg（09:05）", 4},
		{"cancel 2", "Cancelled: 1 (09:04)", 4},
		{"取消３", "取り消しました：Egg（09:05）", 4},
		{"cancel 18:30", "Cancelled: 18:30", 4},
		{"cancel 5", "Cancelled: 18:30", 4},
		{"cancel all", "All cancelled (5).", 0},
		{"全部取消", "すべて取り消しました（5件）。", 0},
		{"cancel", which + tea + two + egg + teas + bare + hint, 5},
		{"cancel tea", which + tea + teas + hint, 5},
		{"cancel 1", which + tea + two + hint, 5},
		{"cancel 6", "There is no such timer. There are:\n" + tea + two + egg + teas + bare + hint, 5},
		{"cancel coffee", "There is no such timer. There are:\n" + tea + two + egg + teas + bare + hint, 5},
	} {
		t.Run(tc.text, func(t *testing.T) {
			sit(t, func(t table) {
				for _, text := range []string{"3 min tea", "4 min 1", "5 min Egg", "6 min tea", "18:30"} {
					t.write(john, text)
				}
				t.expect("answer", t.write(john, tc.text), tc.want)
				if left := len(t.desk.SetTimers()); left != tc.left {
					t.Errorf("%d timers are left, want %d", left, tc.left)
				}
			})
		})
	}
}

func TestCancelByButton(t *testing.T) {
	sit(t, func(t table) {
		for _, text := range []string{"3分 紅茶", "4分", "5分 卵"} {
			t.write(hanako, text)
		}
		t.expect("buttons of a promise", t.labels(), "✕ 取消 | 一覧")
		t.expect("list", strings.SplitN(t.tap(hanako, "一覧"), "\n", 3)[1], "1. 紅茶（09:03） あと3分")
		egg := t.buttons()[2]
		t.expect("what a tap says", egg.DisplayText, "取消 卵")
		t.expect("what a tap on one without a label says", t.buttons()[1].DisplayText, "取消 09:04")

		t.expect("tap", t.tap(hanako, "✕ 1. 紅茶"), "取り消しました：紅茶（09:03）")
		t.expect("tap on a button whose number is another's now", t.handle(desktest.PostbackEvent(hanako, egg.Data)), "取り消しました：卵（09:05）")
		t.expect("again", t.handle(desktest.PostbackEvent(hanako, egg.Data)), "そのタイマーは、もう終わったか取り消されています。")

		t.write(john, "6 min coffee")
		t.expect("tap on a promise", t.tap(john, "✕ cancel"), "Cancelled: coffee (09:06)")
		t.write(john, "7 min")
		t.write(john, "cancel")
		t.expect("tap on all", t.tap(john, "cancel all"), "All cancelled (2).")
		if left := t.desk.SetTimers(); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

// A chat has so many timers at most, and all of them can be seen and cancelled.
func TestFull(t *testing.T) {
	sit(t, func(t table) {
		t.fill(timer.MaxTimers - 1)
		t.expect("the last one", t.write(john, "1h"), "⏰ Set for 10:00 JST, in 1 hour.")
		t.expect("one more", t.write(john, "1h"), "A chat can have up to 100 timers. Send “list” to cancel some.")
		t.expect("one more, in Japanese", t.write(hanako, "1時間"), "このトークのタイマーは100件までです。「一覧」から不要なものを取り消してください。")
		if n := len(t.desk.SetTimers()); n != timer.MaxTimers {
			t.Fatalf("%d timers", n)
		}
		messages := strings.Split(t.write(hanako, "一覧"), "\n---\n")
		if len(messages) != 4 || !strings.Contains(messages[3], "\n100. ") {
			t.Errorf("the list has %d messages and ends with %.100q", len(messages), messages[len(messages)-1])
		}
		for _, m := range messages {
			if n := len(utf16.Encode([]rune(m))); n > frontdesk.MaxText {
				t.Errorf("a message is %d units long", n)
			}
		}
		buttons := t.buttons()
		if len(buttons) != 13 || buttons[12].Label != "全部取消" {
			t.Errorf("%d buttons: %s", len(buttons), t.labels())
		}
		for _, b := range buttons {
			if utf8.RuneCountInString(b.Label) > 20 || len(utf16.Encode([]rune(b.Data))) > 300 || utf8.RuneCountInString(b.DisplayText) > 300 {
				t.Errorf("a button is longer than LINE takes: %+v", b)
			}
		}
		t.expect("one that has no button", t.write(hanako, "取消 57"), "取り消しました："+strings.Repeat("🍵", timer.MaxLabel)+"（09:57）")
		t.expect("all", t.write(hanako, "全部取消"), "すべて取り消しました（99件）。")
	})
}

// In groups the bot listens when it is named or its button is tapped.
func TestGroups(t *testing.T) {
	mention := func(text, mentionees string) *frontdesk.Event {
		return desktest.Event(`{"type":"message","replyToken":"r","source":{"type":"group","groupId":"` + group + `","userId":"` + john + `"},
			"message":{"id":"1","type":"text","text":"` + text + `","mention":{"mentionees":[` + mentionees + `]}}}`)
	}
	const set = "⏰ tea\nSet for 09:03 JST, in 3 minutes."
	for _, tc := range []struct {
		name  string
		event *frontdesk.Event
		want  string
	}{
		{"nobody named", desktest.GroupTextEvent(group, john, "180 tea"), ""},
		{"the bot", mention("@Timer 180 tea", `{"index":0,"length":6,"type":"user","isSelf":true}`), set},
		{"in the middle", mention("180 @Timer tea", `{"index":4,"length":6,"type":"user","isSelf":true}`), set},
		{"at the end, without spaces", mention("180 tea@Timer", `{"index":7,"length":6,"type":"user","isSelf":true}`), set},
		{"behind characters of two units", mention("@🍵🍵 180 tea", `{"index":0,"length":5,"type":"user","isSelf":true}`), set},
		{"twice", mention("@T 180 @T tea", `{"index":7,"length":2,"type":"user","isSelf":true},{"index":0,"length":2,"type":"user","isSelf":true}`), set},
		{"with another member", mention("@T 180 @John", `{"index":0,"length":2,"type":"user","isSelf":true},{"index":7,"length":5,"type":"user","userId":"`+john+`"}`),
			"⏰ @John\nSet for 09:03 JST, in 3 minutes."},
		{"another member only", mention("@John 180 tea", `{"index":0,"length":5,"type":"user","userId":"`+john+`","isSelf":false}`), ""},
		{"all", mention("@All 180 tea", `{"index":0,"length":4,"type":"all"}`), ""},
		{"a place that is none", mention("180 tea", `{"index":-5,"length":3,"type":"user","isSelf":true},{"index":99,"length":2147483647,"type":"user","isSelf":true}`), set},
		{"its name alone", mention("@Timer", `{"index":0,"length":6,"type":"user","isSelf":true}`), "Sorry, I did not understand that.\n" + examplesEn},
		{"something else", mention("@T hello", `{"index":0,"length":2,"type":"user","isSelf":true}`), "Sorry, I did not understand that.\n" + examplesEn},
		{"a sticker", desktest.Event(`{"type":"message","source":{"type":"group","groupId":"` + group + `"},"message":{"id":"1","type":"sticker"}}`), ""},
		{"a text in a room", desktest.Event(`{"type":"message","source":{"type":"room","roomId":"R1"},"message":{"id":"1","type":"text","text":"180 tea"}}`), ""},
		{"a button", desktest.Event(`{"type":"postback","source":{"type":"group","groupId":"` + group + `","userId":"` + john + `"},"postback":{"data":"text list"}}`),
			"No timers are waiting. To set one, send, for example, “3 min tea”."},
		{"coming into the group", desktest.JoinEvent(group),
			"はじめまして、タイマーです！私をメンションして「3分 紅茶」や「18:30 電話」と送ると、時間になったらお知らせします。「一覧」と「取消」も使えます。\n\n" +
				"Hello, I am a timer! Mention me with “3 min tea” or “18:30 call mum”, and I will tell you when the time comes. I also know “list” and “cancel”."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sit(t, func(t table) { t.expect("answer", t.handle(tc.event), tc.want) })
		})
	}
}

// In a chat with the bot alone a mention is no part of the label.
func TestMentionAlone(t *testing.T) {
	sit(t, func(t table) {
		ev := desktest.MessageEvent(john, map[string]any{"type": "text", "text": "@Timer 180 tea", "mention": map[string]any{
			"mentionees": []map[string]any{{"index": 0, "length": 6, "type": "user", "isSelf": true}},
		}})
		t.expect("answer", t.handle(ev), "⏰ tea\nSet for 09:03 JST, in 3 minutes.")
	})
}

// FuzzGroupText looks for panics and for messages that LINE would refuse.
func FuzzGroupText(f *testing.F) {
	f.Add("@Timer 180 tea", 0, 6)
	f.Add("@🍵 3分 カップ麺", 0, 2)
	f.Add("180", -1, 1<<31)
	f.Fuzz(func(t *testing.T, text string, index, length int) {
		ev := desktest.GroupTextEvent(group, john, text)
		ev.Message.Mention = &frontdesk.Mention{Mentionees: []frontdesk.Mentionee{{Index: index, Length: length, IsSelf: true}}}
		desk := desktest.New()
		if err := timer.New().Handle(t.Context(), desk, ev); err != nil {
			t.Fatal(err)
		}
		sent := desk.Texts("")
		if len(sent) != 1 || sent[0] == "" || !utf8.ValidString(sent[0]) || len(utf16.Encode([]rune(sent[0]))) > frontdesk.MaxText {
			t.Errorf("got %q", sent)
		}
	})
}
