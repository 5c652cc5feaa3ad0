package roombot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/line-frontdesk/frontdesk"
)

// recentMessages is how many of a room's newest messages are looked through: for
// a push that is repeated, and for a user's name.
const recentMessages = 100

// names knows what users are called who wrote lately.
type names struct {
	mu sync.Mutex
	of map[string]string
}

func (n *names) note(user, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.of[user]; !known && len(n.of) >= maxNames {
		for other := range n.of {
			delete(n.of, other) // the room remembers it, too
			break
		}
	}
	n.of[user] = name
}

func (n *names) get(user string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.of[user]
}

// Profile returns what the chat knows of a user: the name that the user wrote
// under last in the source's room. It returns frontdesk.ErrNoProfile for a user
// who did not write there lately.
func (s *Service) Profile(ctx context.Context, source frontdesk.Source, user string) (frontdesk.Profile, error) {
	if name := s.names.get(user); name != "" {
		return frontdesk.Profile{UserID: user, DisplayName: name}, nil
	}
	room, isGroup := strings.CutPrefix(source.GroupID, groupOfBot)
	if !isGroup {
		room = botRoom + user
	}
	list, err := s.cfg.Rooms.Recent(ctx, room, recentMessages)
	if err != nil {
		return frontdesk.Profile{}, fmt.Errorf("name of user %s: %w", user, err)
	}
	for _, m := range slices.Backward(list) {
		if m.User == user && m.Name != "" {
			s.names.note(user, m.Name)
			return frontdesk.Profile{UserID: user, DisplayName: m.Name}, nil
		}
	}
	return frontdesk.Profile{}, frontdesk.ErrNoProfile
}
