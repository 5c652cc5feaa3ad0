package room

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxQueued bounds, in bytes, what waits for one client. Beyond it the client
	// is closed as too slow, and resumes by the ID that it has.
	maxQueued = 1 << 20
	// keptQueue is how many places of its queue an idle client keeps.
	keptQueue = 16
	// maxJoined bounds the rooms of one connection.
	maxJoined = 200
	// closeWithin is what a client gets to take the end of its connection.
	closeWithin = 3
	// maxSends bounds the sends of one connection that wait for the store.
	maxSends = 64
)

// noDeadline takes a deadline away.
var noDeadline time.Time

// client is one connection: what it has joined and what waits to be written to
// it. One goroutine reads; it alone uses the fields of the first group. send and
// end may be called concurrently by anybody.
type client struct {
	s        *Service
	id       string
	cookie   *Identity // of the page's session, nil for none
	joined   map[string]*membership
	frames   *rate.Limiter
	once     bool // it is gone when what it said is answered
	refused  int  // frames beyond the limit since refusedAt
	refuseAt time.Time

	who      atomic.Pointer[Identity] // nil before hello
	user     *user                    // set before who
	sends    atomic.Int32             // wait for the store
	nextPing atomic.Int64             // seconds of the service's clock
	awaiting atomic.Int64             // the pong is due then; 0 for none
	writes   atomic.Int64             // the write under way began then; 0 for none
	silent   atomic.Bool              // it may be one that cannot answer pings

	came   time.Time     // guarded by the service's mutex, as is greets
	greets *list.Element // nil after hello

	mu      sync.Mutex
	queue   [][]byte // frames, or several in one
	queued  int      // bytes of queue and of the write under way
	writing bool     // a writer is at work; it looks at queue again before it ends
	ending  bool     // nothing more is queued
	room    chan struct{}
	out     transport
	gone    chan struct{} // closed when the connection is
}

// transport is where a client's frames go.
type transport interface {
	// write writes frames, which are made as those of a WebSocket. It may change the
	// slice that lists them.
	write(frames [][]byte) error
	// finish says that nothing more will be written.
	finish()
	// shut ends the connection without another word.
	shut()
	// wake makes somebody call drain.
	wake(c *client)
}

// send queues frames of this package's making; several may stand in one slice.
// They are shared: nobody changes them.
func (c *client) send(frame []byte) {
	c.mu.Lock()
	if c.holdLocked(frame) {
		c.wakeLocked()
	}
	c.mu.Unlock()
}

// hold queues a frame that may wait for the next one, or for release.
func (c *client) hold(frame []byte) {
	c.mu.Lock()
	c.holdLocked(frame)
	c.mu.Unlock()
}

// release sees to it that what is queued is written.
func (c *client) release() {
	c.mu.Lock()
	if len(c.queue) > 0 {
		c.wakeLocked()
	}
	c.mu.Unlock()
}

// holdLocked queues a frame; false when nothing is taken any more.
func (c *client) holdLocked(frame []byte) bool {
	if c.ending {
		return false
	}
	if c.queued+len(frame) > maxQueued {
		c.endLocked(closeSlow, "too slow: come back and resume")
		c.s.metrics.slow.Inc()
		return false
	}
	c.queue = append(c.queue, frame)
	c.queued += len(frame)
	return true
}

// sendUnless queues a frame that may be lost, unless so many bytes wait already.
func (c *client) sendUnless(frame []byte, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending && c.queued <= most {
		c.pushLocked(frame)
	}
}

// pushLocked queues a frame, whatever waits, and sees to it that somebody writes it.
func (c *client) pushLocked(frame []byte) {
	c.queue = append(c.queue, frame)
	c.queued += len(frame)
	c.wakeLocked()
}

// wakeLocked sees to it that somebody writes what is queued.
func (c *client) wakeLocked() {
	if !c.writing {
		c.writing = true
		c.out.wake(c)
	}
}

// end closes the connection with a code, behind what is being written. What is
// queued goes out first unless the client is too slow for it.
func (c *client) end(code int, reason string) {
	c.mu.Lock()
	c.endLocked(code, reason)
	c.mu.Unlock()
}

func (c *client) endLocked(code int, reason string) {
	if c.ending {
		return
	}
	if code == closeSlow {
		c.queue = c.queue[:0]
	}
	c.pushLocked(closeFrame(code, reason))
	c.ending = true
	c.awaiting.Store(c.s.seconds() + closeWithin)
}

// drain writes what is queued until nothing is.
func (c *client) drain() {
	var spare [][]byte
	for {
		c.mu.Lock()
		frames := c.queue
		if len(frames) == 0 {
			c.writing = false
			if cap(c.queue) > keptQueue {
				c.queue = nil
			}
			ended := c.ending
			c.mu.Unlock()
			if ended {
				c.out.finish()
			}
			return
		}
		c.queue = spare[:0]
		c.mu.Unlock()

		written := size(frames)
		c.writes.Store(c.s.seconds())
		err := c.out.write(frames)
		c.writes.Store(0)
		clear(frames)
		spare = frames
		c.mu.Lock()
		c.queued -= written
		if err != nil {
			c.ending = true
			c.queue, c.queued = nil, 0
		}
		c.mu.Unlock()
		select {
		case c.room <- struct{}{}:
		default:
		}
		if err != nil {
			c.out.shut()
		}
	}
}

// awaitRoom waits until most of the queue is written, so that a replay does not
// make a client too slow. It returns false when the connection ended.
func (c *client) awaitRoom() bool {
	for {
		c.mu.Lock()
		few, ending := c.queued < maxQueued/4, c.ending
		c.mu.Unlock()
		if ending {
			return false
		}
		if few {
			return true
		}
		select {
		case <-c.room:
		case <-c.gone:
			return false
		}
	}
}

// identity returns who the client is, the zero Identity before its hello.
func (c *client) identity() Identity {
	if who := c.who.Load(); who != nil {
		return *who
	}
	return Identity{}
}

// socket is the transport of a WebSocket.
type socket struct{ net.Conn }

func (s socket) write(frames [][]byte) error {
	if len(frames) == 1 {
		_, err := s.Write(frames[0])
		return err
	}
	if _, ok := s.Conn.(*net.TCPConn); ok {
		buffers := net.Buffers(frames)
		_, err := buffers.WriteTo(s.Conn) // one writev
		return err
	}
	joined := make([]byte, 0, size(frames))
	for _, frame := range frames {
		joined = append(joined, frame...)
	}
	_, err := s.Write(joined)
	return err
}

func size(frames [][]byte) (n int) {
	for _, frame := range frames {
		n += len(frame)
	}
	return n
}

// finish ends one direction. The other one is read to its end: closing a
// connection on which something is left unread can take back what was written.
func (s socket) finish() {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		s.Close()
	}
}

func (s socket) shut() { s.Close() }

func (s socket) wake(c *client) {
	c.s.writers.Go(c.drain) // ends when nothing is queued; awaited by the service
}
