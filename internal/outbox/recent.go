package outbox

// maxRecent is how many IDs of entries that are done are remembered, about
// 100 bytes each. The oldest leaves for a new one.
const maxRecent = 16 << 10

// recentIDs remembers the IDs of the entries that were done last, so that a
// second copy of one is not sent. The zero value is empty.
type recentIDs struct {
	known map[string]struct{}
	ring  []string
	next  int // in ring: the oldest, once it is full
}

func (r *recentIDs) has(id string) bool {
	_, ok := r.known[id]
	return ok
}

func (r *recentIDs) add(id string) {
	if r.known == nil {
		r.known = map[string]struct{}{}
	}
	r.known[id] = struct{}{}
	if len(r.ring) < maxRecent {
		r.ring = append(r.ring, id)
		return
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % maxRecent
}
