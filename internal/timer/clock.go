package timer

import "time"

// clock reads the two clocks that timers go by: the wall clock, which may be set
// at any time, and a steady one that begins with the process and is not.
type clock struct {
	wall  func() time.Time
	began time.Time // with a monotonic reading
}

func newClock(wall func() time.Time) clock { return clock{wall: wall, began: time.Now()} }

// reading is what both clocks showed at one time.
type reading struct {
	wall   time.Time
	steady time.Duration
}

func (c clock) read() reading {
	return reading{wall: c.wall().Round(0), steady: time.Since(c.began)}
}

// steadyAt returns what the steady clock shows when the wall clock shows a time,
// if nobody sets it until then.
func (r reading) steadyAt(wall time.Time) time.Duration { return r.steady + wall.Sub(r.wall) }

// wallAt is the other way round.
func (r reading) wallAt(steady time.Duration) time.Time { return r.wall.Add(steady - r.steady) }
