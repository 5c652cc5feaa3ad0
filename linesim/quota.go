package linesim

import "time"

// quota counts the recipients of pushes, multicasts, narrowcasts and broadcasts in a month; replies are free.
type quota struct {
	limit int64 // 0 = none
	used  int64
	until time.Time // the end of the month that used belongs to
}

// roll begins a new count when the month is over. LINE's months are those of Japan.
func (q *quota) roll(now time.Time) {
	if now.Before(q.until) {
		return
	}
	year, month, _ := now.In(japan()).Date()
	q.used, q.until = 0, time.Date(year, month+1, 1, 0, 0, 0, 0, japan())
}

// take counts n recipients, or returns false and counts none when that would exceed the limit.
func (q *quota) take(n int, now time.Time) bool {
	q.roll(now)
	if q.limit > 0 && q.used+int64(n) > q.limit {
		return false
	}
	q.used += int64(n)
	return true
}
