package transcript

import (
	"context"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// roomPrefix begins the names of all transcripts.
const roomPrefix = "line."

// writer is one session: it writes what the logs tell from a checkpoint on.
type writer struct {
	s             *Service
	inbox, outbox *source
	from          checkpoint
	written       *written
	sends         sends
	rooms         uint64 // the greatest ID that was given
	stored        checkpoint
	settledAt     time.Time

	underWay int
	results  chan outcome // has room for all that are under way
}

type outcome struct {
	id  uint64
	err error
}

// begin takes up what an earlier session left.
func (s *Service) begin(ctx context.Context, cp checkpoint) (*writer, error) {
	before, err := s.recall(ctx, cp)
	if err != nil {
		return nil, err
	}
	return &writer{
		s: s, from: cp, written: before, rooms: cp.Rooms, stored: cp, sends: newSends(),
		inbox: newSource(s.eng.Inbox, cp.Inbox), outbox: newSource(s.eng.Outbox, cp.Open),
		results: make(chan outcome, maxUnderWay),
	}, nil
}

// run writes until ctx ends or something fails.
func (w *writer) run(ctx context.Context) error {
	for {
		src, err := w.choose(ctx)
		if err != nil {
			return err
		}
		if time.Since(w.settledAt) >= checkpointEvery {
			if err := w.settle(ctx, src); err != nil {
				return err
			}
		}
		if src == nil {
			if err := w.await(ctx, checkpointEvery-time.Since(w.settledAt)); err != nil {
				return err
			}
			continue
		}
		if err := w.write(ctx, src); err != nil {
			return err
		}
	}
}

// write writes the next batch of a log.
func (w *writer) write(ctx context.Context, src *source) error {
	expected := src.next.Seq()
	b := src.pop()
	if expected > 0 && b.Seq > expected {
		w.s.cfg.Metrics.missed.Add(float64(b.Seq - expected))
		w.s.lg.Error("transcripts lag: records had to make room before they were written", "batches", b.Seq-expected)
	}
	for pos, rec := range b.Records() {
		var err error
		switch {
		case src == w.outbox:
			err = w.takeRecord(ctx, pos, rec)
		case pos >= w.from.Inbox:
			err = w.takeEvent(ctx, rec)
		}
		if err != nil {
			return err
		}
	}
	if src == w.outbox {
		w.s.cache.Add(b)
	}
	return nil
}

// settle waits until all that was put is durable, and stores a checkpoint. next is
// the log that is written next, nil for none.
func (w *writer) settle(ctx context.Context, next *source) error {
	w.settledAt = time.Now()
	if err := w.wait(ctx, 0); err != nil {
		return err
	}
	if err := w.resolve(ctx); err != nil {
		return err
	}
	cp := checkpoint{Inbox: w.inbox.next, Outbox: w.outbox.next, Open: w.sends.floor(w.outbox.next), Rooms: w.rooms}
	cp.Outbox = max(cp.Outbox, w.from.Outbox) // what is read again was written before
	w.s.behind.Store(0)
	if next != nil {
		w.s.behind.Store(next.head.Stored.UnixNano())
	}
	if cp == w.stored {
		return nil
	}
	if err := w.s.storeCheckpoint(ctx, cp); err != nil {
		return err
	}
	w.stored = cp
	return nil
}

// put writes a message, unless it is there.
func (w *writer) put(ctx context.Context, m Message) error {
	if !validRoom(m.Room) || w.written.take(m) {
		return nil
	}
	if err := w.wait(ctx, maxUnderWay-1); err != nil {
		return err
	}
	if err := w.s.pace.wait(ctx); err != nil {
		return err
	}
	w.underWay++
	w.s.cfg.Rooms.Put(m, func(id uint64, err error) { w.results <- outcome{id, err} })
	w.s.cfg.Metrics.written.Inc()
	return nil
}

// wait waits until no more than so many messages are under way.
func (w *writer) wait(ctx context.Context, most int) (failed error) {
	for w.underWay > most {
		select {
		case got := <-w.results:
			w.underWay--
			if got.err != nil {
				return got.err
			}
			w.rooms = max(w.rooms, got.id)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// validRoom reports whether a transcript can have the name: IDs may hold anything,
// those of LINE are letters and digits.
func validRoom(name string) bool {
	dots := 0
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return dots == 2 && name[len(name)-1] != '.'
}

// roomOf names the transcript of a conversation.
func roomOf(channel, conversation string) string { return roomPrefix + channel + "." + conversation }

// resolve ends the entries that the outbox is done with although no note says so:
// then the note of a success could not be stored.
func (w *writer) resolve(ctx context.Context) error {
	if w.sends.doneBefore > 0 && w.outbox.next >= w.sends.doneSeen {
		for _, calls := range w.sends.overdue() {
			if err := w.sent(ctx, calls, engine.Settled{CallID: calls.CallID, Outcome: engine.OutcomeSent, Last: true, Way: calls.Way, At: calls.At}); err != nil {
				return err
			}
		}
		w.sends.doneBefore = 0
		return w.wait(ctx, 0)
	}
	if w.sends.doneBefore > 0 || w.sends.first() == nil || time.Since(w.sends.looked) < lookEvery {
		return nil
	}
	w.sends.looked = time.Now()
	done := w.s.cfg.Sent()
	if w.sends.first().pos >= done {
		return nil
	}
	end, err := w.s.eng.Outbox.End(ctx) // behind all notes of what was done by then
	w.sends.doneBefore, w.sends.doneSeen = done, end
	return err
}
