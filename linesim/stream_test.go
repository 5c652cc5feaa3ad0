package linesim_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// sse is one Server-Sent Event.
type sse struct{ id, event, data string }

// stream opens the stream and returns its events; connected is closed when it stands.
func (f *fixture) stream(t *testing.T, lastID string) <-chan sse {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	req, err := http.NewRequestWithContext(ctx, "GET", f.url+"/sim/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream answered %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	out := make(chan sse)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		defer close(out)
		defer func() { _ = resp.Body.Close() }()
		var ev sse
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			switch name {
			case "id":
				ev.id = value
			case "event":
				ev.event = value
			case "data":
				ev.data = value
			case "":
				if ev.event != "" {
					select {
					case out <- ev:
					case <-ctx.Done():
						return
					}
				}
				ev = sse{}
			}
		}
	}()
	return out
}

// next returns the next event of the stream, which must be of this kind.
func next(t *testing.T, events <-chan sse, kind string) sse {
	t.Helper()
	ev, open := <-events
	if !open || ev.event != kind {
		t.Fatalf("got event %q (open %v) %s, want %q", ev.event, open, ev.data, kind)
	}
	return ev
}

func TestStream(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	events := f.stream(t, "")
	u := f.user(t, "Hanako").UserID
	if ev := next(t, events, "user"); gjson.Get(ev.data, "userId").Str != u {
		t.Errorf("user: %s", ev.data)
	}
	if ev := next(t, events, "webhook"); gjson.Get(ev.data, "reason").Str != "could_not_connect" {
		t.Errorf("webhook: %s", ev.data)
	}
	f.line(t, "POST", "/v2/bot/chat/loading/start", `{"chatId":"`+u+`"}`)
	if ev := next(t, events, "loading"); gjson.Get(ev.data, "userId").Str != u || gjson.Get(ev.data, "seconds").Int() != 20 {
		t.Errorf("loading: %s", ev.data)
	}
	last := next(t, events, "call")
	f.send(t, "push", `{"to":"`+u+`","messages":[{"type":"text","text":"line one\nline two"}]}`)
	if ev := next(t, events, "loading"); gjson.Get(ev.data, "seconds").Int() != 0 {
		t.Errorf("loading has ended: %s", ev.data)
	}
	ev := next(t, events, "message")
	if gjson.Get(ev.data, "phone").Str != u || gjson.Get(ev.data, "seq").Int() != 1 || gjson.Get(ev.data, "message.text").Str != "line one\nline two" {
		t.Errorf("message: %s", ev.data)
	}
	if ev := next(t, events, "call"); gjson.Get(ev.data, "endpoint").Str != "push" {
		t.Errorf("call: %s", ev.data)
	}
	if _, err := f.AddGroup(linesim.NewGroup{GroupID: garden, Members: []string{u}}); err != nil {
		t.Fatal(err)
	}
	if ev := next(t, events, "group"); gjson.Get(ev.data, "groupId").Str != garden {
		t.Errorf("group: %s", ev.data)
	}

	resumed := f.stream(t, last.id)
	for _, want := range []string{"loading", "message", "call", "group"} {
		if got := next(t, resumed, want); want == "message" && got != ev {
			t.Errorf("resumed with %+v, want %+v", got, ev)
		}
	}
	for _, id := range []string{"00000000-1", "x", strings.Split(last.id, "-")[0] + "-999999"} {
		next(t, f.stream(t, id), "reset")
	}
}

func TestStreamResumesTooLate(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	events := f.stream(t, "")
	u := f.user(t, "Hanako").UserID
	first := next(t, events, "user")
	for range 101 { // 101 times 100 messages and a call are more than the ring holds
		var msgs []string
		for range 5 {
			msgs = append(msgs, `{"type":"text","text":"x"}`)
		}
		to := strings.Repeat(`"`+u+`",`, 19) + `"` + u + `"`
		f.send(t, "multicast", fmt.Sprintf(`{"to":[%s],"messages":[%s]}`, to, strings.Join(msgs, ",")))
	}
	ev := next(t, f.stream(t, first.id), "reset")
	f.user(t, "Alex")
	if got := next(t, f.stream(t, ev.id), "user"); !strings.Contains(got.data, "Alex") {
		t.Errorf("after the reset: %s", got.data)
	}
}

func TestCloseEndsStreams(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	events := f.stream(t, "")
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ev, open := <-events; open {
		t.Errorf("got %+v", ev)
	}
}
