package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// deafJS is a store that never answers.
type deafJS struct{ jetstream.JetStream }

func (deafJS) Publish(ctx context.Context, _ string, _ []byte, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestStoreDoesNotAnswer: every append is answered within the limit, and what
// waits in memory is bounded.
func TestStoreDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, size = time.Second, 1 << 20
		l := &Log{
			name: "INBOX", subject: "inbox.batch", js: deafJS{}, limit: limit, maxRecord: size,
			wake: make(chan struct{}, 1), done: make(chan struct{}),
		}
		go l.run() // ended by close
		defer l.close()
		rec := rawRecord(content(1, size))
		answers := make(chan time.Duration, 200)
		send := func() {
			began := time.Now()
			if _, _, err := l.Append(rec); !errors.Is(err, ErrBusy) {
				t.Errorf("got %v, want %v", err, ErrBusy)
			}
			answers <- time.Since(began)
		}
		go send() // all are awaited below
		synctest.Wait()
		for range 99 {
			go send()
		}
		synctest.Wait()
		if n, most := 100-1-len(answers), maxPending/size+1; n != most {
			t.Errorf("%d records of 1 MiB wait, want %d", n, most)
		}
		for range 100 {
			if took := <-answers; took > limit {
				t.Errorf("answered after %v, the limit is %v", took, limit)
			}
		}
	})
}

// promptJS is a store that takes everything at once.
type promptJS struct{ jetstream.JetStream }

func (promptJS) Publish(context.Context, string, []byte, ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return &jetstream.PubAck{Sequence: 1}, nil
}

// TestFlushHangs: a disk that does not answer is no reason to let LINE wait.
func TestFlushHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = time.Second
		b := newBarrier(func() error {
			time.Sleep(time.Minute)
			return nil
		})
		defer b.close()
		l := &Log{
			name: "INBOX", subject: "inbox.batch", js: promptJS{}, barrier: b, limit: limit, maxRecord: 1000,
			wake: make(chan struct{}, 1), done: make(chan struct{}),
		}
		go l.run() // ended by close
		defer l.close()
		for range 3 {
			began := time.Now()
			_, _, err := l.Append(rawRecord("x"))
			if took := time.Since(began); !errors.Is(err, ErrBusy) || took != limit {
				t.Errorf("got %v after %v, want %v after %v", err, took, ErrBusy, limit)
			}
		}
		time.Sleep(5 * time.Minute) // the late flushes change nothing
	})
}

// TestFollowGoesOnBehindWhatItSaw: when a subscription breaks, the next one
// begins where it ended.
func TestFollowGoesOnBehindWhatItSaw(t *testing.T) {
	e := openTemp(t)
	for n := range 10 {
		mustAppend(t, e.Inbox, content(n, 100))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last uint64
	next, err := followOnce(ctx, e.Inbox.stream, 0, readAhead, func(msg jetstream.Msg) (uint64, error) {
		b, err := toBatch(msg)
		if last = b.Seq; b.Seq == 4 {
			cancel()
		}
		return b.Seq, err
	})
	if err != nil || last < 4 || next != last+1 {
		t.Errorf("got %v, %v after batch %d, want %v", next, err, last, last+1)
	}
	failed := errors.New("failed")
	next, err = followOnce(t.Context(), e.Inbox.stream, 3, readAhead, func(msg jetstream.Msg) (uint64, error) {
		b, err := toBatch(msg)
		if b.Seq == 5 {
			return b.Seq, failed
		}
		return b.Seq, err
	})
	if !errors.Is(err, failed) || next != 5 {
		t.Errorf("got %v, %v, want the batch that failed again", next, err)
	}
}
