package quota

import (
	"testing"
	"time"
)

// day returns noon of a day in August 2026, in Japan.
func day(n int) time.Time { return time.Date(2026, 8, n, 12, 0, 0, 0, japan()) }

func TestForecast(t *testing.T) {
	start := time.Date(2026, 8, 1, 0, 0, 0, 0, japan())
	at := func(days float64) time.Time { return start.Add(time.Duration(days * 24 * float64(time.Hour))) }
	tests := []struct {
		name    string
		used    int64
		at      time.Time
		samples []sample
		want    int64
		known   bool
	}{
		{"first moment", 10, start, nil, 0, false},
		{"just before three days", 10, at(3).Add(-time.Second), nil, 0, false},
		{"three days: the month so far", 30, at(3), nil, 310, true},
		{"nothing used", 0, at(15), nil, 0, true},
		{"a young month knows only itself", 60, at(6), []sample{{at(1), 0}, {at(3), 60}}, 310, true},
		{"the last week, not the month", 140, at(14), []sample{{at(5), 0}, {at(7), 70}, {at(9), 140}}, 140 + 17*10, true},
		{"quiet for a week", 500, at(20), []sample{{at(12), 500}, {at(14), 500}}, 500, true},
		{"samples of the month before do not count", 40, at(4), []sample{{start.Add(-72 * time.Hour), 9000}}, 310, true},
		{"LINE corrected itself downwards", 50, at(14), []sample{{at(6), 80}}, 50, true},
		{"last moment", 777, at(31).Add(-time.Nanosecond), nil, 777, true},
		{"beginning of the month elsewhere", 70, time.Date(2026, 7, 31, 16, 0, 0, 0, time.UTC), nil, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, known := forecast(tt.used, tt.at, tt.samples)
			if got != tt.want || known != tt.known {
				t.Errorf("got %d, %v; want %d, %v", got, known, tt.want, tt.known)
			}
		})
	}
}

// TestNotesTake gives the notes one answer after another and looks at what they
// warn of.
func TestNotesTake(t *testing.T) {
	shares := []int{50, 95, 80}
	answer := func(limit, used int64) Figures { return Figures{Limited: true, Limit: limit, Used: used} }
	overrun := Figures{Limited: true, Limit: 100, Used: 40, HasForecast: true, Forecast: 101}
	steps := []struct {
		name    string
		at      time.Time
		f       Figures
		want    warning
		changed bool
	}{
		{"little used", day(2), answer(100, 49), warning{}, true},
		{"nothing new", day(2).Add(time.Hour), answer(100, 49), warning{}, false},
		{"half", day(2).Add(2 * time.Hour), answer(100, 50), warning{share: 50}, true},
		{"half, still", day(2).Add(3 * time.Hour), answer(100, 79), warning{}, false},
		{"a new day is noted", day(3), answer(100, 79), warning{}, true},
		{"two shares at once are one warning", day(3).Add(time.Hour), answer(100, 96), warning{share: 95}, true},
		{"a larger plan", day(4), answer(1000, 96), warning{}, true},
		{"half of it", day(4).Add(time.Hour), answer(1000, 500), warning{share: 50}, true},
		{"a smaller plan", day(5), answer(100, 40), warning{}, true},
		{"too much ahead", day(5).Add(time.Hour), overrun, warning{overrun: true}, true},
		{"too much ahead, still", day(5).Add(2 * time.Hour), overrun, warning{}, false},
		{"no limit any more", day(6), Figures{Used: 1 << 40}, warning{}, true},
		{"the old month's number in the new one", day(32).Add(-12 * time.Hour).Add(time.Minute), answer(100, 99), warning{}, true},
		{"the new month's own", day(32), answer(100, 50), warning{share: 50}, true},
	}
	var n notes
	for _, s := range steps {
		got, changed := n.take(s.f, s.at, shares)
		if got != s.want || changed != s.changed {
			t.Errorf("%s: got %+v, changed %v; want %+v, %v", s.name, got, changed, s.want, s.changed)
		}
	}
	if len(n.Days) != 1 || n.Month != "2026-09" {
		t.Errorf("got notes %+v, want those of one day of September", n)
	}
}

// TestNotesAreBounded lets LINE answer every ten minutes for two months.
func TestNotesAreBounded(t *testing.T) {
	var n notes
	for at := day(1); at.Before(day(62)); at = at.Add(10 * time.Minute) {
		n.take(Figures{Limited: true, Limit: 10, Used: 1}, at, nil)
		if len(n.Days) > 31 {
			t.Fatalf("%d samples on %v", len(n.Days), at)
		}
	}
}
