package room

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// What operators do by command. None of it needs Run.

// MaxTokenLife is how long a token may live.
const MaxTokenLife = 365 * 24 * time.Hour

// Token returns a token for a user; ErrInvalid when there cannot be such a one.
func (s *Service) Token(who Identity) (string, error) {
	if who.Name == "" {
		who.Name = who.User
	}
	life := time.Until(who.Expires)
	switch {
	case !validUser(who.User) || reserved(who.User):
		return "", fmt.Errorf("%w: user: 1 to %d letters, digits, '-' and '_', and not %s or %s", ErrInvalid, maxUserID, UserBot, UserSystem)
	case !validName(who.Name):
		return "", fmt.Errorf("%w: name: 1 to %d characters", ErrInvalid, maxName)
	case life <= 0 || life > MaxTokenLife:
		return "", fmt.Errorf("%w: a token lives for up to %v", ErrInvalid, MaxTokenLife)
	}
	return s.signer.sign(who), nil
}

// Shown is a message as commands show it.
type Shown struct {
	Room string          `json:"room"`
	ID   uint64          `json:"id"`
	At   time.Time       `json:"at"`
	User string          `json:"user"`
	Name string          `json:"name,omitempty"`
	CID  string          `json:"cid,omitempty"`
	Edit uint64          `json:"edit,omitempty"`
	Del  uint64          `json:"del,omitempty"`
	Body json.RawMessage `json:"body,omitempty"`
}

// History returns the newest messages of any room before an ID, 0 for the newest
// of all, in order.
func (s *Service) History(ctx context.Context, room string, before uint64, most int) ([]Shown, error) {
	if _, ok := parseName(room); !ok {
		return nil, fmt.Errorf("%w: %q is no name of a room", ErrInvalid, room)
	}
	list, err := s.store.Before(ctx, room, before, most)
	if err != nil {
		return nil, err
	}
	shown := []Shown{}
	for _, m := range list {
		shown = append(shown, show(m))
	}
	return shown, nil
}

func show(m engine.RoomMessage) Shown {
	v := Shown{Room: m.Room, ID: m.ID, At: m.Stored}
	var st stored
	if json.Unmarshal(m.Data, &st) == nil {
		v.User, v.Name, v.CID, v.Edit, v.Del, v.Body = st.User, st.Name, st.CID, st.Edit, st.Del, st.Body
	}
	return v
}

// Newest returns the newest message of each room that a pattern names, such as
// "dm.>" or "*" for the rooms that operators made, the rooms that were written to
// last at the end.
func (s *Service) Newest(ctx context.Context, pattern string) ([]Shown, error) {
	heads, err := s.store.Heads(ctx, pattern)
	if err != nil {
		return nil, err
	}
	shown := []Shown{}
	for _, m := range heads {
		shown = append(shown, show(m))
	}
	return shown, nil
}

// Exists reports whether messages can be written to a room: it was made, or is one
// that needs no making.
func (s *Service) Exists(ctx context.Context, room string) error {
	p, ok := parseName(room)
	if !ok {
		return fmt.Errorf("%w: %q is no name of a room", ErrInvalid, room)
	}
	if p.kind != KindRoom {
		return nil
	}
	_, _, err := s.record(ctx, room)
	return err
}
