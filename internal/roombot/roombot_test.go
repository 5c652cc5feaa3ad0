package roombot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/line"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// rooms are rooms of a store, as the server shows them to a Service.
type rooms struct {
	*room.Service
	forgets bool // the store does not know cids any more
	posts   int

	mu    sync.Mutex
	typed []string
}

func (r *rooms) Put(name, cid string, body json.RawMessage, done func(uint64, error)) {
	r.posts++
	user := room.UserBot
	if r.forgets {
		user = fmt.Sprint("later", r.posts)
	}
	r.PostLater(room.Post{Room: name, User: user, CID: cid, Body: body}, done)
}

func (r *rooms) Recent(ctx context.Context, name string, most int) ([]Posted, error) {
	list, err := r.Before(ctx, name, 0, most)
	var recent []Posted
	for _, m := range list {
		recent = append(recent, Posted{ID: m.ID, User: m.User, Name: m.Name, CID: m.CID})
	}
	return recent, err
}

func (r *rooms) Typing(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.typed = append(r.typed, name)
}

// house is a store with a bot in its rooms.
type house struct {
	*Service
	eng   *engine.Engine
	rooms *rooms
}

func newHouse(t *testing.T) house {
	t.Helper()
	eng, err := engine.Open(t.Context(), engine.Config{Dir: t.TempDir(), InboxMaxBytes: 1 << 20, AppendLimit: patience})
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
	r := &rooms{Service: chat}
	return house{New(Config{Inbox: eng.Inbox, Rooms: r, Name: "Polly", Logger: slog.New(slog.DiscardHandler)}), eng, r}
}

// said returns what stands in a room, as user and text.
func (h house) said(t *testing.T, name string) (list []string) {
	t.Helper()
	got, err := h.rooms.Before(t.Context(), name, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range got {
		var body struct{ Text string }
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Error(err)
		}
		list = append(list, body.Text)
	}
	return list
}

func texts(list ...string) (messages []json.RawMessage) {
	for _, text := range list {
		messages = append(messages, json.RawMessage(fmt.Sprintf(`{"type":"text","text":%q}`, text)))
	}
	return messages
}

const key = "123e4567-e89b-12d3-a456-426614174000"

// A push that is repeated appears once, also when the store has forgotten its cids
// or has taken a part of it only.
func TestPushOnce(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		t.Run(fmt.Sprint("store forgets ", forgets), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			client, err := h.Client()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Push(t.Context(), "hanako", texts("one"), key); err != nil {
				t.Fatal(err)
			}
			h.rooms.forgets = forgets
			got, err := client.Push(t.Context(), "hanako", texts("one", "two", "three"), key)
			if err != nil || got.AcceptedRequestID != "" || len(got.Sent) != 3 {
				t.Errorf("second push: %+v, %v", got, err)
			}
			again, err := client.Push(t.Context(), "hanako", texts("one", "two", "three"), key)
			if err != nil || again.AcceptedRequestID == "" {
				t.Errorf("third push: %+v, %v", again, err)
			}
			if said, want := h.said(t, "bot.hanako"), []string{"one", "two", "three"}; !slices.Equal(said, want) {
				t.Errorf("room: %q, want %q", said, want)
			}
		})
	}
}

func TestReceivers(t *testing.T) {
	h := newHouse(t)
	client, err := h.Client()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []room.Record{{Name: "with", Public: true, Bot: true}, {Name: "without", Public: true}} {
		if _, err := h.rooms.CreateRoom(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ to, room string }{
		{"hanako", "bot.hanako"},
		{"with", "bot.with"}, // a user who is called like a room
		{"room/with", "with"},
		{"room/without", ""},
		{"room/none", ""},
		{"room/bot.hanako", ""},
		{"bot.hanako", ""},
		{"a>b", ""},
		{strings.Repeat("x", 65), ""},
	} {
		_, err := client.Push(t.Context(), tc.to, texts("to "+tc.to), "")
		if tc.room == "" {
			if e := (*line.Error)(nil); !errors.As(err, &e) || e.Status != 400 {
				t.Errorf("push to %s: %v, want a refusal", tc.to, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("push to %s: %v", tc.to, err)
		} else if said := h.said(t, tc.room); !slices.Contains(said, "to "+tc.to) {
			t.Errorf("push to %s: room %s holds %q", tc.to, tc.room, said)
		}
	}
	for range 2 {
		if _, err := client.Multicast(t.Context(), []string{"Una", "Udo"}, texts("to all"), key); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"Una", "Udo"} {
		if said := h.said(t, "bot."+user); !slices.Equal(said, []string{"to all"}) {
			t.Errorf("multicast: %s has %q", user, said)
		}
	}
	if _, err := client.Broadcast(t.Context(), texts("to everybody"), key); err == nil || line.OutcomeUnknown(err) {
		t.Errorf("broadcast: %v, want a refusal", err)
	}
}

// Sends become events, and one that comes again the same event.
func TestTake(t *testing.T) {
	h := newHouse(t)
	for i := range 51 {
		again := i == 50
		i %= 50
		body := texts(fmt.Sprint(i))[0]
		if err := h.Take(Sent{Room: "bot.ann", ID: uint64(i + 1), User: "ann", Name: "Ann", CID: fmt.Sprint("c", i), Body: body, Again: again}); err != nil {
			t.Fatal(err)
		}
	}
	var events []engine.Event
	err := h.eng.Inbox.Scan(t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				t.Error(err)
			}
			ev.Raw = slices.Clone(ev.Raw)
			events = append(events, ev)
		}
		return true
	})
	if err != nil || len(events) != 51 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, stored := range events[:50] {
		ev, err := frontdesk.ParseEvent(stored.Raw)
		if err != nil || ev.Message == nil || ev.Message.Text != fmt.Sprint(i) || ev.ID != stored.ID || ev.Conversation != "ann" || stored.Conversation != "ann" || stored.Channel != Channel {
			t.Errorf("event %d: %+v, %s, %v", i, stored, stored.Raw, err)
		}
	}
	if first, again := events[0], events[50]; again.ID != first.ID || !again.Redelivered || first.Redelivered {
		t.Errorf("repeated send: %+v, first %+v", again, first)
	}
}

// A full inbox refuses sends, which come again.
func TestTakeRefuses(t *testing.T) {
	h := newHouse(t)
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = h.Take(Sent{Room: "bot.ann", ID: 1, User: "ann", CID: fmt.Sprint(i), Body: texts(strings.Repeat("x", 5000))[0]})
	}
	if !errors.Is(err, engine.ErrFull) {
		t.Errorf("full inbox: %v", err)
	}
}

func TestEvents(t *testing.T) {
	group := `{"type":"group","userId":"ann","groupId":"room/tea"}`
	user := `{"type":"user","userId":"ann"}`
	for _, tc := range []struct {
		name string
		sent Sent
		want string // without timestamp, IDs and the rest
	}{
		{"text", Sent{Room: "bot.ann", ID: 7, Body: texts("@Polly hi")[0]},
			`{"type":"message","source":` + user + `,"message":{"id":"7","type":"text","text":"@Polly hi"}}`},
		{"sticker", Sent{Room: "bot.ann", ID: 7, Body: json.RawMessage(`{"type":"sticker","packageId":"1","stickerId":"2"}`)},
			`{"type":"message","source":` + user + `,"message":{"id":"7","type":"sticker","packageId":"1","stickerId":"2"}}`},
		{"tap", Sent{Room: "bot.ann", ID: 7, Body: json.RawMessage(`{"type":"postback","data":"x=1","displayText":"One"}`)},
			`{"type":"postback","source":` + user + `,"postback":{"data":"x=1"}}`},
		{"edit", Sent{Room: "bot.ann", ID: 9, Edit: 7, Body: texts("hello")[0]},
			`{"type":"messageEdited","source":` + user + `,"message":{"id":"7","type":"text","text":"hello"}}`},
		{"delete", Sent{Room: "bot.ann", ID: 9, Del: 7},
			`{"type":"unsend","source":` + user + `,"unsend":{"messageId":"7"}}`},
		{"among people", Sent{Room: "tea", ID: 7, Body: texts("hi")[0]},
			`{"type":"message","source":` + group + `,"message":{"id":"7","type":"text","text":"hi"}}`},
		{"addressed", Sent{Room: "tea", ID: 7, Body: texts("🍵 @POLLY hi")[0]},
			`{"type":"message","source":` + group + `,"message":{"id":"7","mention":{"mentionees":[{"index":3,"length":6,"type":"user","userId":"","isSelf":true}]},"type":"text","text":"🍵 @POLLY hi"}}`},
	} {
		tc.sent.User, tc.sent.CID = "ann", "c1"
		ev, err := eventOf(tc.sent, "Polly", time.UnixMilli(1000))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		rest := fmt.Sprintf(`"mode":"active","timestamp":1000,"webhookEventId":%q,"deliveryContext":{"isRedelivery":false},`, eventID("ann", "c1"))
		if got, want := sorted(t, ev.Raw), sorted(t, []byte("{"+rest+tc.want[1:])); got != want {
			t.Errorf("%s: got %s, want %s", tc.name, got, want)
		}
	}
	if eventID("ann", "c1") == eventID("annc", "1") {
		t.Error("two sends have one event")
	}
}

// sorted returns JSON in one order.
func sorted(t *testing.T, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func FuzzMention(f *testing.F) {
	f.Add("hi @Polly, @all @po\xff", "Polly")
	f.Fuzz(func(t *testing.T, text, bot string) {
		for _, m := range mentionees(mentionOf(text, bot)) {
			if m.Index < 0 || m.Length < 2 && bot != "" || m.Index+m.Length > units(text) {
				t.Errorf("%q mentions %q at %+v", text, bot, m)
			}
		}
	})
}

func mentionees(m *frontdesk.Mention) []frontdesk.Mentionee {
	if m == nil {
		return nil
	}
	return m.Mentionees
}

// The name that a user wrote under is the profile's, from memory or the room.
func TestProfile(t *testing.T) {
	h := newHouse(t)
	source := frontdesk.Source{Type: "user", UserID: "ann"}
	if _, err := h.Profile(t.Context(), source, "ann"); !errors.Is(err, frontdesk.ErrNoProfile) {
		t.Errorf("nobody wrote: %v", err)
	}
	for _, name := range []string{"Ann", "Anna"} {
		if _, err := h.rooms.Post(t.Context(), room.Post{Room: "bot.ann", User: "ann", Name: name, CID: name, Body: texts("hi")[0]}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := h.Profile(t.Context(), source, "ann"); err != nil || got.DisplayName != "Anna" || got.UserID != "ann" {
		t.Errorf("from the room: %+v, %v", got, err)
	}
	if err := h.Take(Sent{Room: "bot.ann", User: "ann", Name: "Annika", CID: "c", Body: texts("x")[0]}); err != nil {
		t.Error(err)
	}
	if got, err := h.Profile(t.Context(), source, "ann"); err != nil || got.DisplayName != "Annika" {
		t.Errorf("from memory: %+v, %v", got, err)
	}
}

// The bot types until it writes, or until its time is over.
func TestTyping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rooms{}
		s := New(Config{Rooms: r, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		go s.keepTyping(ctx) // ends with ctx
		if err := s.ShowLoading(ctx, "ann", 10*time.Second); err != nil {
			t.Error(err)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(r.typed) != 3 || r.typed[0] != "bot.ann" {
			t.Errorf("typed in %q, want three times in 10 s", r.typed)
		}
		s.ShowLoading(ctx, "ann", time.Minute)
		s.endTyping("bot.ann")
		time.Sleep(time.Minute)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if len(r.typed) != 4 {
			t.Errorf("typed %d times, want once more", len(r.typed))
		}
	})
}
