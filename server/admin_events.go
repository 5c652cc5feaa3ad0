package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// eventSearch gathers the rows of one page.
type eventSearch struct {
	channel, conversation string
	limit                 int
	until                 time.Time // when it gives up for this page
	page                  EventPage
}

func (a *adminAPI) listEvents(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := rows(q)
	if err != nil {
		return nil, err
	}
	before, err := number("before", q.Get("before"))
	if err != nil {
		return nil, err
	}
	s := &eventSearch{
		channel: q.Get("channel"), conversation: q.Get("conversation"), limit: limit,
		until: time.Now().Add(scanLimit), page: EventPage{Events: []EventRow{}},
	}
	if after := q.Get("after"); after != "" {
		from, err := a.place(r.Context(), after)
		if err != nil {
			return nil, err
		}
		err = s.forwards(r.Context(), a.eng.Inbox, from)
		return s.page, err
	}
	err = s.backwards(r.Context(), a.eng.Inbox, engine.Pos(before))
	return s.page, err
}

// place returns the first position behind the one, or the time, that text
// tells.
func (a *adminAPI) place(ctx context.Context, text string) (engine.Pos, error) {
	if strings.Trim(text, "0123456789") == "" {
		n, err := number("after", text)
		return engine.Pos(n + 1), err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, badRequest("after: %q is neither a position nor a time such as 2006-01-02T15:04:05Z", text)
	}
	return a.eng.Inbox.Since(ctx, at)
}

// backwards looks at the records before a position, or all for 0, the newest
// first. It reads a batch at a time, so that a page costs what it shows.
func (s *eventSearch) backwards(ctx context.Context, log *engine.Log, before engine.Pos) error {
	st, err := log.State(ctx)
	if err != nil {
		return err
	}
	end, err := log.End(ctx)
	if err != nil {
		return err
	}
	at := min(cmp.Or(before, end), end)
	for at > 0 && (at-1).Seq() >= st.First {
		first := (at - 1) - engine.Pos((at - 1).Index()) // of its batch
		b, err := log.Get(ctx, first)
		if err != nil && !errors.Is(err, engine.ErrNotFound) { // not found: trimmed meanwhile
			return err
		}
		if err == nil && s.takeReversed(b, at) {
			return nil
		}
		at = first
		if time.Now().After(s.until) {
			s.page.Next = uint64(at)
			return nil
		}
	}
	return nil
}

// takeReversed takes the rows of a batch before a position, the last first,
// and reports whether the page is full.
func (s *eventSearch) takeReversed(b engine.Batch, before engine.Pos) (full bool) {
	var found []EventRow
	for pos, rec := range b.Records() {
		if row, ok := s.row(pos, rec); ok && pos < before {
			found = append(found, row)
		}
	}
	for i := len(found) - 1; i >= 0; i-- {
		s.page.Events = append(s.page.Events, found[i])
		if len(s.page.Events) == s.limit {
			s.page.Next = found[i].Position
			return true
		}
	}
	return false
}

// forwards looks at the records from a position on, oldest first.
func (s *eventSearch) forwards(ctx context.Context, log *engine.Log, from engine.Pos) error {
	return log.Scan(ctx, from, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			row, ok := s.row(pos, rec)
			if !ok || pos < from {
				continue
			}
			s.page.Events = append(s.page.Events, row)
			if len(s.page.Events) == s.limit {
				s.page.Next = row.Position
				return false
			}
		}
		if time.Now().After(s.until) {
			s.page.Next = uint64(engine.After(b) - 1)
			return false
		}
		return true
	})
}

// row returns the row of a record, if the query chooses it.
func (s *eventSearch) row(pos engine.Pos, rec []byte) (EventRow, bool) {
	ev, err := engine.ParseEvent(rec)
	if err != nil || s.channel != "" && ev.Channel != s.channel || s.conversation != "" && ev.Conversation != s.conversation {
		return EventRow{}, false
	}
	return eventRow(pos, &ev), true
}

func eventRow(pos engine.Pos, ev *engine.Event) EventRow {
	kinds := gjson.GetManyBytes(ev.Raw, "type", "message.type")
	return EventRow{
		Position: uint64(pos), ID: ev.ID, Channel: ev.Channel, Conversation: ev.Conversation, Accepted: ev.Accepted,
		Type: kinds[0].String(), MessageType: kinds[1].String(),
		Redelivered: ev.Redelivered, Run: ev.Run, Bytes: len(ev.Raw),
	}
}
