package dispatch

import "sync"

// pool works on conversations, a bounded number at once; the others wait in
// line, in order. The line is as long as there are conversations with events
// that are not done.
type pool struct {
	mu      sync.Mutex
	work    func(c *conversation) (again bool)
	free    int
	size    int
	line    []*conversation
	stopped bool
	idle    chan struct{} // closed when stopped and nobody works
}

func newPool(size int) *pool {
	return &pool{free: size, size: size, idle: make(chan struct{})}
}

// start says what working means; nothing is submitted before.
func (p *pool) start(work func(c *conversation) (again bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work = work
}

// submit has a conversation worked on as soon as there is room.
func (p *pool) submit(c *conversation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
	case p.free > 0:
		p.free--
		go p.run(p.work, c) // ends when there is nothing in line; stop waits for it
	default:
		p.line = append(p.line, c)
	}
}

// run works on a conversation, and then on those in line.
func (p *pool) run(work func(*conversation) bool, c *conversation) {
	for c != nil {
		c = p.next(c, work(c))
	}
}

// next returns the conversation to go on with: the same one unless others
// wait, nil for none.
func (p *pool) next(c *conversation, again bool) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		if again && len(p.line) == 0 {
			return c
		}
		if again {
			p.line = append(p.line, c)
		}
		if len(p.line) > 0 {
			c = p.line[0]
			p.line[0] = nil
			p.line = p.line[1:]
			return c
		}
	}
	p.free++
	if p.stopped && p.free == p.size {
		close(p.idle)
	}
	return nil
}

// stop lets no further work begin. The channel is closed when none is left.
func (p *pool) stop() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.free == p.size {
		close(p.idle)
	}
	return p.idle
}

// busy returns how many work.
func (p *pool) busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size - p.free
}
