package timer

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// at is a reading of both clocks, in seconds: the steady one began when the wall
// clock showed zero, and the wall clock was set since.
func at(steady, set float64) reading {
	d := seconds(steady)
	return reading{wall: time.Unix(0, 0).Add(d + seconds(set)), steady: d}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func wallItem(s float64, seq uint64) item { return item{int64(seconds(s)), seq} }

func TestQueueByItsClocks(t *testing.T) {
	for _, tc := range []struct {
		name         string
		wall, steady []float64
		now          reading
		want         []uint64 // wall timers are numbered from 1, steady ones from 101
		wait         time.Duration
	}{
		{"empty", nil, nil, at(5, 0), nil, never},
		{"not due", []float64{10}, []float64{11}, at(9.5, 0), nil, seconds(.5)},
		{"the wall is looked at every second", []float64{3600}, nil, at(5, 0), nil, recheck},
		{"the steady clock need not be", nil, []float64{3600}, at(5, 0), nil, seconds(3595)},
		{"due to the nanosecond", []float64{10}, []float64{10}, at(10, 0), []uint64{1, 101}, never},
		{"a nanosecond early", []float64{10}, []float64{10}, reading{time.Unix(10, -1), 10*time.Second - 1}, nil, 1},
		{"in the order of their times", []float64{3, 1}, []float64{2, 4}, at(9, 0), []uint64{2, 101, 1, 102}, never},
		{"set forward: times come, durations do not", []float64{100}, []float64{100}, at(5, 3600), []uint64{1}, seconds(95)},
		{"set back: durations come, times do not", []float64{100}, []float64{100}, at(100, -3600), []uint64{101}, recheck},
		{"same time: the first one set", []float64{1, 1, 1}, nil, at(2, 0), []uint64{1, 2, 3}, never},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var q queue
			for i, s := range tc.wall {
				q.add(wallItem(s, uint64(i+1)), false)
			}
			for i, s := range tc.steady {
				q.add(wallItem(s, uint64(i+101)), true)
			}
			var got []uint64
			for _, d := range q.pop(tc.now, 10) {
				if d.late < 0 || d.timed != (d.seq > 100) {
					t.Errorf("popped %+v", d)
				}
				got = append(got, d.seq)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if wait := q.wait(tc.now); wait != tc.wait {
				t.Errorf("wait %v, want %v", wait, tc.wait)
			}
		})
	}
}

func TestQueuePopsBatches(t *testing.T) {
	var q queue
	for i := range uint64(10) {
		q.append(item{int64(10 - i), i}, i%2 == 0)
	}
	q.init()
	if got := q.pop(at(1, 0), 4); len(got) != 4 || got[0].at != 1 || got[3].at != 4 {
		t.Errorf("got %+v", got)
	} else {
		q.back(got[1:])
	}
	if got := q.pop(at(1, 0), 100); len(got) != 9 || got[0].at != 2 || q.len() != 0 {
		t.Errorf("got %+v, left %d", got, q.len())
	}
}

// TestQueueSorts holds the queue against sorting.
func TestQueueSorts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q queue
	var want []int64
	for i := range 2000 {
		at := rng.Int64N(500)
		q.add(item{at, uint64(i)}, rng.IntN(2) == 0)
		want = append(want, at)
	}
	old := q.clone()
	old.keep(func(it item) bool { return it.seq%2 == 0 })
	q.keep(func(it item) bool { return it.seq%2 == 1 })
	if n := old.newest(); n != 1998 {
		t.Errorf("newest: %d", n)
	}
	q.merge(old)
	q.init()
	slices.Sort(want)
	var got []int64
	for _, d := range q.pop(at(1, 0), 5000) {
		got = append(got, d.at)
	}
	if !slices.Equal(got, want) {
		t.Error("not sorted")
	}
}
