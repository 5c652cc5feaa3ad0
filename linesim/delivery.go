package linesim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// batchLines is how many batches are made side by side.
const batchLines = 8

// defaultHold is Reorder.HoldMS where it is zero.
const defaultHold = time.Second

// delivery is one webhook request to make. Once it is enqueued the sender guards it; while it is under way
// it does not change.
type delivery struct {
	line      string // see sender
	events    []queuedEvent
	body      []byte // of a raw webhook; nil = made of events
	signature string // of a raw webhook; "" = the right one
	attempt   int
	notBefore time.Time // zero = at once
	batch     int       // how many events may share the request; 0 = no others
}

// queuedEvent is an event on its way.
type queuedEvent struct {
	id    string
	raw   json.RawMessage // nil in a raw webhook
	grant *tokenGrant     // nil without a reply token
	again bool            // says of itself that it is a redelivery
}

// size is how many events of the sender's capacity the delivery takes.
func (d *delivery) size() int { return max(1, len(d.events)) }

// full reports whether the request takes no more events.
func (d *delivery) full() bool { return len(d.events) >= d.batch }

// join takes the event of other into the same request, where both are parts of a batch.
func (d *delivery) join(other *delivery) bool {
	if other.batch == 0 || d.full() {
		return false
	}
	d.events = append(d.events, other.events...)
	return true
}

// ids returns the ids of the events.
func (d *delivery) ids() []string {
	out := []string{}
	for _, ev := range d.events {
		if ev.id != "" {
			out = append(out, ev.id)
		}
	}
	return out
}

// payload returns the body of the request.
func (s *Simulator) payload(d *delivery) []byte {
	if d.body != nil {
		return d.body
	}
	raws := make([]json.RawMessage, len(d.events))
	for i, ev := range d.events {
		raws[i] = ev.raw
	}
	return s.wrapEvents(raws...)
}

// wrapEvents puts events into the body of a webhook.
func (s *Simulator) wrapEvents(raws ...json.RawMessage) []byte {
	size := 80
	for _, raw := range raws {
		size += len(raw) + 1
	}
	body := make([]byte, 0, size)
	body = append(body, `{"destination":"`...)
	body = append(body, s.botUserID...)
	body = append(body, `","events":[`...)
	for i, raw := range raws {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, raw...)
	}
	return append(body, "]}"...)
}

// dispatchLocked hands the delivery of one event, or a raw webhook, of a chat to the sender, as the faults
// want it.
func (s *Simulator) dispatchLocked(chatID string, d *delivery) {
	w, dice := s.faults.faults.Webhooks, s.faults.webhookDice
	// All dice are thrown for every event, so that a share that changes does not shift the others.
	duplicate, held, late := below(dice, w.Duplicates.Share), below(dice, w.Reorder.Share), below(dice, w.Late.Share)
	now := time.Now()
	d.line, d.attempt = chatID, 1
	if w.Batch.Size > 1 && d.body == nil {
		d.line, d.batch = batchLine(chatID), w.Batch.Size
		if w.Batch.WindowMS > 0 {
			d.notBefore = now.Add(milli(w.Batch.WindowMS))
		}
	}
	if late && w.Late.ByMS > 0 {
		s.count.faults[faultLate]++
		d.notBefore = now.Add(milli(w.Late.ByMS))
		d.batch = 0 // it would make others late that are not meant
	}
	again := *d
	again.events = append([]queuedEvent(nil), d.events...) // a batch adds to those of d
	if most := cmp.Or(milli(w.Reorder.HoldMS), defaultHold); held && s.sender.hold(d, most) {
		s.count.faults[faultReordered]++
	} else if !held && s.sender.enqueue(d) {
		s.count.faults[faultBatched]++
	}
	if duplicate && s.sender.room() == nil {
		s.count.faults[faultDuplicated]++
		again.batch = 0
		if w.Duplicates.AfterMS == 0 {
			s.sender.enqueue(&again)
		} else {
			s.sender.enqueueLater(&again, milli(w.Duplicates.AfterMS))
		}
	}
}

// below throws the dice once.
func below(dice *rand.Rand, share float64) bool { return dice.Float64() < share }

// milli is n milliseconds.
func milli(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// batchLine returns the line of the batches that a chat's events go with: always the same one, so that
// their order stays.
func batchLine(chatID string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(chatID))
	return "batch " + strconv.Itoa(int(h.Sum32()%batchLines))
}

// deliver makes the request of d and notes how it went. The sender calls it; ctx ends at Close.
func (s *Simulator) deliver(ctx context.Context, d *delivery) {
	ids := d.ids()
	s.mu.Lock()
	url := s.webhookURL
	at := time.Now()
	client := s.clients[s.faults.faults.Webhooks.HTTP]
	if url != "" {
		s.grantLocked(d, at)
		s.sentLocked(ids, at)
	}
	s.mu.Unlock()

	out := outcome{reason: ReasonCouldNotConnect, detail: noURL}
	if url != "" {
		out = s.post(ctx, client, url, s.payload(d), d.signature)
	}
	took := time.Since(at)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteWebhookLocked(ids, d.attempt, out, at, took)
	if out.reason != "" && url != "" {
		s.redeliverLocked(d)
	}
}

// redeliverLocked sends a webhook that was not taken again, where the faults say so.
func (s *Simulator) redeliverLocked(d *delivery) {
	r := s.faults.faults.Webhooks.Redelivery
	if d.attempt > r.Count {
		return
	}
	again := &delivery{line: d.line, signature: d.signature, body: d.body, attempt: d.attempt + 1}
	if d.body != nil {
		again.body = markRedelivered(d.body, len(d.events))
	}
	for _, ev := range d.events {
		if ev.raw != nil {
			ev.raw = markFlag(ev.raw, "deliveryContext.isRedelivery")
		}
		again.events = append(again.events, ev)
	}
	if s.sender.enqueueLater(again, milli(r.IntervalMS)) {
		s.count.faults[faultRedelivered]++
	} else {
		s.count.faults[faultDropped]++
	}
}

// markRedelivered marks the first n events in the body of a webhook as redelivered.
func markRedelivered(body []byte, n int) []byte {
	for i := range n {
		body = markFlag(body, "events."+strconv.Itoa(i)+".deliveryContext.isRedelivery")
	}
	return body
}

// markFlag returns a copy of doc in which the false at path is true; nothing else changes, not even a space.
func markFlag(doc []byte, path string) []byte {
	v := gjson.GetBytes(doc, path)
	if v.Type != gjson.False || v.Index == 0 {
		return doc
	}
	return bytes.Join([][]byte{doc[:v.Index], doc[v.Index+len(v.Raw):]}, []byte("true"))
}
