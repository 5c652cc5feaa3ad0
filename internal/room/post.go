package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Post is a message that the server itself writes into a room.
type Post struct {
	Room string
	User string // such as UserBot, or the LINE user
	Name string
	CID  string // names the message: the same one again of the same user, within two minutes, is stored once
	Body json.RawMessage
	Edit uint64    // ID of the message that Body takes the place of
	Del  uint64    // ID of the message that is deleted
	Via  string    // of transcripts: how LINE got it
	At   time.Time // of transcripts: when it happened
	// Patient lets the message wait a moment for what else is flushed to disk.
	Patient bool
}

// outgoing returns the message on its way to the store.
func (p Post) outgoing() (outgoing, error) {
	if _, ok := parseName(p.Room); !ok || !validUser(p.User) || p.CID == "" {
		return outgoing{}, fmt.Errorf("%w: post to room %q", ErrInvalid, p.Room)
	}
	m := stored{Edit: p.Edit, Del: p.Del, User: p.User, Name: p.Name, CID: p.CID, Via: p.Via, Body: p.Body}
	if !p.At.IsZero() {
		m.At = p.At.UnixMilli()
	}
	data, err := encode(m)
	if err != nil {
		return outgoing{}, fmt.Errorf("post to room %s: %w", p.Room, err)
	}
	return outgoing{room: p.Room, user: p.User, cid: p.CID, data: data, patient: p.Patient}, nil
}

// Post stores a message and returns its ID when it is durable.
func (s *Service) Post(ctx context.Context, p Post) (id uint64, err error) {
	m, err := p.outgoing()
	if err != nil {
		return 0, err
	}
	ack, err := s.putAndWait(ctx, m)
	if err != nil {
		return 0, fmt.Errorf("post to room %s: %w", p.Room, err)
	}
	return ack.ID, nil
}

// PostLater stores a message and calls done when it is durable, or is known not to
// be: from another goroutine or before PostLater returns, and done must not block.
// Messages are stored in the order of the calls.
func (s *Service) PostLater(p Post, done func(id uint64, err error)) {
	m, err := p.outgoing()
	if err != nil {
		done(0, err)
		return
	}
	s.put(m, func(ack engine.RoomAck, err error) {
		if err != nil {
			err = fmt.Errorf("post to room %s: %w", p.Room, err)
		}
		done(ack.ID, err)
	})
}

// Posted is a message that stands in a room.
type Posted struct {
	Room            string
	ID              uint64
	Stored          time.Time
	User, Name, CID string
	Edit            uint64
	Body            json.RawMessage // nil of one that deletes another
}

// Before returns the newest messages of a room before an ID, 0 for the newest of
// all, in order: at most so many.
func (s *Service) Before(ctx context.Context, room string, id uint64, most int) ([]Posted, error) {
	list, err := s.store.Before(ctx, room, id, most)
	return posted(list), err
}

// After returns messages of a room, or of all that match a pattern such as
// "line.>", behind an ID, in order: at most so many. left is how many there are
// behind them.
func (s *Service) After(ctx context.Context, room string, id uint64, most int) (list []Posted, left int, err error) {
	got, left, err := s.store.After(ctx, room, id, most, replayBytes)
	return posted(got), left, err
}

func posted(list []engine.RoomMessage) []Posted {
	out := make([]Posted, len(list))
	for i, m := range list {
		var in stored
		if json.Unmarshal(m.Data, &in) != nil {
			in = stored{} // unreachable unless corrupt: it stays without a sender
		}
		out[i] = Posted{m.Room, m.ID, m.Stored, in.User, in.Name, in.CID, in.Edit, in.Body}
	}
	return out
}

// HasBot reports whether a room that an operator made has the bot. It asks the
// store: it is asked before Run has read which rooms there are.
func (s *Service) HasBot(ctx context.Context, room string) (bool, error) {
	r, err := s.Room(ctx, room)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return r.Bot, err
}

// Typing shows the members of a room that somebody types, for a few seconds.
func (s *Service) Typing(name, user, userName string) {
	frame := typingFrame{"typing", name, user, userName}
	if r := s.hub.active(name); r != nil {
		r.tellTyping(frame)
	}
	s.tell(told{Typing: &frame})
}

// Erase takes a message away for good. What members have of it is theirs: tell
// them with a Post that deletes it.
func (s *Service) Erase(ctx context.Context, id uint64) error { return s.store.Erase(ctx, id) }

// DeleteTranscript deletes all that is kept of a LINE conversation.
func (s *Service) DeleteTranscript(ctx context.Context, channel, conversation string) error {
	name := Transcript(channel, conversation)
	if _, ok := parseName(name); !ok {
		return nil // there is none
	}
	if err := s.store.Delete(ctx, name); err != nil {
		return err
	}
	if r := s.hub.active(name); r != nil {
		r.clear()
	}
	return s.flush()
}

// Transcripts returns the channels in which there is a transcript of a
// conversation.
func (s *Service) Transcripts(ctx context.Context, conversation string) ([]string, error) {
	heads, err := s.store.Heads(ctx, Transcript("*", conversation))
	var channels []string
	for _, m := range heads {
		if p, ok := parseName(m.Room); ok {
			channels = append(channels, p.a)
		}
	}
	return channels, err
}

// clear drops the messages that a room has in memory.
func (r *room) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		r.eraseLocked(r.ring[i].id)
	}
}
