package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/timer"
)

// startTimers starts the timers of the house, and its dispatcher with them.
func (w *house) startTimers() {
	w.t.Helper()
	s := timer.New(timer.Config{Engine: w.eng, Channels: []string{"main"}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // awaited by the cleanup
	w.t.Cleanup(func() {
		w.stop()
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.cfg.Timers = s
	w.start()
}

// stored returns the entry of an event.
func (w *house) stored(eventID string) *engine.Entry {
	w.t.Helper()
	var found *engine.Entry
	err := w.eng.Outbox.Scan(w.t.Context(), 0, func(b engine.Batch) bool {
		for _, rec := range b.Records() {
			if v, err := engine.ParseOutbox(rec); err == nil {
				if e, ok := v.(*engine.Entry); ok && e.EventID == eventID {
					found = e
				}
			}
		}
		return true
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// A handler's timers stand in the entry of its event, in order.
func TestTimersInEntry(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(time.Hour)
	w := newHouse(t, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Attempt == 1 { // nothing of this is kept
			return errors.Join(d.SetTimer(frontdesk.Timer{Key: "too early", After: time.Hour}), errBot)
		}
		return errors.Join(
			d.SetTimer(frontdesk.Timer{Key: "after", After: time.Minute, Payload: "p"}),
			d.SetTimer(frontdesk.Timer{Key: "at", At: at, Every: time.Hour}),
			d.SetTimer(frontdesk.Timer{Key: "every", Every: time.Minute}),
			d.CancelTimer("after"),
			d.SetTimer(frontdesk.Timer{Key: "cron", Cron: "@yearly", Zone: "UTC"}),
			d.SetTimer(frontdesk.Timer{After: time.Minute, Send: []frontdesk.Message{frontdesk.Text("hello")}}),
		)
	}, nil)
	w.startTimers()
	before := time.Now()
	w.accept(said("U1", "e1"))
	w.settled()
	e := w.stored("e1")
	if e == nil {
		t.Fatal("the event has no entry")
	}
	source := json.RawMessage(`{"type":"user","userId":"U1"}`)
	newYear := time.Date(time.Now().UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
	want := []engine.TimerOp{
		{Conversation: "U1", Key: "after", After: time.Minute, Payload: "p", Source: source},
		{Conversation: "U1", Key: "at", At: at.Round(0), Every: time.Hour, Source: source},
		{Conversation: "U1", Key: "every", After: time.Minute, Every: time.Minute, Source: source},
		{Conversation: "U1", Key: "after", Cancel: true},
		{Conversation: "U1", Key: "cron", At: newYear, Cron: "@yearly", Zone: "UTC", Source: source},
		{
			Conversation: "U1", Key: "e1#5", After: time.Minute, Source: source,
			Messages: []json.RawMessage{json.RawMessage(`{"text":"hello","type":"text"}`)},
		},
	}
	if diff := cmp.Diff(want, e.Timers, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("timers (-want +got):\n%s", diff)
	}
	if e.Steady == nil || e.At.Before(before) || len(e.Sends) != 0 {
		t.Errorf("entry: %+v", e)
	}
}

// An event that only sets timers has an entry, so a crash does not repeat it.
func TestTimersAreDone(t *testing.T) {
	t.Parallel()
	var y diary
	w := newHouse(t, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		y.note(ev.ID)
		return d.SetTimer(frontdesk.Timer{Key: "tea", After: time.Hour})
	}, nil)
	w.startTimers()
	w.accept(said("U1", "e1"), said("U2", "e2"))
	w.settled()
	w.crash()
	w.cfg.Timers = nil
	w.start()
	w.settled()
	if got := y.all(); len(got) != 2 {
		t.Errorf("handled: %v", got)
	}
}

func TestTimersRefused(t *testing.T) {
	t.Parallel()
	hour := frontdesk.Timer{Key: "tea", After: time.Hour}
	for _, tc := range []struct {
		name string
		raw  string // of the event; "" for a text
		do   func(frontdesk.Desk) error
		want string // in the dead letter
	}{
		{"too soon", "", func(d frontdesk.Desk) error { return d.SetTimer(frontdesk.Timer{After: time.Millisecond}) }, "After must be"},
		{"no key to cancel", "", func(d frontdesk.Desk) error { return d.CancelTimer("") }, "no key"},
		{"no message", "", func(d frontdesk.Desk) error {
			return d.SetTimer(frontdesk.Timer{After: time.Hour, Send: []frontdesk.Message{nil}})
		}, "message is nil"},
		{"no source", `{"type":"tick"}`, func(d frontdesk.Desk) error { return d.SetTimer(hour) }, "without a source"},
		{"nowhere to cancel", `{"type":"tick"}`, func(d frontdesk.Desk) error { return d.CancelTimer("tea") }, "without a source"},
		{"standby", `{"type":"follow","mode":"standby","source":{"type":"user","userId":"U1"}}`,
			func(d frontdesk.Desk) error { return d.SetTimer(hour) }, "standby"},
		{"too many", "", func(d frontdesk.Desk) error {
			for i := range frontdesk.MaxTimers {
				if err := d.CancelTimer(fmt.Sprint(i)); err != nil {
					return err
				}
			}
			return d.SetTimer(hour)
		}, "more than 100 timers"},
		{"too many messages", "", func(d frontdesk.Desk) error {
			return d.SetTimer(frontdesk.Timer{After: time.Hour, Send: make101()})
		}, "more than 100 messages"},
		{"no room", "", func(d frontdesk.Desk) error { return errors.Join(fill(d), nil) }, "no room for more timers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newHouseOn(t, engine.Config{Dir: t.TempDir(), TimersMaxBytes: 1 << 20}, func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
				return tc.do(d)
			}, func(cfg *Config) { cfg.MaxAttempts = 2 })
			w.startTimers()
			<-w.cfg.Timers.(*timer.Service).Ready()
			ev := said("U1", "e1")
			if tc.raw != "" {
				ev.Raw = []byte(tc.raw)
			}
			w.accept(ev)
			w.settled()
			letters := w.letters()
			if len(letters) != 1 || !strings.Contains(letters[0].Reason, tc.want) {
				t.Fatalf("dead letters: %+v, want %q", letters, tc.want)
			}
			if w.stored("e1") != nil {
				t.Error("a timer was set all the same")
			}
		})
	}
}

func make101() (msgs []frontdesk.Message) {
	for range frontdesk.MaxMessages + 1 {
		msgs = append(msgs, frontdesk.Text("x"))
	}
	return msgs
}

// fill sets timers until one is refused.
func fill(d frontdesk.Desk) error {
	long := frontdesk.Text(strings.Repeat("x", 300_000))
	for i := range 10 {
		if err := d.SetTimer(frontdesk.Timer{Key: fmt.Sprint(i), After: time.Hour, Send: []frontdesk.Message{long}}); err != nil {
			return err
		}
	}
	return nil
}

func TestDeskTimers(t *testing.T) {
	t.Parallel()
	var got [][]frontdesk.PendingTimer
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Conversation == "U2" {
			return d.SetTimer(frontdesk.Timer{Key: "of another", After: time.Hour})
		}
		pending, err := d.Timers(ctx)
		got = append(got, pending) // one event after the other
		return errors.Join(err,
			d.SetTimer(frontdesk.Timer{Key: "tea" + ev.ID, After: time.Hour, Payload: "green"}),
			d.SetTimer(frontdesk.Timer{Key: "send", Every: time.Minute, Send: []frontdesk.Message{frontdesk.Text("hello")}}),
		)
	}, nil)
	w.startTimers()
	w.accept(said("U2", "e0"))
	w.settled()
	w.accept(said("U1", "e1"), said("U1", "e2"), said("U1", "e3"))
	w.settled()
	var text []string
	for _, pending := range got {
		line := ""
		for _, p := range pending {
			line += fmt.Sprintf("%s %q %v %d, ", p.Key, p.Payload, p.Every, p.Sends)
		}
		text = append(text, line)
	}
	want := []string{"", `send "" 1m0s 1, teae1 "green" 0s 0, `, `send "" 1m0s 1, teae1 "green" 0s 0, teae2 "green" 0s 0, `}
	if !slices.Equal(text, want) {
		t.Errorf("got  %q\nwant %q", text, want)
	}
}

// A dispatcher without timers says that it has none.
func TestWithoutTimers(t *testing.T) {
	t.Parallel()
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		if _, err := d.Timers(ctx); err == nil {
			t.Error("timers are listed where none are kept")
		}
		return frontdesk.Drop(d.SetTimer(frontdesk.Timer{After: time.Hour}))
	}, nil)
	w.start()
	w.accept(said("U1", "e1"))
	w.settled()
	if letters := w.letters(); len(letters) != 1 || !strings.Contains(letters[0].Reason, "no timers") {
		t.Errorf("dead letters: %+v", letters)
	}
}

// A timer's slow handler shows nobody the loading animation: nobody waits.
func TestTimerShowsNoLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dispatcher{lg: slog.New(slog.DiscardHandler), cfg: Config{
			LoadingAfter: time.Second,
			Loading: func(context.Context, string, string, time.Duration) error {
				t.Error("the animation was shown")
				return nil
			},
		}}
		end := d.showLoading(t.Context(), &frontdesk.Event{
			Type: frontdesk.TypeTimer, Channel: "main", Source: frontdesk.Source{Type: "user", UserID: "U1"}, Mode: "active",
		})
		time.Sleep(time.Minute) // of the bubble's clock
		end()
	})
}
