package timer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// units are the names of units of time. Nothing changes the table.
var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second, "秒": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute, "分": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour, "時間": time.Hour,
	"d": day, "day": day, "days": day, "日間": day, "日後": day, // 3日 alone is a day of the month
	"w": 7 * day, "week": 7 * day, "weeks": 7 * day, "週間": 7 * day,
}

// dayNames tells how far away a day is. Nothing changes the table.
var dayNames = map[string]int{
	"今日": 0, "きょう": 0, "本日": 0, "today": 0,
	"明日": 1, "あした": 1, "あす": 1, "tomorrow": 1,
	"明後日": 2, "あさって": 2, "day after tomorrow": 2, "the day after tomorrow": 2,
}

var (
	amount = regexp.MustCompile(`^(\d+(?:\.\d+)?) *([a-z]+|秒|分|時間|日間|日後|週間)(半)?`)
	joint  = regexp.MustCompile(`^ *(?:and |, *|、|と)? *`) // between two amounts
	number = regexp.MustCompile(`^\d+(?:\.\d+)?`)

	named  = regexp.MustCompile(`^(今日|きょう|本日|明日|あした|あす|明後日|あさって|(?:(?:the )?day after tomorrow|today|tomorrow)\b)[ ,、の]*`)
	dated  = regexp.MustCompile(`^(?:(\d{4})-(\d{1,2})-(\d{1,2})t?|(?:(\d{4})[/年])?(\d{1,2})[/月](\d{1,2})日?)[ ,、の]*`)
	apart  = regexp.MustCompile(`[ ,、の]$`)
	behind = regexp.MustCompile(`^,? +((?:the )?day after tomorrow|today|tomorrow)(?: |,|$)`) // 7:00 tomorrow
	clock  = regexp.MustCompile(`^(?:at +)?(午前|午後)? *(\d{1,2})(?:(:)(\d{2})(?::(\d{2}))?|(時)(?:(\d{1,2})分|(半))?)?(?: *([ap])\.?m\b\.?)?`)
)

// moment is the time that a text begins with.
type moment struct {
	at     time.Time
	isWait bool // it was given as a wait
	bare   bool // and that as a number without a unit
}

// moment takes a time.
func (s *scanner) moment(now time.Time) (moment, error) {
	if wait, ok := s.wait(); ok {
		return moment{at: now.Add(wait), isWait: true}, nil
	}
	whole := s.rest
	days, given := s.days(civil(now).Truncate(day))
	ofDay, ok, err := s.clock()
	switch {
	case err != nil:
		return moment{}, err
	case ok:
		return s.next(days, given, ofDay, now)
	case given && (s.rest == "" || apart.MatchString(whole[:len(whole)-len(s.rest)])):
		return moment{}, ErrNoTime
	case given:
		return moment{}, ErrUnknown // 今日は暑い
	}
	if found := s.take(number); found != nil {
		return moment{at: now.Add(measure(found[0], time.Second)), isWait: true, bare: true}, nil
	}
	return moment{}, ErrUnknown
}

// wait takes amounts of units, larger units first.
func (s *scanner) wait() (total time.Duration, ok bool) {
	for smallest := MaxWait; ; {
		rest := s.rest
		if ok {
			s.take(joint)
		}
		found := amount.FindStringSubmatch(s.rest)
		if found == nil || units[found[2]] == 0 || units[found[2]] >= smallest {
			s.rest = rest
			return total, ok
		}
		s.take(amount)
		smallest, ok = units[found[2]], true
		total += measure(found[1], smallest)
		if found[3] != "" {
			total += smallest / 2
		}
	}
}

// measure returns an amount of a unit, or something above MaxWait.
func measure(amount string, unit time.Duration) time.Duration {
	n, _ := strconv.ParseFloat(amount, 64) // digits; too many make an infinity
	if n > float64(MaxWait/unit) {
		return MaxWait + time.Second
	}
	return time.Duration(n * float64(unit)).Round(time.Millisecond)
}

// days takes a day. It returns which days it can be, the first that is not over
// to be chosen, as their midnights in UTC; and whether a day is given.
func (s *scanner) days(today time.Time) (days []time.Time, given bool) {
	if found := s.take(named); found != nil {
		return []time.Time{today.AddDate(0, 0, dayNames[found[1]])}, true
	}
	found := s.take(dated)
	if found == nil {
		return []time.Time{today, today.AddDate(0, 0, 1)}, false
	}
	year, month, dayOfMonth := found[1]+found[4], integer(found[2]+found[5]), integer(found[3]+found[6])
	years := []int{today.Year(), today.Year() + 1}
	if year != "" {
		years = []int{integer(year)}
	}
	for _, y := range years {
		d := time.Date(y, time.Month(month), dayOfMonth, 0, 0, 0, 0, time.UTC)
		if d.Month() == time.Month(month) && d.Day() == dayOfMonth {
			days = append(days, d)
		}
	}
	return days, true
}

// clock takes a time of day, as the time since midnight on a day whose clocks
// are not changed. 24:00 is the end of a day.
func (s *scanner) clock() (ofDay time.Duration, ok bool, err error) {
	found := clock.FindStringSubmatch(s.rest)
	if found == nil || found[1]+found[3]+found[6]+found[9] == "" { // a number alone is none
		return 0, false, nil
	}
	s.take(clock)
	hours, minutes, seconds := integer(found[2]), integer(found[4]+found[7]), integer(found[5])
	if found[8] != "" {
		minutes = 30
	}
	if half := found[1] + found[9]; half != "" {
		if hours > 12 {
			return 0, true, ErrNoSuchTime
		}
		hours %= 12
		if half == "午後" || half == "p" {
			hours += 12
		}
	}
	ofDay = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if minutes > 59 || seconds > 59 || ofDay > day {
		return 0, true, ErrNoSuchTime
	}
	return ofDay, true, nil
}

// next puts a time of day on the first of the days on which it is still to
// come, or else on the last of them. In English the day may stand behind.
func (s *scanner) next(days []time.Time, given bool, ofDay time.Duration, now time.Time) (m moment, err error) {
	if found := behind.FindStringSubmatch(s.rest); found != nil && !given {
		s.rest = s.rest[strings.Index(s.rest, found[1])+len(found[1]):]
		days = []time.Time{civil(now).Truncate(day).AddDate(0, 0, dayNames[found[1]])}
	}
	if len(days) == 0 {
		return m, ErrNoSuchTime
	}
	for _, d := range days {
		m.at = instant(d.Add(ofDay), now)
		if m.at.Sub(now) >= MinWait {
			break
		}
	}
	return m, nil
}

// civil returns what a clock on the wall shows, as if it were UTC.
func civil(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant returns when the clocks of now's location show a civil time. Where
// they show it twice it is the one still to come; where they skip it, the moment
// in which they do.
func instant(wall, now time.Time) time.Time {
	loc := now.Location()
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, loc)
	start, end := t.ZoneBounds()
	if !civil(t).Equal(wall) { // skipped, and t is beside it
		if civil(t).After(wall) {
			return start
		}
		return end
	}
	twins := []time.Time{t}
	if !start.IsZero() {
		twins = append(twins, shown(wall, start.Add(-1)))
	}
	if !end.IsZero() {
		twins = append(twins, shown(wall, end))
	}
	slices.SortFunc(twins, time.Time.Compare)
	for _, twin := range twins {
		if civil(twin).Equal(wall) && twin.Sub(now) >= MinWait {
			return twin
		}
	}
	return t
}

// shown returns when clocks that are set as at another time show a civil time.
func shown(wall, asAt time.Time) time.Time {
	_, offset := asAt.Zone()
	return wall.Add(-time.Duration(offset) * time.Second).In(asAt.Location())
}

func integer(digits string) int {
	n, _ := strconv.Atoi(digits) // at most four digits, or none
	return n
}
