package timer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/bots/timer"
)

// now is when the texts of most tests are read: a Monday.
var (
	tokyo = location("Asia/Tokyo")
	now   = time.Date(2026, 12, 14, 12, 0, 0, 0, tokyo)
)

func location(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func TestReadWaits(t *testing.T) {
	for _, tc := range []struct {
		name, text      string
		want            time.Duration
		label, language string
	}{
		{"a number", "180", 3 * time.Minute, "", ""},
		{"a wide number", "１８０", 3 * time.Minute, "", "ja"},
		{"spaces around", "  180\n", 3 * time.Minute, "", ""},
		{"a label", "180 tea", 3 * time.Minute, "tea", "en"},
		{"a wide space", "180　紅茶", 3 * time.Minute, "紅茶", "ja"},
		{"a label of many words and lines", "180 green  tea\nfor two", 3 * time.Minute, "green tea for two", "en"},
		{"a label that begins like a unit", "90 sweet", 90 * time.Second, "sweet", "en"},
		{"a label as it was written", "180 ＡＢＣ ｶﾞﾑ ①Tea", 3 * time.Minute, "ＡＢＣ ｶﾞﾑ ①Tea", "ja"},
		{"an emoji", "180 🍵", 3 * time.Minute, "🍵", ""},
		{"a fraction", "1.5", 1500 * time.Millisecond, "", ""},

		{"seconds", "90s", 90 * time.Second, "", "en"},
		{"seconds in full", "1 second", time.Second, "", "en"},
		{"minutes", "3min tea", 3 * time.Minute, "tea", "en"},
		{"minutes in capitals", "3 Minutes Tea", 3 * time.Minute, "Tea", "en"},
		{"hours and minutes", "1h30m", 90 * time.Minute, "", "en"},
		{"hours and minutes apart", "1h 30m tea", 90 * time.Minute, "tea", "en"},
		{"hours and minutes in words", "1 hour and 30 minutes", 90 * time.Minute, "", "en"},
		{"hours, minutes, seconds", "1 hr, 2 mins, 3 secs", time.Hour + 2*time.Minute + 3*time.Second, "", "en"},
		{"half an hour", "0.5h", 30 * time.Minute, "", "en"},
		{"days", "2 days", 48 * time.Hour, "", "en"},
		{"weeks", "1w", 7 * 24 * time.Hour, "", "en"},
		{"in", "in 5 minutes call mum", 5 * time.Minute, "call mum", "en"},
		{"timer", "Timer 180", 3 * time.Minute, "", "en"},
		{"a comma", "3 min, tea", 3 * time.Minute, "tea", "en"},
		{"a smaller amount belongs to it, a larger one does not", "3 min 2 days off", 3 * time.Minute, "2 days off", "en"},
		{"nor does one of the same unit", "3 min 4 min egg", 3 * time.Minute, "4 min egg", "en"},
		{"and of the label", "3 min and out", 3 * time.Minute, "and out", "en"},
		{"wide letters", "１ｈ３０ｍ", 90 * time.Minute, "", "ja"},

		{"分", "3分", 3 * time.Minute, "", "ja"},
		{"wide 分", "３分 カップ麺", 3 * time.Minute, "カップ麺", "ja"},
		{"秒", "90秒", 90 * time.Second, "", "ja"},
		{"時間 and 分", "1時間30分", 90 * time.Minute, "", "ja"},
		{"時間 and 分 apart", "1時間 30分 会議", 90 * time.Minute, "会議", "ja"},
		{"時間と分", "1時間と30分", 90 * time.Minute, "", "ja"},
		{"時間半", "1時間半", 90 * time.Minute, "", "ja"},
		{"分半", "2分半 卵", 150 * time.Second, "卵", "ja"},
		{"all three", "1時間2分3秒", time.Hour + 2*time.Minute + 3*time.Second, "", "ja"},
		{"日後", "3日後", 3 * 24 * time.Hour, "", "ja"},
		{"週間後", "2週間後に 歯医者", 14 * 24 * time.Hour, "歯医者", "ja"},
		{"分間", "3分間", 3 * time.Minute, "", "ja"},
		{"分後", "3分後", 3 * time.Minute, "", "ja"},
		{"分後に with a label", "3分後に電話", 3 * time.Minute, "電話", "ja"},
		{"分後に with a label in kana", "3分後にたまご", 3 * time.Minute, "たまご", "ja"},
		{"a label without a space", "3分カップ麺", 3 * time.Minute, "カップ麺", "ja"},
		{"a label that begins with に", "3分にんじん", 3 * time.Minute, "にんじん", "ja"},
		{"a particle", "3分で紅茶", 3 * time.Minute, "紅茶", "ja"},
		{"an ideographic comma", "3分、紅茶", 3 * time.Minute, "紅茶", "ja"},
		{"あと", "あと5分", 5 * time.Minute, "", "ja"},
		{"タイマー", "タイマー 3分！", 3 * time.Minute, "", "ja"},
		{"narrow kana", "ﾀｲﾏｰ3分", 3 * time.Minute, "", "ja"},

		{"the shortest", "1", time.Second, "", ""},
		{"the longest", "366日間", timer.MaxWait, "", "ja"},
		{"the longest in seconds", "31622400", timer.MaxWait, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := timer.Read(tc.text, now, tokyo)
			want := timer.Request{Action: timer.Set, At: now.Add(tc.want), Wait: tc.want, Label: tc.label, Language: tc.language}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadTimes(t *testing.T) {
	for _, tc := range []struct{ name, text, want, label, language string }{
		{"today", "18:30", "2026-12-14 18:30:00", "", ""},
		{"with a label", "18:30 会議", "2026-12-14 18:30:00", "会議", "ja"},
		{"with a particle", "18:30に会議", "2026-12-14 18:30:00", "会議", "ja"},
		{"with a label right behind", "18:30会議", "2026-12-14 18:30:00", "会議", "ja"},
		{"wide", "１８：３０", "2026-12-14 18:30:00", "", "ja"},
		{"with seconds", "18:30:15", "2026-12-14 18:30:15", "", ""},
		{"passed, so tomorrow", "7:00", "2026-12-15 07:00:00", "", ""},
		{"now, so tomorrow", "12:00", "2026-12-15 12:00:00", "", ""},
		{"a second from now", "12:00:01", "2026-12-14 12:00:01", "", ""},
		{"midnight", "0:00", "2026-12-15 00:00:00", "", ""},
		{"the end of the day", "24:00", "2026-12-15 00:00:00", "", ""},
		{"時", "18時", "2026-12-14 18:00:00", "", "ja"},
		{"時 and 分", "18時30分 会議", "2026-12-14 18:30:00", "会議", "ja"},
		{"時半", "18時半に会議", "2026-12-14 18:30:00", "会議", "ja"},
		{"午後", "午後6時", "2026-12-14 18:00:00", "", "ja"},
		{"午前", "午前 6:30", "2026-12-15 06:30:00", "", "ja"},
		{"午後0時", "午後0時半", "2026-12-14 12:30:00", "", "ja"},
		{"pm", "6:30pm tea", "2026-12-14 18:30:00", "tea", "en"},
		{"pm alone", "at 7 PM", "2026-12-14 19:00:00", "", "en"},
		{"a.m. with dots", "7 a.m. run", "2026-12-15 07:00:00", "run", "en"},
		{"midnight is 12 am", "12am", "2026-12-15 00:00:00", "", "en"},
		{"noon is 12 pm, and has passed", "12pm", "2026-12-15 12:00:00", "", "en"},
		{"a label that begins like am", "18:30 amazing", "2026-12-14 18:30:00", "amazing", "en"},

		{"明日", "明日 7:00", "2026-12-15 07:00:00", "", "ja"},
		{"明日 though it is still to come today", "明日18:30", "2026-12-15 18:30:00", "", "ja"},
		{"明日の", "あしたの7時にゴミ出し", "2026-12-15 07:00:00", "ゴミ出し", "ja"},
		{"あさって", "あさって 7時", "2026-12-16 07:00:00", "", "ja"},
		{"明後日", "明後日、午前9時 歯医者", "2026-12-16 09:00:00", "歯医者", "ja"},
		{"今日", "今日 24:00", "2026-12-15 00:00:00", "", "ja"},
		{"tomorrow", "tomorrow 7:00", "2026-12-15 07:00:00", "", "en"},
		{"tomorrow at", "Tomorrow at 7am run", "2026-12-15 07:00:00", "run", "en"},
		{"tomorrow behind", "7:00 tomorrow", "2026-12-15 07:00:00", "", "en"},
		{"tomorrow behind, with a label", "at 18:30 tomorrow, dinner", "2026-12-15 18:30:00", "dinner", "en"},
		{"tomorrow of the label", "18:30 tomorrow's dinner", "2026-12-14 18:30:00", "tomorrow's dinner", "en"},
		{"a second day is of the label", "tomorrow 7:00 today", "2026-12-15 07:00:00", "today", "en"},
		{"明日 of the label", "18:30 明日の準備", "2026-12-14 18:30:00", "明日の準備", "ja"},
		{"the day after tomorrow", "the day after tomorrow 7:00", "2026-12-16 07:00:00", "", "en"},
		{"the day after tomorrow behind", "7:00 day after tomorrow", "2026-12-16 07:00:00", "", "en"},

		{"a date", "12/24 18:00", "2026-12-24 18:00:00", "", ""},
		{"a date with a label", "12/24 18:00 ケーキ", "2026-12-24 18:00:00", "ケーキ", "ja"},
		{"月 and 日", "12月24日18時", "2026-12-24 18:00:00", "", "ja"},
		{"月 and 日 with の", "１２月２４日の１８：００", "2026-12-24 18:00:00", "", "ja"},
		{"a date of next year", "1/2 9:00", "2027-01-02 09:00:00", "", ""},
		{"a date that has just passed", "12/14 11:59", "2027-12-14 11:59:00", "", ""},
		{"a date today", "12/14 12:01", "2026-12-14 12:01:00", "", ""},
		{"a year", "2027/1/2 9:00", "2027-01-02 09:00:00", "", ""},
		{"年月日", "2027年1月2日 9時", "2027-01-02 09:00:00", "", "ja"},
		{"as computers write it", "2027-01-02T09:00", "2027-01-02 09:00:00", "", "en"},
		{"as computers write it, apart", "2027-01-02 09:00:30 tea", "2027-01-02 09:00:30", "tea", "en"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := timer.Read(tc.text, now, tokyo)
			at, parseErr := time.ParseInLocation(time.DateTime, tc.want, tokyo)
			if err != nil || parseErr != nil {
				t.Fatal(err, parseErr)
			}
			want := timer.Request{Action: timer.Set, At: at, Label: tc.label, Language: tc.language}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadCommands(t *testing.T) {
	list := timer.Request{Action: timer.List}
	cancel := func(label string, number int) timer.Request {
		return timer.Request{Action: timer.Cancel, Label: label, Number: number}
	}
	everything := timer.Request{Action: timer.Cancel, All: true}
	for _, tc := range []struct {
		text     string
		want     timer.Request
		language string
	}{
		{"list", list, "en"}, {" List ", list, "en"}, {"ｌｉｓｔ", list, "ja"}, {"timers", list, "en"},
		{"一覧", list, "ja"}, {"リスト", list, "ja"}, {"ﾘｽﾄ", list, "ja"}, {"いちらん", list, "ja"},
		{"cancel", cancel("", 0), "en"}, {"Cancel tea", cancel("tea", 0), "en"}, {"CANCEL Green  Tea", cancel("Green Tea", 0), "en"},
		{"cancel 2", cancel("2", 2), "en"}, {"cancel ２", cancel("２", 2), "ja"}, {"cancel 2 eggs", cancel("2 eggs", 0), "en"},
		{"cancel 99999999999999999999", cancel("99999999999999999999", 0), "en"},
		{"取消", cancel("", 0), "ja"}, {"取消 2", cancel("2", 2), "ja"}, {"取消２", cancel("２", 2), "ja"}, {"取り消し カップ麺", cancel("カップ麺", 0), "ja"},
		{"取消し 紅茶", cancel("紅茶", 0), "ja"}, {"キャンセル", cancel("", 0), "ja"}, {"ｷｬﾝｾﾙ 2", cancel("2", 2), "ja"}, {"キャンセルして", cancel("", 0), "ja"},
		{"取り消してください", cancel("", 0), "ja"}, {"取り消す 紅茶", cancel("紅茶", 0), "ja"},
		{"取消する", cancel("", 0), "ja"}, {"とりけし 紅茶", cancel("紅茶", 0), "ja"},
		{"cancel all", everything, "en"}, {"取消 全部", everything, "ja"}, {"全部取消", everything, "ja"}, {"すべてをキャンセルしてください", everything, "ja"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			tc.want.Language = tc.language
			got, err := timer.Read(tc.text, now, tokyo)
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       error
		language   string
	}{
		{"nothing", "", timer.ErrUnknown, ""},
		{"a greeting", "hello", timer.ErrUnknown, "en"},
		{"a Japanese greeting", "こんにちは", timer.ErrUnknown, "ja"},
		{"a sticker's text", "🍜", timer.ErrUnknown, ""},
		{"a price", "180円", timer.ErrUnknown, "ja"},
		{"a large number with commas", "1,000", timer.ErrUnknown, ""},
		{"a telephone number", "090-1234-5678", timer.ErrUnknown, ""},
		{"a range", "18:30-19:00", timer.ErrUnknown, ""},
		{"a part", "3分の2", timer.ErrUnknown, "ja"},
		{"ago", "3分前", timer.ErrUnknown, "ja"},
		{"within", "3分以内", timer.ErrUnknown, "ja"},
		{"a unit that is none", "90stea", timer.ErrUnknown, "en"},
		{"a unit of length", "5metres", timer.ErrUnknown, "en"},
		{"a negative number", "-5", timer.ErrUnknown, ""},
		{"a time with one digit", "18:3", timer.ErrUnknown, ""},
		{"a time with three digits", "18:300", timer.ErrUnknown, ""},
		{"a sentence about tomorrow", "明日は雨", timer.ErrUnknown, "ja"},
		{"a sentence about today", "today's weather", timer.ErrUnknown, "en"},
		{"a day of the month", "3日", timer.ErrUnknown, "ja"},
		{"a list of things", "list of things", timer.ErrUnknown, "en"},
		{"cancelled", "cancelled", timer.ErrUnknown, "en"},
		{"NUL", "\x00", timer.ErrUnknown, ""},
		{"bytes that are no text", "\xff180", timer.ErrUnknown, ""},

		{"a day", "あさって", timer.ErrNoTime, "ja"},
		{"a day and a label", "tomorrow dentist", timer.ErrNoTime, "en"},
		{"a day and a Japanese label", "明日の会議", timer.ErrNoTime, "ja"},
		{"a day and a bare number", "明日 7", timer.ErrNoTime, "ja"},
		{"a date", "12/24", timer.ErrNoTime, ""},

		{"an hour too late", "25:00", timer.ErrNoSuchTime, ""},
		{"after the end of the day", "24:01", timer.ErrNoSuchTime, ""},
		{"a minute that is none", "18:60", timer.ErrNoSuchTime, ""},
		{"a second that is none", "18:30:60", timer.ErrNoSuchTime, ""},
		{"18 pm", "18:00 pm", timer.ErrNoSuchTime, "en"},
		{"a month that is none", "13/1 9:00", timer.ErrNoSuchTime, ""},
		{"a day that is none", "11/31 9:00", timer.ErrNoSuchTime, ""},
		{"a leap day of neither year", "2/29 9:00", timer.ErrNoSuchTime, ""},
		{"a day that is none of a year", "2027-02-29 9:00", timer.ErrNoSuchTime, ""},
		{"day zero", "12/0 9:00", timer.ErrNoSuchTime, ""},

		{"earlier today", "今日 7:00", timer.ErrPast, "ja"},
		{"now", "today 12:00", timer.ErrPast, "en"},
		{"last year", "2025/12/24 18:00", timer.ErrPast, ""},
		{"year zero", "0000-01-01 0:00", timer.ErrPast, ""},

		{"zero", "0", timer.ErrTooSoon, ""},
		{"zero minutes", "0分", timer.ErrTooSoon, "ja"},
		{"less than a second", "0.5s", timer.ErrTooSoon, "en"},

		{"a second too long", "31622401", timer.ErrTooFar, ""},
		{"367 days", "367 days", timer.ErrTooFar, "en"},
		{"366 days and more", "366日間と1秒", timer.ErrTooFar, "ja"},
		{"a hundred digits", strings.Repeat("9", 100), timer.ErrTooFar, ""},
		{"a thousand digits of hours", strings.Repeat("9", 1000) + "h", timer.ErrTooFar, "en"},
		{"a year far away", "2099/1/1 0:00", timer.ErrTooFar, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := timer.Read(tc.text, now, tokyo)
			if diff := cmp.Diff(timer.Request{Language: tc.language}, got); !errors.Is(err, tc.want) || diff != "" {
				t.Errorf("got error %v, want %v (-want +got):\n%s", err, tc.want, diff)
			}
		})
	}
}

// Clocks that are put forward and back. Places differ in which of two times Go
// finds first, and in what came before and after.
func TestReadAcrossTransitions(t *testing.T) {
	for _, tc := range []struct{ name, zone, text, now, want string }{
		{"before the gap", "America/New_York", "1:59", "2026-03-08T00:00:00-05:00", "2026-03-08T01:59:00-05:00"},
		{"in the gap", "America/New_York", "2:30", "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"at the start of the gap", "America/New_York", "2:00", "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"in the gap, asked after it", "America/New_York", "2:30", "2026-03-08T03:10:00-04:00", "2026-03-09T02:30:00-04:00"},
		{"in the gap tomorrow", "America/New_York", "tomorrow 2:30", "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"in the gap east of Greenwich", "Europe/Berlin", "2:30", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"in a gap of half an hour", "Australia/Lord_Howe", "2:15", "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"in a gap of a day", "Pacific/Apia", "12/30 12:00", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		{"a day is not always 24 hours", "America/New_York", "tomorrow 12:00", "2026-03-07T12:00:00-05:00", "2026-03-08T12:00:00-04:00"},
		{"but a wait is", "America/New_York", "24h", "2026-03-07T12:00:00-05:00", "2026-03-08T13:00:00-04:00"},
		{"the first of two", "America/New_York", "1:30", "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"the second of two", "America/New_York", "1:30", "2026-11-01T01:40:00-04:00", "2026-11-01T01:30:00-05:00"},
		{"after both", "America/New_York", "1:30", "2026-11-01T01:40:00-05:00", "2026-11-02T01:30:00-05:00"},
		{"the first of two, of which the second stays", "Europe/Moscow", "1:30", "2014-10-26T00:00:00+04:00", "2014-10-26T01:30:00+04:00"},
		{"the second, which stays", "Europe/Moscow", "1:30", "2014-10-26T01:40:00+04:00", "2014-10-26T01:30:00+03:00"},
		{"the second, which is new", "America/Argentina/Cordoba", "23:30", "1991-03-02T23:40:00-02:00", "1991-03-02T23:30:00-04:00"},
		{"without transitions", "UTC", "2:30", "2026-03-08T00:00:00Z", "2026-03-08T02:30:00Z"},
		{"a wait begins now, not with the minute", "UTC", "90s", "2026-03-08T00:00:30Z", "2026-03-08T00:02:00Z"},
	} {
		t.Run(tc.name, func(t *testing.T) { readAt(t, tc.text, tc.now, tc.want, location(tc.zone)) })
	}
}

func readAt(t *testing.T, text, at, want string, loc *time.Location) {
	t.Helper()
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := timer.Read(text, when, loc)
	if err != nil {
		t.Fatal(err)
	}
	if got := got.At.Format(time.RFC3339); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLeapDay(t *testing.T) {
	readAt(t, "2/29 9:00", "2027-03-01T00:00:00+09:00", "2028-02-29T09:00:00+09:00", tokyo)
}

func TestLongLabels(t *testing.T) {
	for _, text := range []string{"180 ", "cancel ", "3分 "} {
		for _, letter := range []string{"a", "茶", "🍵"} {
			got, err := timer.Read(text+strings.Repeat(letter, 5000), now, tokyo)
			if want := strings.Repeat(letter, timer.MaxLabel-1) + "…"; err != nil || got.Label != want {
				t.Errorf("%q and %q: got %d bytes, %v", text, letter, len(got.Label), err)
			}
		}
	}
	if got, _ := timer.Read("180 "+strings.Repeat("茶", timer.MaxLabel), now, tokyo); strings.Contains(got.Label, "…") {
		t.Error("a label that fits was cut")
	}
}

// FuzzRead looks for panics and for requests out of bounds, and writes what it
// gets in wide characters as well.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"180", "１８０ tea", "1h30m x", "1時間半カップ麺", "18:30に会議", "明日の午後6時 x", "12/24 18:00", "2027-01-02T09:00:30", "7:00 the day after tomorrow, x",
		"cancel 2", "全部取消", "ﾘｽﾄ", "2/29 24:00", "9999年12月31日 0時", "1.5週間と0.1日間", "0.9999999s", "\xff 3分\u3000\x00", "366日間", "İ K ſ ３分後にで",
	} {
		f.Add(text, int64(1_797_217_200), uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, second int64, zone uint8) {
		loc := location([]string{"Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "UTC"}[zone%4])
		at := time.Unix(second%(1<<33), 0)
		got, err := timer.Read(text, at, loc)
		if err == nil {
			checkRequest(t, text, at, got)
		} else if !cmp.Equal(got, timer.Request{Language: got.Language}) || !slices.Contains(refusals, err) {
			t.Errorf("%q: got %+v with %v", text, got, err)
		}
		wide, wideErr := timer.Read(widen(text), at, loc)
		if !errors.Is(wideErr, err) || !wide.At.Equal(got.At) || wide.Action != got.Action || wide.Number != got.Number || wide.All != got.All {
			t.Errorf("%q: got %+v, %v; in wide characters %+v, %v", text, got, err, wide, wideErr)
		}
	})
}

var refusals = []error{timer.ErrUnknown, timer.ErrNoTime, timer.ErrNoSuchTime, timer.ErrPast, timer.ErrTooSoon, timer.ErrTooFar}

func checkRequest(t *testing.T, text string, at time.Time, got timer.Request) {
	t.Helper()
	wait := got.At.Sub(at)
	isSet, isCancel := got.Action == timer.Set, got.Action == timer.Cancel
	for _, rule := range []struct {
		what string
		kept bool
	}{
		{"an action", isSet || isCancel || got.Action == timer.List},
		{"a language", slices.Contains([]string{"", "ja", "en"}, got.Language)},
		{"bounds", isSet == (wait >= timer.MinWait && wait <= timer.MaxWait)},
		{"a wait that fits the time", got.Wait == 0 || got.Wait == wait},
		{"a short label of one line", utf8.RuneCountInString(got.Label) <= timer.MaxLabel && !strings.ContainsAny(got.Label, "\r\n")},
		{"what only a cancel has", isCancel || got.Number == 0 && !got.All},
		{"a number as in the label", got.Number == 0 || widen(fmt.Sprint(got.Number)) == strings.TrimLeft(widen(got.Label), "０")},
	} {
		if !rule.kept {
			t.Errorf("%q: no %s: %+v", text, rule.what, got)
		}
	}
}

// widen makes the printable characters of ASCII wide.
func widen(text string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r - '!' + '！'
		}
		return r
	}, text)
}
