package dispatch

import (
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// shard is one part of the conversations, with a checkpoint of its own.
type shard struct {
	mu            sync.Mutex
	floor         engine.Pos // before it, all is done
	seen          engine.Pos // behind the last event that was read
	restore       spans      // which events behind floor were done at the checkpoint
	tries         map[engine.Pos]tries
	tasks         []*task // all events behind floor that were read, in order
	open          int     // of tasks, how many are not done
	changed       bool    // since the last snapshot
	conversations map[conversationKey]*conversation
}

// task is one event that was read.
type task struct {
	accepted time.Time
	pos      engine.Pos
	tries
	done    bool
	recheck bool // redelivered, and read before the index knew all older IDs

	appending *generation // set while its entry may stand in the outbox though it is not marked done
}

// tries is what became of an event so far.
type tries struct {
	Attempts int  `json:"attempts,omitempty"` // ended in an error
	Crashes  int  `json:"crashes,omitempty"`  // ended with the process
	Button   bool `json:"button,omitempty"`   // its reply token was spent on a button
}

type conversationKey struct{ channel, id string }

// conversation is the queue of events of one chat that are not done. It exists
// while it has any.
type conversation struct {
	key    conversationKey
	shard  *shard
	queue  []*task // guarded by shard.mu
	active bool    // guarded by shard.mu: in the pool, or waiting for its next try
}

func newShard() *shard {
	return &shard{tries: map[engine.Pos]tries{}, conversations: map[conversationKey]*conversation{}}
}

// push files a task that was read; the caller holds mu.
func (sh *shard) push(t *task) {
	sh.seen = t.pos + 1
	sh.tasks = append(sh.tasks, t)
	if !t.done {
		sh.open++
	}
}

// enqueue puts a task at the end of its conversation's queue. It returns the
// conversation when it has to be submitted to the pool. The caller holds mu.
func (sh *shard) enqueue(ev *engine.Event, t *task) *conversation {
	key := conversationKey{ev.Channel, ev.Conversation}
	c := sh.conversations[key]
	if c == nil {
		c = &conversation{key: key, shard: sh}
		sh.conversations[key] = c
	}
	c.queue = append(c.queue, t)
	if c.active {
		return nil
	}
	c.active = true
	return c
}

// settle drops the tasks at the front that are done; the caller holds mu.
func (sh *shard) settle() {
	n := 0
	for n < len(sh.tasks) && sh.tasks[n].done {
		sh.tasks[n] = nil
		n++
	}
	sh.tasks = sh.tasks[n:]
	if len(sh.tasks) == 0 {
		sh.tasks = nil // lets go of the array after a backlog
	}
}

// head returns the conversation's first task.
func (c *conversation) head() *task {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	return c.queue[0]
}

// finish marks the first task done and reports whether there are more. When
// there are none the conversation is gone: the next event makes a new one.
func (c *conversation) finish() (more bool) {
	sh := c.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.queue[0].done = true
	c.queue[0] = nil
	c.queue = c.queue[1:]
	sh.open--
	sh.changed = true
	sh.settle()
	if len(c.queue) > 0 {
		return true
	}
	delete(sh.conversations, c.key)
	return false
}

// failed counts an attempt and returns how many there were.
func (c *conversation) failed(t *task) int {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	t.Attempts++
	c.shard.changed = true
	return t.Attempts
}

// buttonStored notes that the event has a button.
func (c *conversation) buttonStored(t *task) {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	t.Button = true
	c.shard.changed = true
}

// span is a row of events of one shard that are all done, by the places of the
// first and the last.
type span [2]engine.Pos

// spans are in order and do not touch.
type spans []span

// take reports whether the event at pos is in r. Asked in order of pos, it
// forgets what lies before.
func (r *spans) take(pos engine.Pos) bool {
	for len(*r) > 0 && (*r)[0][1] < pos {
		*r = (*r)[1:]
	}
	return len(*r) > 0 && (*r)[0][0] <= pos
}

// doneSpans returns the rows of tasks that are done.
func doneSpans(tasks []*task) (r spans) {
	inside := false
	for _, t := range tasks {
		switch {
		case t.done && inside:
			r[len(r)-1][1] = t.pos
		case t.done:
			r = append(r, span{t.pos, t.pos})
		}
		inside = t.done
	}
	return r
}
