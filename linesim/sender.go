package linesim

import (
	"context"
	"fmt"
	"sync"
)

// sender delivers webhooks: those of one chat in order, one at a time, those of different chats side by
// side, at most parallel at once and fairly by turns. At most capacity deliveries wait; room says so before
// one more is made. Its workers live only while there is something to send.
type sender struct {
	deliver  func(context.Context, *delivery)
	parallel int
	capacity int
	wg       sync.WaitGroup

	mu sync.Mutex
	// The following is guarded by mu.
	chats   map[string]*chatQueue
	ready   []*chatQueue // chats with a delivery to make and no worker
	workers int
	pending int
	closed  bool
	cancels map[*chatQueue]context.CancelFunc // requests under way
	idle    chan struct{}                     // closed when pending reaches 0; nil while nobody waits
}

// chatQueue holds what waits for one chat; its head may be under way.
type chatQueue struct {
	chatID string
	wait   []*delivery
}

func newSender(parallel, capacity int, deliver func(context.Context, *delivery)) *sender {
	return &sender{
		deliver: deliver, parallel: parallel, capacity: capacity,
		chats: make(map[string]*chatQueue), cancels: make(map[*chatQueue]context.CancelFunc),
	}
}

// room returns ErrQueueFull when no further delivery can wait.
func (q *sender) room() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pending >= q.capacity {
		return ErrQueueFull
	}
	return nil
}

// waiting returns how many deliveries wait or are under way.
func (q *sender) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}

// enqueue takes d behind what its chat already waits for. After close it is dropped.
func (q *sender) enqueue(d *delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.pending++
	c, busy := q.chats[d.chatID]
	if !busy {
		c = &chatQueue{chatID: d.chatID}
		q.chats[d.chatID] = c
	}
	c.wait = append(c.wait, d)
	if busy {
		return
	}
	q.ready = append(q.ready, c)
	if q.workers < q.parallel {
		q.workers++
		q.wg.Go(q.work) // ends when nothing is ready; close waits for it
	}
}

// work delivers the head of one ready chat after the other until none is ready.
func (q *sender) work() {
	for {
		c, d, ctx, cancel := q.next()
		if d == nil {
			return
		}
		q.deliver(ctx, d)
		cancel()
		q.finished(c)
	}
}

// next takes the chat whose turn it is; a nil delivery ends the worker.
func (q *sender) next() (*chatQueue, *delivery, context.Context, context.CancelFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 {
		q.workers--
		return nil, nil, nil, nil
	}
	c := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	// The sender is not part of any request: its deliveries end by their own limit or by close.
	ctx, cancel := context.WithCancel(context.Background())
	q.cancels[c] = cancel
	return c, c.wait[0], ctx, cancel
}

// finished removes the head of c, which was delivered, and queues c for its next turn.
func (q *sender) finished(c *chatQueue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.cancels, c)
	c.wait[0] = nil
	c.wait = c.wait[1:]
	q.dropLocked(1)
	if len(c.wait) == 0 {
		delete(q.chats, c.chatID)
		return
	}
	q.ready = append(q.ready, c)
}

// dropLocked counts n deliveries as done.
func (q *sender) dropLocked(n int) {
	q.pending -= n
	if q.pending == 0 && q.idle != nil {
		close(q.idle)
		q.idle = nil
	}
}

// waitIdle returns when nothing waits or is under way.
func (q *sender) waitIdle(ctx context.Context) error {
	q.mu.Lock()
	if q.pending == 0 {
		q.mu.Unlock()
		return nil
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
	}
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting until all webhooks are delivered, %d are not: %w", q.waiting(), ctx.Err())
	}
}

// close drops what waits, lets the requests under way end, and cuts them off when ctx ends first.
func (q *sender) close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	for _, c := range q.chats {
		keep := 0
		if _, busy := q.cancels[c]; busy {
			keep = 1
		}
		q.dropLocked(len(c.wait) - keep)
		c.wait = c.wait[:keep]
		if keep == 0 {
			delete(q.chats, c.chatID)
		}
	}
	q.ready = nil
	q.mu.Unlock()

	done := make(chan struct{})
	go func() { // ends with the last worker, which is below the webhook limit away
		defer close(done)
		q.wg.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	cut := len(q.cancels)
	for _, cancel := range q.cancels {
		cancel()
	}
	q.mu.Unlock()
	<-done
	if cut == 0 {
		return nil
	}
	return fmt.Errorf("closing the simulator, %d webhooks under way were cut off: %w", cut, ctx.Err())
}
