package worker

import (
	"container/list"
	"context"
	"sync"
)

// maxRoomBytes is how many bytes of events a bot has at once, but for one event
// that is larger.
const maxRoomBytes = 16 << 20

// room holds back events while a bot has enough to do. They wait in line; each
// is a handler of the dispatcher, which bounds their number.
type room struct {
	mu    sync.Mutex
	most  int // events
	in    int
	bytes int
	line  list.List // of *waiting
}

// waiting is an event in line. Its channel is closed when it has room.
type waiting struct {
	bytes int
	let   chan struct{}
}

// enter waits for room until ctx ends.
func (r *room) enter(ctx context.Context, bytes int) error {
	r.mu.Lock()
	if r.line.Len() == 0 && r.fits(bytes) {
		r.take(bytes)
		r.mu.Unlock()
		return nil
	}
	w := &waiting{bytes, make(chan struct{})}
	place := r.line.PushBack(w)
	r.mu.Unlock()
	select {
	case <-w.let:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-w.let: // in the same moment
		return nil
	default:
		r.line.Remove(place)
		r.admit() // one behind may be smaller
		return ctx.Err()
	}
}

// leave makes room.
func (r *room) leave(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in--
	r.bytes -= bytes
	r.admit()
}

// resize says how many events there is room for.
func (r *room) resize(most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = most
	r.admit()
}

// held returns how many events are in.
func (r *room) held() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.in
}

func (r *room) fits(bytes int) bool {
	return r.in < r.most && (r.in == 0 || r.bytes+bytes <= maxRoomBytes)
}

func (r *room) take(bytes int) {
	r.in++
	r.bytes += bytes
}

// admit lets in who waits, as far as there is room; the caller holds mu.
func (r *room) admit() {
	for r.line.Len() > 0 {
		w := r.line.Front().Value.(*waiting)
		if !r.fits(w.bytes) {
			return
		}
		r.line.Remove(r.line.Front())
		r.take(w.bytes)
		close(w.let)
	}
}
