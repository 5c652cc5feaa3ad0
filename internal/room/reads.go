package room

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/time/rate"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// maxReads bounds the rooms of which it is kept how far a user has read.
const maxReads = 1000

// readRecord is how far a user has read, by room. It is stored.
type readRecord map[string]uint64

// merge takes what is further, and forgets the oldest beyond the bound.
func (r readRecord) merge(other readRecord) {
	for room, id := range other {
		r[room] = max(r[room], id)
	}
	if len(r) <= maxReads {
		return
	}
	ids := slices.Sorted(maps.Values(r))
	least := ids[len(ids)-maxReads]
	maps.DeleteFunc(r, func(_ string, id uint64) bool { return id < least })
}

// user is what is kept of a user while there are connections.
type user struct {
	guest bool // does not change: it goes by the ID

	name        string // guarded by Service.mu, as are connections and posts
	connections int
	posts       *rate.Limiter // of frames that come without a connection; nil for none yet

	mu     sync.Mutex
	loaded bool // read holds what the store has
	read   readRecord
	dirty  bool // read is further than what the store has
}

// postLimiter returns the limiter of a user's frames that come without a connection.
func (s *Service) postLimiter(u *user) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.posts == nil {
		u.posts = s.newLimiter()
	}
	return u.posts
}

// markRead notes how far a user has read. The store has it a few seconds later.
func (u *user) markRead(room string, id uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if id <= u.read[room] {
		return
	}
	u.read.merge(readRecord{room: id})
	u.dirty = true
}

// reads returns how far a user has read.
func (s *Service) reads(ctx context.Context, id string, u *user) (readRecord, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.loaded && !u.guest {
		kept, _, err := s.keptReads(ctx, id)
		if err != nil {
			return nil, err
		}
		u.read.merge(kept)
	}
	u.loaded = true
	return maps.Clone(u.read), nil
}

func (s *Service) keptReads(ctx context.Context, id string) (kept readRecord, revision uint64, err error) {
	data, revision, err := s.bucket.Get(ctx, prefixRead+id)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if json.Unmarshal(data, &kept) != nil {
		kept = nil // it is of no great use; the next one takes its place
	}
	return kept, revision, nil
}

// keepReads stores how far users have read, and forgets users who are gone. Guests
// are not kept: nobody would ever delete what was.
func (s *Service) keepReads(ctx context.Context) {
	s.mu.Lock()
	users := maps.Clone(s.users)
	s.mu.Unlock()
	for id, u := range users {
		if !s.keepRead(ctx, id, u) {
			continue // the next time
		}
		s.mu.Lock()
		if u.connections == 0 && (u.posts == nil || u.posts.Tokens() >= float64(u.posts.Burst())) {
			delete(s.users, id)
		}
		s.mu.Unlock()
	}
}

// keepRead stores what one user has read; false when it must be tried again.
func (s *Service) keepRead(ctx context.Context, id string, u *user) bool {
	u.mu.Lock()
	read, dirty := maps.Clone(u.read), u.dirty && !u.guest
	u.dirty = false
	u.mu.Unlock()
	if !dirty {
		return true
	}
	kept, revision, err := s.keptReads(ctx, id)
	if err == nil {
		read.merge(kept)
		var data []byte
		if data, err = json.Marshal(read); err == nil {
			err = s.bucket.Swap(ctx, prefixRead+id, data, revision)
		}
	}
	if err == nil {
		return true
	}
	u.mu.Lock()
	u.dirty = true
	u.mu.Unlock()
	return false
}
