package quota

import "time"

// japan is the clock of LINE's days (insight API, "Timezone: UTC+9").
func japan() *time.Location { return time.FixedZone("JST", 9*60*60) }

// month is a calendar month in Japan.
type month struct{ start, end time.Time }

func monthOf(at time.Time) month {
	year, m, _ := at.In(japan()).Date()
	return month{time.Date(year, m, 1, 0, 0, 0, 0, japan()), time.Date(year, m+1, 1, 0, 0, 0, 0, japan())}
}

// name is how the month is stored: 2026-08.
func (m month) name() string { return m.start.Format("2006-01") }

// sameDay reports whether two times are of one day in Japan.
func sameDay(a, b time.Time) bool {
	const day = "2006-01-02"
	return a.In(japan()).Format(day) == b.In(japan()).Format(day)
}
