package linesim

import (
	"fmt"
	"time"
)

const (
	// linkTokenLife is how long a link token can be used, once ("User account linking").
	linkTokenLife = 10 * time.Minute
	// linkTokens bounds how many are kept; beyond it the oldest is invalid early.
	linkTokens = 100_000
	// minNonce and maxNonce are the length of a nonce ("User account linking").
	minNonce = 10
	maxNonce = 255
)

// linkToken is a link token that was not used yet.
type linkToken struct {
	userID string
	until  time.Time
}

// issueLinkToken answers POST /v2/bot/user/{userId}/linkToken.
func (s *Simulator) issueLinkToken(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.pathUserLocked(c)
	if err != nil {
		return answer{}, err
	}
	now := time.Now()
	if !a.reachable(now) {
		return answer{}, notFound()
	}
	token := randomToken(24)
	s.links.expire(func(t linkToken) bool { return !now.Before(t.until) })
	s.links.put(token, linkToken{a.UserID, now.Add(linkTokenLife)})
	return success(map[string]string{"linkToken": token})
}

// LinkAccount lets the user open LINE's dialog of account linking with a link token and the nonce of the bot's
// service, which causes an accountLink event and returns its id. The event says "failed" for a token of
// somebody else; as with LINE an old, used or unknown token causes none, and the id is empty.
func (s *Simulator) LinkAccount(userID, token, nonce string) (string, error) {
	if len(nonce) < minNonce || len(nonce) > maxNonce {
		return "", fmt.Errorf("%w nonce: %d characters, want %d to %d", ErrInvalid, len(nonce), minNonce, maxNonce)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.readyLocked(userID); err != nil {
		return "", err
	}
	t, ok := s.links.get(token)
	if !ok || !time.Now().Before(t.until) {
		return "", nil
	}
	s.links.remove(token)
	ev := outgoing{event: event{Type: "accountLink", Link: &linkDetail{"failed", nonce}}, chatID: userID}
	if t.userID == userID {
		ev.Link.Result, ev.Source, ev.withToken = "ok", userSource(userID), true
	}
	return s.emitLocked(ev), nil
}
