package transcript

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// rooms are rooms of a store, as the server shows them to a Service.
type rooms struct{ *room.Service }

func (r rooms) Put(m Message, done func(uint64, error)) {
	r.PostLater(room.Post{Room: m.Room, User: m.User, Name: m.Name, CID: m.CID, Via: m.Via, At: m.At, Body: m.Body, Edit: m.Edit, Del: m.Del, Patient: true}, done)
}

func (r rooms) Before(ctx context.Context, name string, id uint64, most int) ([]Posted, error) {
	list, err := r.Service.Before(ctx, name, id, most)
	return posts(list), err
}

func (r rooms) After(ctx context.Context, pattern string, id uint64, most int) ([]Posted, int, error) {
	list, left, err := r.Service.After(ctx, pattern, id, most)
	return posts(list), left, err
}

func posts(list []room.Posted) (out []Posted) {
	for _, m := range list {
		out = append(out, Posted{Room: m.Room, ID: m.ID, Stored: m.Stored, CID: m.CID, Edit: m.Edit, Body: m.Body})
	}
	return out
}

// house is a store with rooms.
type house struct {
	t     *testing.T
	eng   *engine.Engine
	rooms rooms
	sent  engine.Pos // what the outbox says it is done with
}

func newHouse(t *testing.T) *house {
	t.Helper()
	eng, err := engine.Open(t.Context(), engine.Config{Dir: t.TempDir(), AppendLimit: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	chat, err := room.New(t.Context(), room.Config{Engine: eng})
	if err != nil {
		t.Fatal(err)
	}
	return &house{t: t, eng: eng, rooms: rooms{chat}}
}

func (h *house) service() *Service {
	return New(Config{
		Engine: h.eng, Channels: []string{"main"}, Rooms: h.rooms, BotName: "Bot", Sent: func() engine.Pos { return h.sent },
		Name:    func(context.Context, string, string) string { return "Hanako" },
		Metrics: NewMetrics(prometheus.NewRegistry()), Logger: slog.New(slog.DiscardHandler),
	})
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// happen stores an event of user U1.
func (h *house) happen(id, what string) {
	h.t.Helper()
	raw := fmt.Sprintf(`{"webhookEventId":%q,"timestamp":%d,"mode":"active","source":{"type":"user","userId":"U1"},%s`, id, time.Now().UnixMilli(), what[1:])
	_, _, err := h.eng.Inbox.Append(&engine.Event{ID: id, Channel: "main", Conversation: "U1", Accepted: time.Now(), Raw: []byte(raw)})
	h.must(err)
}

func (h *house) write(id, text string) {
	h.happen("E"+id, fmt.Sprintf(`{"type":"message","message":{"id":%q,"type":"text","text":%q}}`, id, text))
}

// answer stores an entry to U1, and note the notes of its calls.
func (h *house) answer(id string, bulk bool, texts ...string) {
	h.t.Helper()
	send := engine.Send{To: "U1"}
	for _, text := range texts {
		send.Messages = append(send.Messages, json.RawMessage(fmt.Sprintf(`{"type":"text","text":%q}`, text)))
	}
	_, _, err := h.eng.Outbox.Append(&engine.Entry{ID: id, Channel: "main", At: time.Now(), Sends: []engine.Send{send}, Bulk: bulk})
	h.must(err)
}

func (h *house) tried(id string, with ...string) {
	h.t.Helper()
	note := &engine.Tried{CallID: engine.CallID{Entry: id}, Way: "push", At: time.Now()}
	for _, other := range with {
		note.With = append(note.With, engine.CallID{Entry: other})
	}
	_, _, err := h.eng.Outbox.Append(note)
	h.must(err)
}

func (h *house) settled(id, outcome string) {
	h.t.Helper()
	_, _, err := h.eng.Outbox.Append(&engine.Settled{CallID: engine.CallID{Entry: id}, Outcome: outcome, Last: true, Way: "push", At: time.Now()})
	h.must(err)
}

// finish lets a service write everything that is stored.
func (h *house) finish() {
	h.t.Helper()
	s := h.service()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // awaited below
	err := s.CatchUp(ctx)
	cancel()
	h.must(err)
	h.must(<-ended)
}

// said returns what stands in the transcript of U1.
func (h *house) said() (lines []string) {
	h.t.Helper()
	list, err := h.rooms.Service.Before(h.t.Context(), "line.main.U1", 0, 1000)
	h.must(err)
	for _, m := range list {
		var b struct{ Type, Text, Event, Data string }
		h.must(json.Unmarshal(m.Body, &b))
		lines = append(lines, m.User+" "+b.Text+b.Event+b.Data)
	}
	return lines
}

func (h *house) check(want ...string) {
	h.t.Helper()
	if got := h.said(); !slices.Equal(got, want) {
		h.t.Errorf("transcript: %q, want %q", got, want)
	}
}

// A crash takes a writer's memory and nothing else, so a test lets one do a part of
// its work by hand, leaves it, and has another one take over.

// begin begins a session by hand.
func (h *house) begin() *writer {
	h.t.Helper()
	s := h.service()
	cp, err := s.loadCheckpoint(h.t.Context())
	h.must(err)
	w, err := s.begin(h.t.Context(), cp)
	h.must(err)
	return w
}

// next writes the next batch of a log and waits for it.
func (h *house) next(w *writer, src *source) {
	h.t.Helper()
	h.must(src.log.Scan(h.t.Context(), src.next, func(b engine.Batch) bool {
		src.head = &b
		return false
	}))
	if src.head == nil {
		h.t.Fatal("there is no other batch")
	}
	h.must(w.write(h.t.Context(), src))
	h.must(w.wait(h.t.Context(), 0))
}

// TestCrash ends the process between every two steps of a transcript.
func TestCrash(t *testing.T) {
	type work struct {
		h *house
		w *writer
	}
	checkpoint := func(k work) {
		k.h.must(k.w.settle(t.Context(), nil))
	}
	steps := []struct {
		name string
		do   func(k work)
	}{
		{"an event is written", func(k work) { k.h.next(k.w, k.w.inbox) }},
		{"two are", func(k work) { k.h.next(k.w, k.w.inbox) }},
		{"entries are read", func(k work) { k.h.next(k.w, k.w.outbox); k.h.next(k.w, k.w.outbox); k.h.next(k.w, k.w.outbox) }},
		{"a checkpoint is stored", checkpoint},
		{"a try is read", func(k work) { k.h.next(k.w, k.w.outbox) }},
		{"another checkpoint is stored", checkpoint},
		{"what was sent is written", func(k work) { k.h.next(k.w, k.w.outbox) }},
		{"a checkpoint with an open entry is stored", checkpoint},
		{"an event is taken back", func(k work) { k.h.next(k.w, k.w.inbox) }},
		{"the last checkpoint is stored", checkpoint},
	}
	for n := range len(steps) + 1 {
		name := "nothing"
		if n > 0 {
			name = steps[n-1].name
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.write("1", "hello")
			h.write("2", "secret")
			h.answer("main/E1", false, "one")
			h.answer("main/E2", false, "two", "three")
			h.answer("main/open", false, "later")
			h.tried("main/E1", "main/E2")
			h.settled("main/E1", engine.OutcomeSent)
			h.happen("E3", `{"type":"unsend","unsend":{"messageId":"2"}}`)
			k := work{h, h.begin()}
			for _, step := range steps[:n] {
				step.do(k)
			}
			h.finish()
			h.tried("main/open")
			h.settled("main/open", engine.OutcomeSent)
			h.finish()
			h.finish()
			got := h.said()
			slices.Sort(got)
			want := []string{"U1 hello", "U1 unsend", "bot later", "bot one", "bot three", "bot two"}
			if !slices.Equal(got, want) {
				t.Errorf("transcript, sorted: %q, want %q", got, want)
			}
		})
	}
}

// What is not told, and what only the outbox's own word tells.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.happen("E1", `{"type":"follow","follow":{}}`)
	h.happen("E2", `{"type":"timer","timer":{}}`)
	h.happen("E3", `{"type":"postback","postback":{"data":"x=1"}}`)
	h.answer("main/campaign", true, "to everybody")
	h.tried("main/campaign")
	h.settled("main/campaign", engine.OutcomeSent)
	h.answer("main/dead", false, "never")
	h.tried("main/dead")
	h.settled("main/dead", engine.OutcomeDead)
	h.finish()
	h.check("U1 follow", "U1 x=1")
}

// A success whose note could not be stored is written when the outbox is done with
// its entry.
func TestNoteIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.answer("main/E1", false, "one")
	h.tried("main/E1")
	w := h.begin()
	h.next(w, w.outbox)
	h.next(w, w.outbox)
	end, err := h.eng.Outbox.End(t.Context())
	h.must(err)
	h.must(w.resolve(t.Context()))
	h.check()
	h.sent, w.sends.looked = end, time.Time{}
	for range 2 {
		h.must(w.resolve(t.Context()))
	}
	h.check("bot one")
	if w.sends.first() != nil {
		t.Error("the entry still waits")
	}
}

// An event that LINE delivers again after the store has forgotten it is written
// once.
func TestRedelivered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.write("1", "hello")
	h.finish()
	w := h.begin()
	m := Message{Room: "line.main.U1", CID: "main.E1", At: time.Now()}
	if there, err := w.standsAlready(t.Context(), m); !there || err != nil {
		t.Errorf("stands already: %v, %v", there, err)
	}
	m.CID = "main.E2"
	if there, err := w.standsAlready(t.Context(), m); there || err != nil {
		t.Errorf("another one: %v, %v", there, err)
	}
}
