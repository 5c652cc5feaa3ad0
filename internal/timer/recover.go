package timer

import (
	"context"
	"slices"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// thinFrom is how long the queue may get before it is looked through for timers
// that are gone.
const thinFrom = 100_000

// recover takes up what earlier processes left. It returns where to go on reading
// the outbox.
func (s *Service) recover(ctx context.Context) (engine.Pos, error) {
	end, err := s.recall(ctx)
	if err != nil {
		return 0, err
	}
	s.readTo(end)
	if err := s.look(ctx); err != nil {
		return 0, err
	}
	return end, s.takeCheckpoint(ctx)
}

// recall applies what earlier processes left, removes what they fired, and fills
// the queue.
func (s *Service) recall(ctx context.Context) (end engine.Pos, err error) {
	s.working.Lock()
	defer s.working.Unlock()
	if s.durable, err = s.loadCheckpoint(ctx); err != nil {
		return 0, err
	}
	fired := map[string]struct{}{}
	if err := s.recallEvents(ctx, fired); err != nil {
		return 0, err
	}
	if end, err = s.recallEntries(ctx, s.durable.Outbox, func(id string) { fired[id] = struct{}{} }); err != nil {
		return 0, err
	}
	now := s.clock.read()
	left, err := s.load(ctx, fired, now)
	if err != nil {
		return 0, err
	}
	return end, s.finish(ctx, left, now)
}

// recallEvents adds the IDs of the events behind the checkpoint that timers made.
func (s *Service) recallEvents(ctx context.Context, fired map[string]struct{}) error {
	return s.eng.Inbox.Scan(ctx, s.durable.Inbox, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if ev, err := engine.ParseEvent(rec); err == nil && strings.HasPrefix(ev.ID, engine.TimerID) {
				fired[ev.ID] = struct{}{}
			}
		}
		return true
	})
}

// recallEntries applies the entries from a place on, tells the IDs of those that
// timers made, and returns where they end.
func (s *Service) recallEntries(ctx context.Context, from engine.Pos, fired func(id string)) (end engine.Pos, err error) {
	if end, err = s.eng.Outbox.End(ctx); err != nil { // of a log that holds nothing any more, too
		return end, err
	}
	scan := s.eng.Outbox.Scan(ctx, from, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if id, ok := engine.TimerEntry(rec); ok {
				fired(id)
			}
		}
		if err = s.apply(ctx, s.opsOf(b)); err != nil {
			return false
		}
		end = max(end, engine.After(b))
		return true
	})
	if err == nil {
		err = scan
	}
	return end, err
}

// load fills the queue with all timers but those that were fired, which it
// returns.
func (s *Service) load(ctx context.Context, fired map[string]struct{}, now reading) (left []firing, err error) {
	s.queue = queue{}
	var gone []uint64
	err = s.eng.Timers.Heads(ctx, engine.TimerFilter{}, func(h engine.TimerHead) {
		if len(fired) > 0 {
			if _, ok := fired[h.ID()]; ok {
				gone = append(gone, h.Seq)
				return
			}
		}
		s.queue.append(itemOf(h, now), h.Timed)
	})
	if err != nil {
		return nil, err
	}
	s.queue.init()
	timers, err := s.eng.Timers.Get(ctx, gone, func(uint64) {}) // their heads were read
	for _, t := range timers {
		left = append(left, firing{t, due{late: max(now.wall.Sub(t.Due), 0)}})
	}
	return left, err
}

// itemOf returns what waits for a timer that was read from the store.
func itemOf(h engine.TimerHead, now reading) item {
	if h.Timed {
		return item{int64(now.steadyAt(h.Due)), h.Seq}
	}
	return item{h.Due.UnixNano(), h.Seq}
}

// thinOut forgets the timers that were replaced or cancelled, when they are more
// than those that wait.
func (s *Service) thinOut(ctx context.Context) error {
	s.working.Lock()
	n := s.queue.len()
	if n <= s.thinFrom || int64(n) <= 2*s.pending.Load() {
		s.working.Unlock()
		return nil
	}
	old := s.queue.clone()
	s.working.Unlock()

	var live []uint64 // in order
	if err := s.eng.Timers.Heads(ctx, engine.TimerFilter{}, func(h engine.TimerHead) { live = append(live, h.Seq) }); err != nil {
		return err
	}
	newest := old.newest()
	old.keep(func(it item) bool { _, ok := slices.BinarySearch(live, it.seq); return ok })

	s.working.Lock()
	defer s.working.Unlock()
	s.queue.keep(func(it item) bool { return it.seq > newest }) // came meanwhile
	s.queue.merge(old)
	s.queue.init()
	return nil
}
