package quota

import (
	"math"
	"time"
)

// Figures tell how much of its quota a channel has used.
type Figures struct {
	Channel string
	// AsOf is when LINE answered last; zero while it has not answered this
	// month, and then nothing but Over is known.
	AsOf time.Time
	// Limited says whether there is a limit; without one Limit and Left are 0.
	Limited bool
	Limit   int64 // messages this month, counted by recipients
	Used    int64 // what LINE told, and what was sent through this process since
	Left    int64 // never negative
	// Forecast is what will have been used when the month ends, if HasForecast.
	Forecast    int64
	HasForecast bool
	// Over says that LINE refused the last push for the monthly limit.
	Over bool
}

const (
	// forecastAfter is how old a month must be for a forecast.
	forecastAfter = 72 * time.Hour
	// recently is the time whose pace the forecast takes.
	recently = 7 * 24 * time.Hour
)

// sample is what was used at a time of the month.
type sample struct {
	At   time.Time `json:"at"`
	Used int64     `json:"used"`
}

// forecast returns what will have been used at the end of the month, if at is
// late enough in it. samples are oldest first; those of other months do not count.
func forecast(used int64, at time.Time, samples []sample) (int64, bool) {
	m := monthOf(at)
	if at.Sub(m.start) < forecastAfter {
		return 0, false
	}
	from := sample{At: m.start}
	for _, s := range samples {
		if !s.At.Before(m.start) && at.Sub(s.At) >= recently {
			from = s
		}
	}
	pace := float64(max(0, used-from.Used)) / float64(at.Sub(from.At))
	return used + int64(math.Round(pace*float64(m.end.Sub(at)))), true
}
