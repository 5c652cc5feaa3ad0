package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// checkpoint is what a restart of one shard begins with. It is stored as JSON
// in the control bucket; fields may be added, none may change meaning.
type checkpoint struct {
	Floor  engine.Pos           `json:"floor"`
	Done   spans                `json:"done,omitempty"` // of the events behind Floor
	Tries  map[engine.Pos]tries `json:"tries,omitempty"`
	Outbox engine.Pos           `json:"outbox"` // entries of events not done here stand at or behind it
}

func checkpointKey(shard int) string { return fmt.Sprintf("checkpoint.inbox.%02d", shard) }

// recovery is where a start begins to read.
type recovery struct {
	floor   engine.Pos // in the inbox: the lowest of all shards
	end     engine.Pos // of the inbox; what stands before it may be done already
	indexed engine.Pos // IDs of events at or behind it are read before any event is handled
}

// recover reads the checkpoints, the completion records behind them and the
// IDs of recent events.
func (d *Dispatcher) recover(ctx context.Context) (recovery, error) {
	var r recovery
	var err error
	if r.end, err = d.eng.Inbox.End(ctx); err != nil {
		return r, err
	}
	outboxEnd, err := d.eng.Outbox.End(ctx)
	if err != nil {
		return r, err
	}
	fromOutbox := outboxEnd
	for i, sh := range d.shards {
		cp, err := d.loadCheckpoint(ctx, i)
		if err != nil {
			return r, err
		}
		sh.floor, sh.restore = cp.Floor, cp.Done
		maps.Copy(sh.tries, cp.Tries)
		if i == 0 {
			r.floor = cp.Floor
		}
		r.floor = min(r.floor, cp.Floor)
		fromOutbox = min(fromOutbox, cp.Outbox)
	}
	// Until all that the last process left is read, checkpoints have to name
	// the entries by which it is known to be done.
	d.appends = newAppendTracker(fromOutbox)
	d.unread = d.appends.begin()
	d.appends.stored(outboxEnd)
	d.read.Store(uint64(r.floor))
	d.floor.Store(uint64(r.floor))
	d.outbox.Store(uint64(fromOutbox))
	if d.completed, err = d.completions(ctx, fromOutbox); err != nil {
		return r, err
	}
	if err := d.blame(ctx); err != nil {
		return r, err
	}
	r.indexed, err = d.indexRecent(ctx, r.floor)
	return r, err
}

func (d *Dispatcher) loadCheckpoint(ctx context.Context, shard int) (checkpoint, error) {
	var cp checkpoint
	data, _, err := d.eng.Control.Get(ctx, checkpointKey(shard))
	if errors.Is(err, engine.ErrNotFound) {
		return cp, nil
	}
	if err != nil {
		return cp, err
	}
	if err := json.Unmarshal(data, &cp); err != nil {
		return cp, fmt.Errorf("checkpoint of shard %d: %w", shard, err)
	}
	return cp, nil
}

// completions returns the IDs of the entries from a place in the outbox on.
func (d *Dispatcher) completions(ctx context.Context, from engine.Pos) (map[string]struct{}, error) {
	done := map[string]struct{}{}
	err := d.eng.Outbox.Scan(ctx, from, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if !engine.IsEntry(rec) {
				continue
			}
			if v, err := engine.ParseOutbox(rec); err == nil {
				done[v.(*engine.Entry).ID] = struct{}{}
			}
		}
		return true
	})
	return done, err
}

// blame counts a crash against the events that were being handled when the
// process ended.
func (d *Dispatcher) blame(ctx context.Context) error {
	if len(d.running.left) == 0 {
		return nil
	}
	for _, pos := range d.running.left {
		if rec, err := d.cache.Record(ctx, pos); err == nil {
			if ev, err := engine.ParseEvent(rec); err == nil {
				sh := d.shards[engine.Shard(ev.Channel, ev.Conversation)]
				t := sh.tries[pos]
				t.Crashes++
				sh.tries[pos] = t
			}
		}
	}
	d.lg.Warn("the last process ended while events were handled; they are tried again", "events", len(d.running.left))
	for i, sh := range d.shards {
		cp := checkpoint{Floor: sh.floor, Done: sh.restore, Tries: sh.tries, Outbox: engine.Pos(d.outbox.Load())}
		if err := d.store(ctx, i, cp); err != nil {
			return err
		}
	}
	return d.running.forget()
}

// indexRecent reads the IDs of the events that were stored within rememberFor
// before the start, and returns from where on it did.
func (d *Dispatcher) indexRecent(ctx context.Context, floor engine.Pos) (engine.Pos, error) {
	from, err := d.eng.Inbox.Since(ctx, time.Now().Add(-rememberFor))
	if err != nil {
		return 0, err
	}
	from = min(from, floor)
	return from, d.eng.Inbox.Scan(ctx, from, func(b engine.Batch) bool {
		if b.Seq >= floor.Seq() {
			return false // these are filed as they are read for handling
		}
		d.index.addBatch(b)
		return true
	})
}

// writeCheckpoints stores checkpoints until ctx ends.
func (d *Dispatcher) writeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.checkpoint(ctx); err != nil && ctx.Err() == nil {
			d.lg.Error("checkpoint was not stored; trying again", "error", err)
		}
	}
}

// checkpoint stores the state of all shards that changed.
func (d *Dispatcher) checkpoint(ctx context.Context) (err error) {
	if d.appends == nil {
		return nil // the recovery did not come so far
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	read := engine.Pos(d.read.Load()) // first: what arrives meanwhile is behind it or among the tasks
	outbox := d.appends.floor()
	changed := map[int]checkpoint{}
	lowest := read
	for i, sh := range d.shards {
		cp, dirty := sh.snapshot(read)
		cp.Outbox = outbox
		if dirty {
			changed[i] = cp
		}
		lowest = min(lowest, cp.Floor)
	}
	if len(changed) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			d.touch(changed) // so that the next one is not left out
		}
	}()
	// A checkpoint must not name places that a power loss could take back.
	if err := d.eng.Flush(); err != nil {
		return err
	}
	for i, cp := range changed {
		if err := d.store(ctx, i, cp); err != nil {
			return err
		}
	}
	if err := d.eng.Flush(); err != nil {
		return err
	}
	d.floor.Store(uint64(lowest))
	d.outbox.Store(uint64(outbox))
	return nil
}

// touch marks shards whose snapshot was not stored.
func (d *Dispatcher) touch(shards map[int]checkpoint) {
	for i := range shards {
		d.shards[i].mu.Lock()
		d.shards[i].changed = true
		d.shards[i].mu.Unlock()
	}
}

func (d *Dispatcher) store(ctx context.Context, shard int, cp checkpoint) error {
	data, err := json.Marshal(cp)
	if err != nil {
		return err
	}
	return d.eng.Control.Put(ctx, checkpointKey(shard), data)
}

// snapshot returns the shard's checkpoint and whether it differs from the last
// one. read is a place before which every event of the shard has arrived.
func (sh *shard) snapshot(read engine.Pos) (checkpoint, bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n := len(sh.restore); n > 0 && sh.restore[n-1][1] >= read {
		// Not everything that the last checkpoint tells of was read yet.
		return checkpoint{Floor: sh.floor}, false
	}
	cp := checkpoint{Floor: max(read, sh.seen, sh.floor)}
	if len(sh.tasks) > 0 {
		cp.Floor = sh.tasks[0].pos
		cp.Done = doneSpans(sh.tasks)
	}
	cp.Tries = sh.countTries(read)
	dirty := cp.Floor != sh.floor || sh.changed
	sh.floor, sh.changed = cp.Floor, false
	return cp, dirty
}

// countTries returns the tries of the events that are not done, among them
// those of the last checkpoint that were not read yet; the caller holds mu.
func (sh *shard) countTries(read engine.Pos) map[engine.Pos]tries {
	all := map[engine.Pos]tries{}
	for pos, t := range sh.tries {
		if pos >= read {
			all[pos] = t
		}
	}
	for _, t := range sh.tasks {
		if !t.done && t.tries != (tries{}) {
			all[t.pos] = t.tries
		}
	}
	return all
}

// appendTracker knows from where in the outbox on stand the entries of events
// that are not marked done yet. Methods may be called concurrently.
type appendTracker struct {
	mu          sync.Mutex
	generations []*generation // oldest first; the last one is current
	tail        engine.Pos    // an entry appended from now on stands behind it
}

// generation is the appends begun between two checkpoints. Its fields are
// guarded by the tracker's mutex.
type generation struct {
	tracker *appendTracker
	tail    engine.Pos // its entries stand at or behind it
	open    int
}

func newAppendTracker(end engine.Pos) *appendTracker {
	a := &appendTracker{tail: end}
	a.generations = []*generation{{tracker: a, tail: end}}
	return a
}

// begin notes an append whose event is not marked done. It ends with end.
func (a *appendTracker) begin() *generation {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.generations[len(a.generations)-1]
	g.open++
	return g
}

// stored notes where an entry was stored.
func (a *appendTracker) stored(pos engine.Pos) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tail = max(a.tail, pos)
}

// end notes that the event is marked done. A nil generation has no effect.
func (g *generation) end() {
	if g == nil {
		return
	}
	g.tracker.mu.Lock()
	defer g.tracker.mu.Unlock()
	g.open--
}

// floor returns the place from which on a restart has to read, for a snapshot
// of the marks that is taken after this call.
func (a *appendTracker) floor() engine.Pos {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generations = append(a.generations, &generation{tracker: a, tail: a.tail})
	for len(a.generations) > 1 && a.generations[0].open == 0 {
		a.generations = a.generations[1:]
	}
	return a.generations[0].tail
}
