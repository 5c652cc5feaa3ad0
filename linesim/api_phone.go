package linesim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// pushByPhone answers POST /bot/pnp/push: a "LINE notification message" to the user whose phone number has the
// given SHA-256. With X-Line-Delivery-Tag a delivery event follows. A number that nobody has is 422.
func (s *Simulator) pushByPhone(c *call) (answer, error) {
	var req rule.Send
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	details := s.checker.messages.Details(req.Messages)
	if req.To == "" {
		details = append(details, rule.Detail{Message: rule.MayNotBeEmpty, Property: "to"})
	}
	if details != nil {
		return answer{}, rule.InBody(details)
	}
	tag := c.r.Header.Get("X-Line-Delivery-Tag")
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byPhone[req.To]
	if a == nil || a.Blocked {
		return answer{}, rule.Refuse(http.StatusUnprocessableEntity, "Failed to send messages")
	}
	if err := s.roomLocked(); tag != "" && err != nil {
		return answer{}, err
	}
	s.deliverByPhoneLocked(c, a, req.Messages)
	if tag != "" {
		s.emitLocked(outgoing{
			event: event{Type: "delivery", Source: userSource(a.UserID), Delivery: &deliveryDetail{Data: tag}}, chatID: a.UserID,
		})
	}
	return success(empty{})
}

// deliverByPhoneLocked puts messages onto a phone whether its user is a friend of the bot or not.
func (s *Simulator) deliverByPhoneLocked(c *call, a *account, msgs []json.RawMessage) {
	now := time.Now()
	s.showAllLocked(c, []*account{a}, Message{From: FromBot, Via: ViaPhone, At: now.UTC(), RequestID: c.requestID}, s.prepareLocked(msgs), now)
	s.noteSendLocked(c, ViaPhone, now)
}

// hashPhone returns the SHA-256 of a phone number, the address of such a message.
func hashPhone(number string) string {
	sum := sha256.Sum256([]byte(number))
	return hex.EncodeToString(sum[:])
}
