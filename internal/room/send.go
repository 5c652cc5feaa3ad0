package room

import (
	"context"
	"encoding/json"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// outgoing is a message on its way to the store.
type outgoing struct {
	room, user, cid string
	data            []byte
	del             uint64   // ID of the message that it deletes
	bot             *Message // where the bot gets it, too
	notify          string   // the other one of a dm
	name            string   // of user
	patient         bool     // waits a moment for a flush to share
}

// Message is a message of a room as the bot gets it.
type Message struct {
	Room string
	ID   uint64
	User string
	Name string
	CID  string
	Body json.RawMessage // a LINE message object, or a postback
	Edit uint64          // ID of the message that Body takes the place of
	Del  uint64          // ID of the message that is deleted
	Dup  bool            // it was stored before, and comes again
}

// prepare checks a send of a user.
func (s *Service) prepare(ctx context.Context, who Identity, f *clientFrame) (outgoing, error) {
	a, err := s.access(who, f.Room)
	switch {
	case err != nil:
		return outgoing{}, err
	case !a.send:
		return outgoing{}, errNoSend
	case !validCID(f.CID):
		return outgoing{}, refuse(codeBadFrame, "cid: 1 to 64 of A-Za-z0-9._-")
	case f.Edit != 0 && f.Del != 0:
		return outgoing{}, refuse(codeBadFrame, "either edit or del")
	}
	m := stored{Edit: f.Edit, Del: f.Del, User: who.User, Name: who.Name, CID: f.CID}
	if f.Del == 0 {
		if m.Body, err = checkBody(f.Body); err != nil {
			return outgoing{}, refuse(codeBadFrame, err.Error())
		}
	}
	erase := f.Del
	if target := f.Edit + f.Del; target != 0 {
		err := s.mayChange(ctx, who, f.Room, target)
		if f.Del != 0 && isNotFound(err) && f.Del < s.hub.pos.Load() {
			erase, err = 0, nil // it is gone: perhaps this send is a repeated one
		}
		if isNotFound(err) {
			err = errNotYours
		}
		if err != nil {
			return outgoing{}, err
		}
	}
	data, err := m.encode()
	if err != nil {
		return outgoing{}, err
	}
	out := outgoing{room: f.Room, user: who.User, cid: f.CID, data: data, del: erase, name: who.Name}
	if a.kind == KindDM {
		out.notify = a.other(who.User)
	}
	if a.toBot() && s.cfg.Bot != nil {
		out.bot = &Message{Room: f.Room, User: who.User, Name: who.Name, CID: f.CID, Body: m.Body, Edit: f.Edit, Del: f.Del}
	}
	return out, nil
}

var errNotYours = refuse(codeForbidden, "only own messages of this room can be changed")

// mayChange checks that a message is one that the user may edit or delete;
// ErrNotFound when it is gone.
func (s *Service) mayChange(ctx context.Context, who Identity, room string, id uint64) error {
	got, err := s.store.Get(ctx, id)
	if err != nil {
		return err
	}
	var m stored
	if got.Room != room || json.Unmarshal(got.Data, &m) != nil || m.User != who.User || m.Edit != 0 || m.Del != 0 {
		return errNotYours
	}
	return nil
}

// put stores a message and calls done when it is durable, without blocking.
func (s *Service) put(m outgoing, done func(engine.RoomAck, error)) {
	began := time.Now()
	publish := s.store.Publish
	if m.patient {
		publish = s.store.PublishPatient
	}
	publish(m.room, m.user+":"+m.cid, m.data, func(ack engine.RoomAck, err error) {
		if err != nil {
			s.metrics.refused.Inc()
			done(ack, err)
			return
		}
		s.metrics.sent.Inc()
		if !m.patient {
			s.metrics.acked.Observe(time.Since(began).Seconds())
		}
		if m.notify != "" && !ack.Duplicate {
			s.notifyDM(m, ack.ID)
		}
		done(ack, nil)
	})
}

// putAndWait stores a message and returns when it is durable.
func (s *Service) putAndWait(ctx context.Context, m outgoing) (engine.RoomAck, error) {
	type outcome struct {
		ack engine.RoomAck
		err error
	}
	result := make(chan outcome, 1)
	s.put(m, func(ack engine.RoomAck, err error) { result <- outcome{ack, err} })
	select {
	case got := <-result:
		return got.ack, got.err
	case <-ctx.Done():
		return engine.RoomAck{}, ctx.Err()
	}
}

// putAndFollow stores a message and does what has to be done before it is
// acknowledged: the bot has it, what it deletes is gone. If that fails the client
// sends it again, and it is done again.
func (s *Service) putAndFollow(ctx context.Context, m outgoing) (engine.RoomAck, error) {
	ack, err := s.putAndWait(ctx, m)
	if err != nil {
		return ack, err
	}
	if m.del != 0 {
		if err := s.store.Erase(ctx, m.del); err != nil {
			return ack, err
		}
	}
	if m.bot != nil {
		m.bot.ID, m.bot.Dup = ack.ID, ack.Duplicate
		if err := s.cfg.Bot(ctx, *m.bot); err != nil {
			return ack, err
		}
	}
	return ack, nil
}

// outcome returns the frame that tells the outcome of a send.
func (s *Service) outcome(m outgoing, ack engine.RoomAck, err error) any {
	if err != nil {
		r := refusalOf(err)
		return nackFrame{"nack", m.cid, m.room, r.code, r.text, r.retryMS}
	}
	return ackFrame{"ack", m.cid, m.room, ack.ID, ack.Duplicate}
}
