package room

import (
	"slices"
	"time"
)

// maxNamed is how many present users are named; beyond it they are counted.
const maxNamed = 100

// person is a user as others see one.
type person struct {
	User string `json:"user"`
	Name string `json:"name"`
}

// attendance is who is in a room, through this instance or another. It is guarded
// by the room's mutex.
type attendance struct {
	present map[string]*presence // by user
	unnamed map[string]int       // by instance: how many it counts and does not name
	came    map[string]bool      // since the last tick
	went    map[string]bool
	counted int // what was told last
}

// presence is one user's connections.
type presence struct {
	name   string
	local  int             // connections here
	remote map[string]bool // instances that the user is connected to
}

// total returns how many are present. One who is here and in a crowd elsewhere
// counts twice.
func (a *attendance) total() int {
	n := len(a.present)
	for _, more := range a.unnamed {
		n += more
	}
	return n
}

// with returns who is present, while they are few, and how many, together with one
// who is about to be.
func (a *attendance) with(who Identity) (people []person, count int) {
	count = a.total()
	if a.present[who.User] == nil {
		people, count = append(people, person{who.User, who.Name}), count+1
	}
	if count > maxNamed {
		return nil, count
	}
	for user, p := range a.present {
		people = append(people, person{user, p.name})
	}
	slices.SortFunc(people, comparePeople)
	return people, count
}

// enterLocked counts a connection of a user.
func (r *room) enterLocked(who Identity) {
	p := r.presenceLocked(who.User, who.Name)
	p.local++
	if p.local == 1 {
		r.hub.touch(r)
	}
}

func (r *room) presenceLocked(user, name string) *presence {
	p := r.present[user]
	if p == nil {
		if r.present == nil {
			r.present, r.came, r.went = map[string]*presence{}, map[string]bool{}, map[string]bool{}
		}
		p = &presence{name: name}
		r.present[user] = p
		if r.went[user] {
			delete(r.went, user)
		} else {
			r.came[user] = true
		}
		r.hub.touch(r)
	}
	return p
}

// exitLocked ends a connection of a user.
func (r *room) exitLocked(user string) {
	if p := r.present[user]; p != nil {
		p.local--
		if p.local == 0 {
			r.hub.touch(r)
		}
		r.absentLocked(user, p)
	}
}

// absentLocked takes a user away who is not here any more.
func (r *room) absentLocked(user string, p *presence) {
	if p.local > 0 || len(p.remote) > 0 {
		return
	}
	delete(r.present, user)
	if r.came[user] {
		delete(r.came, user)
	} else {
		r.went[user] = true
	}
	r.hub.touch(r)
}

// setCrowd takes who is here through another instance.
func (r *room) setCrowd(instance string, c crowd) {
	r.mu.Lock()
	defer r.mu.Unlock()
	named := map[string]bool{}
	for _, who := range c.People {
		named[who.User] = true
		p := r.presenceLocked(who.User, who.Name)
		if p.remote == nil {
			p.remote = map[string]bool{}
		}
		p.remote[instance] = true
	}
	for user, p := range r.present {
		if p.remote[instance] && !named[user] {
			delete(p.remote, instance)
			r.absentLocked(user, p)
		}
	}
	if r.unnamed == nil {
		r.unnamed = map[string]int{}
	}
	delete(r.unnamed, instance)
	if more := c.Count - len(c.People); more > 0 {
		r.unnamed[instance] = more
	}
	r.hub.touch(r)
}

// localCrowd returns who is here through this instance.
func (r *room) localCrowd() crowd {
	r.mu.Lock()
	defer r.mu.Unlock()
	var c crowd
	for user, p := range r.present {
		if p.local == 0 {
			continue
		}
		if c.Count++; c.Count <= maxNamed {
			c.People = append(c.People, person{user, p.name})
		}
	}
	if c.Count > maxNamed {
		c.People = nil
	}
	return c
}

// touch remembers that a room's presence has changed.
func (h *hub) touch(r *room) {
	h.dirtyMu.Lock()
	h.dirty[r] = struct{}{}
	h.dirtyMu.Unlock()
}

// tellPresence tells the members of all rooms, and the other instances, who came
// and went.
func (h *hub) tellPresence() {
	h.dirtyMu.Lock()
	dirty := h.dirty
	h.dirty = map[*room]struct{}{}
	h.dirtyMu.Unlock()
	crowds := map[string]crowd{}
	for r := range dirty {
		r.tellPresence()
		if !h.server.alone {
			crowds[r.name] = r.localCrowd()
		}
	}
	h.server.tellRooms(crowds)
}

func (r *room) tellPresence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := r.total()
	if len(r.came)+len(r.went) == 0 && count == r.counted {
		return
	}
	frame := presenceFrame{T: "presence", Room: r.name, Count: count}
	if len(r.present) <= maxNamed {
		for user := range r.came {
			frame.On = append(frame.On, person{user, r.present[user].name})
		}
		for user := range r.went {
			frame.Off = append(frame.Off, user)
		}
		slices.SortFunc(frame.On, comparePeople)
		slices.Sort(frame.Off)
	}
	r.counted = count
	clear(r.came)
	clear(r.went)
	b := jsonFrame(frame)
	for _, m := range r.members {
		m.c.send(b)
	}
}

const (
	// typingEvery is how often one member's typing is passed on.
	typingEvery = 3 * time.Second
	// typingQueue is how much may wait for a member who still gets it, in bytes.
	typingQueue = 16 << 10
)

type typingFrame struct {
	T    string `json:"t"`
	Room string `json:"room"`
	User string `json:"user"`
	Name string `json:"name"`
}

// typing passes on that a client types, here and elsewhere.
func (c *client) typing(f *clientFrame) {
	m := c.joined[f.Room]
	if m == nil || time.Since(m.typed) < typingEvery {
		return
	}
	m.typed = time.Now()
	who := c.identity()
	frame := typingFrame{"typing", f.Room, who.User, who.Name}
	m.room.tellTyping(frame)
	c.s.tell(told{Typing: &frame})
}

// tellTyping tells the members who have little waiting, but for the one who types.
func (r *room) tellTyping(frame typingFrame) {
	b := jsonFrame(frame)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.c.identity().User != frame.User {
			m.c.sendUnless(b, typingQueue)
		}
	}
}
