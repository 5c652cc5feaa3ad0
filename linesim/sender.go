package linesim

import (
	"context"
	"sync"
	"time"
)

// sender makes deliveries: those of one line in order, one at a time, those of different lines side by
// side, at most parallel at once and fairly by turns. A chat has its own line, unless batches share one.
// At most capacity events wait; room says so before one more is made. Its workers live only while there is
// something to send.
type sender struct {
	deliver  func(context.Context, *delivery)
	parallel int
	capacity int
	wg       sync.WaitGroup

	mu sync.Mutex
	// The following is guarded by mu.
	lines   map[string]*line
	ready   []*line // with a delivery to make now and no worker
	workers int
	pending int // events
	closed  bool
	later   map[*delivery]*time.Timer // those that stand in no line yet
	held    map[string]*delivery      // those of them that wait to be passed in their line
	cancels map[*line]context.CancelFunc
	idle    chan struct{} // closed when pending reaches 0; nil while nobody waits
}

// line holds what waits for one chat or batch; its head may be under way.
type line struct {
	name  string
	wait  []*delivery
	timer *time.Timer // runs while the head must not leave yet
}

func newSender(parallel, capacity int, deliver func(context.Context, *delivery)) *sender {
	return &sender{
		deliver: deliver, parallel: parallel, capacity: capacity,
		lines: make(map[string]*line), later: make(map[*delivery]*time.Timer), held: make(map[string]*delivery),
		cancels: make(map[*line]context.CancelFunc),
	}
}

// room returns ErrQueueFull when no further event can wait.
func (q *sender) room() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pending >= q.capacity {
		return ErrQueueFull
	}
	return nil
}

// waiting returns how many events wait or are under way.
func (q *sender) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}

// enqueue takes d behind what its line already waits for, and lets a delivery that is held there follow it.
// After close it is dropped. It reports whether d became part of a delivery that waits.
func (q *sender) enqueue(d *delivery) (joined bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.pending += d.size()
	joined = q.appendLocked(d)
	if h := q.held[d.line]; h != nil {
		q.releaseLocked(h)
	}
	return joined
}

// hold keeps d until another delivery of its line is enqueued, at most for so long. It reports false, and
// takes d at once, when one is held there already.
func (q *sender) hold(d *delivery, most time.Duration) bool {
	q.mu.Lock()
	if q.held[d.line] != nil {
		q.mu.Unlock()
		q.enqueue(d)
		return false
	}
	defer q.mu.Unlock()
	if q.deferLocked(d, most) {
		q.held[d.line] = d
	}
	return true
}

// enqueueLater takes d after a time, behind what its line waits for by then. It reports false, and drops d,
// when there is no room.
func (q *sender) enqueueLater(d *delivery, after time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending+d.size() <= q.capacity && q.deferLocked(d, after)
}

// deferLocked counts d and releases it after a time.
func (q *sender) deferLocked(d *delivery, after time.Duration) bool {
	if q.closed {
		return false
	}
	q.pending += d.size()
	q.later[d] = time.AfterFunc(after, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.releaseLocked(d)
	})
	return true
}

// releaseLocked puts a deferred delivery into its line, once.
func (q *sender) releaseLocked(d *delivery) {
	t, ok := q.later[d]
	if !ok {
		return
	}
	t.Stop()
	delete(q.later, d)
	if q.held[d.line] == d {
		delete(q.held, d.line)
	}
	q.appendLocked(d)
}

// appendLocked puts a counted delivery into its line, or into the last one that waits there where both are
// parts of a batch.
func (q *sender) appendLocked(d *delivery) (joined bool) {
	l, busy := q.lines[d.line]
	if !busy {
		l = &line{name: d.line}
		q.lines[d.line] = l
	}
	if n := len(l.wait); n > 0 && (n > 1 || q.cancels[l] == nil) && l.wait[n-1].join(d) {
		if last := l.wait[n-1]; n == 1 && last.full() && l.timer != nil && l.timer.Stop() {
			last.notBefore = time.Time{}
			q.scheduleLocked(l, true)
		}
		return true
	}
	l.wait = append(l.wait, d)
	if !busy {
		q.scheduleLocked(l, true)
	}
	return false
}

// scheduleLocked gives a line its next turn, as soon as its head may leave. spawn starts a worker where
// more are allowed.
func (q *sender) scheduleLocked(l *line, spawn bool) {
	l.timer = nil
	if head := l.wait[0]; !head.notBefore.IsZero() {
		if wait := time.Until(head.notBefore); wait > 0 {
			l.timer = time.AfterFunc(wait, func() { q.due(l, head) })
			return
		}
	}
	q.ready = append(q.ready, l)
	if spawn && q.workers < q.parallel {
		q.workers++
		q.wg.Go(q.work) // ends when nothing is ready; close waits for it
	}
}

// due gives a line its turn when the time of its head has come.
func (q *sender) due(l *line, head *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed && l.timer != nil && len(l.wait) > 0 && l.wait[0] == head {
		head.notBefore = time.Time{}
		q.scheduleLocked(l, true)
	}
}

// work makes the head of one ready line after the other until none is ready.
func (q *sender) work() {
	for {
		l, d, ctx, cancel := q.next()
		if d == nil {
			return
		}
		q.deliver(ctx, d)
		cancel()
		q.finished(l)
	}
}

// next takes the line whose turn it is; a nil delivery ends the worker.
func (q *sender) next() (*line, *delivery, context.Context, context.CancelFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 {
		q.workers--
		return nil, nil, nil, nil
	}
	l := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	// The sender is not part of any request: its deliveries end by their own limit or by close.
	ctx, cancel := context.WithCancel(context.Background())
	q.cancels[l] = cancel
	return l, l.wait[0], ctx, cancel
}

// finished removes the head of l, which was delivered, and queues l for its next turn.
func (q *sender) finished(l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.cancels, l)
	d := l.wait[0]
	l.wait[0] = nil
	l.wait = l.wait[1:]
	q.dropLocked(d.size())
	if len(l.wait) == 0 {
		delete(q.lines, l.name)
		return
	}
	q.scheduleLocked(l, false)
}

// dropLocked counts n events as done.
func (q *sender) dropLocked(n int) {
	q.pending -= n
	if q.pending == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}
