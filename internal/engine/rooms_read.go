package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// roomsReadAhead is how many messages a follower has fetched before they are
	// asked for.
	roomsReadAhead = 2000
	// roomsGathered bounds, in bytes, what was read and waits for the flush or
	// for the follower. Beyond it reading waits.
	roomsGathered = 32 << 20
	// roomOverhead is what a message takes in memory beside its data.
	roomOverhead = 200
)

// Follow calls fn with every message that is stored behind the ID after, in
// order and when it is durable, until ctx ends or fn errs; it returns that
// error. Messages that come together are handed out together.
func (r *Rooms) Follow(ctx context.Context, after uint64, fn func([]RoomMessage) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := newRoomQueue(cancel)
	r.mu.Lock()
	r.queues[q] = struct{}{}
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.queues, q)
		r.mu.Unlock()
	}()
	var reading sync.WaitGroup
	reading.Go(func() { // ends with ctx
		cancel(followStream(ctx, r.stream, after+1, roomsReadAhead, func(msg jetstream.Msg) (seq uint64, err error) {
			m, err := toRoomMessage(msg)
			if err != nil {
				return 0, errAgain
			}
			if !q.reserve(ctx, m) {
				return 0, ctx.Err()
			}
			q.hold(m)
			if durable := r.durable.Load(); r.barrier == nil {
				q.release(m.ID)
			} else if m.ID <= durable {
				q.release(durable)
			} // else it is released when its answer has come and was flushed
			return m.ID, nil
		}))
	})
	defer reading.Wait()
	defer cancel(nil)
	for {
		list, ok := q.take(ctx)
		if !ok {
			return context.Cause(ctx)
		}
		if err := fn(list); err != nil {
			return err
		}
	}
}

// roomQueue holds messages between the one who reads them from the store and the
// one who hands them out.
type roomQueue struct {
	fail func(error) // ends the follower

	mu     sync.Mutex
	bytes  int           // of held and ready
	held   []RoomMessage // not known to be durable yet
	oldest uint64        // ID of the first of held when left was called last
	ready  []RoomMessage
	wake   chan struct{} // holds one: something is ready
	room   chan struct{} // holds one: there may be room
}

func newRoomQueue(fail func(error)) *roomQueue {
	return &roomQueue{fail: fail, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// reserve waits until there is room for m; false when ctx ended.
func (q *roomQueue) reserve(ctx context.Context, m RoomMessage) bool {
	for {
		q.mu.Lock()
		if q.bytes < roomsGathered {
			q.bytes += len(m.Data) + roomOverhead
			q.mu.Unlock()
			return true
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-ctx.Done():
			return false
		}
	}
}

func (q *roomQueue) hold(m RoomMessage) {
	q.mu.Lock()
	q.held = append(q.held, m)
	q.mu.Unlock()
}

// release makes what is held up to an ID ready.
func (q *roomQueue) release(id uint64) {
	q.mu.Lock()
	n := 0
	for n < len(q.held) && q.held[n].ID <= id {
		n++
	}
	q.ready = append(q.ready, q.held[:n]...)
	q.held = append(q.held[:0], q.held[n:]...)
	q.mu.Unlock()
	if n > 0 {
		signal(q.wake)
	}
}

// left returns the newest ID that is held when something is held since the last
// call, else 0.
func (q *roomQueue) left() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.held) == 0 {
		q.oldest = 0
		return 0
	}
	before := q.oldest
	q.oldest = q.held[0].ID
	if before != q.oldest {
		return 0
	}
	return q.held[len(q.held)-1].ID
}

// take waits for what is ready; false when ctx ended.
func (q *roomQueue) take(ctx context.Context) ([]RoomMessage, bool) {
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, false
		}
		q.mu.Lock()
		list := q.ready
		q.ready = nil
		for _, m := range list {
			q.bytes -= len(m.Data) + roomOverhead
		}
		q.mu.Unlock()
		signal(q.room)
		if len(list) > 0 { // else what this mark told of was taken with what came before
			return list, true
		}
	}
}

// signal leaves a mark in a channel that holds one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func toRoomMessage(msg jetstream.Msg) (RoomMessage, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return RoomMessage{}, err
	}
	return RoomMessage{
		Room: strings.TrimPrefix(msg.Subject(), roomPrefix), ID: meta.Sequence.Stream, Stored: meta.Timestamp, Data: msg.Data(),
	}, nil
}

// Get reads one message; ErrNotFound when it was erased, has expired or never was.
// It may not be durable yet.
func (r *Rooms) Get(ctx context.Context, id uint64) (RoomMessage, error) {
	msg, err := r.stream.GetMsg(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return RoomMessage{}, fmt.Errorf("message %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return RoomMessage{}, fmt.Errorf("read message %d: %w", id, err)
	}
	return RoomMessage{Room: strings.TrimPrefix(msg.Subject, roomPrefix), ID: id, Stored: msg.Time, Data: msg.Data}, nil
}

// After reads messages of a room behind an ID, in order: at most so many, and
// about so many bytes. left is how many there are behind them. What it reads may
// not be durable yet.
func (r *Rooms) After(ctx context.Context, room string, id uint64, most, maxBytes int) (list []RoomMessage, left int, err error) {
	list, left, err = r.direct(ctx, directGet{Seq: id + 1, NextFor: roomPrefix + room, Batch: most, MaxBytes: maxBytes})
	if err != nil {
		return nil, 0, fmt.Errorf("read room %s: %w", room, err)
	}
	return list, left, nil
}

// Count returns how many messages a room has behind an ID.
func (r *Rooms) Count(ctx context.Context, room string, id uint64) (int, error) {
	list, left, err := r.After(ctx, room, id, 1, 0)
	return len(list) + left, err
}

// Before reads the newest messages of a room before an ID, 0 for the newest of
// all, in order: at most so many. It finds their place by counting: the store
// reads forwards only. What it reads may not be durable yet.
func (r *Rooms) Before(ctx context.Context, room string, id uint64, most int) ([]RoomMessage, error) {
	st, err := r.State(ctx)
	if err != nil {
		return nil, err
	}
	if id == 0 || id > st.Last {
		id = st.Last + 1
	}
	behind, err := r.Count(ctx, room, id-1)
	if err != nil {
		return nil, err
	}
	// from lies before the place and to at or behind it, unless from is the first.
	from, to := st.First, id
	total, err := r.Count(ctx, room, from-1)
	if err != nil {
		return nil, err
	}
	at, have := from, total-behind // how many there are from at on, before id
	if have <= 0 {
		return nil, nil // asking the store for none would ask for one
	}
	for have > most*2 && to-from > 1 {
		mid := guess(from, to, at, id, most, have)
		n, err := r.Count(ctx, room, mid-1)
		if err != nil {
			return nil, err
		}
		if n -= behind; n < most {
			to = mid
		} else {
			from, at, have = mid, mid, n
		}
	}
	list, _, err := r.After(ctx, room, at-1, have, 0)
	if err != nil {
		return nil, err
	}
	for len(list) > 0 && list[len(list)-1].ID >= id { // one may have been erased meanwhile
		list = list[:len(list)-1]
	}
	return list[max(0, len(list)-most):], nil
}

// guess returns a place strictly between from and to near which a room's last
// messages before id begin, if they are spread evenly between at and id.
func guess(from, to, at, id uint64, most, have int) uint64 {
	span := float64(id-at) * float64(most) * 1.5 / float64(have)
	mid := from + (to-from)/2
	if even := id - min(uint64(span)+1, id); even > mid && even < to {
		return even
	}
	return mid
}

// Heads returns the newest message of each room that matches a pattern, such as
// "dm.A.*", at most MaxHeads in all, in the order of their IDs. Where more match it
// returns those of the rooms that were written to last, or about half of them.
func (r *Rooms) Heads(ctx context.Context, patterns ...string) ([]RoomMessage, error) {
	get := directGet{}
	for _, p := range patterns {
		get.MultiLastFor = append(get.MultiLastFor, roomPrefix+p)
	}
	list, _, err := r.direct(ctx, get)
	if errors.Is(err, errTooMany) {
		list, err = r.newestHeads(ctx, get)
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest messages: %w", err)
	}
	return list[max(0, len(list)-MaxHeads):], nil
}

// newestHeads looks at a part of the messages, half as long each time, until the
// store lists its rooms.
func (r *Rooms) newestHeads(ctx context.Context, get directGet) ([]RoomMessage, error) {
	st, err := r.State(ctx)
	if err != nil {
		return nil, err
	}
	for span := st.Last - st.First; ; span /= 2 {
		get.Seq = st.Last - span
		list, _, err := r.direct(ctx, get)
		if !errors.Is(err, errTooMany) {
			return list, err
		}
		if span == 0 {
			return nil, err // unreachable: one message is of one room
		}
	}
}

// errTooMany is the store's refusal to list more rooms than it does at once.
var errTooMany = errors.New("too many rooms match")

// MaxHeads bounds the rooms of one answer of Heads.
const MaxHeads = 1000

// directGet is a request for several messages at once.
// Source: NATS architecture and design, ADR-31.
type directGet struct {
	Seq          uint64   `json:"seq,omitempty"`
	NextFor      string   `json:"next_by_subj,omitempty"`
	Batch        int      `json:"batch,omitempty"`
	MaxBytes     int      `json:"max_bytes,omitempty"`
	MultiLastFor []string `json:"multi_last,omitempty"`
}

// directEnd is how many answers there may be beside the messages that were asked
// for: the end, and what the store lists beyond MaxHeads.
const directEnd = 32

// direct asks for several messages. left is how many match behind them.
func (r *Rooms) direct(ctx context.Context, get directGet) (list []RoomMessage, left int, err error) {
	data, err := json.Marshal(get)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	inbox := nats.NewInbox()
	most := get.Batch
	if len(get.MultiLastFor) > 0 {
		most = MaxHeads
	}
	answers := make(chan *nats.Msg, most+directEnd)
	sub, err := r.reads.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, 0, err
	}
	defer sub.Unsubscribe()
	if err := r.reads.PublishRequest("$JS.API.DIRECT.GET.ROOMS", inbox, data); err != nil {
		return nil, 0, err
	}
	for {
		var msg *nats.Msg
		select {
		case msg = <-answers:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
			m, err := fromDirect(msg)
			if err != nil {
				return nil, 0, err
			}
			list = append(list, m)
		case "204": // the end
			left, _ = strconv.Atoi(msg.Header.Get("Nats-Num-Pending"))
			return list, left, nil
		case "413":
			return nil, 0, errTooMany
		case "404":
			return nil, 0, nil
		default:
			return nil, 0, fmt.Errorf("%w: status %s %s", ErrBusy, status, msg.Header.Get("Description"))
		}
	}
}

func fromDirect(msg *nats.Msg) (RoomMessage, error) {
	id, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return RoomMessage{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, msg.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return RoomMessage{}, err
	}
	return RoomMessage{
		Room: strings.TrimPrefix(msg.Header.Get("Nats-Subject"), roomPrefix), ID: id, Stored: at, Data: msg.Data,
	}, nil
}
