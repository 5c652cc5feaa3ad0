package timer

import (
	"context"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// follow applies what entries do to timers until ctx ends.
func (s *Service) follow(ctx context.Context, from engine.Pos) error {
	err := s.eng.Outbox.Follow(ctx, from, func(b engine.Batch) error {
		if ops := s.opsOf(b); len(ops) > 0 {
			err := s.untilDone(ctx, "timers could not be set as entries say", func(ctx context.Context) error {
				s.working.Lock()
				defer s.working.Unlock()
				return s.apply(ctx, ops)
			})
			if err != nil {
				return err
			}
			s.nudge()
		}
		s.readTo(engine.After(b))
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// nudge lets the firing look at the queue.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// op is one thing that an entry does to a timer.
type op struct {
	entry *engine.Entry
	pos   engine.Pos
	index int
}

// opsOf returns what the entries of a batch do to timers.
func (s *Service) opsOf(b engine.Batch) (ops []op) {
	for pos, rec := range b.Records() {
		if !engine.MayHaveTimers(rec) {
			continue
		}
		v, err := engine.ParseOutbox(rec)
		if err != nil {
			s.lg.Error("outbox record is damaged; if it set timers, they are lost", "position", pos.String())
			continue
		}
		e := v.(*engine.Entry)
		for i := range e.Timers {
			ops = append(ops, op{e, pos, i})
		}
	}
	return ops
}

// maxPuts bounds the timers that are under way to the store at once.
const maxPuts = 256

// apply does what ops say, in order. Doing it again changes nothing. The caller
// holds working.
func (s *Service) apply(ctx context.Context, ops []op) error {
	s.changed = true
	now := s.clock.read()
	var set []waiting
	for _, o := range ops {
		if o.is().Cancel || len(set) == maxPuts {
			if err := s.put(ctx, set); err != nil {
				return err
			}
			set = set[:0]
		}
		if !o.is().Cancel {
			set = append(set, o.timer(s.process, now))
			continue
		}
		if err := s.eng.Timers.Cancel(ctx, o.entry.Channel, o.is().Conversation, o.is().Key); err != nil {
			return err
		}
	}
	return s.put(ctx, set)
}

func (o op) is() *engine.TimerOp { return &o.entry.Timers[o.index] }

// waiting is a timer and when it is due by its own clock.
type waiting struct {
	*engine.Timer
	at int64 // as item.at
}

// timer returns the timer that an op sets.
func (o op) timer(process string, now reading) waiting {
	t := &engine.Timer{
		TimerHead: engine.TimerHead{Due: o.is().At, Set: o.pos, Op: o.index},
		TimerOp:   *o.is(), Channel: o.entry.Channel, EventID: o.entry.EventID, SetAt: o.entry.At,
	}
	if t.After == 0 {
		return waiting{t, t.Due.UnixNano()}
	}
	t.Timed, t.Due = true, o.entry.At.Add(t.After)
	at := now.steadyAt(t.Due)
	if began := o.entry.Steady; began != nil && began.Process == process {
		at = began.Elapsed + t.After
	}
	return waiting{t, int64(at)}
}

// put stores timers and lets them wait; the caller holds working.
func (s *Service) put(ctx context.Context, set []waiting) error {
	timers := make([]*engine.Timer, len(set))
	for i, w := range set {
		timers[i] = w.Timer
	}
	if err := s.eng.Timers.Put(ctx, timers...); err != nil {
		return err
	}
	for _, w := range set {
		s.queue.add(item{w.at, w.Seq}, w.Timed)
	}
	return nil
}
