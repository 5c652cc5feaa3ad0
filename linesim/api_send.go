package linesim

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// sendResponse is the answer to reply and push, and to a push whose retry key was accepted before.
type sendResponse struct {
	Message      string        `json:"message,omitempty"`
	SentMessages []sentMessage `json:"sentMessages,omitempty"`
}

// reply answers POST /v2/bot/message/reply: free, once a token, within its life.
func (s *Simulator) reply(c *call) (answer, error) {
	var req rule.Send
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if err := s.checker.messages.Reply(req); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	token, valid := s.findTokenLocked(req.ReplyToken, now)
	if !valid {
		return answer{}, rule.Refuse(http.StatusBadRequest, "Invalid reply token")
	}
	if err := rule.MentionsFor(token.chatID, req.Messages); err != nil {
		return answer{}, err
	}
	s.useTokenLocked(token)
	if g := s.groups[token.chatID]; g != nil && !g.Joined {
		return answer{}, rule.Refuse(http.StatusBadRequest, "Invalid reply token")
	}
	if t, ok := s.events.get(token.eventID); ok {
		t.requests = append(t.requests, c.requestID)
	}
	p := s.prepareLocked(req.Messages)
	s.sendLocked(c, ViaReply, token.eventID, []string{token.chatID}, p, now)
	return success(sendResponse{SentMessages: p.sent})
}

// push answers POST /v2/bot/message/push: to one user, group or room.
func (s *Simulator) push(c *call) (answer, error) {
	var req rule.Send
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if err := s.checker.messages.Push(req); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if first, ok := s.acceptedLocked(c.retryKey, now); ok {
		return acceptedBefore(first), nil
	}
	if !s.knownTargetLocked(req.To) {
		return answer{}, rule.Refuse(http.StatusBadRequest, "Failed to send messages")
	}
	if !s.limits.takeUser(req.To, now) {
		s.count.limited[limitedSameUser]++
		return answer{}, rateLimited()
	}
	p, err := s.paidLocked(c, ViaPush, []string{req.To}, req.Messages, now)
	if err != nil {
		return answer{}, err
	}
	s.sent.addUnits(req.Units, now)
	s.keepKeyLocked(c.retryKey, accepted{requestID: c.requestID, sent: p.sent, at: now})
	return success(sendResponse{SentMessages: p.sent})
}

// multicast answers POST /v2/bot/message/multicast: to up to 500 users. Where LINE's reference contradicts
// itself about a user id that it does not know, the simulator takes the id and delivers nothing; an id
// that cannot be a user's is 400, and then nobody gets anything.
func (s *Simulator) multicast(c *call) (answer, error) {
	var req rule.Multicast
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if err := s.checker.messages.Multicast(req); err != nil {
		return answer{}, err
	}
	return s.toMany(c, ViaMulticast, req)
}

// broadcast answers POST /v2/bot/message/broadcast: to all friends.
func (s *Simulator) broadcast(c *call) (answer, error) {
	var req rule.Send
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if err := s.checker.messages.Broadcast(req); err != nil {
		return answer{}, err
	}
	return s.toMany(c, ViaBroadcast, rule.Multicast{Messages: req.Messages})
}

// validate answers the operations that only check messages.
func (s *Simulator) validate(c *call) (answer, error) {
	var req rule.Send
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if err := s.checker.messages.Check(req.Messages); err != nil {
		return answer{}, err
	}
	return success(empty{})
}

// toMany sends to users; without any, to all friends.
func (s *Simulator) toMany(c *call, via string, req rule.Multicast) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if first, ok := s.acceptedLocked(c.retryKey, now); ok {
		return acceptedBefore(first), nil
	}
	if req.To == nil {
		req.To = s.friendsLocked()
	}
	if _, err := s.paidLocked(c, via, req.To, req.Messages, now); err != nil {
		return answer{}, err
	}
	s.sent.addUnits(req.Units, now)
	s.keepKeyLocked(c.retryKey, accepted{requestID: c.requestID, at: now})
	return success(empty{})
}

// friendsLocked returns the ids of all friends of the bot.
func (s *Simulator) friendsLocked() []string {
	var ids []string
	for _, a := range s.userOrder {
		if a.Following {
			ids = append(ids, a.UserID)
		}
	}
	return ids
}

// acceptedBefore is the answer to a retry key that was accepted: it is done, not an error to the bot.
func acceptedBefore(first accepted) answer {
	return answer{
		status:     http.StatusConflict,
		acceptedID: first.requestID,
		body:       sendResponse{Message: "The retry key is already accepted", SentMessages: first.sent},
	}
}

// knownTargetLocked reports whether a push to this id is taken, delivered or not.
func (s *Simulator) knownTargetLocked(id string) bool {
	if g, ok := s.groups[id]; ok {
		return g.Joined
	}
	_, ok := s.users[id]
	return ok
}

// paidLocked sends messages that count: every phone they reach is one of the month's quota.
func (s *Simulator) paidLocked(c *call, via string, to []string, msgs []json.RawMessage, now time.Time) (prepared, error) {
	phones := 0
	for _, id := range to {
		phones += len(s.reachedLocked(id, now))
	}
	if !s.quota.take(phones, now) {
		s.count.limited[limitedMonthly]++
		return prepared{}, rule.Refuse(http.StatusTooManyRequests, "You have reached your monthly limit.")
	}
	p := s.prepareLocked(msgs)
	s.sendLocked(c, via, "", to, p, now)
	return p, nil
}

// reachedLocked returns the accounts that a message to this chat reaches now: a user who can be reached,
// or all members of a group.
func (s *Simulator) reachedLocked(chatID string, now time.Time) []*account {
	if a, ok := s.users[chatID]; ok && !a.reachable(now) {
		return nil
	}
	return s.audienceLocked(chatID)
}

// sendLocked puts prepared messages onto the phones of these chats and notes the way they took.
func (s *Simulator) sendLocked(c *call, via, eventID string, to []string, p prepared, now time.Time) {
	for _, chatID := range to {
		m := Message{From: FromBot, Via: via, At: now.UTC(), RequestID: c.requestID, WebhookEventID: eventID}
		if chatID[0] != 'U' {
			m.GroupID = chatID
		}
		s.showAllLocked(c, s.reachedLocked(chatID, now), m, p, now)
	}
	s.noteSendLocked(c, via, now)
}

// showAllLocked puts prepared messages onto phones; m holds what they have in common.
func (s *Simulator) showAllLocked(c *call, phones []*account, m Message, p prepared, now time.Time) {
	for _, a := range phones {
		c.phones++
		if m.GroupID == "" {
			s.endLoadingLocked(a, now)
		}
		for _, raw := range p.raw {
			m.Message = raw
			s.showLocked(a, m)
		}
		s.count.messages[m.Via] += int64(len(p.raw))
	}
}

// noteSendLocked notes how many phones a call reached.
func (s *Simulator) noteSendLocked(c *call, via string, now time.Time) {
	s.sends.put(c.requestID, sendTrace{at: now.UTC(), phones: c.phones})
	s.sent.add(via, c.phones, now)
}
