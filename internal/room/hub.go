package room

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// firstPage is how many messages a client gets that has none.
	firstPage = 50
	// maxReplay bounds what a client that comes back gets, in messages; beyond it
	// it is told to begin anew.
	maxReplay = 1000
	// replayBytes bounds the same in bytes: it is more than what a client misses
	// that is closed as too slow. chunkBytes of it are queued at once.
	replayBytes = 4 << 20
	chunkBytes  = 256 << 10
	// pageBytes bounds a page of messages, well below maxQueued.
	pageBytes = 512 << 10
	// ringBytes and ringTotal bound the recent messages that are kept in memory,
	// of one room and of all.
	ringBytes = 4 << 20
	ringTotal = 64 << 20
	// ringShort is what a room keeps where the total is reached, in messages.
	ringShort = 16
	// keepRoom is how long a room without members stays in memory.
	keepRoom = time.Minute
	// pausePerMember times the members is the least time between two writes to all
	// of a large room: what comes meanwhile shares the second one. With fewer
	// members than pauseFrom nothing waits.
	pausePerMember = 15 * time.Microsecond
	pauseFrom      = 100
	// maxRoomsInMemory bounds the rooms in memory; beyond it joins are refused.
	maxRoomsInMemory = 200_000
)

// hub holds the rooms that have members here, and hands them what is stored.
type hub struct {
	store  *engine.Rooms
	server *Service

	// pos is the last ID that was handed out, or is just being: everything up to
	// it is durable. It is set before its batch is handed out, so that a room that
	// is loaded meanwhile gets each message from the store or from the batch.
	pos   atomic.Uint64
	bytes atomic.Int64 // of all rings
	acks  acks

	mu    sync.RWMutex
	rooms map[string]*room

	dirtyMu sync.Mutex
	dirty   map[*room]struct{} // somebody came or went since the last tick
}

// deliver hands out what was stored.
func (h *hub) deliver(list []engine.RoomMessage) error {
	h.pos.Store(list[len(list)-1].ID)
	byRoom := map[*room][]engine.RoomMessage{}
	h.mu.RLock()
	for i, m := range list {
		r := h.rooms[m.Room]
		if r == nil {
			continue
		}
		if len(list) == 1 {
			byRoom[r] = list
			break
		}
		byRoom[r] = append(byRoom[r], list[i])
	}
	h.mu.RUnlock()
	due := h.acks.upTo(list[len(list)-1].ID)
	for _, a := range due {
		a.c.hold(a.frame)
	}
	for r, messages := range byRoom {
		r.deliver(messages)
	}
	for _, a := range due {
		a.c.release()
	}
	return nil
}

// room returns a room in memory, which stays there while it is held.
func (h *hub) room(name string) (*room, error) {
	h.mu.RLock()
	r := h.rooms[name]
	if r != nil {
		r.holders.Add(1)
	}
	h.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r = h.rooms[name]; r == nil {
		if len(h.rooms) >= maxRoomsInMemory {
			return nil, errBusy
		}
		r = &room{hub: h, name: name}
		h.rooms[name] = r
		for instance, c := range h.server.others.crowds(name) {
			r.setCrowd(instance, c)
		}
	}
	r.holders.Add(1)
	return r, nil
}

// active returns a room in memory without holding it, nil when it is not there.
func (h *hub) active(name string) *room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[name]
}

// all returns the rooms in memory.
func (h *hub) all() []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.rooms))
}

// sweep forgets rooms that nobody has held for a while.
func (h *hub) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, r := range h.rooms {
		if r.holders.Load() > 0 {
			r.idle = time.Time{}
			continue
		}
		if r.idle.IsZero() {
			r.idle = now
		}
		if now.Sub(r.idle) >= keepRoom {
			delete(h.rooms, name)
			r.forget()
		}
	}
}

// room is a room that has, or lately had, members here.
type room struct {
	hub  *hub
	name string

	holders atomic.Int32 // members, and joins under way
	idle    time.Time    // since when there is no holder; guarded by hub.mu

	loading sync.Mutex // held while the store is read for the ring

	mu      sync.Mutex
	loaded  bool
	early   []engine.RoomMessage // came while the room was not loaded
	head    uint64               // ID of the newest message, 0 for none
	floor   uint64               // the ring holds all behind it, up to head
	ring    []entry
	bytes   int
	members []*membership
	attendance

	waiting []byte    // frames that are handed out together; nil for none
	handed  time.Time // when frames were handed out last
}

// entry is a message in memory: its frame.
type entry struct {
	id    uint64
	frame []byte // nil when the message was deleted
}

// membership is one connection in one room.
type membership struct {
	room  *room
	c     *client
	index int       // in room.members, -1 when it was ended by others; guarded by room.mu
	typed time.Time // used by the reader of c
}

// deliver hands new messages to all members.
func (r *room) deliver(list []engine.RoomMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded {
		r.early = append(r.early, list...)
		return
	}
	frames := r.addLocked(list)
	if len(frames) == 0 {
		return
	}
	pause := time.Duration(len(r.members)) * pausePerMember
	since := time.Since(r.handed)
	switch {
	case len(r.waiting) > 0:
		r.waiting = append(r.waiting, frames...)
	case len(r.members) < pauseFrom || since >= pause:
		r.handLocked(frames)
	default:
		r.waiting = frames
		time.AfterFunc(pause-since, r.handWaiting)
	}
}

// handWaiting hands out what has waited for a large room's pause.
func (r *room) handWaiting() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handWaitingLocked()
}

func (r *room) handWaitingLocked() {
	if len(r.waiting) > 0 {
		r.handLocked(r.waiting)
		r.waiting = nil
	}
}

func (r *room) handLocked(frames []byte) {
	r.handed = time.Now()
	for _, m := range r.members {
		m.c.send(frames)
	}
}

// addLocked takes messages into the ring and returns their frames, one behind the
// other.
func (r *room) addLocked(list []engine.RoomMessage) []byte {
	size := 0
	for _, m := range list {
		size += len(m.Data) + len(m.Room) + 128
	}
	frames := make([]byte, 0, size)
	for _, m := range list {
		if m.ID <= r.head {
			continue // the room was loaded with it
		}
		if id := deletes(m.Data); id != 0 {
			r.eraseLocked(id)
		}
		start := len(frames)
		frames = appendMessage(frames, m, r.head)
		r.head = m.ID
		frame := frames[start:len(frames):len(frames)]
		r.ring = append(r.ring, entry{m.ID, frame})
		r.count(len(frame))
	}
	r.trimLocked()
	return frames
}

func (r *room) count(bytes int) {
	r.bytes += bytes
	r.hub.bytes.Add(int64(bytes))
}

// trimLocked holds the ring to its bounds.
func (r *room) trimLocked() {
	most := maxReplay
	if r.hub.bytes.Load() > ringTotal {
		most = ringShort
	}
	drop, bytes := 0, r.bytes
	for len(r.ring)-drop > most || bytes > ringBytes {
		bytes -= len(r.ring[drop].frame)
		drop++
	}
	if drop == 0 {
		return
	}
	r.floor = r.ring[drop-1].id
	r.count(bytes - r.bytes)
	clear(r.ring[:drop])
	r.ring = r.ring[drop:]
}

// eraseLocked drops a message that was deleted.
func (r *room) eraseLocked(id uint64) {
	if i := r.find(id - 1); i < len(r.ring) && r.ring[i].id == id {
		r.count(-len(r.ring[i].frame))
		r.ring[i].frame = nil
	}
}

// find returns the index of the first entry behind an ID.
func (r *room) find(id uint64) int {
	lo, hi := 0, len(r.ring)
	for lo < hi {
		if mid := (lo + hi) / 2; r.ring[mid].id <= id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// load reads the room's newest messages once.
func (r *room) load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
	r.mu.Lock()
	loaded := r.loaded
	r.mu.Unlock()
	if loaded {
		return nil
	}
	list, err := r.hub.store.Before(ctx, r.name, 0, firstPage+1)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for pos := r.hub.pos.Load(); len(list) > 0 && list[len(list)-1].ID > pos; {
		list = list[:len(list)-1] // it will be handed out when it is durable
	}
	if len(list) > firstPage {
		r.floor, r.head = list[0].ID, list[0].ID
		list = list[1:]
	}
	r.loaded = true
	r.addLocked(list)
	r.addLocked(r.early)
	r.early = nil
	return nil
}

// forget gives back what the room counts in the hub.
func (r *room) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(-r.bytes)
}

// errReset says that a client has to begin anew.
var errReset = errors.New("too much was missed")

// reach sees to it that the ring holds all behind an ID; errReset when that is
// more than a client gets.
func (r *room) reach(ctx context.Context, last uint64) error {
	r.mu.Lock()
	floor := r.floor
	r.mu.Unlock()
	if last >= floor {
		return nil
	}
	if first := r.hub.server.first.Load(); last < first {
		return errReset
	}
	r.loading.Lock()
	defer r.loading.Unlock()
	r.mu.Lock()
	floor = r.floor
	r.mu.Unlock()
	if last >= floor {
		return nil
	}
	list, left, err := r.hub.store.After(ctx, r.name, last, maxReplay, replayBytes)
	if err != nil {
		return err
	}
	end := last
	if len(list) > 0 {
		end = list[len(list)-1].ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if left > 0 && end < r.floor {
		return errReset
	}
	older := &room{hub: r.hub, name: r.name, head: last}
	for len(list) > 0 && list[len(list)-1].ID > r.floor {
		list = list[:len(list)-1]
	}
	older.addLocked(list)
	if len(older.ring)+len(r.ring) > maxReplay || older.bytes+r.bytes > ringBytes {
		r.hub.bytes.Add(-int64(older.bytes))
		return errReset
	}
	r.ring = append(older.ring, r.ring...)
	r.bytes += older.bytes
	r.floor = last
	return nil
}

// join makes a client a member and queues what follows its answer: the messages
// behind last, or the newest page for 0. Where that is much it queues a part, and
// returns no membership and the ID to go on behind. answer makes the frame joined
// of the room's state, which goes first; nil when it was sent before. It returns
// errBehind when the ring does not reach back to last.
func (r *room) join(c *client, last uint64, answer func(head uint64, present *attendance) []byte) (*membership, uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last != 0 && last < r.floor {
		return nil, last, errBehind
	}
	from := r.find(last)
	if last == 0 {
		from = r.pageLocked(len(r.ring), firstPage)
	} else if answer != nil && r.sizeLocked(from) > replayBytes {
		return nil, last, errReset
	}
	r.handWaitingLocked() // it is in the ring: the new member gets it from there
	if answer != nil {
		c.send(answer(r.head, &r.attendance))
	}
	bytes := 0
	for _, e := range r.ring[from:] {
		if bytes > chunkBytes && last != 0 {
			return nil, last, nil
		}
		if e.frame != nil {
			c.send(e.frame)
		}
		bytes += len(e.frame)
		if last != 0 {
			last = e.id
		}
	}
	r.enterLocked(c.identity())
	c.send(liveFrame(r.name, r.head))
	m := &membership{room: r, c: c, index: len(r.members)}
	r.members = append(r.members, m)
	return m, last, nil
}

// errBehind says that the ring does not reach back far enough.
var errBehind = errors.New("not in memory")

// pageLocked returns where the last messages before an index begin: at most so
// many, and no more bytes than a client gets at once.
func (r *room) pageLocked(end, most int) int {
	bytes, from := 0, end
	for from > 0 && end-from < most {
		if bytes += len(r.ring[from-1].frame); bytes > pageBytes {
			break
		}
		from--
	}
	return from
}

func (r *room) sizeLocked(from int) (bytes int) {
	for _, e := range r.ring[from:] {
		bytes += len(e.frame)
	}
	return bytes
}

// leave ends a membership.
func (r *room) leave(m *membership) {
	r.mu.Lock()
	if m.index >= 0 {
		r.dropLocked(m)
	}
	r.mu.Unlock()
	r.holders.Add(-1)
}

func (r *room) dropLocked(m *membership) {
	end := len(r.members) - 1
	r.members[m.index] = r.members[end]
	r.members[m.index].index = m.index
	r.members[end] = nil
	r.members = r.members[:end]
	m.index = -1
	r.exitLocked(m.c.identity().User)
}

// expel ends the memberships of those who may not be here any more.
func (r *room) expel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range slices.Clone(r.members) {
		if _, err := r.hub.server.access(m.c.identity(), r.name); err != nil {
			r.dropLocked(m)
			why := refusalOf(err)
			m.c.send(jsonFrame(leftFrame{"left", r.name, why.code, why.text}))
		}
	}
}
