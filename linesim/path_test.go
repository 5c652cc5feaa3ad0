package linesim_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

func TestEventPathMerges(t *testing.T) {
	var requestID string
	cfg := linesim.Config{Path: func(_ context.Context, id string) ([]linesim.Step, error) {
		switch id {
		case "only the server's":
			return []linesim.Step{{Step: "stored", At: time.Now()}}, nil
		case "unknown":
			return nil, errors.New("no such event")
		}
		return []linesim.Step{{Step: "sent", At: time.Now(), RequestID: requestID}, {Step: "received", At: time.Unix(1, 0)}}, nil
	}}
	f := newFixture(t, cfg)
	b := f.startBot(t, f.parrot(t))
	u := f.user(t, "Hanako").UserID
	sent, err := f.SendText(u, "hello")
	if err != nil {
		t.Fatal(err)
	}
	b.received(t, f)
	a := f.send(t, "push", `{"to":"`+u+`","messages":`+hi+`}`)
	requestID = a.header.Get("x-line-request-id")
	answer := f.control(t, "GET", "/sim/path/"+sent.WebhookEventID, "")
	var got []string
	for _, s := range gjson.Get(answer.body, "steps.#.step").Array() {
		got = append(got, s.Str)
	}
	want := []string{"received", "sent by LINE", "on the phone", `LINE got 200 \(\d+ ms\)`, "on the phone", "sent"}
	if len(got) != len(want) {
		t.Fatalf("steps %q, want %q", got, want)
	}
	for i := range want {
		if !regexp.MustCompile("^" + want[i] + "$").MatchString(got[i]) {
			t.Errorf("step %d is %q, want %q", i, got[i], want[i])
		}
	}
	if id := gjson.Get(answer.body, "steps.4.requestId").Str; id != requestID {
		t.Errorf("the push arrived by %q, want %q", id, requestID)
	}
	if steps, err := f.EventPath(t.Context(), "only the server's"); err != nil || len(steps) != 1 {
		t.Errorf("an event that only the server knows: %+v, %v", steps, err)
	}
	if _, err := f.EventPath(t.Context(), "unknown"); !errors.Is(err, linesim.ErrNotFound) {
		t.Errorf("unknown event: %v", err)
	}
	if raw, err := f.Event(sent.WebhookEventID); err != nil || gjson.GetBytes(raw, "message.text").Str != "hello" {
		t.Errorf("event %s, %v", raw, err)
	}
	if got := f.control(t, "GET", "/sim/events/"+sent.WebhookEventID, ""); gjson.Get(got.body, "webhookEventId").Str != sent.WebhookEventID {
		t.Errorf("event: %d %s", got.status, got.body)
	}
}

func TestPathOfUndeliveredReply(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	sent, err := f.SendText(u, "hello")
	if err != nil {
		t.Fatal(err)
	}
	body := `{"replyToken":"` + b.lastToken(t, f, u) + `","messages":` + hi + `}`
	if _, err := f.Unfollow(u); err != nil {
		t.Fatal(err)
	}
	if a := f.send(t, "reply", body); a.status != 200 {
		t.Fatalf("reply to one who blocked: %d", a.status)
	}
	steps, err := f.EventPath(t.Context(), sent.WebhookEventID)
	if err != nil || steps[len(steps)-1].Step != "not delivered" {
		t.Errorf("steps %+v, %v", steps, err)
	}
}
