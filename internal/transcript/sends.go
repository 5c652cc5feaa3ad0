package transcript

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxPerCall is how many messages LINE takes in a call.
	maxPerCall = 5
	// lookEvery is how often the outbox is asked whether it is done with the first
	// entry that waits.
	lookEvery = 5 * time.Second
)

// sends are the entries of the outbox that are not sent yet, in order.
type sends struct {
	open  []*entry
	byID  map[string]*entry
	tried map[engine.CallID]*engine.Tried // under way, or lost in a crash

	looked     time.Time  // when the outbox was asked last
	doneBefore engine.Pos // its answer: it is done with all entries before; 0 for none
	doneSeen   engine.Pos // once the outbox is read up to here, all notes of them are
}

// entry is an entry that is not sent.
type entry struct {
	pos  engine.Pos
	id   string
	left int // sends that are not done
}

func newSends() sends {
	return sends{byID: map[string]*entry{}, tried: map[engine.CallID]*engine.Tried{}}
}

// first returns the first entry that is not sent, nil for none.
func (q *sends) first() *entry {
	for len(q.open) > 0 && q.open[0].left == 0 {
		q.open[0] = nil
		q.open = q.open[1:]
	}
	if len(q.open) == 0 {
		q.open = nil
		return nil
	}
	return q.open[0]
}

// floor returns the place of the first entry that is not sent, end for none.
func (q *sends) floor(end engine.Pos) engine.Pos {
	if e := q.first(); e != nil {
		return e.pos
	}
	return end
}

// add remembers an entry.
func (q *sends) add(pos engine.Pos, stored *engine.Entry) {
	if q.byID[stored.ID] != nil {
		return // stored twice
	}
	e := &entry{pos: pos, id: stored.ID}
	for i := range stored.Sends {
		if !stored.Sends[i].Broadcast {
			e.left++
		}
	}
	if e.left > 0 {
		q.open = append(q.open, e)
		q.byID[e.id] = e
	}
}

// done ends one send of an entry.
func (q *sends) done(id string) {
	e := q.byID[id]
	if e == nil {
		return
	}
	if e.left--; e.left <= 0 {
		e.left = 0
		delete(q.byID, id)
	}
}

// overdue returns the calls that were tried for entries that the outbox is done
// with, and forgets those entries.
func (q *sends) overdue() (calls []*engine.Tried) {
	for _, t := range q.tried {
		if slices.ContainsFunc(parts(t), func(id engine.CallID) bool {
			e := q.byID[id.Entry]
			return e != nil && e.pos < q.doneBefore
		}) {
			calls = append(calls, t)
		}
	}
	if len(calls) > 0 {
		slices.SortFunc(calls, func(a, b *engine.Tried) int { return a.At.Compare(b.At) })
		return calls // the others go the next time
	}
	for e := q.first(); e != nil && e.pos < q.doneBefore; e = q.first() {
		delete(q.byID, e.id)
		e.left = 0
	}
	return nil
}

// takeRecord takes an entry of the outbox, or a note.
func (w *writer) takeRecord(ctx context.Context, pos engine.Pos, rec []byte) error {
	v, err := engine.ParseOutbox(rec)
	if err != nil {
		return nil // counted by the outbox
	}
	switch v := v.(type) {
	case *engine.Entry:
		if w.s.channels[v.Channel] && !v.Bulk {
			w.sends.add(pos, v)
		}
	case *engine.Tried:
		if w.known(v) {
			w.sends.tried[v.CallID] = v
		}
	case *engine.Settled:
		t := w.sends.tried[v.CallID]
		if t == nil {
			t = &engine.Tried{CallID: v.CallID, Way: v.Way}
		}
		return w.settled(ctx, pos, t, *v)
	}
	return nil
}

// known reports whether any part of a call is of an entry that waits.
func (w *writer) known(t *engine.Tried) bool {
	for _, id := range parts(t) {
		if w.sends.byID[id.Entry] != nil {
			return true
		}
	}
	return false
}

func parts(t *engine.Tried) []engine.CallID { return append([]engine.CallID{t.CallID}, t.With...) }

// settled takes the note of what became of a call.
func (w *writer) settled(ctx context.Context, pos engine.Pos, t *engine.Tried, note engine.Settled) error {
	switch note.Outcome {
	case engine.OutcomeSent:
		if pos < w.from.Outbox {
			w.end(t, note)
			return nil // it was written before
		}
		return w.sent(ctx, t, note)
	case engine.OutcomeDead:
		note.Last = true
		w.end(t, note)
	case engine.OutcomeRefused:
		delete(w.sends.tried, t.CallID)
		return w.divide(ctx, t, note)
	}
	return nil
}

// end notes that the sends of a call are done.
func (w *writer) end(t *engine.Tried, note engine.Settled) {
	delete(w.sends.tried, t.CallID)
	for i, id := range parts(t) {
		if i > 0 || note.Last {
			w.sends.done(id.Entry)
		}
	}
}

// divide counts the users of a multicast that goes to each of them alone.
func (w *writer) divide(ctx context.Context, t *engine.Tried, note engine.Settled) error {
	e := w.sends.byID[t.Entry]
	if e == nil || note.Way != "multicast" || len(t.With) > 0 {
		return nil
	}
	snd, _, err := w.read(ctx, t.CallID)
	if err == nil && snd != nil && len(snd.Users) > 1 {
		e.left += len(snd.Users) - 1
	}
	return err
}

// sent writes what LINE has accepted.
func (w *writer) sent(ctx context.Context, t *engine.Tried, note engine.Settled) error {
	for _, id := range parts(t) {
		snd, channel, err := w.read(ctx, id)
		if err != nil {
			return err
		}
		if snd == nil {
			continue // a campaign's, or of another channel
		}
		if err := w.say(ctx, channel, id, snd, note); err != nil {
			return err
		}
	}
	w.end(t, note)
	return nil
}

// read reads the send of an entry that waits, nil when it does not.
func (w *writer) read(ctx context.Context, id engine.CallID) (snd *engine.Send, channel string, err error) {
	e := w.sends.byID[id.Entry]
	if e == nil {
		return nil, "", nil
	}
	rec, err := w.s.cache.Record(ctx, e.pos)
	if errors.Is(err, engine.ErrNotFound) {
		w.s.cfg.Metrics.missed.Inc() // it had to make room
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	v, err := engine.ParseOutbox(rec)
	stored, ok := v.(*engine.Entry)
	if err != nil || !ok || id.Send < 0 || id.Send >= len(stored.Sends) {
		return nil, "", nil // unreachable unless corrupt: it was read before
	}
	return &stored.Sends[id.Send], stored.Channel, nil
}

// say writes what of a send was in a call.
func (w *writer) say(ctx context.Context, channel string, id engine.CallID, snd *engine.Send, note engine.Settled) error {
	first, last := 0, len(snd.Messages)
	receivers := []string{snd.To}
	switch {
	case len(snd.Users) > 0 && id.Call == 0:
		receivers = snd.Users
	case len(snd.Users) > 0:
		receivers = snd.Users[min(id.Call-1, len(snd.Users)-1):][:1]
	default:
		first = min(id.Call*maxPerCall, last)
		last = min(first+maxPerCall, last)
	}
	for _, to := range receivers {
		for i := first; i < last; i++ {
			m := Message{
				Room: roomOf(channel, to), User: UserBot, Name: w.s.cfg.BotName, Via: note.Way, At: note.At,
				CID: sendID(id, i, to), Body: snd.Messages[i],
			}
			if len(m.Body) > maxBody {
				m.Body = []byte(`{"type":"event","event":"large"}`)
			}
			if err := w.put(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendID names a message that was sent. The way of making it must not change: a
// new version would write again what the old one wrote last.
func sendID(id engine.CallID, index int, to string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s", id.Entry, id.Send, index, to))
	return "o-" + hex.EncodeToString(sum[:16])
}
