package linesim

import "time"

const (
	// replyTokens is how many reply tokens that were neither used nor ran out are kept; beyond it the
	// oldest is invalid early.
	replyTokens = 1_000_000
	// redeliveredTokenEnd is when a redelivered event can no longer be replied to, counted from the event
	// (Messaging API reference, "Reply token").
	redeliveredTokenEnd = 20 * time.Minute
)

// tokenGrant is a reply token that a webhook carries; all deliveries of its event share it.
// Simulator.mu guards it.
type tokenGrant struct {
	token, chatID, eventID string
	bornAt                 time.Time // of the event
	granted, used          bool
}

// replyToken is a token that can be used: once, until its end (Messaging API reference, "Reply
// token").
type replyToken struct {
	*tokenGrant
	until time.Time
}

// grantLocked makes the tokens of a webhook usable from the moment it is sent. A redelivery gives those
// that were not used another life; a duplicate gives nothing.
func (s *Simulator) grantLocked(d *delivery, now time.Time) {
	s.tokens.expire(func(t replyToken) bool { return now.After(t.until) })
	for _, ev := range d.events {
		g := ev.grant
		again := ev.again || d.attempt > 1
		if g == nil || g.used || g.granted && !again {
			continue
		}
		until := now.Add(s.cfg.ReplyTokenLife)
		if end := g.bornAt.Add(redeliveredTokenEnd); d.attempt > 1 && until.After(end) {
			until = end
		}
		g.granted = true
		s.tokens.put(g.token, replyToken{tokenGrant: g, until: until})
	}
}

// findTokenLocked looks a reply token up; ok is false for one that is unknown, used or too old, which LINE
// does not tell apart.
func (s *Simulator) findTokenLocked(token string, now time.Time) (t replyToken, ok bool) {
	t, ok = s.tokens.get(token)
	return t, ok && !now.After(t.until)
}

// useTokenLocked takes a token that findTokenLocked found.
func (s *Simulator) useTokenLocked(t replyToken) {
	t.used = true
	s.tokens.remove(t.token)
}
