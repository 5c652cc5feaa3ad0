package room

import (
	"container/list"
	mathrand "math/rand/v2"
	"time"
)

const (
	// maxGreeting bounds the connections before their hello.
	maxGreeting = 1024
	// helloWithin is how long a connection may be without a hello, and helloSpread
	// how much longer some of those that come together may.
	helloWithin = 5 * time.Second
	helloSpread = 3 * time.Second
	// helloAtLeast is how long it may be so when there are maxGreeting others.
	helloAtLeast = time.Second
)

// helloDeadline is until when a connection that comes now has to say hello. Those
// that come together do not end together: everybody feels a thousand ends at once.
func helloDeadline() time.Time {
	return time.Now().Add(helloWithin + mathrand.N(helloSpread))
}

// greeting holds the clients that have not said hello, the oldest first. The mutex
// of the service guards it.
type greeting struct {
	list.List // of *client
}

// add takes a client that has come.
func (g *greeting) add(c *client) {
	c.came = time.Now()
	c.greets = g.PushBack(c)
}

// forget lets a client go, if it is there.
func (g *greeting) forget(c *client) {
	if c.greets != nil {
		g.Remove(c.greets)
		c.greets = nil
	}
}

// evict ends the oldest client, if it has had its time. Members say hello at once,
// so that those who don't must not keep them out.
func (g *greeting) evict() bool {
	oldest := g.Front()
	if oldest == nil {
		return false // all are on their way here
	}
	c := oldest.Value.(*client)
	if time.Since(c.came) < helloAtLeast {
		return false
	}
	g.forget(c)
	c.s.metrics.turnedAway.WithLabelValues("silent").Inc()
	c.out.shut() // without a word, which it might not take
	return true
}
