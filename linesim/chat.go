package linesim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sent names what a user's message became.
type Sent struct {
	WebhookEventID string `json:"webhookEventId"`
	MessageID      string `json:"messageId"`
}

// Postback is a tap on a button with postback data.
type Postback struct {
	Data string `json:"data"`
	// Params holds what a date picker or a rich menu switch adds; usually empty.
	Params map[string]string `json:"params,omitempty"`
	// DisplayText is the text of the button that the user's tap shows in the chat; usually empty. The
	// bot does not get it.
	DisplayText string `json:"-"`
}

// SendText sends a text from the user to the bot.
func (s *Simulator) SendText(userID, text string) (Sent, error) {
	return s.SendMessage(userID, UserMessage{Type: "text", Text: text})
}

// SendMessage sends a message from the user to the bot or into a group: it is on the phones at once, and a
// message event is sent. A user who blocked the bot cannot write to it (ErrConflict), but can write in
// groups.
func (s *Simulator) SendMessage(userID string, m UserMessage) (Sent, error) {
	media, err := s.mediaOf(m)
	if err != nil {
		return Sent{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	src, chatID, err := s.placeLocked(userID, m.GroupID, true)
	if err != nil {
		return Sent{}, err
	}
	now := time.Now()
	id := s.nextMessageIDLocked()
	content := s.contentMessage(id, m, media)
	if m.Type == "text" {
		content.Mention = s.mentionsLocked(m.GroupID, m.Text)
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return Sent{}, fmt.Errorf("%w message: %s", ErrInvalid, err.Error())
	}
	msg := Message{From: FromUser, At: now.UTC(), Message: raw, GroupID: m.GroupID, UserID: userID}
	if media != nil {
		if m.PreparingMS > 0 && m.Type != "image" && m.Type != "file" {
			media.readyAt = now.Add(time.Duration(m.PreparingMS) * time.Millisecond)
		}
		s.contents.put(id, media)
		msg.ContentURL = s.cfg.PublicURL + "/sim/contents/" + id
		if media.preview != nil {
			msg.PreviewURL = msg.ContentURL + "/preview"
		}
	}
	if m.GroupID == "" {
		s.users[userID].wroteAt = now
	}
	msg.WebhookEventID = s.emitLocked(outgoing{
		event: event{Type: "message", Source: src, Message: raw}, chatID: chatID, withToken: true,
	})
	for _, a := range s.audienceLocked(chatID) {
		s.showLocked(a, msg)
		s.count.messages[FromUser]++
	}
	return Sent{WebhookEventID: msg.WebhookEventID, MessageID: id}, nil
}

// Postback sends a postback event, as a tap on a button does. groupID may be empty.
func (s *Simulator) Postback(userID, groupID string, p Postback) (string, error) {
	if p.Data == "" {
		return "", fmt.Errorf("%w data: it is empty, a postback carries the data of its button", ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	src, chatID, err := s.placeLocked(userID, groupID, false)
	if err != nil {
		return "", err
	}
	eventID := s.emitLocked(outgoing{
		event: event{Type: "postback", Source: src, Postback: &p}, chatID: chatID, withToken: true,
	})
	return eventID, s.displayLocked(userID, groupID, chatID, eventID, p.DisplayText)
}

// displayLocked shows the text of a tapped button as the user's, "" for none.
func (s *Simulator) displayLocked(userID, groupID, chatID, eventID, text string) error {
	if text == "" {
		return nil
	}
	raw, err := json.Marshal(messageContent{Type: "text", ID: s.nextMessageIDLocked(), Text: text})
	if err != nil {
		return fmt.Errorf("%w displayText: %s", ErrInvalid, err.Error())
	}
	msg := Message{From: FromUser, At: time.Now().UTC(), Message: raw, GroupID: groupID, UserID: userID, WebhookEventID: eventID}
	for _, a := range s.audienceLocked(chatID) {
		s.showLocked(a, msg)
	}
	return nil
}

// Unsend takes a message of the user back: phones show it as unsent, its content is gone, and an unsend
// event is sent.
func (s *Simulator) Unsend(userID, messageID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.readyLocked(userID)
	if err != nil {
		return "", err
	}
	m, found := findMessage(a, messageID)
	if !found || m.UserID != userID || m.Unsent {
		return "", fmt.Errorf("message %s of user %s: %w", quoteID(messageID), userID, ErrNotFound)
	}
	src, chatID, err := s.placeLocked(userID, m.GroupID, false)
	if err != nil {
		return "", err
	}
	s.contents.takeBack(messageID)
	for _, a := range s.audienceLocked(chatID) {
		if m, found := findMessage(a, messageID); found {
			m.Unsent = true
			s.publishLocked(streamMessage, phoneMessage{Phone: a.UserID, Message: *m})
		}
	}
	return s.emitLocked(outgoing{
		event: event{Type: "unsend", Source: src, Unsend: &unsendDetail{MessageID: messageID}}, chatID: chatID,
	}), nil
}

// findMessage looks for a message on a phone, newest first.
func findMessage(a *account, messageID string) (*Message, bool) {
	r := &a.phone.messages
	for i := r.last; i >= r.first(); i-- {
		if m := r.at(i); strings.Contains(string(m.Message), messageID) && m.ID() == messageID {
			return m, true
		}
	}
	return nil, false
}

// placeLocked checks that a user can act in a chat and returns the source and the chat of their event.
// In groups LINE names the user in message events only.
func (s *Simulator) placeLocked(userID, groupID string, message bool) (source, string, error) {
	a, err := s.readyLocked(userID)
	if err != nil {
		return source{}, "", err
	}
	if groupID == "" {
		if a.Blocked {
			return source{}, "", fmt.Errorf("%w: user %s has blocked the bot, let them follow it first", ErrConflict, userID)
		}
		return userSource(userID), userID, nil
	}
	g, err := s.joinedLocked(groupID)
	if err != nil {
		return source{}, "", err
	}
	if !slices.Contains(g.Members, userID) {
		return source{}, "", fmt.Errorf("%w: user %s is not in group %s, add them first", ErrConflict, userID, groupID)
	}
	if !message {
		userID = ""
	}
	return chatSource(groupID, userID), groupID, nil
}
