package outbox

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// sender brings the entries of one channel to LINE.
type sender struct {
	o       *Outbox
	name    string
	channel Channel
	client  *line.Client // nil for a channel that is no longer configured
	lg      *slog.Logger
	lanes   map[string]*lane // by way

	mu            sync.Mutex
	floor         engine.Pos
	started       bool
	entries       []*entry          // read and not dropped from the front, in order
	byID          map[string]*entry // the same
	recent        recentIDs
	recalled      map[engine.CallID]*call // what earlier processes tried; nil once started
	conversations map[string]*conversation
	gatherer      gatherer
	ready         int           // calls that wait in a lane or are under way
	quiet         chan struct{} // closed when nothing can be sent at once; nil while nobody waits for that
}

func newSender(o *Outbox, ch Channel) *sender {
	if ch.Quota == nil {
		ch.Quota = noQuota{}
	}
	s := &sender{
		o: o, name: ch.Name, channel: ch, client: ch.Client, lg: o.lg.With("channel", ch.Name),
		lanes:         map[string]*lane{},
		byID:          map[string]*entry{},
		recalled:      map[engine.CallID]*call{},
		conversations: map[string]*conversation{},
		gatherer:      newGatherer(),
	}
	for way, perSecond := range ch.Rates.byWay() {
		s.lanes[way] = newLane(s, way, perSecond, o.cfg.MaxInFlight)
	}
	return s
}

// start lets the sender send what was recovered, and what arrives from now on.
func (s *sender) start(ctx context.Context, g *errgroup.Group) {
	for _, l := range s.lanes {
		g.Go(func() error { l.run(ctx); return nil })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started, s.recalled = true, nil
	s.dropDone()
	var order []*conversation
	for _, e := range s.entries {
		for _, snd := range e.pending() {
			c := s.enqueue(snd)
			if len(c.queue) == 1 {
				order = append(order, c)
			}
		}
	}
	for _, c := range order {
		if c.call != nil {
			continue // waits with the first receiver of its multicast
		}
		if i := slices.IndexFunc(c.queue, func(snd *send) bool { return snd.call != nil }); i >= 0 {
			s.resume(c.queue[i].call)
		} else {
			s.submit(c)
		}
	}
}

// resume lets a call of an earlier process wait in its lane, with the parts that
// it had. They go first in their conversations.
func (s *sender) resume(k *call) {
	k.parts = slices.DeleteFunc(k.parts, func(snd *send) bool { return snd.done || snd.call != k })
	for _, snd := range slices.Backward(k.parts) {
		c := s.conversations[snd.key()]
		if i := slices.Index(c.queue, snd); i > 0 {
			c.queue = slices.Insert(slices.Delete(c.queue, i, i+1), 0, snd)
		}
		if c.call != k {
			c.call = k
			k.conversations = append(k.conversations, c)
		}
		snd.call = nil
	}
	s.lineUp(k)
}

// arrive files an entry that was read.
func (s *sender) arrive(pos engine.Pos, stored *engine.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pos < s.floor || s.byID[stored.ID] != nil || s.recent.has(stored.ID) {
		return // done before, or stored twice
	}
	e := newEntry(pos, stored)
	s.entries = append(s.entries, e)
	s.byID[e.id] = e
	if !s.started {
		return
	}
	now := time.Now()
	for _, snd := range e.sends {
		c := s.enqueue(snd)
		switch k := c.call; {
		case k == nil:
			s.submit(c)
		case !k.waits || k.undecided():
		case k.way != wayReply && snd.hasToken(now), k.bulk && !e.bulk:
			s.submit(c) // what waits can go with this reply, or gives way to it
		}
	}
	s.dropDone() // an entry may have no sends
}

// enqueue puts a send into the queue of its conversation, before campaigns that
// have not left; the caller holds mu.
func (s *sender) enqueue(snd *send) *conversation {
	key := snd.key()
	c := s.conversations[key]
	if c == nil {
		c = &conversation{key: key}
		s.conversations[key] = c
	}
	at := len(c.queue)
	if !snd.entry.bulk {
		for at > c.leaving() && c.queue[at-1].entry.bulk {
			at--
		}
	}
	c.queue = slices.Insert(c.queue, at, snd)
	return c
}

// submit lets a conversation wait for its next call; the caller holds mu.
func (s *sender) submit(c *conversation) {
	now := time.Now()
	if s.lanes[wayPush].held(now) {
		c.overtake(now)
	}
	parts, way, _ := c.compose(now)
	if way == wayPush && s.gather(c, parts, now) {
		return
	}
	s.lineUp(&call{conversations: []*conversation{c}, way: way, bulk: parts[0].entry.bulk})
}

// lineUp lets a call wait in its lane; the caller holds mu.
func (s *sender) lineUp(k *call) {
	for _, c := range k.conversations {
		c.call = k
	}
	s.ready++
	s.lanes[k.way].push(k)
}

// fix decides what a call takes that leaves its lane, and reports whether it is
// to be made. Otherwise its conversations wait for another one, or have nothing
// to send. The caller holds mu.
func (s *sender) fix(k *call, from *lane, now time.Time) bool {
	if k.undecided() {
		return true
	}
	s.gatherer.close(k)
	k.leave()
	if k.each > 0 && len(k.conversations) > 1 {
		k.parts = k.parts[:0]
		for _, c := range k.conversations {
			k.parts = append(k.parts, c.queue[:k.each]...)
		}
		return true
	}
	s.ready--
	if len(k.conversations) == 0 {
		return false
	}
	c := k.conversations[0]
	parts, way, token := c.compose(now)
	if way != from.way {
		s.submit(c) // a token ran out in line, or one came
		return false
	}
	s.ready++
	k.parts, k.token = parts, token
	return true
}

// dropDone forgets the entries at the front that are done; the caller holds mu.
func (s *sender) dropDone() {
	n := 0
	for n < len(s.entries) && s.entries[n].open == 0 {
		delete(s.byID, s.entries[n].id)
		s.recent.add(s.entries[n].id)
		s.entries[n] = nil
		n++
	}
	s.entries = s.entries[n:]
	if len(s.entries) == 0 {
		s.entries = nil // lets go of the array after a backlog
	}
}

// advance goes on behind a call that is over: with the next call of its first
// send, or with what stands behind its parts.
func (s *sender) advance(k *call, dead bool) {
	whole := dead || k.last()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	if !whole {
		k.parts[0].next++
	} else {
		for _, snd := range k.parts {
			snd.markDone(dead)
		}
		s.reportDone(k.parts)
		s.dropDone()
	}
	for _, c := range k.conversations {
		c.limited = 0
		for len(c.queue) > 0 && c.queue[0].done {
			c.queue[0] = nil
			c.queue = c.queue[1:]
		}
		if len(c.queue) > 0 {
			s.submit(c)
		} else {
			delete(s.conversations, c.key)
		}
	}
	s.tellQuiet()
}

// reportDone tells of the entries that have ended with these sends; the caller
// holds mu.
func (s *sender) reportDone(parts []*send) {
	for i, snd := range parts {
		if e := snd.entry; e.open == 0 && (i == 0 || parts[i-1].entry != e) {
			s.o.cfg.Finished(s.name, e.id, e.sent, e.dead)
		}
	}
}

// retry lets a call that LINE did not take, or may not have taken, wait in its
// lane again.
func (s *sender) retry(k *call, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	if pause > 0 {
		s.lanes[k.way].later(k, pause)
	} else {
		s.lineUp(k)
	}
	s.tellQuiet()
}

// part lets every send of a call that LINE did not take go in another one.
// alone says that they must not share one.
func (s *sender) part(k *call, alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	for _, snd := range k.parts {
		snd.alone = snd.alone || alone
	}
	for _, c := range k.conversations {
		s.submit(c)
	}
	s.tellQuiet()
}

// divide lets every user of a multicast that LINE refused get a push.
func (s *sender) divide(k *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	c := k.conversations[0]
	delete(s.conversations, c.key)
	c.queue[0].divide()
	for _, snd := range c.queue[0].divided {
		if c := s.enqueue(snd); c.call == nil {
			s.submit(c)
		}
	}
	s.tellQuiet()
}

// open reports whether an entry was read and is not done.
func (s *sender) open(entryID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[entryID]
	return e != nil && e.open > 0
}
