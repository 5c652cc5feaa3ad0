package timer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// checkpointEvery is how often a checkpoint is stored while timers are set or
	// fired.
	checkpointEvery = 250 * time.Millisecond
	// idleEvery is how often it is stored while they are not, so that neither log
	// has to be kept or read for it.
	idleEvery = 5 * time.Second
	// checkpointLimit bounds storing one.
	checkpointLimit = 10 * time.Second
)

const checkpointKey = "checkpoint.timers"

// checkpoint is what a restart begins with. It is stored as JSON in the control
// bucket; fields may be added, none may change meaning.
type checkpoint struct {
	Outbox engine.Pos `json:"outbox"` // the ops of entries before it are applied
	Inbox  engine.Pos `json:"inbox"`  // timers whose events stand before it, or their entries before Outbox, are removed
}

// writeCheckpoints stores checkpoints until ctx ends.
func (s *Service) writeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.working.Lock()
		changed := s.changed
		s.working.Unlock()
		if !changed && time.Since(last) < idleEvery {
			continue
		}
		last = time.Now()
		if err := s.takeCheckpoint(ctx); err != nil && ctx.Err() == nil {
			s.lg.Error("checkpoint of the timers was not stored; trying again", "error", err)
		}
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.lg.Error("timers could not be counted; trying again", "error", err)
		}
		if err := s.thinOut(ctx); err != nil && ctx.Err() == nil {
			s.lg.Error("timers that are gone could not be forgotten; trying again", "error", err)
		}
	}
}

// takeCheckpoint stores how far everything is done now. While it is written
// timers are set and fired.
func (s *Service) takeCheckpoint(ctx context.Context) error {
	s.storing.Lock()
	defer s.storing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkpointLimit)
	defer cancel()
	cp, differs, err := s.snapshot(ctx)
	if err != nil || !differs {
		return err
	}
	if err := s.storeCheckpoint(ctx, cp); err != nil {
		s.working.Lock()
		s.changed = true // so that the next one is not left out
		s.working.Unlock()
		return err
	}
	s.working.Lock()
	s.durable = cp
	s.working.Unlock()
	s.floors.Store(&cp)
	return nil
}

// snapshot returns the checkpoint of now, and whether it differs from the last.
func (s *Service) snapshot(ctx context.Context) (cp checkpoint, differs bool, err error) {
	s.working.Lock()
	defer s.working.Unlock()
	if s.unsure {
		return cp, false, nil // what was fired last may not be removed
	}
	cp.Outbox, _ = s.readSoFar()
	if cp.Inbox, err = s.eng.Inbox.End(ctx); err != nil {
		return cp, false, err
	}
	s.changed = false
	return cp, cp != s.durable, nil
}

func (s *Service) storeCheckpoint(ctx context.Context, cp checkpoint) error {
	data, err := json.Marshal(cp)
	if err != nil {
		return err
	}
	// It must not name what a power loss could take back.
	if err := s.eng.Flush(); err != nil {
		return err
	}
	if err := s.eng.Control.Put(ctx, checkpointKey, data); err != nil {
		return err
	}
	return s.eng.Flush()
}

// look asks the store how many timers there are.
func (s *Service) look(ctx context.Context) error {
	st, err := s.eng.Timers.State(ctx)
	if err != nil {
		return err
	}
	s.pending.Store(int64(st.Timers))
	s.used.Store(st.Bytes)
	s.limit.Store(st.Limit)
	return nil
}

func (s *Service) loadCheckpoint(ctx context.Context) (cp checkpoint, err error) {
	data, _, err := s.eng.Control.Get(ctx, checkpointKey)
	if errors.Is(err, engine.ErrNotFound) {
		return cp, nil
	}
	if err != nil {
		return cp, err
	}
	if err := json.Unmarshal(data, &cp); err != nil {
		return cp, fmt.Errorf("checkpoint of the timers: %w", err)
	}
	return cp, nil
}
