package server

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/timer"
)

// desk is a store and the API on it.
type desk struct {
	eng   *engine.Engine
	dir   *directory.Directory
	trace *trace
	*Admin
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	eng, err := engine.Open(t.Context(), engine.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{eng: eng, dir: directory.New(directory.Config{Bucket: eng.Directory}), trace: newTrace()}
	campaigns, err := campaign.New(t.Context(), campaign.Config{Engine: eng})
	if err != nil {
		t.Fatal(err)
	}
	chat, err := room.New(t.Context(), room.Config{Engine: eng})
	if err != nil {
		t.Fatal(err)
	}
	api := newAdminAPI(eng, d.dir, campaigns, d.newTimers(), chat, d.trace.of, nil, nil)
	d.Admin = &Admin{http: &http.Client{Transport: handlerTransport{api}}}
	return d
}

// newTimers returns the timers of the store, which do not run.
func (d *desk) newTimers() *timer.Service { return timer.New(timer.Config{Engine: d.eng}) }

// accepted is when the events of these tests came.
var accepted = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newEvent(id, conversation string) *engine.Event {
	return &engine.Event{
		ID: id, Channel: "main", Conversation: conversation, Accepted: accepted,
		Raw: []byte(`{"type":"message","message":{"type":"text","text":"<hi>"},  "webhookEventId":"` + id + `"}`),
	}
}

// store appends a batch of records to a log.
func store(t *testing.T, log *engine.Log, records ...encoding.BinaryAppender) {
	t.Helper()
	if _, _, err := log.Append(records...); err != nil {
		t.Fatal(err)
	}
}

// fill stores events e1 to e10 in batches of one to four, of the
// conversations Ua, Ub and Uc in turn.
func (d *desk) fill(t *testing.T) {
	t.Helper()
	n := 0
	for size := 1; size <= 4; size++ {
		var batch []encoding.BinaryAppender
		for range size {
			n++
			batch = append(batch, newEvent(fmt.Sprintf("e%d", n), "U"+string("cab"[n%3])))
		}
		store(t, d.eng.Inbox, batch...)
	}
}

func ids(page EventPage) string {
	var ids []string
	for _, row := range page.Events {
		ids = append(ids, row.ID)
	}
	return strings.Join(ids, " ")
}

func TestListEvents(t *testing.T) {
	d := newDesk(t)
	page, err := d.Events(t.Context(), EventQuery{})
	if err != nil || len(page.Events) != 0 || page.Next != 0 {
		t.Fatalf("empty inbox: got %+v, %v", page, err)
	}
	d.fill(t)
	other := newEvent("x1", "Ua")
	other.Channel, other.Redelivered, other.Run = "shop", true, 2
	store(t, d.eng.Inbox, other)
	tests := []struct {
		name string
		q    EventQuery
		want string
		more bool
	}{
		{"all, the newest first", EventQuery{}, "x1 e10 e9 e8 e7 e6 e5 e4 e3 e2 e1", false},
		{"the newest", EventQuery{Limit: 3}, "x1 e10 e9", true},
		{"of a channel", EventQuery{Channel: "shop"}, "x1", false},
		{"of a conversation", EventQuery{Conversation: "Ub"}, "e8 e5 e2", false},
		{"of a conversation and a channel", EventQuery{Channel: "main", Conversation: "Ua", Limit: 2}, "e10 e7", true},
		{"of nobody", EventQuery{Conversation: "U"}, "", false},
		{"after a position, oldest first", EventQuery{After: "1", Limit: 2}, "e1 e2", true},
		{"after a time, oldest first", EventQuery{After: "2020-01-01T00:00:00Z", Conversation: "Uc"}, "e3 e6 e9", false},
		{"after a time to come", EventQuery{After: "2100-01-01T00:00:00Z"}, "", false},
		{"before the first", EventQuery{Before: 1}, "", false},
		{"before what is not there yet", EventQuery{Before: 1 << 40, Limit: 1}, "x1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := d.Events(t.Context(), tt.q)
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(page); got != tt.want || (page.Next != 0) != tt.more {
				t.Errorf("got %q, next %d; want %q, more %v", got, page.Next, tt.want, tt.more)
			}
		})
	}
	page, err = d.Events(t.Context(), EventQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := EventRow{
		Position: page.Next, ID: "x1", Channel: "shop", Conversation: "Ua", Accepted: accepted.Local(),
		Type: "message", MessageType: "text", Redelivered: true, Run: 2, Bytes: len(other.Raw),
	}
	if diff := cmp.Diff(want, page.Events[0]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

// TestListEventsPages goes through all events in pages of every size, in both
// directions.
func TestListEventsPages(t *testing.T) {
	d := newDesk(t)
	d.fill(t)
	forth := "e1 e2 e3 e4 e5 e6 e7 e8 e9 e10"
	back := "e10 e9 e8 e7 e6 e5 e4 e3 e2 e1"
	for limit := 1; limit <= 11; limit++ {
		for _, after := range []string{"", "0"} {
			q, want := EventQuery{Limit: limit, After: after}, back
			if after != "" {
				want = forth
			}
			var got []string
			for range 20 {
				page, err := d.Events(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Events) > 0 {
					got = append(got, ids(page))
				}
				if page.Next == 0 {
					break
				}
				if after == "" {
					q.Before = page.Next
				} else {
					q.After = fmt.Sprint(page.Next)
				}
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("pages of %d after %q: got %q, want %q", limit, after, got, want)
			}
		}
	}
}

// TestListEventsGivesUp searches with no time left: each page must come
// further all the same.
func TestListEventsGivesUp(t *testing.T) {
	d := newDesk(t)
	d.fill(t)
	var before engine.Pos
	var got []string
	for range 20 {
		s := &eventSearch{limit: 100}
		if err := s.backwards(t.Context(), d.eng.Inbox, before); err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(s.page))
		if before = engine.Pos(s.page.Next); before == 0 {
			break
		}
	}
	if want := "e10 e9 e8 e7|e6 e5 e4|e3 e2|e1"; strings.Trim(strings.Join(got, "|"), "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s := &eventSearch{limit: 100}
	if err := s.forwards(t.Context(), d.eng.Inbox, 0); err != nil {
		t.Fatal(err)
	}
	if ids(s.page) != "e1" || s.page.Next == 0 {
		t.Errorf("forwards: got %q, next %d", ids(s.page), s.page.Next)
	}
}

func TestShowEvent(t *testing.T) {
	// Times of the IDs: one that is right, one far ahead, one that is none.
	now := time.Now()
	tests := []struct{ name, id string }{
		{"an ID with its time", ulidAt(now)},
		{"an ID of a clock that is ahead", ulidAt(now.Add(time.Hour))},
		{"an ID without a time", "e5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.fill(t)
			ev := newEvent(tt.id, "Ua")
			ev.Accepted = now
			store(t, d.eng.Inbox, ev)
			detail, err := d.Event(t.Context(), tt.id)
			if err != nil {
				t.Fatal(err)
			}
			if detail.ID != tt.id || string(detail.Raw) != string(ev.Raw) {
				t.Errorf("got event %s with %s, want %s with %s", detail.ID, detail.Raw, tt.id, ev.Raw)
			}
			if !json.Valid(detail.Event) || detail.Incomplete {
				t.Errorf("got JSON %s, incomplete %v", detail.Event, detail.Incomplete)
			}
		})
	}
	d := newDesk(t)
	d.fill(t)
	for _, id := range []string{"nobody", ulidAt(now), "e"} {
		if _, err := d.Event(t.Context(), id); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "event "+id) {
			t.Errorf("event %s: got error %v, want one that it is not found", id, err)
		}
	}
}

// ulidAt returns an event ID of LINE's form.
func ulidAt(at time.Time) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	id := []byte("0000000000QRSTVWXYZ0123456")
	for i, ms := 9, at.UnixMilli(); i >= 0; i, ms = i-1, ms>>5 {
		id[i] = alphabet[ms&31]
	}
	return string(id)
}

func steps(detail EventDetail) string {
	var lines []string
	for _, s := range detail.Steps {
		lines = append(lines, strings.Trim(s.Step.Step+"|"+s.Note+"|"+s.RequestID, "|"))
	}
	return strings.Join(lines, "\n")
}

func TestShowEventWay(t *testing.T) {
	d := newDesk(t)
	at := time.Now()
	ev := newEvent("e1", "Ua")
	ev.Accepted = at
	store(t, d.eng.Inbox, ev)
	call := engine.CallID{Entry: "main/e1"}
	for i, rec := range []encoding.BinaryAppender{
		&engine.Entry{ID: "main/e1", Channel: "main", EventID: "e1", Sends: []engine.Send{{To: "Ua", Messages: []json.RawMessage{[]byte(`{}`)}}}},
		&engine.Entry{ID: "main/e11", Channel: "main", EventID: "e11"},
		&engine.Entry{ID: "shop/e1", Channel: "shop", EventID: "e1"},
		&engine.Tried{CallID: call, Way: "reply"},
		&engine.Tried{CallID: engine.CallID{Entry: "main/e11"}, Way: "push"},
		&engine.Settled{CallID: call, Outcome: engine.OutcomeRefused, Way: "reply"},
		&engine.Settled{CallID: call, Outcome: engine.OutcomeSent, Way: "push", RequestID: "r-1", Last: true},
		&engine.Entry{ID: "main/e1#0.0~7", Channel: "main", EventID: "e1"},
		&engine.Tried{CallID: engine.CallID{Entry: "main/e0"}, With: []engine.CallID{{Entry: "main/e1#0.0~7"}, {Entry: "main/e11"}}, Way: "push"},
		&engine.Settled{CallID: engine.CallID{Entry: "main/e0"}, Outcome: engine.OutcomeSent, Way: "push", RequestID: "r-2", Last: true},
		&engine.Tried{CallID: engine.CallID{Entry: "main/e0"}, Way: "push"}, // by itself
	} {
		stamp := at.Add(time.Duration(i+1) * time.Millisecond)
		switch rec := rec.(type) {
		case *engine.Entry:
			rec.At = stamp
		case *engine.Tried:
			rec.At = stamp
		case *engine.Settled:
			rec.At = stamp
		}
		store(t, d.eng.Outbox, rec)
	}
	for _, letter := range []engine.Letter{
		{Kind: engine.DeadSend, Channel: "main", EventID: "e1", Reason: "why"},
		{Kind: engine.DeadSend, Channel: "shop", EventID: "e1"},
		{Kind: engine.DeadEvent, Channel: "main", EventID: "e11"},
	} {
		if err := d.eng.Dead.Put(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	fromStore := "received\nstored in the outbox|messages: 1, sends: 1\ntried by reply|send 1, call 1\n" +
		"refused by reply|send 1, call 1\nsent by push|send 1, call 1|r-1\nstored in the outbox|messages: 0, sends: 0\n" +
		"tried by push|send 1, call 1, shared with 2\nsent by push|send 1, call 1|r-2"
	detail, err := d.Event(t.Context(), "e1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromStore, steps(detail)); diff != "" {
		t.Errorf("steps of the store (-want +got):\n%s", diff)
	}
	if len(detail.Letters) != 1 || detail.Letters[0].Reason != "why" {
		t.Errorf("got dead letters %+v, want the one of this event", detail.Letters)
	}

	d.trace.passed("e1", "received", at)
	d.trace.passed("e1", "answered 200", at.Add(1500*time.Microsecond))
	d.trace.sent("e1", "sent by push", at.Add(7*time.Millisecond), "r-1")
	if detail, err = d.Event(t.Context(), "e1"); err != nil {
		t.Fatal(err)
	}
	traced := strings.Replace(fromStore, "\ntried", "\nanswered 200\ntried", 1)
	if diff := cmp.Diff(traced, steps(detail)); diff != "" {
		t.Errorf("steps of the store and the trace (-want +got):\n%s", diff)
	}
}

// The way of a slow event: its button, and the answer that waits for the tap.
func TestShowEventBehindAButton(t *testing.T) {
	d := newDesk(t)
	ev := newEvent("e1", "Ua")
	ev.Accepted = time.Now().Add(-time.Minute)
	store(t, d.eng.Inbox, ev)
	store(t, d.eng.Outbox, &engine.Entry{
		ID: "main/e1#button", Channel: "main", EventID: "e1", At: ev.Accepted.Add(time.Second),
		Sends: []engine.Send{{To: "Ua", Messages: []json.RawMessage{[]byte(`{}`)}}},
	})
	answer := engine.Answer{Key: "main/e1", Channel: "main", Conversation: "Ua", EventID: "e1"}
	if err := d.eng.Parked.Put(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	detail, err := d.Event(t.Context(), "e1")
	if err != nil {
		t.Fatal(err)
	}
	want := "received\nbutton stored in the outbox|messages: 1, sends: 1\nanswer parked until the button is tapped"
	if diff := cmp.Diff(want, steps(detail)); diff != "" || detail.Incomplete {
		t.Errorf("incomplete %v, steps (-want +got):\n%s", detail.Incomplete, diff)
	}
	if err := d.eng.Parked.Take(t.Context(), answer, "t1"); err != nil {
		t.Fatal(err)
	}
	if detail, err = d.Event(t.Context(), "e1"); err != nil || strings.Contains(steps(detail), "parked") {
		t.Errorf("taken: got %q, %v; want nothing parked", steps(detail), err)
	}
}

func TestStats(t *testing.T) {
	d := newDesk(t)
	d.fill(t)
	if err := d.eng.Dead.Put(t.Context(), engine.Letter{Kind: engine.DeadEvent, Channel: "main"}); err != nil {
		t.Fatal(err)
	}
	st, err := d.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Inbox.Batches != 4 || st.Inbox.Bytes == 0 || st.Inbox.Oldest.IsZero() || st.Outbox.Batches != 0 || st.DeadLetters != 1 {
		t.Errorf("got %+v", st)
	}
}

// TestRefusals asks for what is wrong.
func TestRefusals(t *testing.T) {
	d := newDesk(t)
	tests := []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/events?limit=0", 400, `limit: "0" is not a number from 1 to 1000`},
		{"GET", "/events?limit=1001", 400, "limit"},
		{"GET", "/events?before=-1", 400, `before: "-1" is not a number`},
		{"GET", "/events?after=yesterday", 400, "neither a position nor a time"},
		{"GET", "/dead?after=x", 400, "after"},
		{"GET", "/dead?limit=x", 400, "limit"},
		{"GET", "/dead/x", 400, "is not the ID of a dead letter"},
		{"GET", "/dead/0", 400, "is not the ID of a dead letter"},
		{"GET", "/dead/5", 404, "dead letter 5: not found"},
		{"POST", "/dead/5/retry", 404, "dead letter 5: not found"},
		{"DELETE", "/dead/5", 404, "dead letter 5: not found"},
		{"GET", "/users?channel=a.b", 400, `"a.b" is not the name of a channel`},
		{"GET", "/users?channel=%3E", 400, "is not the name of a channel"},
		{"GET", "/users?limit=x", 400, "limit"},
		{"GET", "/users/*", 400, "is not a user ID"},
		{"GET", "/users/U1?channel=*", 400, "is not the name of a channel"},
		{"DELETE", "/users/*", 400, "is not a user ID"},
		{"DELETE", "/users/U1", 404, "user U1: not found"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://admin"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := d.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var body adminError
			if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(body.Error, tt.text) {
				t.Errorf("got %d %q, want %d with %q", resp.StatusCode, body.Error, tt.status, tt.text)
			}
		})
	}
}

func TestOpenAdmin(t *testing.T) {
	empty := t.TempDir()
	if _, err := OpenAdmin(t.Context(), Config{Data: empty}); err == nil || !strings.Contains(err.Error(), "holds no data of a server") {
		t.Errorf("an empty folder: got error %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("an empty folder is not left as it was: %v, %v", left, err)
	}
	data := filepath.Join(t.TempDir(), "data")
	eng, err := engine.Open(t.Context(), engine.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	store(t, eng.Inbox, newEvent("e1", "Ua"))
	if _, err := OpenAdmin(t.Context(), Config{Data: data}); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("a folder in use: got error %v", err)
	}
	if err := eng.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time shows that Close let go of it
		admin, err := OpenAdmin(t.Context(), Config{Data: data})
		if err != nil {
			t.Fatal(err)
		}
		page, err := admin.Events(t.Context(), EventQuery{})
		if err != nil || ids(page) != "e1" || admin.Running() {
			t.Errorf("got events %q, running %v, %v", ids(page), admin.Running(), err)
		}
		if err := admin.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
