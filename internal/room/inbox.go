package room

import (
	"context"
	"encoding/json"
	"fmt"

	"golang.org/x/sync/errgroup"
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
