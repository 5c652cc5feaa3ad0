package linesim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// Who a message is from, and the way a message of the bot took.
const (
	FromUser = "user"
	FromBot  = "bot"

	ViaReply      = "reply"
	ViaPush       = "push"
	ViaMulticast  = "multicast"
	ViaNarrowcast = "narrowcast"
	ViaBroadcast  = "broadcast"
	ViaPhone      = "pnp" // a message to a phone number
)

// Message is one message on a phone.
type Message struct {
	// Seq numbers the messages of one phone from 1.
	Seq int64 `json:"seq"`
	// From is FromUser or FromBot.
	From string `json:"from"`
	// Via is the way a message of the bot took (ViaReply, …); empty for users.
	Via string    `json:"via,omitempty"`
	At  time.Time `json:"at"`
	// Message is LINE's message object with its id: the bot's as it was sent, a user's as it stands in
	// the webhook. It must not be changed.
	Message json.RawMessage `json:"message"`
	// GroupID is set when the message belongs to a group or room.
	GroupID string `json:"groupId,omitempty"`
	// UserID is the sender, when that is a user.
	UserID string `json:"userId,omitempty"`
	// RequestID is the x-line-request-id of the bot's call.
	RequestID string `json:"requestId,omitempty"`
	// WebhookEventID is the event of a user's message; of a reply, the event whose token was used.
	WebhookEventID string `json:"webhookEventId,omitempty"`
	// ContentURL and PreviewURL show the picture, video, sound or file of a user's message. They need
	// no token.
	ContentURL string `json:"contentUrl,omitempty"`
	PreviewURL string `json:"previewUrl,omitempty"`
	// Unsent is true once the user has taken the message back.
	Unsent bool `json:"unsent,omitempty"`
}

// Type returns the type of the message object, such as "text".
func (m Message) Type() string { return gjson.GetBytes(m.Message, "type").Str }

// ID returns the message id.
func (m Message) ID() string { return gjson.GetBytes(m.Message, "id").Str }

// Text returns the text of a text message, "" for other types.
func (m Message) Text() string { return gjson.GetBytes(m.Message, "text").Str }

// Query selects messages of a phone. The zero value selects all that the phone keeps.
type Query struct {
	// After leaves out messages up to this Seq.
	After int64
	// From is FromUser, FromBot or empty for both.
	From string
	// GroupID keeps only the messages of this group; empty keeps one-on-one and group messages.
	GroupID string
}

// match reports whether m is selected by everything but After.
func (q Query) match(m *Message) bool {
	return (q.From == "" || q.From == m.From) && (q.GroupID == "" || q.GroupID == m.GroupID)
}

// phone holds the messages that one user sees, one-on-one and in groups; Simulator.mu guards it.
type phone struct {
	messages ring[Message]
	// changed is closed at the next message; nil while nobody waits.
	changed chan struct{}
}

func newPhone() phone { return phone{messages: newRing[Message](phoneMessages)} }

// Messages returns what the user's phone shows, oldest first: the newest 10,000 messages at most.
func (s *Simulator) Messages(userID string, q Query) ([]Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.accountLocked(userID)
	if err != nil {
		return nil, err
	}
	return a.phone.messages.after(q.After, phoneMessages, q.match), nil
}

// WaitForMessages returns as soon as n messages that q selects are on the user's phone, with all that
// are there by then. When ctx ends first it returns those that came and an error that says how many.
func (s *Simulator) WaitForMessages(ctx context.Context, userID string, q Query, n int) ([]Message, error) {
	got := []Message{}
	for {
		more, changed, err := s.messagesAndChange(userID, &q)
		if err != nil {
			return nil, err
		}
		if got = append(got, more...); len(got) >= n {
			return got, nil
		}
		select {
		case <-changed:
		case <-s.done:
			return got, ErrClosed
		case <-ctx.Done():
			return got, fmt.Errorf("waiting for %d messages on the phone of %s, %d came: %w", n, userID, len(got), ctx.Err())
		}
	}
}

// messagesAndChange returns what q selects, moves q.After behind it, and returns a channel that is closed
// when the phone has more.
func (s *Simulator) messagesAndChange(userID string, q *Query) ([]Message, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.accountLocked(userID)
	if err != nil {
		return nil, nil, err
	}
	got := a.phone.messages.after(q.After, phoneMessages, q.match)
	q.After = max(q.After, a.phone.messages.last)
	if a.phone.changed == nil {
		a.phone.changed = make(chan struct{})
	}
	return got, a.phone.changed, nil
}

// showLocked puts m on the phone of a, and on the stream.
func (s *Simulator) showLocked(a *account, m Message) {
	m.Seq = a.phone.messages.last + 1
	a.phone.messages.add(m)
	if a.phone.changed != nil {
		close(a.phone.changed)
		a.phone.changed = nil
	}
	s.publishLocked(streamMessage, phoneMessage{Phone: a.UserID, Message: m})
}

// audienceLocked returns the accounts whose phones show a chat: the user of a one-on-one chat, or the
// members of a group.
func (s *Simulator) audienceLocked(chatID string) []*account {
	if a, ok := s.users[chatID]; ok {
		return []*account{a}
	}
	g, ok := s.groups[chatID]
	if !ok {
		return nil
	}
	out := make([]*account, 0, len(g.Members))
	for _, id := range g.Members {
		out = append(out, s.users[id])
	}
	return out
}
