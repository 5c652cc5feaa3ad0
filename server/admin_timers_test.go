package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	hana = "U0000000000000000000000000000000a"
	taro = "U0000000000000000000000000000000b"
)

// setTimers sets timers of Hana that are due from now on, an hour apart.
func setTimers(t *testing.T, d *desk, n int) {
	t.Helper()
	for i := range n {
		row, err := d.SetTimer(t.Context(), NewTimer{
			Channel: "main", Conversation: hana, Key: fmt.Sprint("k", i), At: time.Now().Add(time.Duration(n-i) * time.Hour), Payload: "<secret>",
		})
		if err != nil || row.Key != fmt.Sprint("k", i) || row.ID == 0 {
			t.Fatalf("got %+v, %v", row, err)
		}
	}
}

// timerKeys lists by pages.
func timerKeys(t *testing.T, d *desk, q TimerQuery) (keys []string, total int) {
	t.Helper()
	for {
		page, err := d.Timers(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Timers {
			keys = append(keys, row.Key)
		}
		if q.After = page.Next; page.Next == "" {
			return keys, page.Total
		}
	}
}

func TestListTimers(t *testing.T) {
	d := newDesk(t)
	setTimers(t, d, 5)
	for _, n := range []NewTimer{
		{Channel: "main", Conversation: taro, Key: "k0", Every: "30m"},
		{Channel: "other", Conversation: hana, Key: "お茶", After: "90m"},
	} {
		if _, err := d.SetTimer(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		q    TimerQuery
		want []string
	}{
		{"all, by their times", TimerQuery{}, []string{"k0", "k4", "お茶", "k3", "k2", "k1", "k0"}},
		{"a page after the other", TimerQuery{Limit: 2}, []string{"k0", "k4", "お茶", "k3", "k2", "k1", "k0"}},
		{"channel", TimerQuery{Channel: "other"}, []string{"お茶"}},
		{"conversation", TimerQuery{Conversation: hana}, []string{"k4", "お茶", "k3", "k2", "k1", "k0"}},
		{"conversation of a channel", TimerQuery{Channel: "main", Conversation: hana, Limit: 3}, []string{"k4", "k3", "k2", "k1", "k0"}},
		{"key", TimerQuery{Key: "k0"}, []string{"k0", "k0"}},
		{"before", TimerQuery{Before: time.Now().Add(100 * time.Minute)}, []string{"k0", "k4", "お茶"}},
		{"none", TimerQuery{Key: "*"}, nil},
	} {
		got, total := timerKeys(t, d, tc.q)
		if !slices.Equal(got, tc.want) || total != len(tc.want) {
			t.Errorf("%s: got %q of %d, want %q", tc.name, got, total, tc.want)
		}
	}
	page, err := d.Timers(t.Context(), TimerQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(page); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("the list shows what users may have written: %s", text)
	}
	for _, q := range []TimerQuery{{After: "soon"}, {Limit: 10_001}} {
		if _, err := d.Timers(t.Context(), q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

func TestShowAndCancelTimer(t *testing.T) {
	d := newDesk(t)
	set, err := d.SetTimer(t.Context(), NewTimer{
		Channel: "main", Conversation: hana, Cron: "0 7 * * 1-5", Zone: "Asia/Tokyo",
		Messages: []json.RawMessage{json.RawMessage(`{"type": "text", "text": "good morning"}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(set.Key, "operator#") || set.Sends != 1 || set.Cron == "" || set.Zone != "Asia/Tokyo" || !set.Due.After(time.Now()) {
		t.Errorf("got %+v", set)
	}
	detail, err := d.Timer(t.Context(), set.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, detail.TimerRow); diff != "" || string(detail.Messages[0]) != `{"type":"text","text":"good morning"}` {
		t.Errorf("got %s\n%s", detail.Messages, diff)
	}
	if was, err := d.CancelTimer(t.Context(), set.ID); err != nil || was.Key != set.Key {
		t.Errorf("got %+v, %v", was, err)
	}
	if _, err := d.Timer(t.Context(), set.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want %v", err, ErrNotFound)
	}
	if _, err := d.CancelTimer(t.Context(), set.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("cancelled twice: got %v, want %v", err, ErrNotFound)
	}
	if keys, _ := timerKeys(t, d, TimerQuery{}); len(keys) != 0 {
		t.Errorf("left: %q", keys)
	}
}

func TestSetTimerRefuses(t *testing.T) {
	d := newDesk(t)
	text := []json.RawMessage{json.RawMessage(`{"type":"text","text":"hi"}`)}
	with := func(change func(*NewTimer)) NewTimer {
		n := NewTimer{Channel: "main", Conversation: hana, Key: "tea", After: "1h"}
		change(&n)
		return n
	}
	for _, tc := range []struct {
		name  string
		timer NewTimer
		want  string
	}{
		{"no channel", with(func(n *NewTimer) { n.Channel = "" }), "channel"},
		{"a conversation that is none", with(func(n *NewTimer) { n.Conversation = "Hana" }), "no ID of LINE"},
		{"no time", with(func(n *NewTimer) { n.After = "" }), "needs one of"},
		{"a time that is none", with(func(n *NewTimer) { n.After = "soon" }), "after"},
		{"an interval that is none", with(func(n *NewTimer) { n.Every = "often" }), "every"},
		{"the past", with(func(n *NewTimer) { n.After, n.At = "", time.Now().Add(-time.Hour) }), "At must be"},
		{"a payload for nobody", with(func(n *NewTimer) { n.Payload, n.Messages = "p", text }), "nobody gets the payload"},
		{"a message without type", with(func(n *NewTimer) { n.Messages = []json.RawMessage{json.RawMessage(`{}`)} }), "messages[0]"},
		{"too many messages", with(func(n *NewTimer) { n.Messages = slices.Repeat(text, 101) }), "at most 100"},
		{"too large", with(func(n *NewTimer) { n.Payload = strings.Repeat("x", maxTimerBody) }), "bytes"},
	} {
		if _, err := d.SetTimer(t.Context(), tc.timer); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

// What is set and cancelled without a server holds when one starts.
func TestTimersWithoutServer(t *testing.T) {
	d := newDesk(t)
	setTimers(t, d, 3)
	page, err := d.Timers(t.Context(), TimerQuery{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CancelTimer(t.Context(), page.Timers[0].ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	service := d.newTimers()
	go func() { ended <- service.Run(ctx) }() // awaited below
	<-service.Ready()
	timers, err := service.Pending(t.Context(), "main", hana)
	if err != nil || len(timers) != 2 || timers[0].Key != "k1" || timers[1].Key != "k0" {
		t.Errorf("got %v, %v", timers, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The way of an event tells of its timers.
func TestWayOfTimers(t *testing.T) {
	d := newDesk(t)
	store(t, d.eng.Inbox, newEvent("e1", hana), newEvent("timer-1-0-0", hana))
	made := &engine.Timer{TimerHead: engine.TimerHead{Set: 1}, Channel: "main"}
	store(t, d.eng.Outbox,
		&engine.Entry{ID: "main/e1", Channel: "main", EventID: "e1", At: accepted, Timers: []engine.TimerOp{{Key: "tea"}, {Key: "rice"}}},
		&engine.Entry{ID: made.EntryID(), Channel: "main", EventID: "e1", At: accepted.Add(time.Minute), Sends: []engine.Send{{To: hana}}},
	)
	for id, want := range map[string][]string{
		"e1":          {"received ", "stored in the outbox messages: 0, sends: 0, timers: 2", "timer due, stored in the outbox messages: 0, sends: 1"},
		"timer-1-0-0": {"stored in the inbox "},
	} {
		detail, err := d.Event(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, step := range detail.Steps {
			got = append(got, step.Step.Step+" "+step.Note)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}
