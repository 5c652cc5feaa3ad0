package chatload

import (
	"context"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// knocking is how many connect or log in at the same time.
const knocking = 64

// crowd is members who connect, and end, together. The first error ends all.
type crowd struct {
	ctx     context.Context // ends with the first error
	fail    context.CancelCauseFunc
	members []*member
	readers sync.WaitGroup
	closing atomic.Bool

	got   atomic.Int64 // messages that all have received
	goal  atomic.Int64 // value of got that wakes who waits
	wake  chan struct{}
	since atomic.Int64 // times of messages that were due before are not noted; in nanoseconds since 1970
}

func newCrowd(ctx context.Context, clients []Client, textBytes int) *crowd {
	c := &crowd{wake: make(chan struct{}, 1)}
	c.since.Store(math.MaxInt64)
	c.ctx, c.fail = context.WithCancelCause(ctx)
	for _, cl := range clients {
		m := newMember(cl, textBytes)
		m.crowd = c
		c.members = append(c.members, m)
	}
	return c
}

// each calls f for all members, some at a time.
func (c *crowd) each(f func(m *member) error) error {
	var g errgroup.Group
	g.SetLimit(knocking)
	for i, m := range c.members {
		g.Go(func() error {
			if c.ctx.Err() != nil {
				return c.err()
			}
			if err := f(m); err != nil {
				return fmt.Errorf("client %d: %w", i, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// connect connects a member and logs it in.
func (c *crowd) connect(m *member, addr, path string) error {
	if err := m.dial(addr, path); err != nil {
		return err
	}
	c.readers.Go(func() { // ends with the connection, which close ends
		if err := m.read(); !c.closing.Load() {
			c.fail(fmt.Errorf("connection in room %s: %w", m.Room, err))
		}
	})
	return m.hello()
}

// join connects all members and lets them join their rooms.
func (c *crowd) join(addr, path string) error {
	return c.each(func(m *member) error {
		err := c.connect(m, addr, path)
		if err == nil {
			err = m.ask(0)
		}
		if err == nil {
			_, err = m.step("live")
		}
		return err
	})
}

// received counts messages.
func (c *crowd) received(n int64) {
	got, goal := c.got.Add(n), c.goal.Load()
	if got >= goal && got-n < goal {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// await waits until n messages have been received in all.
func (c *crowd) await(n int64, limit time.Duration) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	c.goal.Store(n)
	for c.got.Load() < n {
		select {
		case <-c.wake:
		case <-timeout.C:
			return fmt.Errorf("%d of %d messages were received after %v", c.got.Load(), n, limit)
		case <-c.ctx.Done():
			return c.err()
		}
	}
	return nil
}

// err is why the crowd ended.
func (c *crowd) err() error { return context.Cause(c.ctx) }

// close ends the connections and waits for their readers. It returns what failed
// before.
func (c *crowd) close() error {
	err := c.err()
	c.closing.Store(true)
	for _, m := range c.members {
		if m.tcp != nil {
			m.tcp.Close() // nothing is left to send
		}
	}
	c.readers.Wait()
	c.fail(net.ErrClosed)
	return err
}

// check compares what each member has with what was sent to its room, and with
// the newest ID of an ack there. The readers must have ended, or have nothing to
// read.
func (c *crowd) check() error {
	sent, head := map[string]int64{}, map[string]int64{}
	for _, m := range c.members {
		sent[m.Room] += m.acked.Load()
		head[m.Room] = max(head[m.Room], m.head.Load())
	}
	for i, m := range c.members {
		if m.got != sent[m.Room] || m.last != head[m.Room] {
			return fmt.Errorf("client %d has %d messages up to %d of the %d up to %d in room %s",
				i, m.got, m.last, sent[m.Room], head[m.Room], m.Room)
		}
	}
	return nil
}

// acked returns how many sends were acknowledged.
func (c *crowd) acked() (n int64) {
	for _, m := range c.members {
		n += m.acked.Load()
	}
	return n
}

// times sorts what members have noted.
func (c *crowd) times(of func(*member) []time.Duration) times {
	var all []time.Duration
	for _, m := range c.members {
		all = append(all, of(m)...)
	}
	return sorted(all)
}

func sorted(all []time.Duration) times {
	slices.Sort(all)
	return all
}

// times are sorted durations.
type times []time.Duration

func (t times) percentile(p int) time.Duration {
	if len(t) == 0 {
		return 0
	}
	return t[min(len(t)*p/100, len(t)-1)]
}
