package frontdesk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func TestTimerCheck(t *testing.T) {
	now := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	text := []frontdesk.Message{frontdesk.Text("tea")}
	const year = 366 * 24 * time.Hour
	for _, tc := range []struct {
		name  string
		timer frontdesk.Timer
		want  string // in the error; "" for none
	}{
		{"after", frontdesk.Timer{Key: "tea", After: 3 * time.Minute}, ""},
		{"the shortest", frontdesk.Timer{After: time.Second}, ""},
		{"the longest", frontdesk.Timer{After: year}, ""},
		{"too short", frontdesk.Timer{After: time.Second - 1}, "After must be from 1 second to 366 days"},
		{"too long", frontdesk.Timer{After: year + 1}, "After must be"},
		{"negative", frontdesk.Timer{After: -time.Minute}, "After must be"},
		{"at", frontdesk.Timer{At: now.Add(time.Hour)}, ""},
		{"at once", frontdesk.Timer{At: now}, "At must be"},
		{"at a time of the past", frontdesk.Timer{At: now.Add(-time.Hour)}, "At must be"},
		{"at, too far ahead", frontdesk.Timer{At: now.Add(year + time.Second)}, "At must be"},
		{"every", frontdesk.Timer{Every: time.Hour}, ""},
		{"every, too often", frontdesk.Timer{Every: time.Millisecond}, "Every must be"},
		{"every, with a first time", frontdesk.Timer{At: now.Add(time.Hour), Every: 24 * time.Hour}, ""},
		{"after, then every", frontdesk.Timer{After: time.Minute, Every: time.Hour}, ""},
		{"cron", frontdesk.Timer{Cron: "0 7 * * 1-5", Zone: "Asia/Tokyo"}, ""},
		{"cron by name", frontdesk.Timer{Cron: "@daily", Zone: "UTC"}, ""},
		{"cron without a zone", frontdesk.Timer{Cron: "0 7 * * *"}, "needs a Zone"},
		{"cron in an unknown zone", frontdesk.Timer{Cron: "0 7 * * *", Zone: "Asia/Nowhere"}, "Asia/Nowhere"},
		{"cron with a zone in it", frontdesk.Timer{Cron: "TZ=UTC 0 7 * * *", Zone: "UTC"}, "belongs into Zone"},
		{"what the parser cannot bear", frontdesk.Timer{Cron: "TZ=UTC", Zone: "UTC"}, "belongs into Zone"},
		{"cron of six fields", frontdesk.Timer{Cron: "0 0 7 * * *", Zone: "UTC"}, "cron"},
		{"cron as an interval", frontdesk.Timer{Cron: "@every 1s", Zone: "UTC"}, "use Every"},
		{"cron that is never due", frontdesk.Timer{Cron: "0 0 30 2 *", Zone: "UTC"}, "never due"},
		{"no time", frontdesk.Timer{Key: "tea"}, "needs one of"},
		{"two times", frontdesk.Timer{After: time.Minute, At: now.Add(time.Hour)}, "needs one of"},
		{"cron and after", frontdesk.Timer{After: time.Minute, Cron: "@daily", Zone: "UTC"}, "needs one of"},
		{"cron and every", frontdesk.Timer{Every: time.Minute, Cron: "@daily", Zone: "UTC"}, "only one of"},
		{"zone without cron", frontdesk.Timer{After: time.Minute, Zone: "UTC"}, "only of use with Cron"},
		{"the longest key", frontdesk.Timer{Key: strings.Repeat("k", 200), After: time.Minute}, ""},
		{"too long a key", frontdesk.Timer{Key: strings.Repeat("k", 201), After: time.Minute}, "key must be"},
		{"a key that is no text", frontdesk.Timer{Key: "\xff", After: time.Minute}, "key must be"},
		{"the longest payload", frontdesk.Timer{Payload: strings.Repeat("p", 4096), After: time.Minute}, ""},
		{"too long a payload", frontdesk.Timer{Payload: strings.Repeat("p", 4097), After: time.Minute}, "payload must be"},
		{"a payload that is no text", frontdesk.Timer{Payload: "\xff", After: time.Minute}, "payload must be"},
		{"send", frontdesk.Timer{After: time.Minute, Send: text}, ""},
		{"send with a payload", frontdesk.Timer{After: time.Minute, Send: text, Payload: "p"}, "nobody gets its payload"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.timer.Check(now)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestTimerTimes(t *testing.T) {
	now := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	at := func(hour, minute int) time.Time { return time.Date(2026, 8, 1, hour, minute, 0, 0, time.UTC) }
	hourly := frontdesk.Timer{Every: time.Hour}
	cron := frontdesk.Timer{Cron: "30 * * * *", Zone: "UTC"}
	for _, tc := range []struct {
		name string
		got  time.Time
		want time.Time
	}{
		{"first: after", frontdesk.Timer{After: time.Minute}.First(now), at(9, 1)},
		{"first: at", frontdesk.Timer{At: at(18, 30)}.First(now), at(18, 30)},
		{"first: at, then every", frontdesk.Timer{At: at(18, 30), Every: time.Hour}.First(now), at(18, 30)},
		{"first: every", hourly.First(now), at(10, 0)},
		{"first: cron", cron.First(now), at(9, 30)},
		{"next: none", frontdesk.Timer{After: time.Minute}.Next(now, now), time.Time{}},
		{"next: every, in time", hourly.Next(at(9, 0), at(9, 0)), at(10, 0)},
		{"next: every, late", hourly.Next(at(8, 30), at(9, 0)), at(9, 30)},
		{"next: every, times were missed", hourly.Next(at(5, 30), at(9, 0)), at(9, 30)},
		{"next: every, the clock was set back", hourly.Next(at(12, 0), at(9, 0)), at(13, 0)},
		{"next: cron", cron.Next(at(9, 30), at(9, 30)), at(10, 30)},
		{"next: cron, times were missed", cron.Next(at(2, 30), at(9, 0)), at(9, 30)},
		{"next: cron, the clock was set back", cron.Next(at(12, 30), at(9, 0)), at(13, 30)},
	} {
		if !tc.got.Equal(tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

// TestCronOverDST follows a cron expression over a change of the clocks. The wants
// are wall clock times with their offsets.
func TestCronOverDST(t *testing.T) {
	for _, tc := range []struct {
		name, cron, zone, from string
		want                   []string
	}{
		{"every day at a time that is skipped", "30 2 * * *", "America/New_York", "2026-03-07T00:00:00-05:00",
			[]string{"2026-03-07T02:30:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"}},
		{"two times that are skipped are one", "15,45 2 * * *", "America/New_York", "2026-03-08T00:00:00-05:00",
			[]string{"2026-03-08T03:00:00-04:00", "2026-03-09T02:15:00-04:00"}},
		{"a time that comes twice, west", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00-04:00",
			[]string{"2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		{"a time that comes twice, east", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"between the two of it", "30 2 * * *", "Europe/Berlin", "2026-10-25T02:15:00+01:00",
			[]string{"2026-10-26T02:30:00+01:00"}},
		{"skipped, east", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"midnight that is skipped", "0 0 * * *", "America/Havana", "2026-03-07T12:00:00-05:00",
			[]string{"2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"}},
		{"every hour, also the one that comes twice", "0 * * * *", "Europe/Berlin", "2026-10-25T01:30:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}},
		{"every hour, not the one that is skipped", "0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00+01:00",
			[]string{"2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"}},
		{"half an hour of change", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"}},
		{"a zone without change", "0 7 * * 1-5", "Asia/Tokyo", "2026-08-07T12:00:00+09:00",
			[]string{"2026-08-10T07:00:00+09:00", "2026-08-11T07:00:00+09:00"}},
		{"by name", "@monthly", "UTC", "2026-08-07T12:00:00Z", []string{"2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"}},
		{"a leap day", "0 12 29 2 *", "UTC", "2026-08-07T12:00:00Z", []string{"2028-02-29T12:00:00Z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			timer := frontdesk.Timer{Cron: tc.cron, Zone: tc.zone}
			at, err := time.Parse(time.RFC3339, tc.from)
			if err != nil {
				t.Fatal(err)
			}
			if err := timer.Check(at); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				at = timer.Next(at, at)
				if got := at.Format(time.RFC3339); got != want {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// FuzzCron takes what a user may write in a chat.
func FuzzCron(f *testing.F) {
	for _, seed := range []struct {
		cron, zone string
		now        int64
	}{
		{"0 7 * * 1-5", "Asia/Tokyo", 1_785_000_000}, {"30 2 * * *", "America/New_York", 1_772_900_000},
		{"*/5 1-3 1,15 JAN-mar SUN", "Europe/Berlin", 1_792_900_000}, {"@daily", "Australia/Lord_Howe", 1_790_900_000},
		{"TZ=", "UTC", 0}, {"CRON_TZ=UTC 0 0 * * *", "UTC", 0}, {"@every 1s", "UTC", 0}, {"0 0 30 2 *", "", -1}, {"? ? ? ? ?", "../etc", 1},
	} {
		f.Add(seed.cron, seed.zone, seed.now)
	}
	f.Fuzz(func(t *testing.T, cron, zone string, sec int64) {
		now := time.Unix(sec%4_000_000_000, 0)
		timer := frontdesk.Timer{Cron: cron, Zone: zone}
		if timer.Check(now) != nil {
			return
		}
		for range 3 {
			next := timer.Next(now, now)
			if next.IsZero() {
				return // not within five years
			}
			if !next.After(now) {
				t.Fatalf("%q in %s: behind %v comes %v", cron, zone, now, next)
			}
			now = next
		}
	})
}

func TestTimerEvent(t *testing.T) {
	due := time.Date(2026, 8, 1, 9, 0, 0, 123456789, time.UTC)
	ev := desktest.Event(`{"type":"timer","source":{"type":"group","groupId":"C1","userId":"U1"},
		"timer":{"key":"tea","payload":"green","due":"2026-08-01T09:00:00.123456789Z","count":2}}`)
	if ev.Conversation != "C1" || ev.Timer == nil || ev.Timer.Key != "tea" || ev.Timer.Payload != "green" || !ev.Timer.Due.Equal(due) || ev.Timer.Count != 2 {
		t.Errorf("got %+v with %+v", ev, ev.Timer)
	}
	if bare := desktest.Event(`{"type":"timer"}`); bare.Timer == nil {
		t.Error("a timer event without its object needs a nil check")
	}
}
