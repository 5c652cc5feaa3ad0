package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// bury puts letters and returns their IDs.
func (d *desk) bury(t *testing.T, letters ...engine.Letter) []uint64 {
	t.Helper()
	if err := d.eng.Dead.Put(t.Context(), letters...); err != nil {
		t.Fatal(err)
	}
	var ids []uint64
	err := d.eng.Dead.List(t.Context(), 0, func(l engine.Letter) bool { ids = append(ids, l.ID); return true })
	if err != nil {
		t.Fatal(err)
	}
	return ids[len(ids)-len(letters):]
}

func eventLetter() engine.Letter {
	return engine.Letter{
		Kind: engine.DeadEvent, Channel: "main", Conversation: "Ua", EventID: "e1", Run: 1, Attempts: 8,
		Accepted: accepted, Died: accepted.Add(time.Minute), Reason: "handler failed: no luck", Body: []byte(`{"type":"x"}`),
	}
}

func sendLetter(t *testing.T) (engine.Letter, engine.Entry) {
	t.Helper()
	entry := engine.Entry{
		ID: "main/e1#0.0", Channel: "main", EventID: "e1", At: accepted,
		Sends: []engine.Send{{To: "Ub", Messages: []json.RawMessage{[]byte(`{"type":"text","text":"hi"}`)}}},
	}
	body, err := json.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Letter{
		Kind: engine.DeadSend, Channel: "main", Conversation: "Ub", EventID: "e1", Reason: "LINE refused it", Body: body,
	}, entry
}

func TestListLetters(t *testing.T) {
	d := newDesk(t)
	send, _ := sendLetter(t)
	shop := eventLetter()
	shop.Channel, shop.Reason = "shop", "panic"
	d.bury(t, eventLetter(), send, engine.Letter{Kind: engine.DeadMalformed, Channel: "main", Reason: "event has no type", Body: []byte("{")}, shop)
	tests := []struct {
		name string
		q    LetterQuery
		want []uint64
		next uint64
	}{
		{"all, the oldest first", LetterQuery{}, []uint64{1, 2, 3, 4}, 0},
		{"the first two", LetterQuery{Limit: 2}, []uint64{1, 2}, 2},
		{"the rest", LetterQuery{After: 2}, []uint64{3, 4}, 0},
		{"of a kind", LetterQuery{Kind: "send"}, []uint64{2}, 0},
		{"of a channel", LetterQuery{Channel: "shop"}, []uint64{4}, 0},
		{"of a conversation", LetterQuery{Conversation: "Ua", Limit: 2}, []uint64{1, 4}, 4},
		{"with a reason", LetterQuery{Reason: "no "}, []uint64{1, 3}, 0},
		{"none", LetterQuery{Kind: "send", Channel: "shop"}, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := d.Letters(t.Context(), tt.q)
			if err != nil {
				t.Fatal(err)
			}
			var got []uint64
			for _, l := range page.Letters {
				got = append(got, l.ID)
			}
			if !slices.Equal(got, tt.want) || page.Next != tt.next || page.Total != 4 {
				t.Errorf("got %v, next %d of %d; want %v, next %d of 4", got, page.Next, page.Total, tt.want, tt.next)
			}
		})
	}
}

func TestShowLetter(t *testing.T) {
	d := newDesk(t)
	d.bury(t, eventLetter(), engine.Letter{Kind: engine.DeadMalformed, Channel: "main", Body: []byte("{\xff")})
	got, err := d.Letter(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := LetterDetail{
		LetterRow: LetterRow{
			ID: 1, Kind: "event", Channel: "main", Conversation: "Ua", EventID: "e1", Run: 1, Attempts: 8,
			Accepted: accepted, Died: accepted.Add(time.Minute), Reason: "handler failed: no luck", Bytes: 12,
		},
		Body: []byte(`{"type":"x"}`), Content: []byte(`{"type":"x"}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("letter (-want +got):\n%s", diff)
	}
	if got, err = d.Letter(t.Context(), 2); err != nil || string(got.Body) != "{\xff" || got.Content != nil {
		t.Errorf("malformed letter: got %q and JSON %q, %v", got.Body, got.Content, err)
	}
}

// inbox returns the events of the inbox.
func (d *desk) inbox(t *testing.T) (events []engine.Event) {
	t.Helper()
	err := d.eng.Inbox.Scan(t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				t.Error(err)
			}
			events = append(events, ev)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (d *desk) outbox(t *testing.T) (records []any) {
	t.Helper()
	err := d.eng.Outbox.Scan(t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			v, err := engine.ParseOutbox(rec)
			if err != nil {
				t.Error(err)
			}
			records = append(records, v)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func (d *desk) letterCount(t *testing.T) int {
	t.Helper()
	page, err := d.Letters(t.Context(), LetterQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Letters)
}

func TestRetryEvent(t *testing.T) {
	d := newDesk(t)
	id := d.bury(t, eventLetter())[0]
	before := time.Now()
	was, err := d.Retry(t.Context(), id)
	if err != nil || was.EventID != "e1" {
		t.Fatalf("got %+v, %v", was, err)
	}
	want := []engine.Event{{
		ID: "e1", Channel: "main", Conversation: "Ua", Run: 2, Raw: []byte(`{"type":"x"}`),
	}}
	got := d.inbox(t)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(engine.Event{}, "Accepted")); diff != "" {
		t.Errorf("inbox (-want +got):\n%s", diff)
	}
	if got[0].Accepted.Before(before) {
		t.Errorf("accepted %v, want the time of the retry", got[0].Accepted)
	}
	if n := d.letterCount(t); n != 0 {
		t.Errorf("%d letters are left", n)
	}
	if _, err := d.Retry(t.Context(), id); !errors.Is(err, ErrNotFound) {
		t.Errorf("second retry: got error %v", err)
	}
}

func TestRetrySend(t *testing.T) {
	d := newDesk(t)
	letter, entry := sendLetter(t)
	ids := d.bury(t, letter, letter) // twice, as after a crash between retry and delete
	for _, id := range ids {
		before := time.Now()
		if _, err := d.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		records := d.outbox(t)
		got, ok := records[len(records)-1].(*engine.Entry)
		if !ok {
			t.Fatalf("got %T in the outbox", records[0])
		}
		if got.At.Before(before) {
			t.Errorf("time %v, want that of the retry", got.At)
		}
		want := entry
		want.ID, want.At = fmt.Sprintf("main/e1#0.0~%d", id), got.At
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("outbox (-want +got):\n%s", diff)
		}
	}
	if n := d.letterCount(t); n != 0 {
		t.Errorf("%d letters are left", n)
	}
}

func TestRetryRefused(t *testing.T) {
	d := newDesk(t)
	ids := d.bury(t,
		engine.Letter{Kind: engine.DeadMalformed, Channel: "main", Reason: "event has no type", Body: []byte("{}")},
		engine.Letter{Kind: engine.DeadSend, Channel: "main", Body: []byte("{")},
		engine.Letter{Kind: "later", Channel: "main"},
	)
	for i, want := range []string{"event has no type; look at it with 'frontdesk dead show", "damaged; drop it", "is no event"} {
		if _, err := d.Retry(t.Context(), ids[i]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("letter %d: got error %v, want one with %q", ids[i], err, want)
		}
	}
	if n := d.letterCount(t); n != 3 {
		t.Errorf("%d letters are left, want all", n)
	}
	if len(d.inbox(t)) > 0 || len(d.outbox(t)) > 0 {
		t.Error("a refused retry left something in the inbox or the outbox")
	}
}

func TestDropLetter(t *testing.T) {
	d := newDesk(t)
	ids := d.bury(t, eventLetter(), eventLetter())
	was, err := d.Drop(t.Context(), ids[0])
	if err != nil || was.EventID != "e1" {
		t.Fatalf("got %+v, %v", was, err)
	}
	if n := d.letterCount(t); n != 1 {
		t.Errorf("%d letters are left, want the other one", n)
	}
	if len(d.inbox(t)) > 0 {
		t.Error("a dropped event came back")
	}
	if _, err := d.Drop(t.Context(), ids[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("second drop: got error %v", err)
	}
}
