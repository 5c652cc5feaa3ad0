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
	came    map[string]bool      // since the last tick
	went    map[string]bool
}

// presence is one user's connections.
type presence struct {
	name   string
	local  int                  // connections here
	remote map[string]time.Time // by instance, until when
}

// enterLocked counts a connection of a user.
func (r *room) enterLocked(who Identity) {
	p := r.presenceLocked(who.User, who.Name)
	p.local++
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

// people returns who is present, while they are few.
func (a *attendance) people() []person {
	if len(a.present) > maxNamed {
		return nil
	}
	list := make([]person, 0, len(a.present))
	for user, p := range a.present {
		list = append(list, person{user, p.name})
	}
	slices.SortFunc(list, comparePeople)
	return list
}

// touch remembers that a room's presence has changed.
func (h *hub) touch(r *room) {
	h.dirtyMu.Lock()
	h.dirty[r] = struct{}{}
	h.dirtyMu.Unlock()
}

// tellPresence tells the members of all rooms who came and went.
func (h *hub) tellPresence() {
	h.dirtyMu.Lock()
	dirty := h.dirty
	h.dirty = map[*room]struct{}{}
	h.dirtyMu.Unlock()
	for r := range dirty {
		r.tellPresence()
	}
}

func (r *room) tellPresence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.came)+len(r.went) == 0 {
		return
	}
	frame := presenceFrame{T: "presence", Room: r.name, Count: len(r.present)}
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
	clear(r.came)
	clear(r.went)
	b := jsonFrame(frame)
	for _, m := range r.members {
		m.c.send(b)
	}
}
