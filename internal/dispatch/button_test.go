package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// testButton is the button of the tests' channels.
func testButton() map[string]Button {
	return map[string]Button{"main": {Text: "wait", Label: "show"}}
}

// soonButton gives a handler a button after a moment.
func soonButton(cfg *Config) {
	cfg.Button, cfg.ButtonAfter = testButton(), 20*time.Millisecond
}

func TestButtonTime(t *testing.T) {
	const life, after = 55 * time.Second, 45 * time.Second
	tests := []struct {
		name   string
		age    time.Duration // of the event when its handler begins
		change func(t *task, stored *engine.Event, ev *frontdesk.Event)
		want   time.Duration // from the beginning on; -1 for never
	}{
		{"at once", 0, nil, after},
		{"began late", 30 * time.Second, nil, 15 * time.Second},
		{"about to answer", 44900 * time.Millisecond, nil, time.Second},
		{"began when the time had come", 48 * time.Second, nil, time.Second},
		{"began too late", 49 * time.Second, nil, -1},
		{"token over", time.Hour, nil, -1},
		{"no token", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) { ev.ReplyToken = "" }, -1},
		{"another module answers", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) { ev.Mode = modeStandby }, -1},
		{"no conversation", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) { ev.Conversation = "" }, -1},
		{"channel without a button", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) { ev.Channel = "other" }, -1},
		{"has one", 0, func(t *task, _ *engine.Event, _ *frontdesk.Event) { t.Button = true }, -1},
		{"from the dead letters", 0, func(_ *task, stored *engine.Event, _ *frontdesk.Event) { stored.Run = 1 }, -1},
		{"delivered again", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) {
			ev.Redelivered, ev.Timestamp = true, ev.Accepted.Add(-18*time.Minute)
		}, after},
		{"delivered again too late", 0, func(_ *task, _ *engine.Event, ev *frontdesk.Event) {
			ev.Redelivered, ev.Timestamp = true, ev.Accepted.Add(-20*time.Minute)
		}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &Dispatcher{cfg: Config{Button: testButton(), ButtonAfter: after, ReplyLife: life}}
				start := time.Now()
				ev := &frontdesk.Event{Channel: "main", Conversation: "U1", ReplyToken: "r", Accepted: start.Add(-tt.age)}
				task, stored := &task{}, &engine.Event{}
				if tt.change != nil {
					tt.change(task, stored, ev)
				}
				at, ok := d.buttonTime(task, stored, ev)
				got := at.Sub(start)
				if !ok {
					got = -1
				}
				if got != tt.want {
					t.Errorf("got %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// outbox returns the entries of the outbox, without their times.
func (w *house) outbox() (entries []engine.Entry) {
	w.t.Helper()
	err := w.eng.Outbox.Scan(w.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if v, err := engine.ParseOutbox(rec); err != nil {
				w.t.Error(err)
			} else if e, ok := v.(*engine.Entry); ok {
				e.At = time.Time{}
				entries = append(entries, *e)
			}
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

// entry waits for an entry of the outbox.
func (w *house) entry(id string) (found engine.Entry) {
	w.t.Helper()
	w.await("the outbox holds "+id, func() bool {
		entries := w.outbox()
		i := slices.IndexFunc(entries, func(e engine.Entry) bool { return e.ID == id })
		if i >= 0 {
			found = entries[i]
		}
		return i >= 0
	})
	return found
}

// buttons counts the buttons in the outbox.
func (w *house) buttons() (n int) {
	w.t.Helper()
	for _, e := range w.outbox() {
		if IsButton(e.ID) {
			n++
		}
	}
	return n
}

// parked returns the answers that are parked, in order.
func (w *house) parked() (answers []engine.Answer) {
	w.t.Helper()
	err := w.eng.Parked.List(w.t.Context(), func(a engine.Answer) bool {
		answers = append(answers, a)
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return answers
}

// texts returns what text messages say.
func texts(t *testing.T, messages []json.RawMessage) (texts []string) {
	t.Helper()
	for _, m := range messages {
		var text struct{ Text string }
		if err := json.Unmarshal(m, &text); err != nil {
			t.Error(err)
		}
		texts = append(texts, text.Text)
	}
	return texts
}

// slow is a bot that answers its conversation and another one when it may.
type slow struct {
	diary
	may chan struct{}
}

func newSlow() *slow { return &slow{may: make(chan struct{})} }

func (b *slow) handle(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	b.note(ev.ID)
	select {
	case <-b.may:
	case <-ctx.Done():
		return ctx.Err()
	}
	return errors.Join(d.Send(frontdesk.Text("one")), d.Push("U9", frontdesk.Text("other")), d.Send(frontdesk.Text("two")))
}

// The button spends the reply token, and what goes to the event's own
// conversation waits for the tap.
func TestButton(t *testing.T) {
	b := newSlow()
	w := newHouse(t, b.handle, soonButton)
	w.start()
	e1 := said("U1", "e1")
	w.accept(e1)
	button := w.entry("main/e1#button")
	want := engine.Entry{ID: "main/e1#button", Channel: "main", EventID: "e1", Sends: []engine.Send{{
		To: "U1", ReplyToken: "token-e1", ReplyUntil: time.Unix(0, e1.Accepted.UnixNano()).Add(w.cfg.ReplyLife),
		Messages: button.Sends[0].Messages,
	}}}
	if diff := cmp.Diff(want, button); diff != "" {
		t.Errorf("button (-want +got):\n%s", diff)
	}
	message := string(button.Sends[0].Messages[0])
	for _, part := range []string{`"type":"template"`, `"type":"buttons"`, `"text":"wait"`, `"label":"show"`, `"data":"frontdesk:answer:e1"`} {
		if !strings.Contains(message, part) {
			t.Errorf("button %s has no %s", message, part)
		}
	}
	close(b.may)
	w.settled()
	sends := w.entry("main/e1").Sends
	if len(sends) != 1 || sends[0].To != "U9" || texts(t, sends[0].Messages)[0] != "other" {
		t.Errorf("sent at once: got %+v, want what goes to another", sends)
	}
	answers := w.parked()
	if len(answers) != 1 || answers[0].Key != "main/e1" || answers[0].Conversation != "U1" || answers[0].TakenBy != "" {
		t.Fatalf("parked: got %+v, want the answer to e1", answers)
	}
	if got := texts(t, answers[0].Messages); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("parked: got %v, want one and two", got)
	}
}

// A handler that is done in time needs no button.
func TestNoButton(t *testing.T) {
	w := newHouse(t, echo, func(cfg *Config) { cfg.Button, cfg.ButtonAfter = testButton(), patience })
	w.start()
	w.accept(said("U1", "e1"))
	w.settled()
	if e := w.entry("main/e1"); w.buttons() != 0 || len(w.parked()) != 0 || e.Sends[0].ReplyToken != "token-e1" {
		t.Errorf("got %d buttons and %+v, want a reply alone", w.buttons(), e)
	}
}

// buttonCheckpointed waits until the checkpoint of U1 tells of a button.
func (w *house) buttonCheckpointed() {
	w.t.Helper()
	w.await("a checkpoint tells of the button", func() bool {
		cp, err := w.d.loadCheckpoint(w.t.Context(), engine.Shard("main", "U1"))
		for _, t := range cp.Tries {
			if t.Button {
				return err == nil
			}
		}
		return false
	})
}

// What a start learns from the outbox is in its next checkpoint: the outbox may
// let go of the entry, though nothing else changes in the shard.
func TestFoundButtonIsCheckpointed(t *testing.T) {
	b := newSlow()
	w := newHouse(t, b.handle, func(cfg *Config) { cfg.DrainLimit = time.Millisecond })
	w.accept(said("U1", "e1"))
	w.start()
	w.await("the handler runs", func() bool { return b.count("e1") == 1 })
	w.stop()
	w.append("main/e1#button", "e1", engine.Send{To: "U1"})
	w.start()
	w.buttonCheckpointed()
}

// However a process ends after it stored the button, the next one stores no
// other, and what the event answers then waits for the tap.
func TestButtonOutlivesTheProcess(t *testing.T) {
	tests := []struct {
		name   string
		before func(w *house)
		end    func(w *house)
	}{
		{"stopped", func(*house) {}, (*house).stop},
		{"killed", func(*house) {}, (*house).crash},
		{"killed behind a checkpoint", (*house).buttonCheckpointed, (*house).crash},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newSlow()
			w := newHouse(t, b.handle, func(cfg *Config) {
				soonButton(cfg)
				cfg.DrainLimit = time.Millisecond
			})
			w.start()
			w.accept(said("U1", "e1"))
			w.entry("main/e1#button")
			tt.before(w)
			tt.end(w)
			if w.eng == nil {
				w.open()
			}
			close(b.may)
			w.start()
			w.settled()
			if n := b.count("e1"); n != 2 {
				t.Errorf("handled %d times, want twice", n)
			}
			if n := w.buttons(); n != 1 {
				t.Errorf("got %d buttons, want one", n)
			}
			if got := w.parked(); len(got) != 1 || got[0].Key != "main/e1" {
				t.Errorf("parked: got %+v, want the answer to e1", got)
			}
			for _, e := range w.outbox() {
				if e.ID == "main/e1" && (len(e.Sends) != 1 || e.Sends[0].To != "U9") {
					t.Errorf("sent: got %+v, want what goes to another", e.Sends)
				}
			}
		})
	}
}

// The token is spent though the attempt failed: the one that succeeds parks.
func TestButtonOutlivesTheAttempt(t *testing.T) {
	tried := make(chan struct{}, 1)
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Attempt == 1 {
			<-tried
			return errBot
		}
		return echo(ctx, d, ev)
	}, soonButton)
	w.start()
	w.accept(said("U1", "e1"))
	w.entry("main/e1#button")
	tried <- struct{}{}
	w.settled()
	if got := w.parked(); len(got) != 1 || w.buttons() != 1 {
		t.Errorf("got %d parked answers and %d buttons, want one of each", len(got), w.buttons())
	}
	if e := w.entry("main/e1"); len(e.Sends) != 0 {
		t.Errorf("got %+v, want an entry without sends: the record that the event is done", e)
	}
}

// writerFunc is a log that a test listens to.
type writerFunc func(line []byte)

func (f writerFunc) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// The handler is done while its button is being stored: what it sent is not
// stored before it is known whether the token was spent.
func TestHandlerEndsWhileTheButtonIsStored(t *testing.T) {
	refused := make(chan struct{})
	var once sync.Once
	store := engine.Config{Dir: t.TempDir(), OutboxMaxBytes: 256 << 10}
	w := newHouseOn(t, store, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		<-refused
		return echo(ctx, d, ev)
	}, func(cfg *Config) {
		soonButton(cfg)
		cfg.Logger = slog.New(slog.NewTextHandler(writerFunc(func(line []byte) {
			if strings.Contains(string(line), "store does not take") {
				once.Do(func() { close(refused) })
			}
		}), nil))
	})
	w.start()
	w.fillOutbox()
	w.accept(said("U1", "e1"))
	<-refused
	w.emptyOutbox()
	w.settled()
	if e := w.entry("main/e1"); w.buttons() != 1 || len(w.parked()) != 1 || len(e.Sends) != 0 {
		t.Errorf("got %d buttons, %d parked and sent %+v; want a button and its answer parked", w.buttons(), len(w.parked()), e.Sends)
	}
}

// An entry that comes too late is not stored at all.
func TestAppendTooLate(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.start()
	w.accept(said("U1", "e1"))
	w.settled()
	err := w.d.appendOnce(t.Context(), &engine.Entry{ID: "late", Channel: "main"}, 0, time.Now().Add(-time.Second))
	if !errors.Is(err, errTooLate) {
		t.Errorf("got %v, want %v", err, errTooLate)
	}
	if entries := w.outbox(); len(entries) != 1 {
		t.Errorf("got %+v, want the answer to e1 alone", entries)
	}
}
