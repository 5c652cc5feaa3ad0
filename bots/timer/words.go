package timer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// phrase is a sentence in both languages of the bot.
type phrase struct{ ja, en string }

// The bot's sentences. They have no state, and nothing changes them.
var (
	welcome       = phrase{"友だち追加ありがとうございます！\n", "Thanks for adding me!\n"}
	notUnderstood = phrase{"すみません、わかりませんでした。\n", "Sorry, I did not understand that.\n"}
	examples      = phrase{
		"時間になったらお知らせします。たとえば、こう送ってください。\n\n" +
			"180（180秒）\n3分 紅茶\n1時間30分 会議\n18:30 電話\n明日 7:00 ゴミ出し\n\n「一覧」でタイマーを確認、「取消」で取り消しできます。",
		"I will tell you when the time comes. Send me, for example:\n\n" +
			"180 (seconds)\n3 min tea\n1h30m meeting\n18:30 call mum\ntomorrow 7:00 run\n\n“list” shows your timers, and “cancel” cancels them.",
	}
	toGroup = phrase{
		"はじめまして、タイマーです！私をメンションして「3分 紅茶」や「18:30 電話」と送ると、時間になったらお知らせします。「一覧」と「取消」も使えます。",
		"Hello, I am a timer! Mention me with “3 min tea” or “18:30 call mum”, and I will tell you when the time comes. I also know “list” and “cancel”.",
	}

	promised = phrase{"%[1]sにお知らせします（%[2]s後）。", "Set for %[1]s %[3]s, in %[2]s."} // abroad it is worth a word by which clock
	passed   = phrase{"%sたちました。", "It has been %s."}
	reached  = phrase{"%sになりました。", "It is %s."}
	asked    = phrase{"（%s前にセット）", " You asked %s ago."}
	late     = phrase{"%sの予定でした。お知らせが遅れてすみません。", "This was for %s. Sorry that it comes late."}

	listed       = phrase{"タイマーの一覧です。", "Timers:"}
	line         = phrase{"%d. %s あと%s", "%d. %s, in %s"}
	labelled     = phrase{"%s（%s）", "%s (%s)"}
	which        = phrase{"どのタイマーを取り消しますか？", "Which timer shall I cancel?"}
	unknownTimer = phrase{"そのタイマーは見つかりませんでした。", "There is no such timer. There are:"}
	howToCancel  = phrase{"取り消すには下のボタンを押すか、「取消 %d」のように送ってください。", "To cancel one, tap it below or send, for example, “cancel %d”."}
	empty        = phrase{"タイマーはありません。「3分 紅茶」のように送るとセットできます。", "No timers are waiting. To set one, send, for example, “3 min tea”."}
	cancelled    = phrase{"取り消しました：%s", "Cancelled: %s"}
	allCancelled = phrase{"すべて取り消しました（%d件）。", "All cancelled (%d)."}
	gone         = phrase{"そのタイマーは、もう終わったか取り消されています。", "That timer has rung or was cancelled already."}
	full         = phrase{"このトークのタイマーは%d件までです。「一覧」から不要なものを取り消してください。", "A chat can have up to %d timers. Send “list” to cancel some."}
	noRoom       = phrase{"すみません、今は混み合っていてセットできません。あとでもう一度お試しください。", "Sorry, I cannot keep more timers right now. Please try again later."}

	// The texts on buttons that stand for what they say are read by Read.
	example    = phrase{"3分", "3 minutes"}
	listIt     = phrase{"一覧", "list"}
	cancelEach = phrase{"全部取消", "cancel all"}
	cancelIt   = phrase{"✕ 取消", "✕ cancel"}
	cancelSaid = phrase{"取消 %s", "cancel %s"}
)

// refusals are the answers to what Read refuses, but for ErrUnknown.
var refusals = []struct {
	err error
	phrase
}{
	{ErrNoTime, phrase{"時刻も書いてください。例：「明日 7:00」「12/24 18:30」", "Please add a time of day, as in “tomorrow 7:00” or “12/24 18:30”."}},
	{ErrNoSuchTime, phrase{"その日時はありません。例：「18:30」「12/24 18:30」", "There is no such day or time. Try “18:30” or “12/24 18:30”."}},
	{ErrPast, phrase{"その時刻はもう過ぎています。これからの時刻を送ってください。", "That time has passed. Send me one that is still to come."}},
	{ErrTooSoon, phrase{"短すぎます。1秒から366日までセットできます。", "That is too soon: a timer takes from 1 second to 366 days."}},
	{ErrTooFar, phrase{"長すぎます。1秒から366日までセットできます。", "That is too far away: a timer takes from 1 second to 366 days."}},
}

// in returns a phrase in the chat's language.
func (c chat) in(p phrase, args ...any) string {
	format := p.en
	if c.language == frontdesk.Japanese {
		format = p.ja
	}
	return fmt.Sprintf(format, args...)
}

// clock returns a time as people say it now: without what goes without saying.
func (c chat) clock(t time.Time) string {
	ofDay := t.Format("15:04")
	if t.Second() != 0 {
		ofDay = t.Format("15:04:05")
	}
	today := civil(c.now).Truncate(day)
	switch that := civil(t).Truncate(day); {
	case that.Equal(today):
		return ofDay
	case that.Equal(today.AddDate(0, 0, 1)):
		return c.in(phrase{"明日 ", "tomorrow "}) + ofDay
	case that.Year() == today.Year():
		return t.Format(c.in(phrase{"1月2日 ", "2 Jan "})) + ofDay
	}
	return t.Format(c.in(phrase{"2006年1月2日 ", "2 Jan 2006 "})) + ofDay
}

// coarse rounds a duration to what matters of it, and one that has ended to zero.
func coarse(d time.Duration) time.Duration {
	switch {
	case d >= day:
		return d.Round(time.Hour)
	case d >= time.Hour:
		return d.Round(time.Minute)
	}
	return max(d, 0).Round(time.Second)
}

// span returns a duration in words.
func span(d time.Duration, language string) string {
	var words []string
	add := func(amount string, unit phrase) {
		switch {
		case language == frontdesk.Japanese:
			words = append(words, amount+unit.ja)
		case amount == "1":
			words = append(words, amount+" "+unit.en)
		default:
			words = append(words, amount+" "+unit.en+"s")
		}
	}
	for _, u := range []struct {
		is time.Duration
		phrase
	}{{day, phrase{"日", "day"}}, {time.Hour, phrase{"時間", "hour"}}, {time.Minute, phrase{"分", "minute"}}} {
		if d >= u.is {
			add(strconv.Itoa(int(d/u.is)), u.phrase)
			d %= u.is
		}
	}
	if d > 0 || words == nil {
		add(strconv.FormatFloat(d.Seconds(), 'f', -1, 64), phrase{"秒", "second"})
	}
	if language == frontdesk.Japanese {
		return strings.Join(words, "")
	}
	return strings.Join(words, " ")
}
