package room

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// tellAllEvery is how often an instance tells all of its presence; what is
	// new it tells each second.
	tellAllEvery = 10 * time.Second
	// silentAfter is how long an instance that says nothing counts as there.
	silentAfter = 30 * time.Second
	// maxTold bounds the rooms in one message between instances.
	maxTold = 100
	// maxOtherRooms and maxInstances bound what is kept of others.
	maxOtherRooms = 50_000
	maxInstances  = 64
)

// told is what instances tell each other, as JSON; nobody stores it.
type told struct {
	From   string           `json:"from"`
	Rooms  map[string]crowd `json:"rooms,omitempty"`
	Typing *typingFrame     `json:"typing,omitempty"`
	Leaves bool             `json:"leaves,omitempty"` // the instance ends
}

// crowd is who is in a room through one instance.
type crowd struct {
	People []person `json:"people,omitempty"` // while they are few
	Count  int      `json:"count"`
}

// others is what the other instances tell. Methods may be called concurrently.
type others struct {
	mu        sync.Mutex
	instances map[string]*instance
}

// instance is what another instance has told.
type instance struct {
	heard time.Time
	rooms map[string]crowd
}

// crowds returns who is in a room through each other instance.
func (o *others) crowds(room string) map[string]crowd {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := map[string]crowd{}
	for id, in := range o.instances {
		if c, ok := in.rooms[room]; ok {
			found[id] = c
		}
	}
	return found
}

// users returns the names of users who are in any room elsewhere.
func (o *others) users() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := map[string]string{}
	for _, in := range o.instances {
		for _, c := range in.rooms {
			for _, p := range c.People {
				names[p.User] = p.Name
			}
		}
	}
	return names
}

// note takes what an instance tells of its rooms; false when there are too many.
func (o *others) note(t *told, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	in := o.instances[t.From]
	if in == nil {
		if len(o.instances) >= maxInstances {
			return false
		}
		in = &instance{rooms: map[string]crowd{}}
		o.instances[t.From] = in
	}
	in.heard = now
	for name, c := range t.Rooms {
		if c.Count == 0 {
			delete(in.rooms, name)
		} else if _, known := in.rooms[name]; known || len(in.rooms) < maxOtherRooms {
			in.rooms[name] = c
		}
	}
	return true
}

// forget takes away instances that have left or fallen silent, and returns the
// rooms that they had.
func (o *others) forget(gone func(id string, heard time.Time) bool) map[string][]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := map[string][]string{}
	for id, in := range o.instances {
		if gone(id, in.heard) {
			lost[id] = slices.Collect(maps.Keys(in.rooms))
			delete(o.instances, id)
		}
	}
	return lost
}

// hear takes what another instance tells.
func (s *Service) hear(data []byte) {
	var t told
	if json.Unmarshal(data, &t) != nil || t.From == s.instance || t.From == "" {
		return
	}
	if t.Leaves {
		s.forgetOthers(func(id string, _ time.Time) bool { return id == t.From })
		return
	}
	if t.Typing != nil {
		if r := s.hub.active(t.Typing.Room); r != nil {
			r.tellTyping(*t.Typing)
		}
		return
	}
	if !s.others.note(&t, time.Now()) {
		return
	}
	for name, c := range t.Rooms {
		if r := s.hub.active(name); r != nil {
			r.setCrowd(t.From, c)
		}
	}
}

func (s *Service) forgetOthers(gone func(id string, heard time.Time) bool) {
	for id, rooms := range s.others.forget(gone) {
		for _, name := range rooms {
			if r := s.hub.active(name); r != nil {
				r.setCrowd(id, crowd{})
			}
		}
	}
}

// tell tells the other instances; what is lost is told again later.
func (s *Service) tell(t told) {
	if s.alone {
		return
	}
	t.From = s.instance
	data, err := json.Marshal(t)
	if err == nil {
		s.store.Tell(data) // best effort
	}
}

// tellRooms tells the other instances who is in rooms through this one.
func (s *Service) tellRooms(rooms map[string]crowd) {
	for part := range slices.Chunk(slices.Collect(maps.Keys(rooms)), maxTold) {
		t := told{Rooms: map[string]crowd{}}
		for _, name := range part {
			t.Rooms[name] = rooms[name]
		}
		s.tell(t)
	}
}

// tellAll tells all presence now and then, and forgets who does not, until ctx
// ends.
func (s *Service) tellAll(ctx context.Context) error {
	ticker := time.NewTicker(tellAllEvery)
	defer ticker.Stop()
	for {
		rooms := map[string]crowd{}
		for _, r := range s.hub.all() {
			if c := r.localCrowd(); c.Count > 0 {
				rooms[r.name] = c
			}
		}
		s.tellRooms(rooms)
		select {
		case <-ctx.Done():
			s.tell(told{Leaves: true})
			return ctx.Err()
		case now := <-ticker.C:
			s.forgetOthers(func(_ string, heard time.Time) bool { return now.Sub(heard) > silentAfter })
		}
	}
}
