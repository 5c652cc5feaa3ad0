package linesim

// ring keeps the newest values, each numbered from 1 in the order of adding. It grows as it fills
// and drops the oldest value when it holds limit of them. It has no lock of its own.
type ring[T any] struct {
	limit int
	buf   []T
	last  int64
}

func newRing[T any](limit int) ring[T] { return ring[T]{limit: limit} }

// add stores v and returns its number.
func (r *ring[T]) add(v T) int64 {
	if len(r.buf) < r.limit {
		r.buf = append(r.buf, v)
	} else {
		r.buf[int(r.last%int64(r.limit))] = v
	}
	r.last++
	return r.last
}

// first returns the number of the oldest value that is kept; last+1 when the ring is empty.
func (r *ring[T]) first() int64 { return r.last - int64(len(r.buf)) + 1 }

// at returns the value numbered seq, which must be between first and last. The pointer is good
// until the next add.
func (r *ring[T]) at(seq int64) *T { return &r.buf[int((seq-1)%int64(r.limit))] }

// after returns up to limit values with a number above seq that keep accepts, oldest first. A nil
// keep accepts all.
func (r *ring[T]) after(seq int64, limit int, keep func(*T) bool) []T {
	out := []T{}
	for i := max(seq+1, r.first()); i <= r.last && len(out) < limit; i++ {
		if v := r.at(i); keep == nil || keep(v) {
			out = append(out, *v)
		}
	}
	return out
}
