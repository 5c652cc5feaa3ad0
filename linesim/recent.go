package linesim

// recent is a map that forgets: it keeps at most limit keys and drops the one put in first. It has
// no lock of its own.
type recent[V any] struct {
	limit int
	vals  map[string]V
	order []string
	head  int
	// dropped, if set, is told of each value that is forgotten by age; not of those that were removed.
	dropped func(V)
}

func newRecent[V any](limit int) recent[V] {
	return recent[V]{limit: limit, vals: make(map[string]V)}
}

func (m *recent[V]) get(key string) (V, bool) {
	v, ok := m.vals[key]
	return v, ok
}

// put stores v under key. A key that is there already keeps its age.
func (m *recent[V]) put(key string, v V) {
	if _, ok := m.vals[key]; !ok {
		for len(m.order)-m.head >= m.limit {
			m.dropOldest()
		}
		m.order = append(m.order, key)
	}
	m.vals[key] = v
}

// remove forgets key. Its place in the order is given back when its turn comes.
func (m *recent[V]) remove(key string) { delete(m.vals, key) }

// expire drops from the oldest on while over says that a value's time is over.
func (m *recent[V]) expire(over func(V) bool) {
	for m.head < len(m.order) {
		if v, ok := m.vals[m.order[m.head]]; ok && !over(v) {
			return
		}
		m.dropOldest()
	}
}

// dropOldest forgets the oldest key. The order's slice is moved down when half of it is free, so
// that it stays in proportion to what it holds.
func (m *recent[V]) dropOldest() {
	key := m.order[m.head]
	if v, ok := m.vals[key]; ok && m.dropped != nil {
		m.dropped(v)
	}
	delete(m.vals, key)
	m.order[m.head] = ""
	m.head++
	if m.head > len(m.order)/2 {
		n := copy(m.order, m.order[m.head:])
		clear(m.order[n:])
		m.order, m.head = m.order[:n], 0
	}
}
