package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// tapped is the event of a tap on the button of another event.
func tapped(conversation, id, answers string) engine.Event {
	return postback(conversation, id, answerPrefix+answers)
}

func postback(conversation, id, data string) engine.Event {
	source := fmt.Sprintf(`{"type":"user","userId":%q}`, conversation)
	if strings.HasPrefix(conversation, "C") {
		source = fmt.Sprintf(`{"type":"group","groupId":%q,"userId":"U5"}`, conversation)
	}
	quoted, _ := json.Marshal(data) // a string has a form
	return engine.Event{
		ID: id, Channel: "main", Conversation: conversation, Accepted: time.Now(),
		Raw: fmt.Appendf(nil, `{"type":"postback","webhookEventId":%q,"timestamp":%d,"mode":"active","replyToken":"token-%s",`+
			`"deliveryContext":{"isRedelivery":false},"source":%s,"postback":{"data":%s}}`, id, time.Now().UnixMilli(), id, source, quoted),
	}
}

// put parks an answer.
func (w *house) put(conversation, event, text string) {
	w.t.Helper()
	err := w.eng.Parked.Put(w.t.Context(), engine.Answer{
		Key: "main/" + event, Channel: "main", Conversation: conversation, EventID: event,
		Messages: []json.RawMessage{fmt.Appendf(nil, `{"type":"text","text":%q}`, text)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// append stores an entry as an earlier process may have.
func (w *house) append(id, eventID string, sends ...engine.Send) {
	w.t.Helper()
	if _, _, err := w.eng.Outbox.Append(&engine.Entry{ID: id, Channel: "main", EventID: eventID, Sends: sends}); err != nil {
		w.t.Fatal(err)
	}
}

func TestTap(t *testing.T) {
	standby := tapped("U1", "t1", "e1")
	standby.Raw = []byte(strings.Replace(string(standby.Raw), `"active"`, `"standby"`, 1))
	late := tapped("U1", "t1", "e1")
	late.Redelivered = true
	late.Raw = []byte(strings.Replace(strings.Replace(string(late.Raw), `"isRedelivery":false`, `"isRedelivery":true`, 1),
		`"timestamp":`, `"timestamp":1,"was":`, 1))
	other := tapped("U1", "t1", "e1")
	other.Channel = "other"
	tests := []struct {
		name    string
		chat    string // where the answer is parked; "" for U1
		tap     engine.Event
		token   string // that the answer is sent with
		nothing bool   // is sent
		handled bool   // by the bot
	}{
		{name: "in the same chat", tap: tapped("U1", "t1", "e1"), token: "token-t1"},
		{name: "in a group, by whomever", chat: "C1", tap: tapped("C1", "t1", "e1"), token: "token-t1"},
		{name: "delivered again too late for its token", tap: late},
		{name: "in another chat", tap: tapped("U2", "t1", "e1"), nothing: true},
		{name: "in another channel", tap: other, nothing: true},
		{name: "for an unknown event", tap: tapped("U1", "t1", "e2"), nothing: true},
		{name: "for no event", tap: tapped("U1", "t1", ""), nothing: true},
		{name: "for anything", tap: tapped("U1", "t1", "../*.>\x00 日本"), nothing: true},
		{name: "for a long one", tap: tapped("U1", "t1", strings.Repeat("x", 6<<20)), nothing: true},
		{name: "in standby", tap: standby, nothing: true},
		{name: "on a button of the bot's", tap: postback("U1", "t1", "answer:e1"), nothing: true, handled: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var y diary
			w := newHouse(t, func(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
				y.note(ev.ID)
				return nil
			}, func(cfg *Config) {
				cfg.Note = func(_ context.Context, ev *frontdesk.Event) error { y.note("noted " + ev.ID); return nil }
			})
			chat := tt.chat
			if chat == "" {
				chat = "U1"
			}
			w.put(chat, "e1", "hello")
			w.start()
			w.accept(tt.tap)
			w.settled()
			var want []engine.Entry
			if !tt.nothing {
				send := engine.Send{To: chat, Messages: []json.RawMessage{[]byte(`{"type":"text","text":"hello"}`)}}
				if tt.token != "" {
					send.ReplyToken, send.ReplyUntil = tt.token, time.Unix(0, tt.tap.Accepted.UnixNano()).Add(w.cfg.ReplyLife)
				}
				want = []engine.Entry{{ID: "main/t1", Channel: "main", EventID: "t1", Sends: []engine.Send{send}}}
			}
			if diff := cmp.Diff(want, w.outbox()); diff != "" {
				t.Errorf("outbox (-want +got):\n%s", diff)
			}
			if got := len(w.parked()) == 1; got != tt.nothing {
				t.Errorf("still parked: %v, want %v", got, tt.nothing)
			}
			if y.count("noted t1") != 1 {
				t.Error("the directory was not told of the tap")
			}
			if got := y.count("t1") == 1; got != tt.handled {
				t.Errorf("handled by the bot: %v, want %v", got, tt.handled)
			}

			w.accept(tapped(chat, "t2", "e1"), tapped(chat, "t3", "e1"))
			w.settled()
			wantLater := 0
			if tt.nothing {
				wantLater = 1
			}
			if got := len(w.outbox()) - len(want); got != wantLater {
				t.Errorf("further taps: sent %d times, want %d", got, wantLater)
			}
			if y.count("t2")+y.count("t3") > 0 || len(w.letters()) > 0 {
				t.Error("a tap went to the bot, or became a dead letter")
			}
		})
	}
}

// An attempt may have been interrupted between parking and the entry: what the
// next one does is what counts.
func TestParkedByAnInterruptedAttempt(t *testing.T) {
	tests := []struct {
		name   string
		bot    frontdesk.HandlerFunc
		full   bool
		parked string // "" for nothing
		sent   string
		dead   bool
	}{
		{name: "answers", bot: echo, parked: "e1"},
		{name: "sends nothing", bot: func(context.Context, frontdesk.Desk, *frontdesk.Event) error { return nil }},
		{name: "answers another", sent: "x", bot: func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
			return d.Push("U9", frontdesk.Text("x"))
		}},
		{name: "drops the event", dead: true, bot: func(context.Context, frontdesk.Desk, *frontdesk.Event) error { return frontdesk.Drop(errBot) }},
		{name: "answers, and no more can be parked", bot: echo, full: true, sent: "e1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := engine.Config{Dir: t.TempDir()}
			if tt.full {
				store.ParkedMaxBytes = 1
			}
			w := newHouseOn(t, store, tt.bot, soonButton)
			w.accept(said("U1", "e1"))
			w.append("main/e1#button", "e1", engine.Send{To: "U1", ReplyToken: "token-e1"})
			w.put("U1", "e1", "earlier")
			w.start()
			w.settled()
			var parked, sent string
			for _, a := range w.parked() {
				parked += strings.Join(texts(t, a.Messages), " ")
			}
			for _, e := range w.outbox() {
				for _, s := range e.Sends {
					if s.ReplyToken != "" && !IsButton(e.ID) {
						t.Errorf("%s is sent with the token that was spent", e.ID)
					}
					sent += strings.Join(texts(t, s.Messages), " ")
				}
			}
			if parked != tt.parked || sent != tt.sent || len(w.letters()) == 1 != tt.dead {
				t.Errorf("got parked %q, sent %q, %d letters; want %q, %q, dead %v", parked, sent, len(w.letters()), tt.parked, tt.sent, tt.dead)
			}
			if n := w.buttons(); n != 1 {
				t.Errorf("got %d buttons, want the one that was there", n)
			}
		})
	}
}

// Whenever the process ends while a tap takes its answer, the answer is sent
// once.
func TestTapInterrupted(t *testing.T) {
	answer := engine.Send{To: "U1", ReplyToken: "token-t1", Messages: []json.RawMessage{[]byte(`{"type":"text","text":"hello"}`)}}
	tests := []struct {
		name          string
		taken, stored bool
	}{
		{"before it is taken", false, false},
		{"when it is taken", true, false},
		{"when its entry is stored", true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newHouse(t, echo, nil)
			w.put("U1", "e1", "hello")
			if tt.taken {
				if err := w.eng.Parked.Take(t.Context(), w.parked()[0], "t1"); err != nil {
					t.Fatal(err)
				}
			}
			if tt.stored {
				w.append("main/t1", "t1", answer)
			}
			w.accept(tapped("U1", "t1", "e1"), tapped("U1", "t2", "e1"))
			w.start()
			w.settled()
			if got := w.entries(); !slices.Equal(got, []string{"t1"}) {
				t.Errorf("sent for %v, want t1 alone", got)
			}
		})
	}
}

// A tap keeps what it took, and no other one gets it.
func TestTakeAnswer(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.put("U1", "e1", "hello")
	w.start()
	for _, take := range []struct {
		tap string
		got bool
	}{{"t1", true}, {"t2", false}, {"t1", true}} {
		tap := tapped("U1", take.tap, "e1")
		answer, err := w.d.takeAnswer(t.Context(), &tap, &frontdesk.Event{Channel: "main"}, "main/e1")
		if err != nil || (answer != nil) != take.got {
			t.Errorf("%s: got %+v, %v, want an answer: %v", take.tap, answer, err, take.got)
		}
	}
}

// What nobody asks for becomes a dead letter in the end.
func TestAnswersExpire(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.put("U1", "e1", "one")
	w.put("U2", "e2", "two")
	for _, a := range w.parked() {
		if a.EventID == "e2" {
			if err := w.eng.Parked.Take(t.Context(), a, "t2"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.start()
	now := time.Now()
	if err := w.d.expire(t.Context(), now.Add(w.d.cfg.AnswerLife)); err != nil {
		t.Fatal(err)
	}
	if n := len(w.parked()); n != 2 {
		t.Fatalf("%d answers are left within their life, want both", n)
	}
	died := now.Add(w.d.cfg.AnswerLife + 2*expireMargin)
	if err := w.d.expire(t.Context(), died); err != nil {
		t.Fatal(err)
	}
	letters := w.letters()
	if len(w.parked()) != 0 || len(letters) != 1 {
		t.Fatalf("got %d parked and %d letters, want the letter of the one that was not taken", len(w.parked()), len(letters))
	}
	l := letters[0]
	if l.Kind != engine.DeadSend || l.Conversation != "U1" || l.EventID != "e1" || !strings.Contains(l.Reason, "within 7 days") {
		t.Errorf("got letter %+v", l)
	}
	var entry engine.Entry
	if err := json.Unmarshal(l.Body, &entry); err != nil {
		t.Fatal(err)
	}
	if len(entry.Sends) != 1 || entry.Sends[0].To != "U1" || entry.Sends[0].ReplyToken != "" || texts(t, entry.Sends[0].Messages)[0] != "one" {
		t.Errorf("a retry would send %+v", entry)
	}
}

// A tap after the answer's life finds nothing: the answer is about to become a
// dead letter.
func TestTapTooLate(t *testing.T) {
	w := newHouse(t, echo, func(cfg *Config) { cfg.AnswerLife = time.Nanosecond })
	w.put("U1", "e1", "hello")
	w.start()
	w.accept(tapped("U1", "t1", "e1"))
	w.settled()
	if sent, parked := w.entries(), w.parked(); len(sent) != 0 || len(parked) != 1 || parked[0].TakenBy != "" {
		t.Errorf("sent for %v, parked %+v; want the answer untouched", sent, parked)
	}
}
