package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Keys of the bucket chat. Values are JSON, in which fields may be added and none
// may change meaning, but for the secret.
//
//	secret        the key that tokens are signed with
//	room.<name>   Record
//	user.<id>     userRecord, of users with a login
//	read.<id>     readRecord, of users with a login
const (
	keySecret  = "secret"
	prefixRoom = "room."
	prefixUser = "user."
	prefixRead = "read."
)

const (
	// maxRooms bounds the rooms that operators make.
	maxRooms = 10_000
	// maxMembers bounds the members of one room.
	maxMembers = 1_000
	// maxUsers bounds the users that are known by name in memory.
	maxUsers = 100_000
	maxTitle = 100 // characters
)

// Record is a room that an operator made.
type Record struct {
	Name    string    `json:"name"`
	Title   string    `json:"title,omitempty"`
	Public  bool      `json:"public,omitempty"`  // every user may join
	Guests  bool      `json:"guests,omitempty"`  // guests too, where the room is public
	Bot     bool      `json:"bot,omitempty"`     // the bot is a member
	Members []string  `json:"members,omitempty"` // users who may join where the room is not public
	Created time.Time `json:"created"`
}

// Errors of rooms that operators make.
var (
	ErrExists   = engine.ErrExists
	ErrNotFound = engine.ErrNotFound
	ErrInvalid  = errors.New("not valid")
)

// check returns what is wrong with a record.
func (r *Record) check() error {
	switch {
	case !wordOf(r.Name, maxRoomName, false):
		return fmt.Errorf("%w: name of a room: 1 to %d of a-z, 0-9 and '-'", ErrInvalid, maxRoomName)
	case r.Title != "" && !validName(r.Title):
		return fmt.Errorf("%w: title: at most %d characters, none that controls a terminal", ErrInvalid, maxName)
	case len(r.Members) > maxMembers:
		return fmt.Errorf("%w: members: at most %d", ErrInvalid, maxMembers)
	case r.Guests && !r.Public:
		return fmt.Errorf("%w: guests may only join public rooms", ErrInvalid)
	}
	for _, user := range r.Members {
		if !validUser(user) || reserved(user) {
			return fmt.Errorf("%w: member %q: 1 to %d letters, digits, '-' and '_'", ErrInvalid, user, maxUserID)
		}
	}
	return nil
}

// admits reports whether a user may join.
func (r *Record) admits(who Identity) bool {
	switch {
	case who.Operator, slices.Contains(r.Members, who.User):
		return true
	case who.Guest:
		return r.Public && r.Guests
	}
	return r.Public
}

// Rooms returns the rooms that operators made, in the order of their names.
func (s *Service) Rooms(ctx context.Context) ([]Record, error) {
	var names []string
	err := s.bucket.Keys(ctx, prefixRoom+"*", func(key string) bool {
		names = append(names, strings.TrimPrefix(key, prefixRoom))
		return true
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	list := []Record{}
	for _, name := range names {
		r, _, err := s.record(ctx, name)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Room returns a room that an operator made; ErrNotFound when there is none.
func (s *Service) Room(ctx context.Context, name string) (Record, error) {
	r, _, err := s.record(ctx, name)
	return r, err
}

func (s *Service) record(ctx context.Context, name string) (r Record, revision uint64, err error) {
	if !wordOf(name, maxRoomName, false) {
		return r, 0, fmt.Errorf("room %q: %w", name, ErrNotFound)
	}
	data, revision, err := s.bucket.Get(ctx, prefixRoom+name)
	if err != nil {
		return r, 0, fmt.Errorf("room %s: %w", name, err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, 0, fmt.Errorf("record of room %s: %w", name, err)
	}
	return r, revision, nil
}

// CreateRoom makes a room; ErrExists when there is one, ErrInvalid when it cannot
// be. Its members are told.
func (s *Service) CreateRoom(ctx context.Context, r Record) (Record, error) {
	r.Created = time.Now().UTC()
	if err := s.putRoom(ctx, r, 0); err != nil {
		return r, err
	}
	return r, s.invite(ctx, r, r.Members)
}

// ChangeRoom changes a room as change does, and tells new members.
func (s *Service) ChangeRoom(ctx context.Context, name string, change func(*Record)) (Record, error) {
	for {
		r, revision, err := s.record(ctx, name)
		if err != nil {
			return r, err
		}
		before := slices.Clone(r.Members)
		change(&r)
		r.Name = name
		err = s.putRoom(ctx, r, revision)
		if errors.Is(err, ErrExists) {
			continue // somebody else was faster
		}
		if err != nil {
			return r, err
		}
		added := slices.DeleteFunc(slices.Clone(r.Members), func(user string) bool { return slices.Contains(before, user) })
		return r, s.invite(ctx, r, added)
	}
}

func (s *Service) putRoom(ctx context.Context, r Record, revision uint64) error {
	if err := r.check(); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := s.bucket.Swap(ctx, prefixRoom+r.Name, data, revision); err != nil {
		return fmt.Errorf("room %s: %w", r.Name, err)
	}
	return s.flush()
}

// DeleteRoom deletes a room and its messages.
func (s *Service) DeleteRoom(ctx context.Context, name string) error {
	if _, _, err := s.record(ctx, name); err != nil {
		return err
	}
	if err := s.bucket.Delete(ctx, prefixRoom+name); err != nil {
		return err
	}
	if err := s.store.Delete(ctx, name); err != nil {
		return err
	}
	return s.flush()
}

// userRecord is what is kept of a user.
type userRecord struct {
	Name string `json:"name"`
}

// keepName stores the name of a user with a login, when it is another one.
func (s *Service) keepName(ctx context.Context, who *Identity) error {
	if who.Guest || s.registry.userName(who.User) == who.Name {
		return nil
	}
	data, err := json.Marshal(userRecord{who.Name})
	if err != nil {
		return err
	}
	return s.bucket.Put(ctx, prefixUser+who.User, data)
}

// registry is what is known of rooms and users here, kept current by watching the
// bucket. Methods may be called concurrently.
type registry struct {
	mu    sync.RWMutex
	rooms map[string]*Record // replaced, never changed
	users map[string]string  // names by ID
}

func (g *registry) room(name string) *Record {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.rooms[name]
}

func (g *registry) userName(user string) string {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.users[user]
}

// noteRoom takes a change of a room, and sends away who may not be there any more.
func (s *Service) noteRoom(key string, value []byte) {
	s.registry.noteRoom(key, value)
	if r := s.hub.active(strings.TrimPrefix(key, prefixRoom)); r != nil {
		r.expel()
	}
}

// noteRoom takes a change of a room.
func (g *registry) noteRoom(key string, value []byte) {
	name := strings.TrimPrefix(key, prefixRoom)
	var r Record
	gone := value == nil || json.Unmarshal(value, &r) != nil
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone {
		delete(g.rooms, name)
		return
	}
	if len(g.rooms) < maxRooms || g.rooms[name] != nil {
		g.rooms[name] = &r
	}
}

// noteUser takes a change of a user.
func (g *registry) noteUser(key string, value []byte) {
	user := strings.TrimPrefix(key, prefixUser)
	var u userRecord
	gone := value == nil || json.Unmarshal(value, &u) != nil
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone {
		delete(g.users, user)
	} else if _, known := g.users[user]; known || len(g.users) < maxUsers {
		g.users[user] = u.Name
	}
}
