package room

import "sync"

// acks are those of messages that are durable and not yet handed out. They go with
// their messages: a sender that is in the room gets both with one write.
//
// They are those of two seconds at most. Methods may be called concurrently.
type acks struct {
	mu      sync.Mutex
	waiting []ack // nearly in the order of their IDs
	old     int   // of these, waited at the last tick already
}

// ack is a frame ack and where it goes.
type ack struct {
	id    uint64
	c     *client
	frame []byte
}

// acknowledge lets an ack go out with its message, or at once where that was
// handed out before.
func (h *hub) acknowledge(c *client, id uint64, frame []byte) {
	h.acks.mu.Lock()
	late := id <= h.pos.Load()
	if !late {
		h.acks.waiting = append(h.acks.waiting, ack{id, c, frame})
	}
	h.acks.mu.Unlock()
	if late {
		c.send(frame)
	}
}

// sendOverdueAcks is called each second.
func (h *hub) sendOverdueAcks() {
	for _, a := range h.acks.overdue() {
		a.c.send(a.frame)
	}
}

// upTo takes the acks up to an ID, and those that came before them.
func (a *acks) upTo(id uint64) []ack {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.waiting)
	for n > 0 && a.waiting[n-1].id > id {
		n--
	}
	return a.takeLocked(n)
}

// overdue takes the acks that have waited since the last call: their messages are
// read late, but they are stored.
func (a *acks) overdue() []ack {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.takeLocked(a.old)
	a.old = len(a.waiting)
	return list
}

func (a *acks) takeLocked(n int) []ack {
	list := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	a.old = max(0, a.old-n)
	return list
}
