package timer

import (
	"context"
	"encoding"
	"fmt"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxBatch bounds the timers that are fired together, and with them how long
	// they keep the store from others.
	maxBatch = 128
	// clockNoise is how much two readings of the clocks may differ although
	// nobody has set one.
	clockNoise = 10 * time.Millisecond
)

// fireDue fires timers when they are due, until ctx ends.
func (s *Service) fireDue(ctx context.Context) {
	failing := storePause
	for ctx.Err() == nil {
		s.working.Lock()
		wait := s.queue.wait(s.clock.read())
		s.working.Unlock()
		if wait > 0 {
			sleep(ctx, wait, s.wake)
			continue
		}
		began := time.Now()
		n, early, err := s.fire(ctx)
		if err == nil && early {
			err = s.takeCheckpoint(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.lg.Error("timers that are due could not be fired; trying again", "error", err)
			sleep(ctx, failing, nil)
			failing = min(2*failing, storePauseMax)
			continue
		case n == maxBatch:
			sleep(ctx, time.Since(began), nil) // there are more: let others at the store
		}
		failing = storePause
	}
}

// sleep waits for a time, until it is woken, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// fire fires one batch of the timers that are due now. What was stored before
// now, such as that one is cancelled, is done first. It returns how many were due,
// and whether some have to wait for a checkpoint; after an error all wait again.
func (s *Service) fire(ctx context.Context) (n int, early bool, err error) {
	now := s.clock.read()
	if err := s.catchUp(ctx); err != nil {
		return 0, false, err
	}
	s.working.Lock()
	defer s.working.Unlock()
	found := s.queue.pop(now, maxBatch)
	ready, tooEarly, err := s.read(ctx, found)
	if err == nil {
		err = s.send(ready)
	}
	if err != nil {
		s.queue.back(found)
		return 0, false, err
	}
	s.queue.back(tooEarly)
	s.report(ready, now)
	return len(found), len(tooEarly) > 0, s.finish(ctx, ready, now)
}

// firing is a timer that is fired now.
type firing struct {
	*engine.Timer
	due
}

// read reads those of the timers that still exist and have a channel. It parts from them those that
// are too early: a crash would set them again, because no checkpoint tells that
// their entries are applied.
func (s *Service) read(ctx context.Context, found []due) (ready []firing, early []due, err error) {
	seqs := make([]uint64, len(found))
	bySeq := make(map[uint64]due, len(found))
	for i, d := range found {
		seqs[i], bySeq[d.seq] = d.seq, d
	}
	timers, err := s.eng.Timers.Get(ctx, seqs, func(seq uint64) {
		s.lg.Error("timer is damaged and skipped", "timer", seq)
	})
	if err != nil {
		return nil, nil, err
	}
	for _, t := range timers {
		switch {
		case !slices.Contains(s.cfg.Channels, t.Channel):
			s.hold(t.Channel)
		case t.Set < s.durable.Outbox:
			ready = append(ready, firing{t, bySeq[t.Seq]})
		default:
			early = append(early, bySeq[t.Seq])
		}
	}
	return ready, early, nil
}

// hold tells once that timers of a channel do not fire: the store keeps them.
func (s *Service) hold(channel string) {
	if !s.held[channel] {
		s.lg.Warn("timers of a channel that is not in the configuration are kept until it is; 'frontdesk timer list' shows them", "channel", channel)
		s.held[channel] = true
	}
}

// send stores what timers do: an event in the inbox, or an entry in the outbox.
// The IDs of both are the same in every try. The caller holds working.
func (s *Service) send(batch []firing) error {
	s.unsure = true
	var events, entries []encoding.BinaryAppender
	now := time.Now()
	for _, f := range batch {
		if len(f.Messages) > 0 {
			entries = append(entries, entryOf(f.Timer, now))
			continue
		}
		ev, err := eventOf(f.Timer, now)
		if err != nil {
			return err
		}
		events = append(events, ev)
	}
	if len(events) > 0 {
		if _, _, err := s.eng.Inbox.Append(events...); err != nil {
			return fmt.Errorf("events of timers: %w", err)
		}
	}
	if len(entries) > 0 {
		if _, _, err := s.eng.Outbox.Append(entries...); err != nil {
			return fmt.Errorf("sends of timers: %w", err)
		}
	}
	return nil
}

// report tells of timers that were fired; now is when they were found to be due.
func (s *Service) report(batch []firing, now reading) {
	stored := s.clock.read()
	for _, f := range batch {
		s.cfg.Metrics.fired(f.Timer, f.late+stored.steady-now.steady)
		if len(f.Messages) == 0 {
			s.cfg.Trace(f.ID(), StepDue, f.Due)
			s.cfg.Trace(f.ID(), StepStored, stored.wall)
		}
	}
}

// finish removes timers that were fired, or puts them for their next time. Until
// that is done no checkpoint may be taken, for it says that it is. now is when they
// were found to be due. The caller holds working.
func (s *Service) finish(ctx context.Context, batch []firing, now reading) error {
	var over []uint64
	var again []waiting
	for _, f := range batch {
		if next, ok := s.next(f, now); ok {
			again = append(again, next)
		} else {
			over = append(over, f.Seq)
		}
	}
	s.changed = s.changed || len(batch) > 0
	err := s.untilDone(ctx, "timers that were fired could not be removed", func(ctx context.Context) error {
		ctx = context.WithoutCancel(ctx) // a shutdown need not leave it to the next start
		if err := s.eng.Timers.Delete(ctx, over...); err != nil {
			return err
		}
		return s.put(ctx, again)
	})
	if err == nil {
		s.unsure = false
	}
	return err
}

// next returns the next time of a timer that comes again and was due at now.
func (s *Service) next(f firing, now reading) (waiting, bool) {
	if !f.Recurs() {
		return waiting{}, false
	}
	t := *f.Timer
	t.Count++
	if t.Every > 0 {
		missed := f.late / t.Every
		steady := now.steady - f.late + (missed+1)*t.Every
		t.Timed, t.Due = true, now.wallAt(steady)
		if exact := f.Due.Add((missed + 1) * t.Every); exact.Sub(t.Due).Abs() < clockNoise {
			t.Due = exact
		}
		return waiting{&t, int64(steady)}, true
	}
	t.Timed, t.Due = false, frontdesk.Timer{Cron: t.Cron, Zone: t.Zone}.Next(f.Due, now.wall)
	if t.Due.IsZero() {
		s.lg.Error("timer ends: its next time cannot be told", "channel", t.Channel, "conversation", t.Conversation, "cron", t.Cron, "zone", t.Zone)
		return waiting{}, false
	}
	return waiting{&t, t.Due.UnixNano()}, true
}
