package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// maxAhead is how far ahead a campaign may start; see server.NewCampaign.
	maxAhead = 366 * 24 * time.Hour
	// watchAhead is until how long before its start a campaign is watched without
	// being asked to.
	watchAhead = time.Minute
)

// startFlags are the flags that say when to start.
type startFlags struct {
	at, in string
}

func (s *startFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(argValue{"TIME", &s.at}, "at", "when to start: '2006-01-02 15:04', 15:04 or RFC 3339")
	f.Var(argValue{"DURATION", &s.in}, "in", "how long from now to start: 90m, 1h30m or 7d")
}

// read returns when to start, the zero time for at once. Times without a zone
// are those of the location.
func (s *startFlags) read(now time.Time, loc *time.Location) (time.Time, error) {
	switch {
	case s.at != "" && s.in != "":
		return time.Time{}, usageErrorf("say when to start by --at or by --in, not both")
	case s.at != "":
		return readAt(s.at, now, loc)
	case s.in != "":
		wait, err := readIn(s.in)
		return now.Add(wait), err
	}
	return time.Time{}, nil
}

// readIn reads what time.ParseDuration reads, with whole days in front: 7d, 1d12h.
func readIn(text string) (time.Duration, error) {
	var wait time.Duration
	rest := text
	if days, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, inFault(text)
		}
		wait, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, inFault(text)
		}
		wait += min(max(d, -maxAhead), 2*maxAhead) // so that the sum stays in its bounds
	}
	if wait < time.Second || wait > maxAhead {
		return 0, usageErrorf("--in: %q is not between 1s and 366d", text)
	}
	return wait, nil
}

func inFault(text string) error {
	return usageErrorf("--in: %q is not a duration such as 90m, 1h30m or 7d", text)
}

// readAt reads a time that is to come.
func readAt(text string, now time.Time, loc *time.Location) (time.Time, error) {
	at, err := parseAt(text, now.In(loc))
	switch {
	case err != nil:
		return time.Time{}, err
	case !at.After(now):
		return time.Time{}, usageErrorf("--at: %s has passed", at.In(loc).Format(time.RFC3339))
	case at.Sub(now) > maxAhead:
		return time.Time{}, usageErrorf("--at: %s is more than 366 days ahead", at.In(loc).Format(time.RFC3339))
	}
	return at, nil
}

// parseAt reads the forms of --at, in the zone of now.
func parseAt(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", timeLayout, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if civil, err := time.Parse(layout, text); err == nil {
			return instant(civil, now.Location())
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		for days := range 3 { // tomorrow's may be missing where clocks are changed
			civil := time.Date(now.Year(), now.Month(), now.Day()+days, clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
			for _, at := range instants(civil, now.Location()) {
				if at.After(now) {
					return at, nil
				}
			}
		}
	}
	return time.Time{}, usageErrorf("--at: %q is not a time such as '2006-01-02 15:04', 15:04 or 2006-01-02T15:04:05+09:00", text)
}

// instant returns when the clocks of a zone show a date and time, given in UTC.
func instant(civil time.Time, loc *time.Location) (time.Time, error) {
	found := instants(civil, loc)
	switch shown := civil.Format(timeLayout); len(found) {
	case 0:
		return time.Time{}, usageErrorf("--at: there is no %s, because the clocks are put forward then", shown)
	case 2:
		return time.Time{}, usageErrorf("--at: %s comes twice, because the clocks are put back then; give %s or %s",
			shown, found[0].Format(time.RFC3339), found[1].Format(time.RFC3339))
	}
	return found[0], nil
}

// instants returns all times at which the clocks of a zone show a date and time,
// given in UTC: one, but none or two where they are changed.
func instants(civil time.Time, loc *time.Location) (found []time.Time) {
	for _, near := range []time.Time{civil.AddDate(0, 0, -1), civil.AddDate(0, 0, 1)} {
		_, offset := near.In(loc).Zone()
		at := civil.Add(-time.Duration(offset) * time.Second).In(loc)
		if at.Format(timeLayout) == civil.Format(timeLayout) && (len(found) == 0 || !found[0].Equal(at)) {
			found = append(found, at)
		}
	}
	return found
}

// startText is a start with how far it is from now: "2026-12-24 18:00:00 JST, in
// 2h5m".
func startText(at, now time.Time) string {
	text := at.Local().Format(timeLayout + " MST")
	ahead := at.Sub(now).Round(time.Second)
	if ahead <= 0 {
		return text
	}
	return text + ", in " + aheadText(ahead)
}

// aheadText is a duration with its days.
func aheadText(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return d.String()
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}
