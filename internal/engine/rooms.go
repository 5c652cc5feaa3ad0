package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// RoomsDedup is how long a message's id is remembered: the same message that is
// published again within it is stored once. The store holds about 200 bytes in
// memory for each message of this time.
const RoomsDedup = 2 * time.Minute

const (
	// roomsPending bounds the messages that wait for the store's answer. Beyond
	// it Publish fails with ErrBusy at once.
	roomsPending = 16 << 10
	// roomsExpiry is how often messages without an answer are looked for.
	roomsExpiry = 250 * time.Millisecond
	// roomPrefix is what stands before a room's name in a subject.
	roomPrefix = "room."
)

// Rooms holds the messages of all rooms, each under the subject of its room, in
// one sequence. A full or old store gives up its oldest messages. Methods may be
// called concurrently.
type Rooms struct {
	conn    *nats.Conn // for messages alone: what is read for one client delays no other's message
	reads   *nats.Conn
	stream  jetstream.Stream
	barrier *barrier
	limit   time.Duration // of one publish

	inbox  string // what stands before the number in the subject of an answer
	stored gathering[answered]

	durable atomic.Uint64 // every message up to this ID is; not used without a barrier

	mu      sync.Mutex
	last    uint64 // number of the last message
	pending map[uint64]waiting
	queues  map[*roomQueue]struct{} // of those who follow
	closed  bool

	quit    chan struct{} // closed by close
	expired sync.WaitGroup
}

// RoomMessage is a message of a room. Nobody changes its data.
type RoomMessage struct {
	Room   string
	ID     uint64 // its sequence: grows within a room, with gaps
	Stored time.Time
	Data   []byte
}

// RoomAck says where a message is stored.
type RoomAck struct {
	ID        uint64
	Duplicate bool // it was stored before, with this ID
}

// waiting is a message whose answer is awaited.
type waiting struct {
	since   time.Time
	patient bool
	done    func(RoomAck, error)
}

// answered is a message that is stored and not yet known to be durable.
type answered struct {
	ack  RoomAck
	done func(RoomAck, error)
}

func (o opener) rooms(ctx context.Context, conn *nats.Conn, maxBytes int64, keep time.Duration) (*Rooms, error) {
	stream, err := o.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        "ROOMS",
		Subjects:    []string{roomPrefix + ">"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    maxBytes,
		MaxAge:      keep,
		Replicas:    o.replicas,
		AllowDirect: true,
		Duplicates:  RoomsDedup,
	})
	if err != nil {
		return nil, fmt.Errorf("stream ROOMS: %w", err)
	}
	r := &Rooms{
		conn: conn, reads: o.e.conn, stream: stream, barrier: o.e.barrier, limit: o.appendLimit,
		inbox: nats.NewInbox() + ".", pending: map[uint64]waiting{}, queues: map[*roomQueue]struct{}{}, quit: make(chan struct{}),
	}
	r.stored = gathering[answered]{barrier: r.barrier, release: r.tell}
	sub, err := conn.Subscribe(r.inbox+"*", r.answer)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1) // bounded by roomsPending
	}
	if err != nil {
		return nil, fmt.Errorf("stream ROOMS: %w", err)
	}
	r.expired.Go(r.expire) // ended and awaited by close
	return r, nil
}

// Publish stores a message of a room and calls done when it is durable, or is
// known not to be. ErrBusy may mean that it was stored all the same, or will be:
// who publishes again does it with the same id, which names a message for
// RoomsDedup. done is called from another goroutine or before Publish returns,
// and must not block.
func (r *Rooms) Publish(room, id string, data []byte, done func(RoomAck, error)) {
	r.publish(room, id, data, waiting{done: done})
}

// PublishPatient is Publish for what is in no hurry: its flush is one that something
// else needs, or one that much shares, if that means to wait a moment.
func (r *Rooms) PublishPatient(room, id string, data []byte, done func(RoomAck, error)) {
	r.publish(room, id, data, waiting{patient: true, done: done})
}

func (r *Rooms) publish(room, id string, data []byte, w waiting) {
	n, err := r.enter(w)
	if err != nil {
		w.done(RoomAck{}, err)
		return
	}
	err = r.conn.PublishMsg(&nats.Msg{
		Subject: roomPrefix + room, Reply: r.inbox + strconv.FormatUint(n, 36),
		Header: nats.Header{jetstream.MsgIDHeader: []string{id}}, Data: data,
	})
	if err != nil {
		r.settle(n, RoomAck{}, fmt.Errorf("%w: %w", ErrBusy, err))
	}
}

// enter gives a message its number and lets it wait for its answer.
func (r *Rooms) enter(w waiting) (n uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return 0, ErrClosed
	case len(r.pending) >= roomsPending:
		return 0, ErrBusy
	}
	r.last++
	w.since = time.Now()
	r.pending[r.last] = w
	return r.last, nil
}

// settle tells the outcome of a message that waits, a good one after a flush.
func (r *Rooms) settle(n uint64, ack RoomAck, err error) {
	r.mu.Lock()
	w, ok := r.pending[n]
	delete(r.pending, n)
	r.mu.Unlock()
	switch {
	case !ok && err == nil: // its time had run out: only those who follow wait for it
		r.stored.add(answered{ack, func(RoomAck, error) {}})
	case !ok:
	case err != nil:
		w.done(RoomAck{}, err)
	case w.patient:
		r.stored.addPatient(answered{ack, w.done})
	default:
		r.stored.add(answered{ack, w.done})
	}
}

// tell tells the outcome of messages after a flush, and hands them to those who
// follow: what was written before an answer came is durable with it.
func (r *Rooms) tell(stored []answered, err error) {
	var last uint64
	for _, a := range stored {
		if err != nil {
			a.ack = RoomAck{}
		}
		last = max(last, a.ack.ID)
		a.done(a.ack, err)
	}
	r.advance(last, err)
}

// advance lets those who follow have what is durable up to an ID.
func (r *Rooms) advance(id uint64, err error) {
	r.mu.Lock()
	id = max(id, r.durable.Load())
	r.durable.Store(id)
	queues := slices.Collect(maps.Keys(r.queues))
	r.mu.Unlock()
	for _, q := range queues {
		if err != nil {
			q.fail(err)
			continue
		}
		q.release(id)
	}
}

// flushLeft sees to it that a message whose answer was lost does not wait for the
// next one's.
func (r *Rooms) flushLeft() {
	r.mu.Lock()
	var left uint64
	for q := range r.queues {
		left = max(left, q.left())
	}
	r.mu.Unlock()
	if left > 0 {
		r.barrier.then(func(err error) { r.advance(left, err) })
	}
}

// answer reads the store's answer to a message.
func (r *Rooms) answer(msg *nats.Msg) {
	n, err := strconv.ParseUint(strings.TrimPrefix(msg.Subject, r.inbox), 36, 64)
	if err != nil {
		return // unreachable: nobody else knows the inbox
	}
	ack, err := parseRoomAck(msg)
	r.settle(n, ack, err)
}

func parseRoomAck(msg *nats.Msg) (RoomAck, error) {
	if len(msg.Data) == 0 { // nobody listens: the store is away, or without a leader
		return RoomAck{}, fmt.Errorf("%w: status %s", ErrBusy, msg.Header.Get("Status"))
	}
	if ack, ok := quickRoomAck(msg.Data); ok {
		return ack, nil
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
		Dup   bool                `json:"duplicate"`
	}
	if err := json.Unmarshal(msg.Data, &ack); err != nil {
		return RoomAck{}, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if ack.Error != nil {
		return RoomAck{}, fmt.Errorf("store refuses a message: %w", ack.Error)
	}
	return RoomAck{ID: ack.Seq, Duplicate: ack.Dup}, nil
}

// quickRoomAck reads the common form of an answer, and leaves every other.
func quickRoomAck(data []byte) (RoomAck, bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"stream":"ROOMS","seq":`))
	digits, ok2 := bytes.CutSuffix(rest, []byte("}"))
	if !ok || !ok2 {
		return RoomAck{}, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return RoomAck{ID: seq}, err == nil
}

// expire fails what waits for too long, until close.
func (r *Rooms) expire() {
	tick := time.NewTicker(roomsExpiry)
	defer tick.Stop()
	for {
		select {
		case <-r.quit:
			r.failBefore(time.Now(), ErrClosed)
			return
		case now := <-tick.C:
			r.failBefore(now.Add(-r.limit), ErrBusy)
			if r.barrier != nil {
				r.flushLeft()
			}
		}
	}
}

func (r *Rooms) failBefore(t time.Time, err error) {
	var failed []func(RoomAck, error)
	r.mu.Lock()
	for n, w := range r.pending {
		if !w.since.After(t) {
			failed = append(failed, w.done)
			delete(r.pending, n)
		}
	}
	r.mu.Unlock()
	for _, done := range failed {
		done(RoomAck{}, err)
	}
}

// close fails what waits and takes nothing more.
func (r *Rooms) close() {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if !closed {
		close(r.quit)
	}
	r.expired.Wait()
	r.conn.Close()
}

// RoomsState is how far the messages of all rooms reach.
type RoomsState struct {
	First, Last uint64 // IDs; First is Last+1 when there are none
	Messages    uint64
	Bytes       uint64
	Created     time.Time // of the store: IDs of another one mean nothing in this
}

// State asks the store for its state.
func (r *Rooms) State(ctx context.Context) (RoomsState, error) {
	info, err := r.stream.Info(ctx)
	if err != nil {
		return RoomsState{}, fmt.Errorf("state of ROOMS: %w", err)
	}
	st := RoomsState{
		First: info.State.FirstSeq, Last: info.State.LastSeq, Messages: info.State.Msgs, Bytes: info.State.Bytes,
		Created: info.Created,
	}
	if st.Messages == 0 {
		st.First = st.Last + 1
	}
	return st, nil
}

// Erase takes one message away for good, so that its text is not left on disk.
// One that is not there is no error.
func (r *Rooms) Erase(ctx context.Context, id uint64) error {
	err := r.stream.SecureDeleteMsg(ctx, id)
	var api *jetstream.APIError
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeMessageNotFound {
		if _, getErr := r.stream.GetMsg(ctx, id); errors.Is(getErr, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("erase message %d: %w", id, err)
	}
	return nil
}

// Delete takes all messages of a room away.
func (r *Rooms) Delete(ctx context.Context, room string) error {
	if err := r.stream.Purge(ctx, jetstream.WithPurgeSubject(roomPrefix+room)); err != nil {
		return fmt.Errorf("delete messages of room %s: %w", room, err)
	}
	return nil
}

// tellSubject carries what instances tell each other and nobody stores.
const tellSubject = "frontdesk.rooms.tell"

// Tell tells all who listen, on every instance and with no promise that it arrives.
func (r *Rooms) Tell(data []byte) error { return r.conn.Publish(tellSubject, data) }

// Listen calls fn with what is told, here as well, until ctx ends. fn gets one after
// the other; those that come faster than it takes them are dropped.
func (r *Rooms) Listen(ctx context.Context, fn func(data []byte)) error {
	sub, err := r.conn.Subscribe(tellSubject, func(msg *nats.Msg) { fn(msg.Data) })
	if err != nil {
		return fmt.Errorf("listen to other instances: %w", err)
	}
	<-ctx.Done()
	sub.Unsubscribe() // fails only when the connection is gone
	return ctx.Err()
}
