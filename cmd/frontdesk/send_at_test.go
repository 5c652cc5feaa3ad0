package main

import (
	"strings"
	"testing"
	"time"
)

func TestStartFlags(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tokyo := time.FixedZone("JST", 9*60*60)
	now := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	noon := now("2026-11-21T12:00:30+09:00")
	for _, tc := range []struct {
		name   string
		at, in string
		now    time.Time
		loc    *time.Location
		want   string // in UTC
		fault  string // in the error
	}{
		{"neither", "", "", noon, tokyo, "0001-01-01T00:00:00Z", ""},
		{"both", "18:00", "1h", noon, tokyo, "", "not both"},
		{"date and time", "2026-12-24 18:00", "", noon, tokyo, "2026-12-24T09:00:00Z", ""},
		{"with seconds", "2026-12-24 18:00:05", "", noon, tokyo, "2026-12-24T09:00:05Z", ""},
		{"with a T", "2026-12-24T18:00", "", noon, tokyo, "2026-12-24T09:00:00Z", ""},
		{"UTC", "2026-12-24T18:00:00Z", "", noon, tokyo, "2026-12-24T18:00:00Z", ""},
		{"another zone", "2026-12-24T18:00:00.5+01:00", "", noon, tokyo, "2026-12-24T17:00:00.5Z", ""},
		{"later today", "18:00", "", noon, tokyo, "2026-11-21T09:00:00Z", ""},
		{"later this minute", "12:00:31", "", noon, tokyo, "2026-11-21T03:00:31Z", ""},
		{"this minute has begun", "12:00", "", noon, tokyo, "2026-11-22T03:00:00Z", ""},
		{"tomorrow", "7:00", "", noon, tokyo, "2026-11-21T22:00:00Z", ""},
		{"the next month", "07:00", "", now("2026-12-31T12:00:00+09:00"), tokyo, "2026-12-31T22:00:00Z", ""},
		{"today where the command is", "7:00", "", noon, berlin, "2026-11-21T06:00:00Z", ""},
		{"passed", "2026-11-21 12:00", "", noon, tokyo, "", "2026-11-21T12:00:00+09:00 has passed"},
		{"366 days", "2027-11-22 12:00:30", "", noon, tokyo, "2027-11-22T03:00:30Z", ""},
		{"more", "2027-11-22 12:00:31", "", noon, tokyo, "", "more than 366 days ahead"},
		{"no such day", "2027-02-29 12:00", "", noon, tokyo, "", "is not a time"},
		{"no such hour", "25:00", "", noon, tokyo, "", "is not a time"},
		{"a word", "noon", "", noon, tokyo, "", `--at: "noon" is not a time`},
		{"clocks go forward", "2027-03-28 02:30", "", noon, berlin, "", "there is no 2027-03-28 02:30:00"},
		{"clocks have gone forward", "2027-03-28 03:00", "", noon, berlin, "2027-03-28T01:00:00Z", ""},
		{"clocks go back", "2027-10-31 02:30", "", noon, berlin, "", "give 2027-10-31T02:30:00+02:00 or 2027-10-31T02:30:00+01:00"},
		{"clocks have gone back", "2027-10-31 03:00", "", noon, berlin, "2027-10-31T02:00:00Z", ""},
		{"the next one is not today", "02:30", "", now("2027-03-28T00:10:00+01:00"), berlin, "2027-03-29T00:30:00Z", ""},
		{"the first of two", "02:30", "", now("2027-10-31T02:10:00+02:00"), berlin, "2027-10-31T00:30:00Z", ""},
		{"the second of two", "02:30", "", now("2027-10-31T02:40:00+02:00"), berlin, "2027-10-31T01:30:00Z", ""},

		{"a while", "", "1h30m", noon, tokyo, "2026-11-21T04:30:30Z", ""},
		{"days", "", "7d", noon, tokyo, "2026-11-28T03:00:30Z", ""},
		{"days and hours", "", "1d12h", noon, tokyo, "2026-11-22T15:00:30Z", ""},
		{"the shortest", "", "1s", noon, tokyo, "2026-11-21T03:00:31Z", ""},
		{"too short", "", "999ms", noon, tokyo, "", "not between 1s and 366d"},
		{"back", "", "-1h", noon, tokyo, "", "not between"},
		{"the longest", "", "366d", noon, tokyo, "2027-11-22T03:00:30Z", ""},
		{"too long", "", "366d1s", noon, tokyo, "", "not between"},
		{"far too long", "", "65535d2562047h", noon, tokyo, "", "not between"},
		{"no unit", "", "90", noon, tokyo, "", "not a duration"},
		{"no days", "", "d", noon, tokyo, "", "not a duration"},
		{"days behind", "", "1h2d", noon, tokyo, "", "not a duration"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startFlags{at: tc.at, in: tc.in}
			got, err := s.read(tc.now, tc.loc)
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) {
					t.Errorf("got %v, error %v; want %q", got, err, tc.fault)
				}
				return
			}
			if text := got.UTC().Format(time.RFC3339Nano); err != nil || text != tc.want {
				t.Errorf("got %s, %v; want %s", text, err, tc.want)
			}
		})
	}
}

func TestAheadText(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"1s": time.Second, "1m30s": 90 * time.Second, "47h59m59s": 48*time.Hour - time.Second,
		"2d0h": 48 * time.Hour, "33d4h": 33*24*time.Hour + 4*time.Hour + 59*time.Minute,
	} {
		if got := aheadText(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
