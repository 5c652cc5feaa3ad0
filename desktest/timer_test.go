package desktest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func TestTimers(t *testing.T) {
	d := desktest.New()
	for _, timer := range []frontdesk.Timer{
		{Key: "tea", After: 3 * time.Minute, Payload: "green"},
		{Key: "rice", After: 20 * time.Minute},
		{After: time.Minute, Send: []frontdesk.Message{frontdesk.Text("nameless")}},
		{Key: "tea", After: 4 * time.Minute, Payload: "black"},
		{Key: "egg", Every: 8 * time.Minute},
	} {
		if err := d.SetTimer(timer); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.CancelTimer("rice"); err != nil {
		t.Error(err)
	}
	if err := d.CancelTimer("never set"); err != nil {
		t.Error(err)
	}
	pending, err := d.Timers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pending {
		if left := time.Until(p.Due); left <= 0 || left > 8*time.Minute {
			t.Errorf("timer %s is due in %v", p.Key, left)
		}
		got = append(got, p.Key+" "+p.Payload)
	}
	if diff := cmp.Diff([]string{"desktest#1 ", "tea black", "egg "}, got); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	if set := d.SetTimers(); len(set) != 3 || set[0].Key != "desktest#1" || len(set[0].Send) != 1 || set[2].Every != 8*time.Minute {
		t.Errorf("set: %+v", set)
	}
	if len(d.Sent()) != 0 {
		t.Error("a timer sends before it is due")
	}
}

func TestTimersRefused(t *testing.T) {
	d := desktest.New()
	for name, err := range map[string]error{
		"too soon":           d.SetTimer(frontdesk.Timer{Key: "a", After: time.Millisecond}),
		"an empty message":   d.SetTimer(frontdesk.Timer{Key: "b", After: time.Hour, Send: []frontdesk.Message{nil}}),
		"cancel without key": d.CancelTimer(""),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for range frontdesk.MaxTimers {
		if err := d.SetTimer(frontdesk.Timer{After: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	if d.SetTimer(frontdesk.Timer{After: time.Hour}) == nil {
		t.Error("more timers than the server takes for one event")
	}
}

func TestTimerEvent(t *testing.T) {
	ev := desktest.TimerEvent("U1", frontdesk.Timer{Key: "tea", Payload: "green"})
	if ev.Type != frontdesk.TypeTimer || ev.Conversation != "U1" || ev.ReplyToken != "" || ev.Timer.Key != "tea" || ev.Timer.Payload != "green" {
		t.Errorf("got %+v with %+v", ev, ev.Timer)
	}
	if since := time.Since(ev.Timer.Due); since < 0 || since > time.Minute {
		t.Errorf("due %v ago", since)
	}
}
