package linesim

import "time"

// replyTokens is how many reply tokens that were neither used nor ran out are kept; beyond it the oldest
// is invalid early.
const replyTokens = 1_000_000

// tokenGrant is a reply token that a webhook carries.
type tokenGrant struct {
	token, chatID, eventID string
}

// replyToken is a token that can be used: once, until its end (Messaging API reference, "Reply
// token").
type replyToken struct {
	chatID, eventID string
	until           time.Time
}

// grantLocked makes the tokens of a webhook usable from the moment it is sent.
func (s *Simulator) grantLocked(tokens []tokenGrant, now time.Time) {
	s.tokens.expire(func(t replyToken) bool { return now.After(t.until) })
	for _, g := range tokens {
		s.tokens.put(g.token, replyToken{chatID: g.chatID, eventID: g.eventID, until: now.Add(s.cfg.ReplyTokenLife)})
	}
}

// useTokenLocked takes a reply token; ok is false for one that is unknown, used or too old, which LINE
// does not tell apart.
func (s *Simulator) useTokenLocked(token string, now time.Time) (t replyToken, ok bool) {
	t, ok = s.tokens.get(token)
	if !ok || now.After(t.until) {
		return replyToken{}, false
	}
	s.tokens.remove(token)
	return t, true
}
