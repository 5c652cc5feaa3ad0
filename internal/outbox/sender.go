package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// Ways of a call.
const (
	wayReply = "reply"
	wayPush  = "push"
)

// sender brings the entries of one channel to LINE.
type sender struct {
	o        *Outbox
	name     string
	channel  Channel
	client   *line.Client // nil for a channel that is no longer configured
	lg       *slog.Logger
	lanes    map[string]*lane // by way
	inFlight chan struct{}    // holds one for each call under way

	mu            sync.Mutex
	floor         engine.Pos
	started       bool
	entries       []*entry          // read and not dropped from the front, in order
	byID          map[string]*entry // the same
	recent        recentIDs
	conversations map[string]*conversation
	ready         int           // conversations in a lane or in a call
	quiet         chan struct{} // closed when ready is 0; nil while nobody waits for that
}

// entry is one record of the outbox.
type entry struct {
	pos   engine.Pos
	id    string
	at    time.Time
	sends []*send
	open  int // sends that are not done
}

// send is messages for one conversation, as calls.
type send struct {
	entry *entry
	index int // in the entry
	to    string

	// Until the send is in a queue guarded by sender.mu, then owned by the
	// goroutine that works on its conversation.
	call     int // the next one
	done     bool
	noReply  bool      // there is no reply token, or LINE refused it, or its time is over
	tried    string    // the way of a try whose outcome is not known; "" for none
	triedAt  time.Time // of the first such try
	attempts int       // at this call, since the start
}

// conversation is the queue of sends to one receiver. It exists while it has
// any.
type conversation struct {
	to    string
	queue []*send // guarded by sender.mu
}

func newSender(o *Outbox, ch Channel) *sender {
	s := &sender{
		o: o, name: ch.Name, channel: ch, client: ch.Client, lg: o.lg.With("channel", ch.Name),
		inFlight:      make(chan struct{}, o.cfg.MaxInFlight),
		byID:          map[string]*entry{},
		conversations: map[string]*conversation{},
	}
	s.lanes = map[string]*lane{
		wayReply: newLane(s, wayReply, ch.Rates.Reply),
		wayPush:  newLane(s, wayPush, ch.Rates.Push),
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
	s.started = true
	s.dropDone()
	for _, e := range s.entries {
		s.queue(e)
	}
}

// arrive files an entry that was read.
func (s *sender) arrive(pos engine.Pos, stored *engine.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pos < s.floor || s.byID[stored.ID] != nil || s.recent.has(stored.ID) {
		return // done before, or stored twice
	}
	e := &entry{pos: pos, id: stored.ID, at: stored.At, open: len(stored.Sends)}
	for i := range stored.Sends {
		to := &stored.Sends[i]
		e.sends = append(e.sends, &send{entry: e, index: i, to: to.To, noReply: to.ReplyToken == ""})
	}
	s.entries = append(s.entries, e)
	s.byID[e.id] = e
	if s.started {
		s.queue(e)
	}
}

// queue puts an entry's sends into the queues of their conversations; the
// caller holds mu.
func (s *sender) queue(e *entry) {
	for _, snd := range e.sends {
		if snd.done {
			continue
		}
		c := s.conversations[snd.to]
		if c == nil {
			c = &conversation{to: snd.to}
			s.conversations[snd.to] = c
		}
		c.queue = append(c.queue, snd)
		if len(c.queue) == 1 {
			s.submitLocked(c)
		}
	}
}

// recallTried takes a note of an earlier process: a call may have reached LINE.
func (s *sender) recallTried(note *engine.Tried) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snd := s.find(note.CallID)
	if snd == nil {
		return
	}
	snd.call, snd.tried, snd.triedAt = note.Call, note.Way, note.At
}

// recallSettled takes a note of an earlier process: what became of a call.
func (s *sender) recallSettled(note *engine.Settled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snd := s.find(note.CallID)
	if snd == nil || snd.done {
		return
	}
	snd.tried = ""
	switch note.Outcome {
	case engine.OutcomeRefused:
		snd.noReply = snd.noReply || note.Way == wayReply
	case engine.OutcomeDead:
		s.markDone(snd)
	case engine.OutcomeSent:
		snd.call = note.Call + 1
		if note.Last {
			s.markDone(snd)
		}
	}
}

// find returns the send that a note is about, or nil; the caller holds mu.
func (s *sender) find(id engine.CallID) *send {
	e := s.byID[id.Entry]
	if e == nil || id.Send < 0 || id.Send >= len(e.sends) {
		return nil
	}
	return e.sends[id.Send]
}

// markDone ends a send; the caller holds mu.
func (s *sender) markDone(snd *send) {
	snd.done = true
	snd.entry.open--
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

// finish ends the first send of a conversation and goes on with the next one.
func (s *sender) finish(c *conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.markDone(c.queue[0])
	s.dropDone()
	c.queue[0] = nil
	c.queue = c.queue[1:]
	s.ready--
	if len(c.queue) > 0 {
		s.submitLocked(c)
	} else {
		delete(s.conversations, c.to)
	}
	s.tellQuiet()
}

// reroute lets a conversation wait in the lane that its next call needs.
func (s *sender) reroute(c *conversation, way string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes[way].push(c)
}

// resubmit lets a conversation wait in its lane again.
func (s *sender) resubmit(c *conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	s.submitLocked(c)
}

// later lets a conversation wait in its lane again after a pause.
func (s *sender) later(c *conversation, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready--
	s.tellQuiet()
	time.AfterFunc(pause, func() { // lanes that have ended take it and leave it
		s.mu.Lock()
		defer s.mu.Unlock()
		s.submitLocked(c)
	})
}

// submitLocked puts a conversation into the lane of its next call; the caller
// holds mu.
func (s *sender) submitLocked(c *conversation) {
	s.ready++
	s.lanes[s.expectedWay(c.queue[0])].push(c)
}

// expectedWay guesses by which lane the next call goes; step decides.
func (s *sender) expectedWay(snd *send) string {
	if snd.call == 0 && !snd.noReply && snd.tried != wayPush {
		return wayReply
	}
	return wayPush
}

// tellQuiet wakes idle; the caller holds mu.
func (s *sender) tellQuiet() {
	if s.ready == 0 && s.quiet != nil {
		close(s.quiet)
		s.quiet = nil
	}
}

// idle waits until nothing can be sent at once, and reports whether it is so.
func (s *sender) idle(ctx context.Context) bool {
	s.mu.Lock()
	if s.ready == 0 {
		s.mu.Unlock()
		return true
	}
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	quiet := s.quiet
	s.mu.Unlock()
	select {
	case <-quiet:
		return true
	case <-ctx.Done():
		return false
	}
}

// snapshot returns the place of the first entry that is not done, and whether
// it moved. Every entry before read has arrived.
func (s *sender) snapshot(read engine.Pos) (floor engine.Pos, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	floor = max(read, s.floor)
	if len(s.entries) > 0 {
		floor = s.entries[0].pos
	}
	changed = floor != s.floor
	s.floor = floor
	return floor, changed
}

// Backlog is what waits to be sent.
type Backlog struct {
	Sends  int
	Oldest time.Duration // age of the oldest entry, 0 for none
}

func (s *sender) backlog() (b Backlog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conversations {
		b.Sends += len(c.queue)
	}
	if len(s.entries) > 0 {
		b.Oldest = time.Since(s.entries[0].at)
	}
	return b
}
