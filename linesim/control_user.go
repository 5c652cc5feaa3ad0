package linesim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxWait is the longest long poll of a phone, in seconds.
const maxWait = 30

// eventRef names the event that a control request caused.
type eventRef struct {
	WebhookEventID string `json:"webhookEventId,omitempty"`
}

// accepted202 is the answer to what causes one event.
func accepted202(eventID string, err error) (int, any, error) {
	return http.StatusAccepted, eventRef{eventID}, err
}

// controlBot answers GET /sim/bot: what the page shows of the bot. No secrets.
func (s *Simulator) controlBot(*http.Request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return http.StatusOK, map[string]string{
		"userId": s.botUserID, "displayName": s.cfg.BotName, "channelId": s.cfg.ChannelID, "webhookUrl": s.webhookURL,
	}, nil
}

// controlUsers answers GET /sim/users.
func (s *Simulator) controlUsers(*http.Request) (int, any, error) {
	return http.StatusOK, map[string][]User{"users": s.Users()}, nil
}

// controlUser answers GET /sim/users/{id}.
func (s *Simulator) controlUser(r *http.Request) (int, any, error) {
	u, err := s.User(r.PathValue("id"))
	return http.StatusOK, u, err
}

// controlAddUser answers POST /sim/users.
func (s *Simulator) controlAddUser(r *http.Request) (int, any, error) {
	var n NewUser
	if err := readJSON(r, &n); err != nil {
		return 0, nil, err
	}
	u, eventID, err := s.addUser(n)
	return http.StatusCreated, struct {
		User
		eventRef
	}{u, eventRef{eventID}}, err
}

// controlMessages answers GET /sim/users/{id}/messages, with wait as a long poll.
func (s *Simulator) controlMessages(r *http.Request) (int, any, error) {
	after, err := queryInt(r, "after", 0)
	if err != nil {
		return 0, nil, err
	}
	wait, err := queryInt(r, "wait", 0)
	if err != nil {
		return 0, nil, err
	}
	if wait > maxWait {
		return 0, nil, fmt.Errorf("%w wait: %d seconds, want up to %d", ErrInvalid, wait, maxWait)
	}
	q := Query{After: after, From: r.URL.Query().Get("from"), GroupID: r.URL.Query().Get("groupId")}
	if q.From != "" && q.From != FromUser && q.From != FromBot {
		return 0, nil, fmt.Errorf("%w from: %s, want user or bot", ErrInvalid, quoteID(q.From))
	}
	msgs, err := s.pollMessages(r.Context(), r.PathValue("id"), q, time.Duration(wait)*time.Second)
	return http.StatusOK, map[string][]Message{"messages": msgs}, err
}

// pollMessages returns what q selects, and where that is nothing, waits for the first message.
func (s *Simulator) pollMessages(ctx context.Context, userID string, q Query, wait time.Duration) ([]Message, error) {
	if wait == 0 {
		return s.Messages(userID, q)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	msgs, err := s.WaitForMessages(ctx, userID, q, 1)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return msgs, nil // an empty list is the answer to a poll without news
	}
	return msgs, err
}

// controlSend answers POST /sim/users/{id}/messages.
func (s *Simulator) controlSend(r *http.Request) (int, any, error) {
	var m UserMessage
	if err := readJSON(r, &m); err != nil {
		return 0, nil, err
	}
	sent, err := s.SendMessage(r.PathValue("id"), m)
	return http.StatusAccepted, sent, err
}

// controlFollow answers POST /sim/users/{id}/follow.
func (s *Simulator) controlFollow(r *http.Request) (int, any, error) {
	return accepted202(s.Follow(r.PathValue("id")))
}

// controlUnfollow answers POST /sim/users/{id}/unfollow.
func (s *Simulator) controlUnfollow(r *http.Request) (int, any, error) {
	return accepted202(s.Unfollow(r.PathValue("id")))
}

// controlPostback answers POST /sim/users/{id}/postback.
func (s *Simulator) controlPostback(r *http.Request) (int, any, error) {
	req := struct {
		Postback
		GroupID     string `json:"groupId"`
		DisplayText string `json:"displayText"`
	}{}
	if err := readJSON(r, &req); err != nil {
		return 0, nil, err
	}
	req.Postback.DisplayText = req.DisplayText
	return accepted202(s.Postback(r.PathValue("id"), req.GroupID, req.Postback))
}

// controlUnsend answers POST /sim/users/{id}/unsend.
func (s *Simulator) controlUnsend(r *http.Request) (int, any, error) {
	req := struct {
		MessageID string `json:"messageId"`
	}{}
	if err := readJSON(r, &req); err != nil {
		return 0, nil, err
	}
	return accepted202(s.Unsend(r.PathValue("id"), req.MessageID))
}

// controlLink answers POST /sim/users/{id}/link.
func (s *Simulator) controlLink(r *http.Request) (int, any, error) {
	req := struct {
		LinkToken string `json:"linkToken"`
		Nonce     string `json:"nonce"`
	}{}
	if err := readJSON(r, &req); err != nil {
		return 0, nil, err
	}
	return accepted202(s.LinkAccount(r.PathValue("id"), req.LinkToken, req.Nonce))
}

// controlGroups answers GET /sim/groups.
func (s *Simulator) controlGroups(*http.Request) (int, any, error) {
	return http.StatusOK, map[string][]Group{"groups": s.Groups()}, nil
}

// controlAddGroup answers POST /sim/groups.
func (s *Simulator) controlAddGroup(r *http.Request) (int, any, error) {
	var n NewGroup
	if err := readJSON(r, &n); err != nil {
		return 0, nil, err
	}
	g, eventID, err := s.addGroup(n)
	return http.StatusCreated, struct {
		Group
		eventRef
	}{g, eventRef{eventID}}, err
}

// controlAddMember answers POST /sim/groups/{id}/members.
func (s *Simulator) controlAddMember(r *http.Request) (int, any, error) {
	req := struct {
		UserID string `json:"userId"`
	}{}
	if err := readJSON(r, &req); err != nil {
		return 0, nil, err
	}
	return accepted202(s.AddMember(r.PathValue("id"), req.UserID))
}

// controlRemoveMember answers DELETE /sim/groups/{id}/members/{userId}.
func (s *Simulator) controlRemoveMember(r *http.Request) (int, any, error) {
	return accepted202(s.RemoveMember(r.PathValue("id"), r.PathValue("userId")))
}

// controlInviteBot answers POST /sim/groups/{id}/join.
func (s *Simulator) controlInviteBot(r *http.Request) (int, any, error) {
	return accepted202(s.InviteBot(r.PathValue("id")))
}

// controlRemoveBot answers POST /sim/groups/{id}/leave.
func (s *Simulator) controlRemoveBot(r *http.Request) (int, any, error) {
	return accepted202(s.RemoveBot(r.PathValue("id")))
}
