package linesim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The kinds of stream events.
const (
	streamMessage = "message"
	streamWebhook = "webhook"
	streamCall    = "call"
	streamUser    = "user"
	streamGroup   = "group"
	streamLoading = "loading"
	// streamReset tells a reader that resumed too late that it missed events and must load the state
	// again.
	streamReset = "reset"
)

const (
	// streamEvents is how many events a reader may be behind before it is cut off, and how far back one
	// can resume.
	streamEvents = 10_000
	// streamReaders bounds the open streams.
	streamReaders = 100
	// streamBatch is how many events are written between two looks at the lock.
	streamBatch = 100
	// streamWriteLimit is the time a reader may take for a batch.
	streamWriteLimit = 10 * time.Second
	// streamHeartbeat keeps proxies from closing a silent stream.
	streamHeartbeat = 15 * time.Second
)

// phoneMessage is a message together with the phone that shows it.
type phoneMessage struct {
	Phone string `json:"phone"`
	Message
}

// loading says that the bot's loading animation is shown to a user for so many seconds; 0 = no longer.
type loading struct {
	UserID  string    `json:"userId"`
	Seconds int       `json:"seconds"`
	At      time.Time `json:"at"`
}

// streamEvent is one event of the stream; data is never changed once it is here, and is encoded only
// when somebody reads it.
type streamEvent struct {
	kind string
	data any
}

// stream is what all readers read from; Simulator.mu guards it. A reader holds only the number of the
// event it has come to, so a slow one costs nothing: when its next event has left the ring it is cut
// off.
type stream struct {
	epoch   string // differs between two runs, so that an old Last-Event-ID is not mistaken
	events  ring[streamEvent]
	readers map[chan struct{}]struct{} // each with room for one wake-up
}

func newStream() stream {
	return stream{
		epoch: randomHex(4), events: newRing[streamEvent](streamEvents), readers: make(map[chan struct{}]struct{}),
	}
}

// publishLocked puts an event on the stream.
func (s *Simulator) publishLocked(kind string, data any) {
	s.stream.events.add(streamEvent{kind: kind, data: data})
	for wake := range s.stream.readers {
		select {
		case wake <- struct{}{}:
		default: // it has a wake-up to read already
		}
	}
}

// serveStream answers GET /sim/stream with Server-Sent Events until the reader goes, is too slow, or the
// simulator closes.
func (s *Simulator) serveStream(w http.ResponseWriter, r *http.Request) {
	wake := make(chan struct{}, 1)
	pos, reset, err := s.joinStream(wake, r.Header.Get("Last-Event-ID"))
	if err != nil {
		writeControlError(w, err)
		return
	}
	defer s.leaveStream(wake)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	var first []byte
	if reset {
		first = s.appendEvent(first, pos, streamEvent{kind: streamReset, data: struct{}{}})
	} else {
		first = append(first, ": connected\n\n"...)
	}
	if !flush(w, first) {
		return
	}
	heartbeat := time.NewTicker(streamHeartbeat)
	defer heartbeat.Stop()
	for {
		batch, next, ok := s.readStream(pos)
		if !ok {
			s.log.Info("a slow reader of the stream was cut off")
			return
		}
		if len(batch) > 0 {
			var buf []byte
			for i, ev := range batch {
				buf = s.appendEvent(buf, pos+int64(i)+1, ev)
			}
			pos = next
			if !flush(w, buf) {
				return
			}
			continue
		}
		select {
		case <-wake:
		case <-heartbeat.C:
			if !flush(w, []byte(": still here\n\n")) {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

// joinStream registers a reader and returns the number of the last event that it has, from its
// Last-Event-ID. reset is true when it missed events that are gone.
func (s *Simulator) joinStream(wake chan struct{}, lastID string) (pos int64, reset bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stream.readers) >= streamReaders {
		return 0, false, fmt.Errorf("%w: %d streams are open already, close some", errTooMany, streamReaders)
	}
	s.stream.readers[wake] = struct{}{}
	newest := s.stream.events.last
	if lastID == "" {
		return newest, false, nil
	}
	epoch, number, _ := strings.Cut(lastID, "-")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || epoch != s.stream.epoch || n > newest || n+1 < s.stream.events.first() {
		return newest, true, nil
	}
	return n, false, nil
}

func (s *Simulator) leaveStream(wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stream.readers, wake)
}

// readStream returns the next events after pos; ok is false when some of them are gone.
func (s *Simulator) readStream(pos int64) (batch []streamEvent, next int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pos+1 < s.stream.events.first() {
		return nil, 0, false
	}
	batch = s.stream.events.after(pos, streamBatch, nil)
	return batch, pos + int64(len(batch)), true
}

// appendEvent writes one Server-Sent Event to buf.
func (s *Simulator) appendEvent(buf []byte, number int64, ev streamEvent) []byte {
	data, err := json.Marshal(ev.data)
	if err != nil {
		// Unreachable: what is published was JSON before.
		s.log.Error("stream event left out", "kind", ev.kind, "error", err)
		return buf
	}
	out := bytes.NewBuffer(buf)
	fmt.Fprintf(out, "id: %s-%d\nevent: %s\ndata: %s\n\n", s.stream.epoch, number, ev.kind, data)
	return out.Bytes()
}

// flush writes to a stream's reader within the limit and reports whether it is still there.
func flush(w http.ResponseWriter, b []byte) bool {
	rc := http.NewResponseController(w)
	// Writers without deadlines (tests, wrappers) are used as they are.
	_ = rc.SetWriteDeadline(time.Now().Add(streamWriteLimit))
	if _, err := w.Write(b); err != nil {
		return false
	}
	return rc.Flush() == nil
}
