package chatload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Client is one user's connection.
type Client struct {
	Token string `json:"token"`
	Room  string `json:"room"`
}

// member is a connection that has joined a room. Its fields belong to the
// goroutine that reads, but for the atomic ones.
type member struct {
	conn
	Client
	crowd *crowd
	steps chan answer // welcome and live, for who waits for them; room for both

	last    int64 // ID of the room's newest message
	skipped bool  // the chain's beginning was not asked for
	counts  bool  // messages count: they were missed, or are new
	got     int64 // messages that counted
	fresh   int64 // of these, not yet in crowd.got
	timed   bool  // notes how old messages are when they come
	ages    []time.Duration
	acks    []time.Duration
	acked   atomic.Int64           // sends that were acknowledged
	onAck   atomic.Pointer[func()] // called after each ack; nil for none
	text    []byte                 // a frame that sends, but for its cid
	cidAt   int                    // in text
	epoch   string                 // of the store
	head    atomic.Int64           // newest ID that was acknowledged
}

// answer is a line from the server that is neither a message nor an ack.
type answer struct {
	T     string          `json:"t"`
	Epoch json.RawMessage `json:"epoch"`
	Reset bool            `json:"reset"`
	Code  string          `json:"code"`
	Text  string          `json:"text"`
}

var (
	msgMark  = []byte(`{"t":"msg",`)
	ackMark  = []byte(`{"t":"ack",`)
	idMark   = []byte(`"id":`)
	prevMark = []byte(`"prev":`)
	cidMark  = []byte(`"cid":"`)
)

// cidDigits is the length of a cid, which is the time of its send in nanoseconds
// since 1970: what comes back tells how long it took.
const cidDigits = 19

func newMember(cl Client, textBytes int) *member {
	m := &member{Client: cl, steps: make(chan answer, 2)}
	m.line = m.take
	m.idle = m.count
	payload := fmt.Appendf(nil, `{"t":"send","room":%q,"cid":"%0*d","body":{"type":"text","text":%q}}`,
		cl.Room, cidDigits, 0, strings.Repeat("x", textBytes))
	m.text = frame(opText, payload)
	m.cidAt = bytes.Index(m.text, cidMark) + len(cidMark)
	return m
}

// hello logs in.
func (m *member) hello() error {
	if err := m.write(frame(opText, fmt.Appendf(nil, `{"t":"hello","v":1,"client":"bench","token":%q}`, m.Token))); err != nil {
		return err
	}
	a, err := m.step("welcome")
	if err == nil {
		m.epoch = string(a.Epoch)
	}
	return err
}

// ask asks to join the room; last is what a member has of it, 0 for nothing.
func (m *member) ask(last int64) error {
	m.last, m.skipped, m.counts = last, last == 0, last > 0
	var cursor string
	if last > 0 {
		cursor = fmt.Sprintf(`,"last":%d,"epoch":%s`, last, m.epoch)
	}
	return m.write(frame(opText, fmt.Appendf(nil, `{"t":"join","n":1,"room":%q%s}`, m.Room, cursor)))
}

// step waits for an answer of this kind.
func (m *member) step(kind string) (answer, error) {
	limit := time.NewTimer(stepLimit)
	defer limit.Stop()
	select {
	case a := <-m.steps:
		if a.T != kind {
			return a, fmt.Errorf("got %q, want %q", a.T, kind)
		}
		return a, nil
	case <-limit.C:
		return answer{}, fmt.Errorf("no %q within %v", kind, stepLimit)
	case <-m.crowd.ctx.Done():
		return answer{}, m.crowd.err()
	}
}

// send sends a message that is due at a time. A member's times must grow.
func (m *member) send(due time.Time) error {
	text := bytes.Clone(m.text)
	strconv.AppendInt(text[m.cidAt:m.cidAt], due.UnixNano(), 10) // in place
	return m.write(text)
}

// take takes one line.
func (m *member) take(line []byte) error {
	switch {
	case bytes.HasPrefix(line, msgMark):
		return m.msg(line)
	case bytes.HasPrefix(line, ackMark):
		return m.ack(line)
	case len(line) == 0:
		return nil
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	switch a.T {
	case "welcome":
		m.steps <- a
	case "live":
		m.counts = true
		m.steps <- a
	case "joined":
		if a.Reset {
			return errors.New("the room was reset: more was missed than the server replays")
		}
	case "ping":
		return m.write(frame(opText, []byte(`{"t":"pong"}`)))
	case "nack", "error":
		return fmt.Errorf("the server refused: %s: %s", a.Code, a.Text)
	case "msg", "ack", "drain":
		return fmt.Errorf("unexpected line %.60q", line)
	}
	return nil
}

// msg follows the chain of the room.
func (m *member) msg(line []byte) error {
	id, prev := number(line, idMark), number(line, prevMark)
	if id <= m.last || prev != m.last && !m.skipped || prev < 0 {
		return fmt.Errorf("room %s: message %d with previous %d came after %d", m.Room, id, prev, m.last)
	}
	m.last, m.skipped = id, false
	if !m.counts {
		return nil
	}
	m.got++
	m.fresh++
	if m.timed {
		m.ages = m.note(m.ages, line)
	}
	return nil
}

func (m *member) ack(line []byte) error {
	id := number(line, idMark)
	if id <= m.head.Load() {
		return fmt.Errorf("room %s: ack of %d came after %d", m.Room, id, m.head.Load())
	}
	m.head.Store(id)
	m.acks = m.note(m.acks, line)
	m.acked.Add(1)
	if f := m.onAck.Load(); f != nil {
		(*f)()
	}
	return nil
}

// count adds what came to the crowd's count, once for all lines of a read.
func (m *member) count() {
	if m.fresh > 0 {
		m.crowd.received(m.fresh)
		m.fresh = 0
	}
}

// note appends the time since the line's message was due.
func (m *member) note(times []time.Duration, line []byte) []time.Duration {
	due := number(line, cidMark)
	if due < m.crowd.since.Load() {
		return times
	}
	return append(times, time.Duration(time.Now().UnixNano()-due))
}

// number returns the number that follows a mark, -1 for none. A mark cannot be
// part of a text: there, its quotes would be escaped.
func number(line, mark []byte) int64 {
	i := bytes.Index(line, mark)
	if i < 0 {
		return -1
	}
	n := int64(-1)
	for _, c := range line[i+len(mark):] {
		if c < '0' || c > '9' {
			break
		}
		n = max(n, 0)*10 + int64(c-'0')
	}
	return n
}
