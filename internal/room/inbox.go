package room

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// notice is the body of a message in a user's inbox: something is new in a room
// that the user has not joined.
type notice struct {
	Type  string `json:"type"` // "room"
	Room  string `json:"room"`
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	User  string `json:"user,omitempty"` // who wrote it
}

// invitesAtOnce bounds the inboxes that are written to at the same time.
const invitesAtOnce = 32

// invite tells users that a room is open to them.
func (s *Service) invite(ctx context.Context, r Record, users []string) error {
	title := r.Title
	if title == "" {
		title = r.Name
	}
	var g errgroup.Group
	g.SetLimit(invitesAtOnce)
	for _, user := range users {
		g.Go(func() error {
			return s.notify(ctx, user, fmt.Sprintf("added-%s-%d", r.Name, r.Created.UnixNano()),
				notice{"room", r.Name, KindRoom, title, ""})
		})
	}
	return g.Wait()
}

// notify writes to a user's inbox.
func (s *Service) notify(ctx context.Context, user, cid string, n notice) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	_, err = s.Post(ctx, Post{Room: Inbox(user), User: UserSystem, CID: user + "-" + cid, Body: body})
	return err
}

const (
	// noticeEvery is how often an inbox is told of one room, at most.
	noticeEvery = 30 * time.Second
	// maxNotices bounds the rooms of which it is remembered when that was.
	maxNotices = 10_000
)

// notices remembers which inboxes were told of which rooms lately.
type notices struct {
	mu   sync.Mutex
	last map[string]time.Time // by room and user
}

// due reports whether an inbox is to be told, and remembers it.
func (n *notices) due(key string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.last[key]) < noticeEvery {
		return false
	}
	if len(n.last) >= maxNotices {
		clear(n.last) // some are told once more
	}
	n.last[key] = now
	return true
}

// notifyDM tells the other one of a dm that something is new, unless that one is
// there. It does not block; a notice that the store does not take is lost, and the
// list of rooms tells.
func (s *Service) notifyDM(m outgoing, id uint64) {
	if r := s.hub.active(m.room); r != nil && r.has(m.notify) || !s.notices.due(m.room+" "+m.notify, time.Now()) {
		return
	}
	body, err := json.Marshal(notice{"room", m.room, KindDM, m.name, m.user})
	if err != nil {
		return // unreachable: strings
	}
	cid := fmt.Sprintf("dm-%d", id)
	message := stored{User: UserSystem, CID: cid, Body: body}
	if data, err := message.encode(); err == nil {
		s.store.Publish(Inbox(m.notify), UserSystem+":"+cid, data, func(engine.RoomAck, error) {})
	}
}

// has reports whether a user is in the room.
func (r *room) has(user string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.present[user] != nil
}
