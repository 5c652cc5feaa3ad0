package frontdesk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// cronSchedule is a cron expression in its time zone.
type cronSchedule struct {
	spec *cron.SpecSchedule
	zone *time.Location
}

// everyHour is how the parser marks a field that is "*".
const everyHour = 1 << 63

// parseCron reads five fields or a descriptor such as "@daily".
func parseCron(expr, zone string) (cronSchedule, error) {
	if zone == "" {
		return cronSchedule{}, errors.New(`cron needs a Zone, such as "Asia/Tokyo" or "UTC"`)
	}
	if strings.Contains(expr, "TZ=") { // the parser's own way, which panics when it stands alone
		return cronSchedule{}, errors.New("cron: the time zone belongs into Zone")
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return cronSchedule{}, fmt.Errorf("time zone %q is not known; its name is one such as Asia/Tokyo", zone)
	}
	parsed, err := cron.ParseStandard(expr)
	if err != nil {
		return cronSchedule{}, fmt.Errorf("cron %q: %w", expr, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return cronSchedule{}, fmt.Errorf("cron %q: use Every for an interval", expr)
	}
	return cronSchedule{spec, loc}, nil
}

// next returns the first time behind after; zero when there is none within five
// years. Every hour of one that names no hours counts, also the one that comes
// twice. Others are times on a wall that people look at: each comes once a day.
func (c cronSchedule) next(after time.Time) time.Time {
	if c.spec.Hour&everyHour != 0 {
		c.spec.Location = c.zone
		return c.spec.Next(after.In(c.zone))
	}
	c.spec.Location = time.UTC
	wall := onWall(after.In(c.zone))
	for {
		wall = c.spec.Next(wall)
		if wall.IsZero() {
			return time.Time{}
		}
		if at := fromWall(wall, c.zone); at.After(after) {
			return at
		}
	}
}

// onWall returns what a clock on the wall shows at t, as a time in UTC.
func onWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// fromWall returns when the clock on the wall shows a time: the first of two, and
// the change of the clock for one that is skipped.
func fromWall(wall time.Time, zone *time.Location) time.Time {
	at := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), zone)
	start, end := at.ZoneBounds()
	switch shown := onWall(at); {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	}
	if start.IsZero() {
		return at
	}
	_, offset := start.Add(-1).Zone()
	if earlier := wall.Add(-time.Duration(offset) * time.Second).In(zone); earlier.Before(start) {
		return earlier
	}
	return at
}
