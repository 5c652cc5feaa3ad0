package roombot

import (
	"encoding/json"
	"time"
)

// Sent is what a user sent to a room with the bot. It is stored in the room.
type Sent struct {
	Room  string
	ID    uint64
	User  string
	Name  string
	CID   string
	Body  json.RawMessage // a LINE message object, or a postback
	Edit  uint64          // ID of the message that Body takes the place of
	Del   uint64          // ID of the message that is deleted
	Again bool            // the room had it before: this is a repetition
}

// Take makes an event of a send and returns when it is durable. With an error,
// engine.ErrFull or engine.ErrBusy among others, it may be so or not: then the send
// must come again, with the same cid.
func (s *Service) Take(m Sent) error {
	s.names.note(m.User, m.Name)
	ev, err := eventOf(m, s.cfg.Name, time.Now())
	if err != nil {
		return err
	}
	_, _, err = s.cfg.Inbox.Append(ev)
	return err
}
