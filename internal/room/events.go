package room

import (
	"bytes"
	"context"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Where WebSockets do not come through, a client is a stream of server-sent events
// for what it is told, and POSTs for what it says: the same frames, of which all
// that is in docs/chat-protocol.md holds.
// Source of the format: the HTML standard, "Server-sent events".

const (
	// maxEventRooms bounds the rooms that the address of a stream names: the ID of
	// each event tells how far the stream is in all of them.
	maxEventRooms = 20
	// retryLeast and retrySpread are how long a browser waits until it comes back, in
	// ms: each another time, so that they do not come together.
	retryLeast  = 1000
	retrySpread = 4000
)

// serveEvents answers GET /chat/events.
func (s *Service) serveEvents(w http.ResponseWriter, r *http.Request) {
	rooms := r.URL.Query()["room"]
	if len(rooms) > maxEventRooms {
		answerError(w, http.StatusBadRequest, refuse(codeBadFrame, "at most 20 rooms in the address; join more with frames"))
		return
	}
	at := parseCursors(r.Header.Get("Last-Event-ID"))
	st := newStream(r.Context(), w, newEvents(s.epoch, rooms, at).append)
	defer st.stop()
	c, ok := s.clientOf(w, r, st)
	if !ok {
		return
	}
	s.noteStream(c)
	st.rc.SetReadDeadline(noDeadline) // the server's limit is for the request; a failure shows when writing
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	if st.flush([]byte("retry: "+strconv.Itoa(retryLeast+mathrand.IntN(retrySpread))+"\n\n")) != nil {
		st.shut()
	}
	c.send(c.welcomeFrame())
	var join func(ctx context.Context) // none without rooms: a POST may come as soon as the welcome is there
	if len(rooms) > 0 {
		join = func(ctx context.Context) {
			for i, room := range rooms {
				f := clientFrame{T: "join", N: int64(i + 1), Room: room, Last: at.last(room), Epoch: at.epoch}
				if c.serve(ctx, &f) != nil {
					return // unreachable: a join ends no connection
				}
			}
		}
	}
	s.serveStream(c, st, "events", join)
}

// clientOf makes a client of a request whose answer is a stream; false when it was
// answered with why not.
func (s *Service) clientOf(w http.ResponseWriter, r *http.Request, st *stream) (*client, bool) {
	who := s.caller(r)
	if who == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		answerError(w, http.StatusUnauthorized, refuse(codeForbidden, "log in first: a token in the header Authorization, or the cookie of a session"))
		return nil, false
	}
	c := s.newClient()
	c.out = st
	c.silent.Store(true)
	why := s.admit(false)
	if why == nil && !s.add(c) {
		why = awayClosed
	}
	if why != nil {
		s.turnAway(w, why)
		return nil, false
	}
	if !s.welcome(c, who) {
		s.unregister(c)
		s.readers.Done()
		s.turnAway(w, awayUser)
		return nil, false
	}
	c.keepName(r.Context())
	return c, true
}

// caller returns who sends a request, by its token or the cookie of a page's
// session; nil for nobody. Browsers name the origin of whatever a page of another
// one asks for, if it can read the answer.
func (s *Service) caller(r *http.Request) *Identity {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		who, err := s.signer.check(token, time.Now())
		if err != nil {
			return nil
		}
		return &who
	}
	return s.cookieOf(r)
}

// events writes frames as server-sent events. The messages of the rooms that the
// stream's address names have IDs, with which a browser comes back.
type events struct {
	cursors
	ids bool // there are such rooms
}

func newEvents(epoch string, rooms []string, at cursors) *events {
	e := &events{cursors: cursors{epoch: epoch}, ids: len(rooms) > 0}
	for _, room := range rooms {
		e.at = append(e.at, cursor{room, at.last(room)})
	}
	return e
}

func (e *events) append(b, frame []byte) []byte {
	if e.ids && e.note(frame) {
		b = append(e.appendTo(append(b, "id: "...)), '\n')
	}
	b = append(b, "data: "...)
	return append(append(b, frame...), '\n', '\n')
}

// note takes what a frame says of how far its room is; false for nothing.
func (e *events) note(frame []byte) bool {
	rest, ok := isFrameOf(frame, `msg","room":"`)
	if !ok {
		if rest, ok = isFrameOf(frame, `live","room":"`); !ok {
			return false
		}
	}
	room, rest, _ := bytes.Cut(rest, []byte(`","id":`))
	end := bytes.IndexAny(rest, ",}")
	for i := range e.at {
		if e.at[i].room == string(room) && end > 0 {
			id, _ := strconv.ParseUint(string(rest[:end]), 10, 64) // it was made here
			e.at[i].last = id
			return true
		}
	}
	return false
}

// cursors is how far a client is in its rooms: the ID of an event.
type cursors struct {
	epoch string
	all   uint64 // in all rooms, where the ID is a number alone
	at    []cursor
}

type cursor struct {
	room string
	last uint64
}

// parseCursors reads an event's ID, or a message's. What is not understood is
// nothing: its client begins with the newest page.
func parseCursors(text string) cursors {
	if id, err := strconv.ParseUint(text, 10, 64); err == nil {
		return cursors{all: id}
	}
	epoch, rest, _ := strings.Cut(text, ",")
	c := cursors{epoch: epoch}
	for part := range strings.SplitSeq(rest, ",") {
		room, digits, _ := strings.Cut(part, "=")
		if id, err := strconv.ParseUint(digits, 10, 64); err == nil && len(c.at) < maxEventRooms {
			c.at = append(c.at, cursor{room, id})
		}
	}
	return c
}

func (c cursors) appendTo(b []byte) []byte {
	b = append(b, c.epoch...)
	for _, cur := range c.at {
		b = append(append(append(b, ','), cur.room...), '=')
		b = strconv.AppendUint(b, cur.last, 10)
	}
	return b
}

// last returns the last ID of a room, 0 for none.
func (c cursors) last(room string) uint64 {
	for _, cur := range c.at {
		if cur.room == room {
			return cur.last
		}
	}
	return c.all
}
