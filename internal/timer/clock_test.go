package timer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// TestClockIsSet lets the wall clock jump while timers wait.
func TestClockIsSet(t *testing.T) {
	const hour = time.Hour
	for _, tc := range []struct {
		name     string
		by, back time.Duration // the jump, and a second one once the first timers fired
		ops      []engine.TimerOp
		// The first of these fire after the first jump, in order, and the last one
		// of all is always "last".
		want    []string
		waiting []string
	}{
		{
			name: "forward", by: hour,
			ops: []engine.TimerOp{
				{Key: "in 30 minutes", After: hour / 2}, {Key: "every 10 minutes", After: hour / 6, Every: hour / 6},
				{Key: "at half", At: time.Unix(0, int64(hour/2))}, {Key: "at half, every", At: time.Unix(0, int64(hour/2)), Every: 20 * time.Minute},
				{Key: "in two hours", At: time.Unix(0, int64(2*hour))},
			},
			want:    []string{"at half", "at half, every"},
			waiting: []string{"at half, every 1", "every 10 minutes 0", "in 30 minutes 0", "in two hours 0"},
		},
		{
			name: "forward and back", by: 2 * hour, back: -2 * hour,
			ops: []engine.TimerOp{
				{Key: "at one", At: time.Unix(0, int64(hour))}, {Key: "every hour", At: time.Unix(0, int64(hour)), Every: hour},
				{Key: "cron", At: time.Unix(0, int64(hour)), Cron: "* * * * *", Zone: "UTC"},
			},
			want:    []string{"at one", "every hour", "cron"},
			waiting: []string{"cron 1", "every hour 1"},
		},
		{
			name: "back", by: -hour,
			ops:     []engine.TimerOp{{Key: "soon", After: 200 * time.Millisecond}, {Key: "at once", At: time.Unix(0, int64(200*time.Millisecond))}},
			want:    []string{"soon"},
			waiting: []string{"at once 0"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			s := h.service()
			stop := h.run(s)
			began := h.now()
			for i, op := range tc.ops { // their times are told from the beginning on
				if !op.At.IsZero() {
					tc.ops[i].At = began.Add(time.Duration(op.At.UnixNano()))
				}
			}
			h.store(s, tc.ops...)
			h.must(s.catchUp(t.Context()))
			h.setClock(tc.by)
			h.events(len(tc.want))
			h.setClock(tc.back)
			h.store(s, engine.TimerOp{Key: "last", After: 1500 * time.Millisecond}) // longer than recheck
			h.mark(h.events, "last")
			stop()
			if got, want := keys(t, h.all()), append(tc.want, "last"); !slices.Equal(got, want) {
				t.Errorf("fired %q, want %q", got, want)
			}
			left := h.waiting()
			slices.Sort(left)
			if !slices.Equal(left, tc.waiting) {
				t.Errorf("waiting %q, want %q", left, tc.waiting)
			}
		})
	}
}

// A duration is measured from the entry's time on the clock that nobody sets, if
// this process made the entry, else on the wall.
func TestDurationsOfEntries(t *testing.T) {
	wall := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	const minute = time.Minute
	now := reading{wall: wall.Add(5 * time.Second), steady: 105 * time.Second}
	for _, tc := range []struct {
		name   string
		steady *engine.Steady
		now    reading
		want   time.Duration // on the steady clock
	}{
		{"of this process", &engine.Steady{Process: "me", Elapsed: 100 * time.Second}, now, 100*time.Second + minute},
		{"of this process, the wall clock was set", &engine.Steady{Process: "me", Elapsed: 100 * time.Second},
			reading{now.wall.Add(time.Hour), now.steady}, 100*time.Second + minute},
		{"of another process", &engine.Steady{Process: "other", Elapsed: 7 * time.Second}, now, 100*time.Second + minute},
		{"of another process, long ago", &engine.Steady{Process: "other"}, reading{now.wall.Add(time.Hour), now.steady}, 160*time.Second - time.Hour},
		{"of nobody", nil, now, 160 * time.Second},
	} {
		e := &engine.Entry{At: wall, Steady: tc.steady, Timers: []engine.TimerOp{{Key: "tea", After: minute}}}
		w := op{entry: e, pos: 9}.timer("me", tc.now)
		if time.Duration(w.at) != tc.want || !w.Timed || !w.Due.Equal(wall.Add(minute)) || w.Set != 9 {
			t.Errorf("%s: at %v, want %v; %+v", tc.name, time.Duration(w.at), tc.want, w.Timer)
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.setClock(time.Hour)
	plain := &engine.Entry{Timers: []engine.TimerOp{{Key: "tea", At: h.now()}, {Key: "rice", Cancel: true}}}
	s.Stamp(plain)
	if plain.Steady != nil || time.Until(plain.At) < 59*time.Minute {
		t.Errorf("got %+v", plain)
	}
	lasts := &engine.Entry{Timers: []engine.TimerOp{{Key: "tea", After: time.Minute}}}
	s.Stamp(lasts)
	if lasts.Steady == nil || lasts.Steady.Process != s.process || lasts.Steady.Elapsed <= 0 {
		t.Errorf("got %+v", lasts.Steady)
	}
}

// TestNextTimes says when a timer comes again.
func TestNextTimes(t *testing.T) {
	h := newHouse(t)
	s := h.service()
	wall := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	now := reading{wall: wall, steady: 1000 * time.Second}
	every := engine.TimerOp{Every: time.Minute}
	cron := engine.TimerOp{Cron: "*/10 * * * *", Zone: "UTC"}
	for _, tc := range []struct {
		name   string
		op     engine.TimerOp
		due    time.Time
		late   time.Duration
		want   time.Time
		steady time.Duration // 0 for a time of the wall clock
	}{
		{"once", engine.TimerOp{}, wall, 0, time.Time{}, 0},
		{"every, in time", every, wall, 0, wall.Add(time.Minute), 1060 * time.Second},
		{"every, a little late", every, wall.Add(-5 * time.Millisecond), 5 * time.Millisecond, wall.Add(time.Minute - 5*time.Millisecond), 1060*time.Second - 5*time.Millisecond},
		{"every, times were missed", every, wall.Add(-150 * time.Second), 150 * time.Second, wall.Add(30 * time.Second), 1030 * time.Second},
		{"every, just missed", every, wall.Add(-time.Minute), time.Minute, wall.Add(time.Minute), 1060 * time.Second},
		{"every, the clock was set meanwhile", every, wall.Add(-time.Hour), time.Second, wall.Add(59 * time.Second), 1059 * time.Second},
		{"cron", cron, wall, 0, wall.Add(10 * time.Minute), 0},
		{"cron, times were missed", cron, wall.Add(-time.Hour), time.Hour, wall.Add(10 * time.Minute), 0},
		{"cron, the clock was set back", cron, wall.Add(time.Hour), 0, wall.Add(70 * time.Minute), 0},
	} {
		timer := &engine.Timer{TimerHead: engine.TimerHead{Due: tc.due, Count: 4}, TimerOp: tc.op}
		next, again := s.next(firing{timer, due{late: tc.late}}, now)
		if !again {
			if !tc.want.IsZero() {
				t.Errorf("%s: it does not come again", tc.name)
			}
			continue
		}
		if !next.Due.Equal(tc.want) || next.Count != 5 || next.Timed != (tc.steady > 0) || timer.Count != 4 {
			t.Errorf("%s: due %v, timed %v, count %d, want %v", tc.name, next.Due, next.Timed, next.Count, tc.want)
		}
		at := tc.want.UnixNano()
		if tc.steady > 0 {
			at = int64(tc.steady)
		}
		if next.at != at {
			t.Errorf("%s: waits for %d, want %d", tc.name, next.at, at)
		}
	}
}

// After a restart both kinds go by the wall clock.
func TestRestartAfterClockIsSet(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.begin()
	for i, in := range []time.Duration{hour(1), hour(3)} {
		h.store(s, engine.TimerOp{Key: fmt.Sprint("after ", i), After: in}, engine.TimerOp{Key: fmt.Sprint("at ", i), At: h.now().Add(in)})
	}
	h.applyNext(s, true)
	h.applyNext(s, true)
	h.setClock(hour(2))
	h.run(h.service())
	got := keys(t, h.events(2))
	slices.Sort(got)
	if want := []string{"after 0", "at 0"}; !slices.Equal(got, want) {
		t.Errorf("fired %q, want %q", got, want)
	}
}

func hour(n int) time.Duration { return time.Duration(n) * time.Hour }
