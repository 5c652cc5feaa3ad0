package room

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// keptStreamBuffer is how large the buffer of an idle stream may be, in bytes.
const keptStreamBuffer = 4 << 10

var errStreamOver = errors.New("the answer is over")

// stream is the transport of a client whose frames are the answer to an HTTP
// request. The request's handler writes it: see pump.
type stream struct {
	rc     *http.ResponseController
	w      http.ResponseWriter
	format func(b, frame []byte) []byte // appends a frame's JSON as it stands in the answer

	buf  []byte
	due  chan struct{} // room for one: something is queued
	ctx  context.Context
	stop context.CancelFunc
	turn chan struct{} // room for one: who handles the client's frames

	mu   sync.Mutex
	over bool // nothing more is written
}

// newStream returns the transport of an answer, for as long as ctx.
func newStream(ctx context.Context, w http.ResponseWriter, format func(b, frame []byte) []byte) *stream {
	ctx, cancel := context.WithCancel(ctx)
	return &stream{
		rc: http.NewResponseController(w), w: w, format: format, ctx: ctx, stop: cancel,
		due: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
}

func (st *stream) write(frames [][]byte) error {
	st.buf = st.buf[:0]
	for _, rest := range frames {
		for len(rest) > 0 {
			op, text := rest[0]&0x0f, []byte(nil)
			text, rest = frameText(rest)
			if op == opClose {
				text = closeText(text)
			}
			if text != nil {
				st.buf = st.format(st.buf, text)
			}
		}
	}
	err := st.flush(st.buf)
	if cap(st.buf) > keptStreamBuffer {
		st.buf = nil
	}
	return err
}

// flush writes at once, within writeWithin.
func (st *stream) flush(b []byte) error {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return errStreamOver
	}
	err := st.rc.SetWriteDeadline(time.Now().Add(writeWithin * time.Second))
	st.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.rc.Flush()
}

// finish ends the answer as one that is complete.
func (st *stream) finish() {
	st.mu.Lock()
	st.over = true
	st.mu.Unlock()
	st.stop()
}

func (st *stream) shut() {
	st.mu.Lock()
	if !st.over {
		st.over = true
		st.rc.SetWriteDeadline(time.Unix(1, 0)) // a write under way fails; where that can't be, its own deadline ends it
	}
	st.mu.Unlock()
	st.stop()
}

func (st *stream) wake(*client) {
	select {
	case st.due <- struct{}{}:
	default: // pump has not looked yet
	}
}

// pump writes what is queued for c until the answer is over.
func (st *stream) pump(c *client) {
	for {
		select {
		case <-st.due:
			c.drain()
		case <-st.ctx.Done():
			return
		}
	}
}

// closingFrame is the last frame of a stream, in place of a WebSocket's close code.
type closingFrame struct {
	T      string `json:"t"`
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// closeText returns the JSON that stands for the payload of a close frame; nil for
// the end of an answer that is complete.
func closeText(payload []byte) []byte {
	code := int(binary.BigEndian.Uint16(payload))
	if code == closeNormal {
		return nil
	}
	text, err := json.Marshal(closingFrame{"close", code, string(payload[2:])})
	if err != nil {
		panic(err) // unreachable: a number and a string
	}
	return text
}

// appendLine appends a frame as a line.
func appendLine(b, frame []byte) []byte { return append(append(b, frame...), '\n') }

// serveStream serves a client whose frames go into an answer, until the answer is
// over. handle has the client's frames handled meanwhile, nil for none.
func (s *Service) serveStream(c *client, st *stream, way string, handle func(ctx context.Context)) {
	defer s.readers.Done()
	s.metrics.clients.WithLabelValues(way).Inc()
	defer s.metrics.clients.WithLabelValues(way).Dec()
	var handling sync.WaitGroup
	if handle != nil {
		st.turn <- struct{}{}
		handling.Go(func() { // awaited below
			handle(st.ctx)
			<-st.turn
		})
	}
	st.pump(c)
	s.forgetStream(c)
	c.shut()
	handling.Wait()
	st.turn <- struct{}{} // nobody handles frames any more
	for _, m := range c.joined {
		m.room.leave(m)
	}
	s.unregister(c)
}

// handleFor handles frames of a stream's client, whose turn is the caller's. What
// has to end the connection ends it.
func (st *stream) handleFor(c *client, frames []byte) {
	var end *closeError
	if errors.As(c.handle(st.ctx, frames), &end) {
		c.end(end.code, end.reason)
	}
}

// isFrameOf reports whether a frame has a kind, and returns what follows it.
func isFrameOf(frame []byte, kind string) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(frame, []byte(`{"t":"`))
	if !ok {
		return nil, false
	}
	return bytes.CutPrefix(rest, []byte(kind))
}
