package linesim

import (
	"fmt"
	"slices"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// maxGroups bounds how many groups and rooms there can be; they are never removed.
	maxGroups = 100_000
	// maxMembers is the size of a LINE group.
	maxMembers = 500
)

// Group is a group chat, or a multi-person chat ("room") where GroupID begins with R.
type Group struct {
	GroupID string   `json:"groupId"`
	Name    string   `json:"name,omitempty"`
	Members []string `json:"members"`
	// Joined is true while the bot is in the group.
	Joined bool `json:"joined"`
}

// NewGroup describes a group to add.
type NewGroup struct {
	// GroupID is C (a group) or R (a room) and 32 hexadecimal digits. Empty: a made-up group.
	GroupID string `json:"groupId,omitempty"`
	// Name may be empty.
	Name string `json:"name,omitempty"`
	// Members are the ids of 1 to 500 users.
	Members []string `json:"members"`
}

// snapshot returns a copy that shares nothing with g.
func (g *Group) snapshot() Group {
	c := *g
	c.Members = slices.Clone(g.Members)
	return c
}

// AddGroup makes a group of users and the bot, and sends a join event.
func (s *Simulator) AddGroup(g NewGroup) (Group, error) {
	group, _, err := s.addGroup(g)
	return group, err
}

// addGroup is AddGroup that also tells the id of the join event.
func (s *Simulator) addGroup(n NewGroup) (Group, string, error) {
	if n.GroupID == "" {
		n.GroupID = newChatID('C')
	}
	if !rule.ChatID(n.GroupID, "CR") {
		return Group{}, "", fmt.Errorf("%w groupId: want C or R and 32 hexadecimal digits in lower case", ErrInvalid)
	}
	members := slices.Clone(n.Members)
	slices.Sort(members)
	if len(members) == 0 || len(members) > maxMembers || len(slices.Compact(members)) != len(n.Members) {
		return Group{}, "", fmt.Errorf("%w members: want 1 to %d different user ids", ErrInvalid, maxMembers)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range n.Members {
		if _, err := s.accountLocked(id); err != nil {
			return Group{}, "", err
		}
	}
	if _, ok := s.groups[n.GroupID]; ok {
		return Group{}, "", fmt.Errorf("%w: group %s exists already", ErrConflict, n.GroupID)
	}
	if len(s.groups) >= maxGroups {
		return Group{}, "", fmt.Errorf("%w: there are %d groups already, the most the simulator holds", ErrConflict, maxGroups)
	}
	if err := s.roomLocked(); err != nil {
		return Group{}, "", err
	}
	g := &Group{GroupID: n.GroupID, Name: n.Name, Members: slices.Clone(n.Members)}
	s.groups[g.GroupID] = g
	s.groupOrder = append(s.groupOrder, g)
	eventID := s.joinLocked(g)
	return g.snapshot(), eventID, nil
}

// Groups returns all groups and rooms in the order they were added.
func (s *Simulator) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Group, len(s.groupOrder))
	for i, g := range s.groupOrder {
		out[i] = g.snapshot()
	}
	return out
}

// InviteBot brings the bot back into a group that it left and sends a join event.
func (s *Simulator) InviteBot(groupID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupLocked(groupID)
	if err != nil {
		return "", err
	}
	if g.Joined {
		return "", fmt.Errorf("%w: the bot is in group %s already", ErrConflict, groupID)
	}
	if err := s.roomLocked(); err != nil {
		return "", err
	}
	return s.joinLocked(g), nil
}

// RemoveBot removes the bot from a group and sends a leave event.
func (s *Simulator) RemoveBot(groupID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.joinedLocked(groupID)
	if err != nil {
		return "", err
	}
	return s.leaveLocked(g), nil
}

// AddMember adds a user to a group and sends a memberJoined event.
func (s *Simulator) AddMember(groupID, userID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.joinedLocked(groupID)
	if err != nil {
		return "", err
	}
	if _, err := s.accountLocked(userID); err != nil {
		return "", err
	}
	if slices.Contains(g.Members, userID) {
		return "", fmt.Errorf("%w: user %s is in group %s already", ErrConflict, userID, groupID)
	}
	if len(g.Members) >= maxMembers {
		return "", fmt.Errorf("%w: group %s has %d members already, the most LINE allows", ErrConflict, groupID, maxMembers)
	}
	g.Members = append(g.Members, userID)
	s.publishLocked(streamGroup, g.snapshot())
	return s.emitLocked(memberEvent("memberJoined", g.GroupID, userID)), nil
}

// RemoveMember lets a user leave a group and sends a memberLeft event.
func (s *Simulator) RemoveMember(groupID, userID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.joinedLocked(groupID)
	if err != nil {
		return "", err
	}
	i := slices.Index(g.Members, userID)
	if i < 0 {
		return "", fmt.Errorf("user %s in group %s: %w", quoteID(userID), groupID, ErrNotFound)
	}
	g.Members = slices.Delete(slices.Clone(g.Members), i, i+1)
	s.publishLocked(streamGroup, g.snapshot())
	return s.emitLocked(memberEvent("memberLeft", g.GroupID, userID)), nil
}

// joinLocked puts the bot into g and sends the join event.
func (s *Simulator) joinLocked(g *Group) string {
	g.Joined = true
	s.publishLocked(streamGroup, g.snapshot())
	return s.emitLocked(outgoing{
		event: event{Type: "join", Source: chatSource(g.GroupID, "")}, chatID: g.GroupID, withToken: true,
	})
}

// leaveLocked takes the bot out of g and sends the leave event, which LINE sends also when the bot
// leaves by itself.
func (s *Simulator) leaveLocked(g *Group) string {
	g.Joined = false
	s.publishLocked(streamGroup, g.snapshot())
	return s.emitLocked(outgoing{
		event: event{Type: "leave", Source: chatSource(g.GroupID, "")}, chatID: g.GroupID,
	})
}

// groupLocked finds a group.
func (s *Simulator) groupLocked(groupID string) (*Group, error) {
	g, ok := s.groups[groupID]
	if !ok {
		return nil, fmt.Errorf("group %s: %w, add the group first", quoteID(groupID), ErrNotFound)
	}
	return g, nil
}

// joinedLocked finds a group that the bot is in, for something that sends a webhook, and makes sure
// that there is room for it.
func (s *Simulator) joinedLocked(groupID string) (*Group, error) {
	g, err := s.groupLocked(groupID)
	if err != nil {
		return nil, err
	}
	if !g.Joined {
		return nil, fmt.Errorf("%w: the bot is not in group %s, invite it first", ErrConflict, groupID)
	}
	return g, s.roomLocked()
}
