package timer

import (
	"container/heap"
	"math"
	"slices"
	"time"
)

// item is a timer that waits: 16 bytes. Whether it still exists, the store tells.
type item struct {
	at  int64 // ns: since 1970 by the wall clock, or since the process began by the steady one
	seq uint64
}

// items are a heap, the next one in front.
type items []item

func (h items) Len() int      { return len(h) }
func (h items) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h items) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h *items) Push(x any) { *h = append(*h, x.(item)) }
func (h *items) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	*h = (*h)[:last]
	return it
}

// queue holds the timers that wait, each by its clock. It is not safe for
// concurrent use. It has no bound of its own: the store's holds for it, but for
// those that were replaced or cancelled, which drop thins out.
type queue struct {
	wall   items
	steady items
}

// due is a timer whose time has come.
type due struct {
	item
	timed bool          // by the steady clock
	late  time.Duration // never negative
}

// never is a wait that nobody sees the end of.
const never = time.Duration(math.MaxInt64)

// add lets a timer wait. timed says that at is of the steady clock.
func (q *queue) add(it item, timed bool) {
	if timed {
		heap.Push(&q.steady, it)
	} else {
		heap.Push(&q.wall, it)
	}
}

// len counts the timers, among them those that do not exist any more.
func (q *queue) len() int { return len(q.wall) + len(q.steady) }

// wait returns how long it is until the next timer is due, never if there is
// none; 0 or less if it is due. When the wall clock is set that changes: who
// waits for it looks again every recheck.
func (q *queue) wait(now reading) time.Duration {
	wait := never
	if len(q.steady) > 0 {
		wait = time.Duration(q.steady[0].at) - now.steady
	}
	if len(q.wall) > 0 {
		until := time.Unix(0, q.wall[0].at).Sub(now.wall)
		wait = min(wait, until, recheck)
	}
	return wait
}

// pop takes out timers that are due, at most limit, the earliest first.
func (q *queue) pop(now reading, limit int) (found []due) {
	for len(found) < limit {
		wallLate, steadyLate := time.Duration(-1), time.Duration(-1)
		if len(q.wall) > 0 {
			wallLate = now.wall.Sub(time.Unix(0, q.wall[0].at))
		}
		if len(q.steady) > 0 {
			steadyLate = now.steady - time.Duration(q.steady[0].at)
		}
		switch {
		case wallLate < 0 && steadyLate < 0:
			return found
		case wallLate >= steadyLate:
			found = append(found, due{heap.Pop(&q.wall).(item), false, wallLate})
		default:
			found = append(found, due{heap.Pop(&q.steady).(item), true, steadyLate})
		}
	}
	return found
}

// back lets timers wait again that were taken out.
func (q *queue) back(found []due) {
	for _, d := range found {
		q.add(d.item, d.timed)
	}
}

// append is add for many, to be followed by init.
func (q *queue) append(it item, timed bool) {
	if timed {
		q.steady = append(q.steady, it)
	} else {
		q.wall = append(q.wall, it)
	}
}

// init puts in order what append and merge have added, and keep left.
func (q *queue) init() {
	heap.Init(&q.wall)
	heap.Init(&q.steady)
}

func (q *queue) clone() queue { return queue{slices.Clone(q.wall), slices.Clone(q.steady)} }

// newest returns the highest seq.
func (q *queue) newest() (seq uint64) {
	for _, h := range []items{q.wall, q.steady} {
		for _, it := range h {
			seq = max(seq, it.seq)
		}
	}
	return seq
}

// keep forgets the timers of which f says no, to be followed by init.
func (q *queue) keep(f func(item) bool) {
	gone := func(it item) bool { return !f(it) }
	q.wall = slices.DeleteFunc(q.wall, gone)
	q.steady = slices.DeleteFunc(q.steady, gone)
}

// merge appends the timers of another queue, to be followed by init.
func (q *queue) merge(from queue) {
	q.wall = append(q.wall, from.wall...)
	q.steady = append(q.steady, from.steady...)
}
