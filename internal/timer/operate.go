package timer

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// What operators do works whether Run runs or not: without it what entries say is
// applied when somebody asks, and nothing fires.

// Channels returns those of the configuration.
func (s *Service) Channels() []string { return s.cfg.Channels }

// Query chooses timers. Zero fields choose all.
type Query struct {
	engine.TimerFilter
	Before time.Time // due before it
	After  Place     // behind a timer, in the order of the rows
	Limit  int       // rows; 0 for all
}

// Place is where a timer stands in the order of their times.
type Place struct {
	Due time.Time
	Seq uint64
}

func (p Place) compare(q Place) int { return cmp.Or(p.Due.Compare(q.Due), cmp.Compare(p.Seq, q.Seq)) }

// Listing is the answer to a query.
type Listing struct {
	Timers   []*engine.Timer // the one that is due next first
	Next     Place           // After of the query for more; zero at the end
	Matching int             // without After and Limit
}

// List returns the timers that a query chooses. It knows of all that was stored
// before it is called.
func (s *Service) List(ctx context.Context, q Query) (l Listing, err error) {
	if err := s.current(ctx); err != nil {
		return l, err
	}
	var places []Place
	err = s.eng.Timers.Heads(ctx, q.TimerFilter, func(h engine.TimerHead) {
		if !q.Before.IsZero() && !h.Due.Before(q.Before) {
			return
		}
		l.Matching++
		if p := (Place{h.Due, h.Seq}); q.After == (Place{}) || p.compare(q.After) > 0 {
			places = append(places, p)
		}
	})
	if err != nil {
		return l, err
	}
	slices.SortFunc(places, Place.compare)
	if q.Limit > 0 && len(places) > q.Limit {
		places = places[:q.Limit]
		l.Next = places[q.Limit-1]
	}
	seqs := make([]uint64, len(places))
	for i, p := range places {
		seqs[i] = p.Seq
	}
	l.Timers, err = s.eng.Timers.Get(ctx, seqs, func(uint64) {}) // that it is damaged is told when it is due
	return l, err
}

// Find returns the timer with a Seq; engine.ErrNotFound when there is none, or
// not any more.
func (s *Service) Find(ctx context.Context, seq uint64) (*engine.Timer, error) {
	if err := s.current(ctx); err != nil {
		return nil, err
	}
	timers, err := s.eng.Timers.Get(ctx, []uint64{seq}, func(uint64) {})
	if err != nil {
		return nil, err
	}
	if len(timers) == 0 {
		return nil, fmt.Errorf("timer %d: %w; it may have been due, replaced or cancelled", seq, engine.ErrNotFound)
	}
	return timers[0], nil
}

// Change sets and cancels timers of a channel as a handler does, and returns when
// that is done. After an error it may be done or not.
func (s *Service) Change(ctx context.Context, channel string, ops ...engine.TimerOp) error {
	e := &engine.Entry{ID: channel + "/operator-" + rand.Text(), Channel: channel, Timers: ops}
	s.Stamp(e)
	if _, _, err := s.eng.Outbox.Append(e); err != nil {
		return fmt.Errorf("timers of channel %s: %w", channel, err)
	}
	return s.current(ctx)
}

// current returns when all that is stored now is applied.
func (s *Service) current(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	if done, err := s.applyAll(ctx); done || err != nil {
		return err
	}
	select {
	case <-s.ready:
		return s.catchUp(ctx)
	case <-ctx.Done():
		return fmt.Errorf("timers: not read yet: %w", ctx.Err())
	}
}

// applyAll applies what the outbox holds, in the place of Run: it does nothing
// while that runs. It stores no checkpoint: the next Run does the same again, which
// changes nothing.
func (s *Service) applyAll(ctx context.Context) (done bool, err error) {
	if s.running.Load() {
		return false, nil
	}
	s.working.Lock()
	defer s.working.Unlock()
	if s.running.Load() { // it waits for the lock to recover
		return false, nil
	}
	from, _ := s.readSoFar()
	if from == 0 {
		cp, err := s.loadCheckpoint(ctx)
		if err != nil {
			return false, err
		}
		from = cp.Outbox
	}
	end, err := s.recallEntries(ctx, from, func(string) {})
	if err != nil {
		return false, err
	}
	s.readTo(end)
	return true, nil
}
