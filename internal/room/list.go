package room

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxListed bounds the rooms that one answer lists.
	maxListed = 200
	// maxUnread is where unread messages are no longer counted.
	maxUnread = 99
	// maxFound bounds the users that one answer names.
	maxFound = 20
)

// listedRoom is a room as its list shows it.
type listedRoom struct {
	Room   string `json:"room"`
	Kind   Kind   `json:"kind"`
	Title  string `json:"title"`
	Head   uint64 `json:"head"`
	TS     int64  `json:"ts"` // of the newest message, 0 for none
	Unread int    `json:"unread"`
	User   string `json:"user,omitempty"` // the other one of a dm
}

type roomsFrame struct {
	T     string       `json:"t"`
	N     int64        `json:"n"`
	Rooms []listedRoom `json:"rooms"`
}

// list returns the rooms that a user may join and that are made, the one with the
// newest message first.
func (s *Service) list(ctx context.Context, who Identity, u *user) ([]listedRoom, error) {
	rooms := map[string]listedRoom{}
	for _, r := range s.registry.all() {
		if r.admits(who) {
			rooms[r.Name] = listedRoom{Room: r.Name, Kind: KindRoom, Title: cmp.Or(r.Title, r.Name)}
		}
	}
	if s.cfg.Bot != nil {
		name := string(KindBot) + "." + who.User
		rooms[name] = listedRoom{Room: name, Kind: KindBot, Title: s.cfg.BotName}
	}
	patterns := []string{"dm." + who.User + ".*", "dm.*." + who.User}
	if who.Operator {
		patterns = append(patterns, "line.>")
	}
	if err := s.addHeads(ctx, rooms, who, slices.Concat(patterns, slices.Collect(maps.Keys(rooms)))); err != nil {
		return nil, err
	}
	list := slices.SortedFunc(maps.Values(rooms), func(a, b listedRoom) int {
		return cmp.Or(cmp.Compare(b.TS, a.TS), cmp.Compare(a.Room, b.Room))
	})
	list = list[:min(len(list), maxListed)]
	return list, s.addUnread(ctx, list, who, u)
}

// addHeads asks for the newest messages of rooms, and adds those of the patterns.
func (s *Service) addHeads(ctx context.Context, rooms map[string]listedRoom, who Identity, patterns []string) error {
	for part := range slices.Chunk(patterns, engine.MaxHeads/2) {
		heads, err := s.store.Heads(ctx, part...)
		if err != nil {
			return err
		}
		for _, m := range heads {
			r, known := rooms[m.Room]
			if !known {
				a, err := s.access(who, m.Room)
				if err != nil {
					continue
				}
				r = listedRoom{Room: m.Room, Kind: a.kind, Title: a.title}
				if a.kind == KindDM {
					r.User = a.other(who.User)
				}
			}
			r.Head, r.TS = m.ID, m.Stored.UnixMilli()
			rooms[m.Room] = r
		}
	}
	return nil
}

// addUnread counts what is unread. Public rooms that a user has never read count
// as read.
func (s *Service) addUnread(ctx context.Context, list []listedRoom, who Identity, u *user) error {
	read, err := s.reads(ctx, who.User, u)
	if err != nil {
		return err
	}
	for i := range list {
		r := &list[i]
		at, known := read[r.Room]
		if r.Head <= at || !known && s.openToAll(r.Room) || r.Kind == KindLINE && !known {
			continue
		}
		n, err := s.store.Count(ctx, r.Room, at)
		if err != nil {
			return err
		}
		r.Unread = min(n, maxUnread)
	}
	return nil
}

func (s *Service) openToAll(name string) bool {
	r := s.registry.room(name)
	return r != nil && r.Public
}

// all returns all rooms that operators made.
func (g *registry) all() []*Record {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.Collect(maps.Values(g.rooms))
}

// foundUser is a user as a search shows one.
type foundUser struct {
	User   string `json:"user"`
	Name   string `json:"name"`
	Online bool   `json:"online"`
}

type usersFrame struct {
	T     string      `json:"t"`
	N     int64       `json:"n"`
	Users []foundUser `json:"users"`
}

// find returns users whose name or ID begins so, those who are online first.
func (s *Service) find(who Identity, begin string) []foundUser {
	begin = strings.ToLower(strings.TrimSpace(begin))
	found := map[string]foundUser{}
	for id, name := range s.online() {
		if id != who.User && beginsSo(id, name, begin) {
			found[id] = foundUser{id, name, true}
		}
	}
	s.registry.mu.RLock()
	for id, name := range s.registry.users {
		if _, known := found[id]; !known && id != who.User && beginsSo(id, name, begin) {
			found[id] = foundUser{id, name, false}
		}
	}
	s.registry.mu.RUnlock()
	list := slices.SortedFunc(maps.Values(found), func(a, b foundUser) int {
		if a.Online != b.Online {
			if a.Online {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.User, b.User))
	})
	return list[:min(len(list), maxFound)]
}

func beginsSo(id, name, begin string) bool {
	return strings.HasPrefix(strings.ToLower(name), begin) || strings.HasPrefix(strings.ToLower(id), begin)
}

// online returns the names of the users who are connected, here or elsewhere.
func (s *Service) online() map[string]string {
	names := s.others.users()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, u := range s.users {
		if u.connections > 0 {
			names[id] = u.name
		}
	}
	return names
}
