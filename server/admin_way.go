package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/dispatch"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/timer"
	"github.com/line-frontdesk/frontdesk/internal/webhook"
)

// clockMargin is how far LINE's clock, which made an event's ID, and ours may
// be apart.
const clockMargin = 2 * time.Minute

// showEvent tells all that is known of an event.
func (a *adminAPI) showEvent(r *http.Request) (any, error) {
	id := r.PathValue("id")
	limited, cancel := context.WithTimeout(r.Context(), 2*scanLimit)
	defer cancel()
	pos, ev, err := a.findEvent(limited, id)
	if err != nil {
		if errors.Is(limited.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("event %s was not found within %v; the inbox is large", id, 2*scanLimit)
		}
		return nil, err
	}
	detail := EventDetail{EventRow: eventRow(pos, &ev), Raw: ev.Raw}
	for _, step := range a.way(id) {
		detail.Steps = append(detail.Steps, WayStep{Step: step})
	}
	if json.Valid(ev.Raw) {
		detail.Event = ev.Raw
	}
	detail.Incomplete = a.addSends(r.Context(), &detail) != nil
	detail.Incomplete = a.addLetters(r.Context(), &detail) != nil || detail.Incomplete
	slices.SortStableFunc(detail.Steps, func(x, y WayStep) int { return x.At.Compare(y.At) })
	return detail, nil
}

// findEvent returns the first record of an event. LINE's IDs begin with their
// time (ULID), so the search begins there.
func (a *adminAPI) findEvent(ctx context.Context, id string) (engine.Pos, engine.Event, error) {
	var start engine.Pos
	if at, ok := timeOfID(id); ok {
		var err error
		if start, err = a.eng.Inbox.Since(ctx, at.Add(-clockMargin)); err != nil {
			return 0, engine.Event{}, err
		}
	}
	pos, ev, err := a.scanFor(ctx, id, start, 0)
	if errors.Is(err, engine.ErrNotFound) && start > 0 {
		return a.scanFor(ctx, id, 0, start) // the ID does not tell its time, or a clock is wrong
	}
	return pos, ev, err
}

// scanFor looks for an event from a position up to another one, 0 for the end.
func (a *adminAPI) scanFor(ctx context.Context, id string, from, to engine.Pos) (found engine.Pos, ev engine.Event, err error) {
	needle := []byte(id)
	err = a.eng.Inbox.Scan(ctx, from, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			if to > 0 && pos >= to {
				return false
			}
			if !bytes.Contains(rec, needle) {
				continue
			}
			if parsed, err := engine.ParseEvent(rec); err == nil && parsed.ID == id {
				found, ev = pos, parsed
				return false
			}
		}
		return true
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("event %s: %w in the inbox; it was never stored, or it was kept long enough", id, engine.ErrNotFound)
	}
	return found, ev, err
}

// timeOfID returns the time in a ULID.
func timeOfID(id string) (time.Time, bool) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	if len(id) != 26 {
		return time.Time{}, false
	}
	var ms int64
	for _, c := range []byte(id[:10]) {
		digit := strings.IndexByte(alphabet, c)
		if digit < 0 {
			return time.Time{}, false
		}
		ms = ms<<5 | int64(digit)
	}
	return time.UnixMilli(ms), true
}

// addSends adds the steps that the inbox and the outbox tell of.
func (a *adminAPI) addSends(ctx context.Context, detail *EventDetail) error {
	ctx, cancel := context.WithTimeout(ctx, scanLimit)
	defer cancel()
	way := wayReader{detail: detail, eventID: detail.ID, entries: map[string]bool{}, shared: map[engine.CallID]engine.CallID{}, traced: len(detail.Steps)}
	first := webhook.StepReceived
	if strings.HasPrefix(detail.ID, engine.TimerID) {
		first = timer.StepStored
	}
	way.add(first, detail.Accepted, "", "")
	answer, err := a.eng.Parked.Get(ctx, detail.Channel+"/"+detail.ID)
	switch {
	case err == nil && answer.TakenBy == "":
		way.add(dispatch.StepParked, answer.At, "", "")
	case err != nil && !errors.Is(err, engine.ErrNotFound):
		return err
	}
	from, err := a.eng.Outbox.Since(ctx, detail.Accepted.Add(-time.Second))
	if err != nil {
		return err
	}
	return a.eng.Outbox.Scan(ctx, from, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if !way.concerns(rec) {
				continue
			}
			if v, err := engine.ParseOutbox(rec); err == nil {
				way.take(v)
			}
		}
		return true
	})
}

// wayReader makes steps of the records of the outbox.
type wayReader struct {
	detail  *EventDetail
	eventID string
	entries map[string]bool // IDs of the event's entries
	traced  int             // steps in front that the store may tell again
	// shared holds the calls that another event's send gave their names, and what
	// of this one they took.
	shared map[engine.CallID]engine.CallID
}

// concerns reports whether a record may be one of the event's, without decoding
// it.
func (w *wayReader) concerns(rec []byte) bool {
	if bytes.Contains(rec, []byte(w.eventID)) {
		return true
	}
	for id := range w.shared {
		if bytes.Contains(rec, []byte(id.Entry)) {
			return true
		}
	}
	return false
}

// part returns what of the event a call takes.
func (w *wayReader) part(v *engine.Tried) (engine.CallID, bool) {
	for _, id := range append([]engine.CallID{v.CallID}, v.With...) {
		if w.entries[id.Entry] {
			return id, true
		}
	}
	return engine.CallID{}, false
}

// take adds the step of a record, if it is one of the event's.
func (w *wayReader) take(record any) {
	switch v := record.(type) {
	case *engine.Entry:
		if v.EventID == w.eventID && v.Channel == w.detail.Channel {
			w.entries[v.ID] = true
			step := dispatch.StepOutbox
			switch {
			case dispatch.IsButton(v.ID):
				step = dispatch.StepButton
			case strings.HasPrefix(v.ID, v.Channel+"/"+engine.TimerID) && v.ID != v.Channel+"/"+v.EventID:
				step = timer.StepSend
			}
			w.add(step, v.At, "", sendsNote(v))
		}
	case *engine.Tried:
		if id, ok := w.part(v); ok {
			if id != v.CallID {
				w.shared[v.CallID] = id
			}
			w.add("tried by "+v.Way, v.At, "", callNote(id, len(v.With)))
		}
	case *engine.Settled:
		id, shared := w.shared[v.CallID]
		if !shared {
			id = v.CallID
		}
		if shared || w.entries[v.Entry] {
			step := v.Outcome
			if v.Way != "" {
				step += " by " + v.Way
			}
			w.add(step, v.At, v.RequestID, callNote(id, 0))
			delete(w.shared, v.CallID)
		}
	}
}

// add adds a step, or a note to the same one as it was traced: at most a
// second away.
func (w *wayReader) add(step string, at time.Time, requestID, note string) {
	for i, s := range w.detail.Steps[:w.traced] {
		if s.Step.Step == step && s.RequestID == requestID && s.At.Sub(at).Abs() < time.Second {
			w.detail.Steps[i].Note = cmp.Or(s.Note, note)
			return
		}
	}
	w.detail.Steps = append(w.detail.Steps, WayStep{Step{Step: step, At: at, RequestID: requestID}, note})
}

func sendsNote(e *engine.Entry) string {
	messages := 0
	for _, s := range e.Sends {
		messages += len(s.Messages)
	}
	note := fmt.Sprintf("messages: %d, sends: %d", messages, len(e.Sends))
	if n := len(e.Timers); n > 0 {
		note += fmt.Sprintf(", timers: %d", n)
	}
	return note
}

func callNote(id engine.CallID, others int) string {
	note := fmt.Sprintf("send %d, call %d", id.Send+1, id.Call+1)
	if others > 0 {
		note += fmt.Sprintf(", shared with %d", others)
	}
	return note
}

// addLetters adds the dead letters of the event.
func (a *adminAPI) addLetters(ctx context.Context, detail *EventDetail) error {
	ctx, cancel := context.WithTimeout(ctx, scanLimit)
	defer cancel()
	return a.eng.Dead.List(ctx, 0, func(letter engine.Letter) bool {
		if letter.EventID == detail.ID && letter.Channel == detail.Channel {
			detail.Letters = append(detail.Letters, letterRow(letter))
		}
		return ctx.Err() == nil
	})
}
