package linesim

import (
	"slices"
	"strconv"
	"time"
)

const (
	// sentDays is how many days of counts are kept; the oldest leaves.
	sentDays = 400
	// unitNames is how many aggregation units a month counts; LINE allows 1,000.
	unitNames = 1000
)

// japan is the time zone of LINE's days and months.
func japan() *time.Location { return time.FixedZone("JST", 9*60*60) }

// dayOf returns LINE's day of a time, as yyyyMMdd.
func dayOf(at time.Time) string { return at.In(japan()).Format("20060102") }

// sentCounts holds how many recipients messages reached by day and way; Simulator.mu guards it.
type sentCounts struct {
	days  recent[map[string]int64]
	month string
	units []string // the names of this month's aggregation units
}

func newSentCounts() sentCounts { return sentCounts{days: newRecent[map[string]int64](sentDays)} }

// add counts recipients of one send.
func (c *sentCounts) add(via string, phones int, now time.Time) {
	day := dayOf(now)
	ways, ok := c.days.get(day)
	if !ok {
		ways = map[string]int64{}
		c.days.put(day, ways)
	}
	ways[via] += int64(phones)
}

// addUnits notes the aggregation units of a send; those above the month's limit are left out.
func (c *sentCounts) addUnits(units []string, now time.Time) {
	c.roll(now)
	for _, u := range units {
		if !slices.Contains(c.units, u) && len(c.units) < unitNames {
			c.units = append(c.units, u)
		}
	}
}

// roll begins a new list of units when the month is over.
func (c *sentCounts) roll(now time.Time) {
	if month := dayOf(now)[:6]; month != c.month {
		c.month, c.units = month, nil
	}
}

// sentNumber answers GET /v2/bot/message/delivery/{way}. Today's number is ready at once; LINE's comes a day
// later.
func sentNumber(via string) func(*Simulator, *call) (answer, error) {
	return func(s *Simulator, c *call) (answer, error) {
		day := c.r.URL.Query().Get("date")
		if at, err := time.ParseInLocation("20060102", day, japan()); err != nil || at.Format("20060102") != day {
			return answer{}, badParameter("date")
		}
		now := time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if day > dayOf(now) {
			return success(map[string]any{"status": "unready"})
		}
		ways, _ := s.sent.days.get(day)
		return success(map[string]any{"status": "ready", "success": ways[via]})
	}
}

// unitUsage answers GET /v2/bot/message/aggregation/info.
func (s *Simulator) unitUsage(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.roll(time.Now())
	return success(map[string]int{"numOfCustomAggregationUnits": len(s.sent.units)})
}

// unitList answers GET /v2/bot/message/aggregation/list.
func (s *Simulator) unitList(c *call) (answer, error) {
	limit, err := pageLimit(c, 100, 100)
	if err != nil {
		return answer{}, err
	}
	start, err := pageStart(c)
	if err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.roll(time.Now())
	page := struct {
		Units []string `json:"customAggregationUnits"`
		Next  string   `json:"next,omitempty"`
	}{Units: []string{}}
	rest := s.sent.units[min(start, len(s.sent.units)):]
	if len(rest) > limit {
		rest, page.Next = rest[:limit], strconv.Itoa(start+limit)
	}
	page.Units = append(page.Units, rest...)
	return success(page)
}
