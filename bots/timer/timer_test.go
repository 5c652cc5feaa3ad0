package timer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/timer"
	"github.com/line-frontdesk/frontdesk/desktest"
)

const (
	hanako = "U00000000000000000000000000000001" // speaks Japanese
	john   = "U00000000000000000000000000000002" // speaks English
	nobody = "U00000000000000000000000000000003" // shows no profile
	group  = "C00000000000000000000000000000001"
)

// table is a bot and what it sent. The clock of its tests stands at 9:00 in
// Tokyo on 1 January 2000 until they sleep.
type table struct {
	*testing.T
	bot  frontdesk.Handler
	desk *desktest.Desk
}

// sit runs a test at a table.
func sit(t *testing.T, test func(t table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(table{t, timer.New(), desktest.New(
			desktest.WithProfile(frontdesk.Profile{UserID: hanako, DisplayName: "花子", Language: "ja"}),
			desktest.WithProfile(frontdesk.Profile{UserID: john, DisplayName: "John", Language: "en"}),
		)})
	})
}

// handle returns the answer to an event, its messages apart by a line of dashes.
func (t table) handle(ev *frontdesk.Event) string {
	t.Helper()
	before := len(t.desk.Texts(""))
	if err := t.bot.Handle(t.Context(), t.desk, ev); err != nil {
		t.Fatal(err)
	}
	return strings.Join(t.desk.Texts("")[before:], "\n---\n")
}

// write returns the answer to a text.
func (t table) write(user, text string) string {
	t.Helper()
	return t.handle(desktest.TextEvent(user, text))
}

// ring returns the notice of the timer that was set last.
func (t table) ring(user string) string {
	t.Helper()
	set := t.desk.SetTimers()
	last := set[len(set)-1]
	if err := t.desk.CancelTimer(last.Key); err != nil {
		t.Fatal(err)
	}
	return t.handle(desktest.TimerEvent(user, last))
}

func (t table) expect(what, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// fill sets n timers that are due in 1 to n minutes.
func (t table) fill(n int) {
	t.Helper()
	for i := range n {
		err := t.desk.SetTimer(frontdesk.Timer{
			Key: fmt.Sprint("key ", i+1), After: time.Duration(i+1) * time.Minute,
			Payload: fmt.Sprintf(`{"label":"%s","language":"ja","asked":"2000-01-01T00:00:00Z","wait":1}`, strings.Repeat("🍵", timer.MaxLabel)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// button is one below a message.
type button struct{ Label, Data, DisplayText string }

// buttons returns those below the last message.
func (t table) buttons() (buttons []button) {
	t.Helper()
	sent := t.desk.Sent()
	var m struct {
		QuickReply struct {
			Items []struct{ Action button }
		}
	}
	if err := json.Unmarshal(sent[len(sent)-1].JSON, &m); err != nil {
		t.Fatal(err)
	}
	for _, item := range m.QuickReply.Items {
		buttons = append(buttons, item.Action)
	}
	return buttons
}

// labels returns what is on the buttons below the last message.
func (t table) labels() string {
	t.Helper()
	var labels []string
	for _, b := range t.buttons() {
		labels = append(labels, b.Label)
	}
	return strings.Join(labels, " | ")
}

// tap returns the answer to a tap on a button below the last message.
func (t table) tap(user, label string) string {
	t.Helper()
	buttons := t.buttons()
	i := slices.IndexFunc(buttons, func(b button) bool { return b.Label == label })
	if i < 0 {
		t.Fatalf("there is no button %q, only %s", label, t.labels())
	}
	return t.handle(desktest.PostbackEvent(user, buttons[i].Data))
}

// Timers are promised at once, and ring with what was asked.
func TestTimers(t *testing.T) {
	for _, tc := range []struct {
		name, user, text string
		after            time.Duration
		promise, notice  string
	}{
		{"seconds", john, "180", 3 * time.Minute,
			"⏰ Set for 09:03 JST, in 3 minutes.", "⏰ It has been 3 minutes."},
		{"with a label", john, "180 tea", 3 * time.Minute,
			"⏰ tea\nSet for 09:03 JST, in 3 minutes.", "⏰ tea\nIt has been 3 minutes."},
		{"seconds of a Japanese user", hanako, "180", 3 * time.Minute,
			"⏰ 09:03にお知らせします（3分後）。", "⏰ 3分たちました。"},
		{"seconds of a user without a profile", nobody, "1", time.Second,
			"⏰ Set for 09:00:01 JST, in 1 second.", "⏰ It has been 1 second."},
		{"the text's language wins", john, "1時間30分 会議", 90 * time.Minute,
			"⏰ 会議\n10:30にお知らせします（1時間30分後）。", "⏰ 会議\n1時間30分たちました。"},
		{"also against Japanese", hanako, "1h1s egg", time.Hour + time.Second,
			"⏰ egg\nSet for 10:00:01 JST, in 1 hour 1 second.", "⏰ egg\nIt has been 1 hour 1 second."},
		{"a fraction", john, "1.5", 1500 * time.Millisecond,
			"⏰ Set for 09:00:01 JST, in 1.5 seconds.", "⏰ It has been 1.5 seconds."},
		{"a time of day", john, "18:30 dinner", 9*time.Hour + 30*time.Minute,
			"⏰ dinner\nSet for 18:30 JST, in 9 hours 30 minutes.", "⏰ dinner\nIt is 18:30. You asked 9 hours 30 minutes ago."},
		{"a time of day in Japanese", hanako, "18:30 電話", 9*time.Hour + 30*time.Minute,
			"⏰ 電話\n18:30にお知らせします（9時間30分後）。", "⏰ 電話\n18:30になりました。（9時間30分前にセット）"},
		{"tomorrow", john, "tomorrow 7:00", 22 * time.Hour,
			"⏰ Set for tomorrow 07:00 JST, in 22 hours.", "⏰ It is 07:00. You asked 22 hours ago."},
		{"tomorrow in Japanese", hanako, "明日 7:00", 22 * time.Hour,
			"⏰ 明日 07:00にお知らせします（22時間後）。", "⏰ 07:00になりました。（22時間前にセット）"},
		{"this year", john, "12/24 18:20 at home", 358*24*time.Hour + 9*time.Hour + 20*time.Minute,
			"⏰ at home\nSet for 24 Dec 18:20 JST, in 358 days 9 hours.", "⏰ at home\nIt is 18:20. You asked 358 days 9 hours ago."},
		{"next year", hanako, "366日間", timer.MaxWait,
			"⏰ 2001年1月1日 09:00にお知らせします（366日後）。", "⏰ 366日たちました。"},
		{"next year in English", john, "366 days", timer.MaxWait,
			"⏰ Set for 1 Jan 2001 09:00 JST, in 366 days.", "⏰ It has been 366 days."},
		{"a time that is very near", john, "9:00:01 x", time.Second,
			"⏰ x\nSet for 09:00:01 JST, in 1 second.", "⏰ x\nIt is 09:00:01. You asked 1 second ago."},
		{"percent signs", john, "180 100%s %d", 3 * time.Minute,
			"⏰ 100%s %d\nSet for 09:03 JST, in 3 minutes.", "⏰ 100%s %d\nIt has been 3 minutes."},
		{"a long label", john, "1 " + strings.Repeat("🍵", 5000), time.Second,
			"⏰ " + strings.Repeat("🍵", 99) + "…\nSet for 09:00:01 JST, in 1 second.", "⏰ " + strings.Repeat("🍵", 99) + "…\nIt has been 1 second."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sit(t, func(t table) {
				t.expect("promise", t.write(tc.user, tc.text), tc.promise)
				set := t.desk.SetTimers()
				if len(set) != 1 || !set[0].First(time.Now()).Equal(time.Now().Add(tc.after)) || len(set[0].Send) != 0 {
					t.Errorf("set %+v, want one timer in %v", set, tc.after)
				}
				time.Sleep(tc.after)
				t.expect("notice", t.ring(tc.user), tc.notice)
			})
		})
	}
}

// A wait is measured, a time of day is one of the clock. The payload has the form
// that TestNotices reads.
func TestClocks(t *testing.T) {
	sit(t, func(t table) {
		t.write(john, "3 min tea")
		t.write(john, "18:30")
		set := t.desk.SetTimers()
		if set[0].After != 3*time.Minute || !set[0].At.IsZero() || set[1].After != 0 || set[1].At.IsZero() {
			t.Errorf("set %+v", set)
		}
		t.expect("payload", set[0].Payload, `{"label":"tea","language":"en","asked":"2000-01-01T00:00:00Z","wait":180000000000}`)
		t.expect("payload", set[1].Payload, `{"language":"en","asked":"2000-01-01T00:00:00Z"}`)
	})
}

func TestNotices(t *testing.T) {
	const asked = `"asked":"2000-01-01T00:00:00Z"`
	for _, tc := range []struct {
		name, payload string
		late          time.Duration
		want          string
	}{
		{"as this version writes it", `{"label":"tea","language":"en",` + asked + `,"wait":180000000000}`, 0, "⏰ tea\nIt has been 3 minutes."},
		{"not worth an apology", `{"label":"tea","language":"en",` + asked + `,"wait":180000000000}`, 10 * time.Second, "⏰ tea\nIt has been 3 minutes."},
		{"late", `{"label":"tea","language":"en",` + asked + `,"wait":1000}`, time.Hour, "⏰ tea\nThis was for 09:00. Sorry that it comes late."},
		{"late in Japanese", `{"language":"ja",` + asked + `}`, 24 * time.Hour, "⏰ 1月1日 09:00の予定でした。お知らせが遅れてすみません。"},
		{"of another bot", "tea", 0, "⏰ 09:00になりました。"},
		{"of another bot that writes JSON", `{"label":"tea","wait":"long"}`, 0, "⏰ 09:00になりました。"},
		{"without a payload", "", 0, "⏰ 09:00になりました。"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sit(t, func(t table) {
				ev := desktest.TimerEvent(hanako, frontdesk.Timer{Key: "k", Payload: tc.payload})
				time.Sleep(tc.late)
				t.expect("notice", t.handle(ev), tc.want)
			})
		})
	}
}

const (
	examplesJa = "時間になったらお知らせします。たとえば、こう送ってください。\n\n180（180秒）\n3分 紅茶\n1時間30分 会議\n18:30 電話\n明日 7:00 ゴミ出し\n\n" +
		"「一覧」でタイマーを確認、「取消」で取り消しできます。"
	examplesEn = "I will tell you when the time comes. Send me, for example:\n\n180 (seconds)\n3 min tea\n1h30m meeting\n18:30 call mum\ntomorrow 7:00 run\n\n" +
		"“list” shows your timers, and “cancel” cancels them."
)

// The bot has an answer to everything.
func TestHelp(t *testing.T) {
	text := func(text string) func(string) *frontdesk.Event {
		return func(user string) *frontdesk.Event { return desktest.TextEvent(user, text) }
	}
	message := func(kind string) func(string) *frontdesk.Event {
		return func(user string) *frontdesk.Event { return desktest.MessageEvent(user, map[string]any{"type": kind}) }
	}
	const sorryJa, sorryEn = "すみません、わかりませんでした。\n" + examplesJa, "Sorry, I did not understand that.\n" + examplesEn
	for _, tc := range []struct {
		name   string
		event  func(user string) *frontdesk.Event
		ja, en string // to Hanako and John
	}{
		{"English", text("hello"), sorryEn, sorryEn},
		{"Japanese", text("こんにちは"), sorryJa, sorryJa},
		{"neither", text("?"), sorryJa, sorryEn},
		{"a day alone", text("12/24"), "時刻も書いてください。例：「明日 7:00」「12/24 18:30」", "Please add a time of day, as in “tomorrow 7:00” or “12/24 18:30”."},
		{"no such time", text("25:00"), "その日時はありません。例：「18:30」「12/24 18:30」", "There is no such day or time. Try “18:30” or “12/24 18:30”."},
		{"the past", text("1999-12-31 9:00"), "その時刻はもう過ぎています。これからの時刻を送ってください。", "That time has passed. Send me one that is still to come."},
		{"too soon", text("0"), "短すぎます。1秒から366日までセットできます。", "That is too soon: a timer takes from 1 second to 366 days."},
		{"too far", text("99999999"), "長すぎます。1秒から366日までセットできます。", "That is too far away: a timer takes from 1 second to 366 days."},
		{"sticker", message("sticker"), examplesJa, examplesEn},
		{"picture", message("image"), examplesJa, examplesEn},
		{"a message of the future", message("hologram"), examplesJa, examplesEn},
		{"new friend", func(u string) *frontdesk.Event { return desktest.FollowEvent(u, false) },
			"友だち追加ありがとうございます！\n" + examplesJa, "Thanks for adding me!\n" + examplesEn},
		{"no timers, Japanese", text("一覧"), "タイマーはありません。「3分 紅茶」のように送るとセットできます。", "タイマーはありません。「3分 紅茶」のように送るとセットできます。"},
		{"no timers, English", text("cancel tea"), "No timers are waiting. To set one, send, for example, “3 min tea”.", "No timers are waiting. To set one, send, for example, “3 min tea”."},
		{"none to cancel", text("cancel all"), "No timers are waiting. To set one, send, for example, “3 min tea”.", "No timers are waiting. To set one, send, for example, “3 min tea”."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sit(t, func(t table) {
				t.expect("to Hanako", t.handle(tc.event(hanako)), tc.ja)
				t.expect("to John", t.handle(tc.event(john)), tc.en)
				if set := t.desk.SetTimers(); len(set) != 0 {
					t.Errorf("set %+v", set)
				}
			})
		})
	}
}

// Every example that the bot gives is one that it understands, and so are the
// buttons below it.
func TestExamples(t *testing.T) {
	sit(t, func(t table) {
		for user, hello := range map[string]string{hanako: "こんにちは", john: "hello"} {
			answer := t.write(user, hello)
			examples := strings.Split(strings.Split(answer, "\n\n")[1], "\n")
			if len(examples) != 5 {
				t.Fatalf("examples: %q", examples)
			}
			for _, b := range t.buttons() {
				examples = append(examples, b.Label)
				if "text "+b.Label != b.Data || b.Label != b.DisplayText {
					t.Errorf("button %+v does not do what it says", b)
				}
			}
			for _, text := range examples {
				text, _, _ = strings.Cut(text, "（")
				text, _, _ = strings.Cut(text, " (")
				if _, err := timer.Read(text, time.Now(), time.UTC); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
		}
	})
}

func TestSilence(t *testing.T) {
	for name, ev := range map[string]*frontdesk.Event{
		"an edited message":        desktest.Event(`{"type":"messageEdited","source":{"type":"user","userId":"U1"},"message":{"type":"text","text":"180"}}`),
		"a future event":           desktest.Event(`{"type":"somethingNew"}`),
		"another bot's button":     desktest.PostbackEvent(hanako, "buy=3"),
		"a broken button":          desktest.PostbackEvent(hanako, "cancel fr x"),
		"unfollow without a timer": desktest.UnfollowEvent(hanako),
	} {
		t.Run(name, func(t *testing.T) {
			desk := desktest.New()
			if err := timer.New().Handle(t.Context(), desk, ev); err != nil || len(desk.Sent())+len(desk.SetTimers()) != 0 {
				t.Errorf("got %q, %v, want silence", desk.Texts(""), err)
			}
		})
	}
}

// Who blocks the bot gets no notices any more.
func TestForget(t *testing.T) {
	for name, ev := range map[string]*frontdesk.Event{
		"unfollow": desktest.UnfollowEvent(hanako),
		"leave":    desktest.Event(`{"type":"leave","source":{"type":"group","groupId":"` + group + `"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			sit(t, func(t table) {
				t.fill(timer.MaxTimers)
				t.expect("answer", t.handle(ev), "")
				if set := t.desk.SetTimers(); len(set) != 0 {
					t.Errorf("%d timers are left", len(set))
				}
			})
		})
	}
}

// In other time zones the clocks show other times.
func TestIn(t *testing.T) {
	sit(t, func(t table) {
		t.bot = timer.In(time.FixedZone("EST", -5*60*60)) // 19:00 on 31 December
		t.expect("answer", t.write(john, "20:00"), "⏰ Set for 20:00 EST, in 1 hour.")
		t.expect("answer", t.write(john, "3 hours"), "⏰ Set for 22:00 EST, in 3 hours.")
		t.expect("answer", t.write(john, "18:00"), "⏰ Set for tomorrow 18:00 EST, in 23 hours.")
	})
}

// slow is a desk whose store takes its time.
type slow struct{ *desktest.Desk }

func (d slow) Timers(ctx context.Context) ([]frontdesk.PendingTimer, error) {
	time.Sleep(900 * time.Millisecond)
	return d.Desk.Timers(ctx)
}

// A time that is near when the user asks may be too near a moment later.
func TestNearTimes(t *testing.T) {
	for text, after := range map[string]time.Duration{"9:00:01": time.Second, "9:00:02": 1100 * time.Millisecond, "9:00:03": 2100 * time.Millisecond} {
		sit(t, func(t table) {
			if err := t.bot.Handle(t.Context(), slow{t.desk}, desktest.TextEvent(john, text)); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got := t.desk.SetTimers()[0].First(time.Now()); !got.Equal(time.Now().Add(after)) {
				t.Errorf("%s: rings in %v, want %v", text, time.Until(got), after)
			}
		})
	}
}

// broken is a desk on which one thing fails.
type broken struct {
	*desktest.Desk
	set, list error
}

func (d broken) SetTimer(frontdesk.Timer) error { return d.set }

func (d broken) Timers(context.Context) ([]frontdesk.PendingTimer, error) { return nil, d.list }

// What cannot be done now is tried again, but that there is no room is said.
func TestFailures(t *testing.T) {
	down := errors.New("does not answer")
	for name, tc := range map[string]struct {
		desk broken
		ev   *frontdesk.Event
	}{
		"profile":           {broken{Desk: desktest.New(desktest.WithError(down))}, desktest.TextEvent(hanako, "180")},
		"profile of a fan":  {broken{Desk: desktest.New(desktest.WithError(down))}, desktest.FollowEvent(hanako, false)},
		"profile at a ring": {broken{Desk: desktest.New(desktest.WithError(down))}, desktest.TimerEvent(hanako, frontdesk.Timer{Key: "k"})},
		"set":               {broken{Desk: desktest.New(), set: down}, desktest.TextEvent(hanako, "3分")},
		"timers to set":     {broken{Desk: desktest.New(), list: down}, desktest.TextEvent(hanako, "3分")},
		"timers to list":    {broken{Desk: desktest.New(), list: down}, desktest.TextEvent(hanako, "list")},
		"timers to cancel":  {broken{Desk: desktest.New(), list: down}, desktest.TextEvent(hanako, "cancel")},
		"timers of a tap":   {broken{Desk: desktest.New(), list: down}, desktest.PostbackEvent(hanako, "cancel ja k")},
		"timers to forget":  {broken{Desk: desktest.New(), list: down}, desktest.UnfollowEvent(hanako)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := timer.New().Handle(t.Context(), tc.desk, tc.ev); !errors.Is(err, down) || len(tc.desk.Sent()) != 0 {
				t.Errorf("got %q, %v, want the failure", tc.desk.Texts(""), err)
			}
		})
	}
	desk := broken{Desk: desktest.New(), set: frontdesk.ErrTimersFull}
	err := timer.New().Handle(t.Context(), desk, desktest.TextEvent(john, "3 min"))
	if got := desk.Texts(""); err != nil || len(got) != 1 || got[0] != "Sorry, I cannot keep more timers right now. Please try again later." {
		t.Errorf("got %q, %v", got, err)
	}
}
