package room

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// requestLimit bounds what one frame may take of the store.
const requestLimit = 10 * time.Second

// floodFactor times the allowed frames in floodWindow end a connection.
const (
	floodFactor = 10
	floodWindow = time.Second
)

// handle serves one message of a client: frames divided by line ends.
func (c *client) handle(ctx context.Context, message []byte) error {
	for line := range bytes.SplitSeq(message, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := c.line(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// line serves one frame. Its error ends the connection.
func (c *client) line(ctx context.Context, line []byte) error {
	var f clientFrame
	if err := readFrame(line, &f); err != nil {
		return c.spend(&f, func() error {
			c.refuse(&f, refuse(codeBadFrame, "not a frame: "+faultOf(err)))
			return nil
		})
	}
	if c.who.Load() == nil && f.T != "hello" {
		return &closeError{closeNoHello, "hello comes first"}
	}
	if f.T == "pong" {
		c.awaiting.Store(0)
		c.silent.Store(false)
		return nil
	}
	return c.spend(&f, func() error { return c.serve(ctx, &f) })
}

// faultOf says what is wrong with JSON without repeating it.
func faultOf(err error) string {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return "field " + wrongType.Field + " has the wrong type"
	}
	return "no JSON object"
}

// spend serves a frame within the rate limit.
func (c *client) spend(f *clientFrame, serve func() error) error {
	if c.frames.Allow() {
		return serve()
	}
	now := time.Now()
	if now.Sub(c.refuseAt) > floodWindow {
		c.refused, c.refuseAt = 0, now
	}
	if c.refused++; float64(c.refused) > c.s.cfg.Rate*floodFactor {
		return &closeError{closeRate, "too many frames"}
	}
	c.refuse(f, &refusal{codeRate, "too many frames", max(1, int(1000/c.s.cfg.Rate))})
	return nil
}

// newLimiter returns the limiter of one connection.
func (s *Service) newLimiter() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(s.cfg.Rate), max(1, int(2*s.cfg.Rate)))
}

// refuse tells why a frame is not served, as fits its kind.
func (c *client) refuse(f *clientFrame, r *refusal) {
	if f.T == "send" {
		c.send(jsonFrame(nackFrame{"nack", f.CID, f.Room, r.code, r.text, r.retryMS}))
		return
	}
	c.send(jsonFrame(errorFrame{"error", f.N, r.code, r.text, r.retryMS}))
}

// serve serves one frame after hello, or hello.
func (c *client) serve(ctx context.Context, f *clientFrame) (err error) {
	if f.T != "send" || f.Edit+f.Del != 0 { // else publish does not wait, or sets the limit
		limited, cancel := context.WithTimeout(ctx, requestLimit)
		defer cancel()
		ctx = limited
	}
	if c.once && (f.T == "join" || f.T == "leave" || f.T == "typing" || f.T == "auth") {
		c.refuse(f, refuse(codeBadFrame, f.T+" needs a connection: GET /chat/events or the WebSocket"))
		return nil
	}
	switch f.T {
	case "hello":
		return c.hello(ctx, f)
	case "auth":
		return c.auth(f)
	case "join":
		err = c.join(ctx, f)
	case "leave":
		err = c.leave(f)
	case "send":
		err = c.publish(ctx, f)
	case "history":
		err = c.history(ctx, f)
	case "rooms":
		err = c.listRooms(ctx, f)
	case "users":
		err = c.findUsers(f)
	case "read":
		err = c.markRead(f)
	case "typing":
		c.typing(f)
	case "ping":
		c.send(pongFrame)
	} // kinds that are not known are ignored
	if err != nil {
		c.refuse(f, refusalOf(err))
	}
	return nil
}

var pongFrame = textFrame([]byte(`{"t":"pong"}`))

// hello makes the client somebody.
func (c *client) hello(ctx context.Context, f *clientFrame) error {
	if c.who.Load() != nil {
		c.refuse(f, refuse(codeBadFrame, "hello was said before"))
		return nil
	}
	if f.V != 1 {
		return &closeError{closeProtocol, "this server speaks version 1"}
	}
	who := c.cookie
	if f.Token != "" {
		id, err := c.s.signer.check(f.Token, time.Now())
		if err != nil {
			return &closeError{closeAuth, "token is not valid"}
		}
		who = &id
	}
	if who == nil || !time.Now().Before(who.Expires) {
		return &closeError{closeAuth, "log in first"}
	}
	if !c.s.welcome(c, who) {
		return &closeError{closeOverloaded, "too many connections of one user"}
	}
	c.keepName(ctx)
	c.send(c.welcomeFrame())
	return nil
}

// keepName lets others find the user by name.
func (c *client) keepName(ctx context.Context) {
	if err := c.s.keepName(ctx, c.who.Load()); err != nil {
		c.s.lg.Warn("name of a chat user is not stored", "error", err)
	}
}

// welcomeFrame answers a hello.
func (c *client) welcomeFrame() []byte {
	who := c.identity()
	return jsonFrame(welcomeFrame{
		T: "welcome", Conn: c.id, User: who.User, Name: who.Name, Epoch: c.s.epoch, PingS: pingEvery,
		MaxBytes: MaxFrame, DedupS: int(dedup / time.Second), Server: c.s.cfg.Server, Time: time.Now().UnixMilli(),
	})
}

// auth lets the connection live as long as another token of the same user.
func (c *client) auth(f *clientFrame) error {
	id, err := c.s.signer.check(f.Token, time.Now())
	if err != nil || id.User != c.identity().User {
		return &closeError{closeAuth, "token is not valid"}
	}
	c.who.Store(&id)
	c.send(jsonFrame(okFrame{"ok", f.N}))
	return nil
}

// join makes the client a member of a room.
func (c *client) join(ctx context.Context, f *clientFrame) error {
	who := c.identity()
	a, err := c.s.access(who, f.Room)
	if err != nil {
		return err
	}
	if m := c.joined[f.Room]; m != nil {
		m.room.leave(m) // again, with what it has
		delete(c.joined, f.Room)
	}
	if len(c.joined) >= maxJoined {
		return refuse(codeBusy, "too many rooms are joined")
	}
	if !c.awaitRoom() {
		return nil
	}
	r, err := c.s.hub.room(f.Room)
	if err != nil {
		return err
	}
	m, err := c.enter(ctx, r, a, f)
	if err != nil {
		r.holders.Add(-1)
		return err
	}
	c.joined[f.Room] = m
	return nil
}

// enter joins a room that is held, from what the client has or, where that is not
// possible, anew.
func (c *client) enter(ctx context.Context, r *room, a access, f *clientFrame) (*membership, error) {
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	read, err := c.s.reads(ctx, c.identity().User, c.user)
	if err != nil {
		return nil, err
	}
	j := joining{last: f.Last, reset: f.Last > 0 && f.Epoch != "" && f.Epoch != c.s.epoch}
	answer := func(head uint64, present *attendance) []byte {
		people, count := present.with(c.identity())
		return jsonFrame(joinedFrame{
			T: "joined", N: f.N, Room: r.name, Kind: a.kind, Title: a.title, Head: head, Epoch: c.s.epoch, Send: a.send,
			Members: people, Count: count, Read: read[r.name], Reset: j.reset,
		})
	}
	for range maxChunks {
		m, err := c.step(ctx, r, &j, answer)
		if m != nil || err != nil {
			return m, err
		}
		if !c.awaitRoom() {
			return nil, errBusy // it is gone
		}
	}
	return nil, errBusy
}

// maxChunks bounds the steps of a join: a replay's chunks, and some attempts while
// the room's memory changes.
const maxChunks = replayBytes/chunkBytes + 8

// joining is how far a join has come.
type joining struct {
	last     uint64 // ID that the client has
	reset    bool   // the client has to begin anew
	answered bool   // joined was sent
}

// step goes on with a join; it returns nil when more is to come.
func (c *client) step(ctx context.Context, r *room, j *joining, answer func(uint64, *attendance) []byte) (m *membership, err error) {
	if j.answered {
		answer = nil
	}
	if j.reset && !j.answered {
		j.last = 0
	}
	if j.last > 0 {
		err = r.reach(ctx, j.last)
	}
	if err == nil {
		m, j.last, err = r.join(c, j.last, answer)
		j.answered = j.answered || err == nil
	}
	switch {
	case errors.Is(err, errBehind):
		return nil, nil
	case errors.Is(err, errReset) && !j.answered:
		j.reset = true
		return nil, nil
	case errors.Is(err, errReset):
		return nil, errBusy // more has come than it reads: it joins again
	}
	return m, err
}

func (c *client) leave(f *clientFrame) error {
	if m := c.joined[f.Room]; m != nil {
		m.room.leave(m)
		delete(c.joined, f.Room)
	}
	c.send(jsonFrame(okFrame{"ok", f.N}))
	return nil
}

// publish stores a send and acknowledges it when it is durable.
func (c *client) publish(ctx context.Context, f *clientFrame) error {
	m, err := c.s.prepare(ctx, c.identity(), f)
	if err != nil {
		return err
	}
	if m.bot != nil || m.del != 0 || c.once {
		ctx, cancel := context.WithTimeout(ctx, requestLimit)
		defer cancel()
		ack, err := c.s.putAndFollow(ctx, m)
		c.acknowledge(m, ack, err)
		return nil
	}
	if c.sends.Add(1) > maxSends {
		c.sends.Add(-1)
		return errBusy
	}
	c.s.put(m, func(ack engine.RoomAck, err error) {
		c.sends.Add(-1)
		c.acknowledge(m, ack, err)
	})
	return nil
}

// acknowledge tells the outcome of a send.
func (c *client) acknowledge(m outgoing, ack engine.RoomAck, err error) {
	frame := jsonFrame(c.s.outcome(m, ack, err))
	switch {
	case err != nil:
		c.send(frame)
		return
	case c.once:
		c.send(frame)
	default:
		c.s.hub.acknowledge(c, ack.ID, frame)
	}
	c.user.markRead(m.room, ack.ID)
}

// listRooms answers with the user's rooms.
func (c *client) listRooms(ctx context.Context, f *clientFrame) error {
	list, err := c.s.list(ctx, c.identity(), c.user)
	if err != nil {
		return err
	}
	c.send(jsonFrame(roomsFrame{"rooms", f.N, list}))
	return nil
}

// findUsers answers with users to write to.
func (c *client) findUsers(f *clientFrame) error {
	who := c.identity()
	if who.Guest && c.s.cfg.Guests != GuestsFull {
		return errForbidden
	}
	c.send(jsonFrame(usersFrame{"users", f.N, c.s.find(who, f.Q)}))
	return nil
}

// markRead notes how far the user has read.
func (c *client) markRead(f *clientFrame) error {
	if _, err := c.s.access(c.identity(), f.Room); err != nil {
		return err
	}
	c.user.markRead(f.Room, f.ID)
	return nil
}

// history answers with a page of older messages.
func (c *client) history(ctx context.Context, f *clientFrame) error {
	if _, err := c.s.access(c.identity(), f.Room); err != nil {
		return err
	}
	page, err := c.s.page(ctx, f)
	if err != nil {
		return err
	}
	if !c.awaitRoom() {
		return nil
	}
	c.send(jsonFrame(page))
	return nil
}
