package engine

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// chunkBytes is how full a message gets before the next one is begun. It
	// bounds what reading one record back costs.
	chunkBytes = 128 << 10
	// maxPending bounds what waits for the store in memory, per log. Beyond
	// it appends fail with ErrBusy at once.
	maxPending = 32 << 20
	// messageOverhead is what a message holds beside one record.
	messageOverhead = 64
	// publishAttempts is how often a message is offered within the append
	// limit when the store does not answer; its id makes that safe.
	publishAttempts = 3
)

// Log is an append-only sequence of records. Methods may be called
// concurrently.
type Log struct {
	name, subject string
	js            jetstream.JetStream
	stream        jetstream.Stream
	barrier       *barrier
	limit         time.Duration
	maxRecord     int
	maxBytes      int64
	appended      atomic.Uint64

	mu      sync.Mutex
	pending *group // what the next messages will hold; nil when nobody waits
	encoded []byte // reused to encode records in, which end at ends
	ends    []int
	closed  bool
	wake    chan struct{} // holds one: pending is not nil
	done    chan struct{} // closed when run has returned
}

// group is the records that are stored, flushed and answered together.
type group struct {
	chunks []*chunk
	size   int
	once   sync.Once
	stored chan struct{} // closed when err is set
	err    error
	expiry *time.Timer
}

// finish answers all who wait for the group. Later calls have no effect.
func (g *group) finish(err error) {
	g.settle(err)
	g.expiry.Stop()
}

func (g *group) settle(err error) {
	g.once.Do(func() {
		g.err = err
		close(g.stored)
	})
}

// opener makes the streams and buckets of an Engine.
type opener struct {
	e           *Engine
	js          jetstream.JetStream
	replicas    int
	appendLimit time.Duration
}

func (o opener) log(ctx context.Context, name string, maxBytes int64) (*Log, error) {
	subject := lowerSubject(name)
	stream, err := o.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        name,
		Subjects:    []string{subject + ".>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew, // never lose what is not handled
		MaxBytes:    maxBytes,
		Replicas:    o.replicas,
		AllowDirect: true,
		Duplicates:  2 * time.Minute, // for repeated offers of one message
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	l := &Log{
		name: name, subject: subject + ".batch",
		js: o.js, stream: stream, barrier: o.e.barrier,
		limit: o.appendLimit, maxRecord: o.e.MaxRecord(), maxBytes: maxBytes,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go l.run() // ended and awaited by close
	return l, nil
}

// Append stores records, in order and next to each other where they fit one
// message, and returns the places of the first and the last when all are
// durable. ErrTooLarge means that none was stored, ErrFull that Trim has to
// make room first. On any other error, ErrBusy too, none, some or all may have
// been stored, or may be yet: who appends again must be ready for both.
// Records are encoded before Append waits; it keeps none of them.
func (l *Log) Append(records ...encoding.BinaryAppender) (first, last Pos, err error) {
	if len(records) == 0 {
		return 0, 0, errors.New("nothing to append")
	}
	g, from, to, err := l.enqueue(records)
	if err != nil {
		return 0, 0, fmt.Errorf("append to %s: %w", l.name, err)
	}
	<-g.stored
	if g.err != nil {
		return 0, 0, fmt.Errorf("append to %s: %w", l.name, g.err)
	}
	return newPos(from.c.seq, from.index), newPos(to.c.seq, to.index), nil
}

// spot is where a record will be once its chunk has a sequence.
type spot struct {
	c     *chunk
	index int
}

func (l *Log) enqueue(records []encoding.BinaryAppender) (g *group, first, last spot, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, first, last, ErrClosed
	}
	if l.encoded, l.ends, err = l.encode(records); err != nil {
		return nil, first, last, err
	}
	g = l.pending
	if g != nil && g.size > maxPending {
		return nil, first, last, ErrBusy
	}
	if g == nil {
		g = &group{chunks: []*chunk{newChunk()}, stored: make(chan struct{})}
		g.expiry = time.AfterFunc(l.limit, func() { g.settle(ErrBusy) }) // may be before expiry is set
		l.pending = g
		l.wake <- struct{}{} // has room: run takes its mark before it takes the group
	}
	start := 0
	for i, end := range l.ends {
		last = g.add(l.encoded[start:end])
		if i == 0 {
			first = last
		}
		start = end
	}
	l.appended.Add(uint64(len(records)))
	return g, first, last, nil
}

// Appended returns how many records were given to Append since the log was opened,
// stored or not: how busy it is.
func (l *Log) Appended() uint64 { return l.appended.Load() }

// encode writes all records into the log's buffer and tells where each ends.
func (l *Log) encode(records []encoding.BinaryAppender) (buf []byte, ends []int, err error) {
	buf, ends = l.encoded[:0], l.ends[:0]
	for _, record := range records {
		start := len(buf)
		if buf, err = record.AppendBinary(buf); err != nil {
			return buf, ends, err
		}
		if n := len(buf) - start; n > l.maxRecord {
			return buf, ends, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, n, l.maxRecord)
		}
		ends = append(ends, len(buf))
	}
	return buf, ends, nil
}

// add puts a record into the group's last chunk, or a new one when it is full.
func (g *group) add(rec []byte) spot {
	c := g.chunks[len(g.chunks)-1]
	if c.records > 0 && len(c.data)+len(rec) > chunkBytes || c.records == maxBatchRecords {
		c = newChunk()
		g.chunks = append(g.chunks, c)
	}
	g.size += len(rec)
	return spot{c, c.add(rec)}
}

// run stores group after group. While one is flushed to disk the next is
// gathered and written.
func (l *Log) run() {
	defer close(l.done)
	for range l.wake {
		l.mu.Lock()
		g := l.pending
		l.pending = nil
		l.mu.Unlock()
		if err := l.publish(g); err != nil {
			g.finish(err)
			continue
		}
		if l.barrier == nil {
			g.finish(nil)
			continue
		}
		l.barrier.then(g.finish)
	}
}

func (l *Log) publish(g *group) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.limit)
	defer cancel()
	for _, c := range g.chunks {
		ack, err := l.offer(ctx, c.data)
		if err != nil {
			return err
		}
		c.seq = ack.Sequence
	}
	return nil
}

// offer publishes one message until the store answers or ctx ends.
func (l *Log) offer(ctx context.Context, data []byte) (*jetstream.PubAck, error) {
	id := jetstream.WithMsgID(nuid.Next())
	var lastErr error
	for range publishAttempts {
		try, cancel := context.WithTimeout(ctx, l.limit/publishAttempts)
		ack, err := l.js.Publish(try, l.subject, data, id)
		cancel()
		if err == nil {
			return ack, nil
		}
		if isFull(err) {
			return nil, ErrFull
		}
		lastErr = err
	}
	return nil, fmt.Errorf("%w: %w", ErrBusy, lastErr)
}

// isFull recognises the server's refusal of a message beyond MaxBytes.
func isFull(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeStoreFailed || api.ErrorCode == codeNoStorage)
}

// Error codes of the server that the client package does not name.
const (
	codeNoStorage   = 10047 // insufficient storage resources
	codeStoreFailed = 10077 // what a stream with DiscardNew answers at its limit
)

// close answers those who wait and ends the goroutine.
func (l *Log) close() {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	l.mu.Unlock()
	close(l.wake)
	<-l.done
}
