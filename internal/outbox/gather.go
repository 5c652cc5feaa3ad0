package outbox

import (
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// gatherFor is how long a push waits for the same one to other users, once
	// that has been sent to somebody within this time.
	gatherFor = 20 * time.Millisecond
	// fewUsers is the size below which a multicast is not worth waiting for:
	// LINE takes ten times as many pushes as multicasts.
	fewUsers = 10
	// maxSeen is how many contents are remembered as sent lately, about 60 bytes
	// each. When they are full all are forgotten: the next push goes alone.
	maxSeen = 4096
)

// gathering is a multicast that still takes users. There is at most one for a
// content.
type gathering struct {
	content digest
	lined   bool // it waits in its lane, not for gatherFor
}

// gatherer finds pushes that say the same to different users. Guarded by
// sender.mu.
type gatherer struct {
	open map[digest]*call
	seen map[digest]time.Time // of the last push
}

func newGatherer() gatherer {
	return gatherer{open: map[digest]*call{}, seen: map[digest]time.Time{}}
}

// lately reports whether the same was sent within gatherFor, and remembers it.
func (g *gatherer) lately(content digest, now time.Time) bool {
	at, ok := g.seen[content]
	if !ok && len(g.seen) >= maxSeen {
		clear(g.seen)
	}
	g.seen[content] = now
	return ok && now.Sub(at) <= gatherFor
}

// close lets a multicast take no more users.
func (g *gatherer) close(k *call) {
	if k.gathering != nil {
		delete(g.open, k.gathering.content)
		k.gathering = nil
	}
}

// gather lets a push wait for others that say the same, and reports whether it
// does. The first one of its content goes at once. The caller holds mu.
func (s *sender) gather(c *conversation, parts []*send, now time.Time) bool {
	if !mayGather(parts) {
		return false
	}
	content := digestOfSends(parts)
	lately := s.gatherer.lately(content, now)
	k := s.gatherer.open[content]
	if k == nil {
		if !lately {
			return false
		}
		k = &call{way: wayMulticast, each: len(parts), waits: true, gathering: &gathering{content: content}}
		s.gatherer.open[content] = k
		s.ready++
		time.AfterFunc(gatherFor, func() { // lanes that have ended take it and leave it
			s.mu.Lock()
			defer s.mu.Unlock()
			if k.gathering != nil && !k.gathering.lined {
				s.endGathering(k)
			}
		})
	}
	c.call = k
	k.conversations = append(k.conversations, c)
	if len(k.conversations) == line.MaxRecipients {
		if !k.gathering.lined {
			s.lanes[wayMulticast].push(k)
		}
		s.gatherer.close(k)
	}
	return true
}

// mayGather reports whether sends may be part of a multicast: whole ones to a
// user.
func mayGather(parts []*send) bool {
	head := parts[0]
	return strings.HasPrefix(head.to, "U") && head.lastCall() && head.next == 0 && !head.alone && !head.entry.bulk
}

// endGathering lets a multicast wait in its lane, where others may still join
// it. Few users are pushed to when that lane is busy. The caller holds mu.
func (s *sender) endGathering(k *call) {
	k.leave()
	lane := s.lanes[wayMulticast]
	if n := len(k.conversations); n > 1 && (n >= fewUsers || !lane.busy(time.Now())) {
		k.gathering.lined = true
		lane.push(k)
		return
	}
	s.gatherer.close(k)
	s.ready--
	for _, c := range k.conversations {
		s.lineUp(&call{conversations: []*conversation{c}, way: wayPush})
	}
	s.tellQuiet()
}

// leave forgets the conversations that wait for another call by now. One that
// left and came back stands in the list twice.
func (k *call) leave() {
	stay := k.conversations[:0]
	seen := make(map[*conversation]bool, len(k.conversations))
	for _, c := range k.conversations {
		if c.call == k && !seen[c] {
			seen[c] = true
			stay = append(stay, c)
		}
	}
	clear(k.conversations[len(stay):])
	k.conversations = stay
}
