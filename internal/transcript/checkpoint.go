package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// checkpointEvery is how often a checkpoint is stored while there is something
	// to write.
	checkpointEvery = 500 * time.Millisecond
	// checkpointLimit bounds storing one.
	checkpointLimit = 10 * time.Second
	// pageMost is how many messages of rooms are read at once.
	pageMost = 1000
)

const checkpointKey = "checkpoint.transcripts"

// checkpoint is what a start begins with. It is stored as JSON in the control
// bucket; fields may be added, none may change meaning.
type checkpoint struct {
	Inbox  engine.Pos `json:"inbox"`  // the events before it are written
	Outbox engine.Pos `json:"outbox"` // what was sent by the notes before it is written
	Open   engine.Pos `json:"open"`   // the first entry that was not sent then, at most Outbox
	Rooms  uint64     `json:"rooms"`  // every message of what stands behind has a greater ID
}

func (s *Service) loadCheckpoint(ctx context.Context) (cp checkpoint, err error) {
	data, _, err := s.eng.Control.Get(ctx, checkpointKey)
	if errors.Is(err, engine.ErrNotFound) {
		return cp, nil // begin with what the logs still hold
	}
	if err != nil {
		return cp, err
	}
	if err := json.Unmarshal(data, &cp); err != nil {
		return cp, fmt.Errorf("checkpoint of the transcripts: %w", err)
	}
	return cp, nil
}

// storeCheckpoint stores a checkpoint. It must not name what a power loss could
// take back.
func (s *Service) storeCheckpoint(ctx context.Context, cp checkpoint) error {
	ctx, cancel := context.WithTimeout(ctx, checkpointLimit)
	defer cancel()
	data, err := json.Marshal(cp)
	if err != nil {
		return err
	}
	if err := s.eng.Flush(); err != nil {
		return err
	}
	if err := s.eng.Control.Put(ctx, checkpointKey, data); err != nil {
		return err
	}
	if err := s.eng.Flush(); err != nil {
		return err
	}
	s.stored(cp)
	return nil
}

// stored tells who waits which checkpoint is on disk.
func (s *Service) stored(cp checkpoint) {
	s.floors.Store(&cp)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.moved)
	s.moved = make(chan struct{})
}

// written is what an earlier session wrote behind its last checkpoint.
type written struct {
	messages map[string]struct{} // by room and cid
	unsent   map[string]struct{} // LINE's messages that were taken back, by room and ID
}

func messageKey(room, cid string) string { return room + "\x00" + cid }

// take reports whether a message is there already, and forgets it.
func (w *written) take(m Message) bool {
	key := messageKey(m.Room, m.CID)
	_, found := w.messages[key]
	delete(w.messages, key)
	return found
}

// recall reads what was written behind a checkpoint.
func (s *Service) recall(ctx context.Context, cp checkpoint) (*written, error) {
	w := &written{messages: map[string]struct{}{}, unsent: map[string]struct{}{}}
	for after, left := cp.Rooms, 1; left > 0; {
		list, more, err := s.cfg.Rooms.After(ctx, roomPrefix+">", after, pageMost)
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			w.messages[messageKey(m.Room, m.CID)] = struct{}{}
			if b := bodyOf(m.Body); b.Event == eventUnsend {
				w.unsent[messageKey(m.Room, b.MessageID)] = struct{}{}
			}
			after = m.ID
		}
		if left = more; len(list) == 0 {
			break
		}
	}
	return w, nil
}
