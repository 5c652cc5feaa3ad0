package roombot

import (
	"context"
	"sync"
	"time"
)

const (
	// typingRenew is how often the sign is shown again, which ends by itself
	// after five seconds.
	typingRenew = 4 * time.Second
	// maxTyping bounds the rooms in which the bot types; more go without.
	maxTyping = 10_000
)

// typing knows in which rooms the bot is at work.
type typing struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// ShowLoading shows a user that the bot types, until it writes, and no longer than
// for a time.
func (s *Service) ShowLoading(_ context.Context, user string, d time.Duration) error {
	room := botRoom + user
	s.typing.mu.Lock()
	if _, known := s.typing.until[room]; known || len(s.typing.until) < maxTyping {
		s.typing.until[room] = time.Now().Add(d)
	}
	s.typing.mu.Unlock()
	s.cfg.Rooms.Typing(room)
	return nil
}

func (s *Service) endTyping(room string) {
	s.typing.mu.Lock()
	delete(s.typing.until, room)
	s.typing.mu.Unlock()
}

// keepTyping renews the sign until ctx ends.
func (s *Service) keepTyping(ctx context.Context) {
	tick := time.NewTicker(typingRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, room := range s.typing.current(now) {
				s.cfg.Rooms.Typing(room)
			}
		}
	}
}

// current returns the rooms in which the bot still types.
func (t *typing) current(now time.Time) (rooms []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for room, until := range t.until {
		if now.After(until) {
			delete(t.until, room)
			continue
		}
		rooms = append(rooms, room)
	}
	return rooms
}
