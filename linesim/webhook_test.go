package linesim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

func TestWebhookRequest(t *testing.T) {
	// The vector of LINE's "Verify webhook signature".
	f := newFixture(t, linesim.Config{ChannelSecret: "8c570fa6dd201bb328f1c1eac23a96d8"})
	got := make(chan *http.Request, 1)
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		got <- r
	}))
	t.Cleanup(srv.Close)
	if err := f.SetWebhookURL(srv.URL + "/hook?x=1"); err != nil {
		t.Fatal(err)
	}
	const vector = `{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}`
	if _, err := f.TriggerBody([]byte(vector), ""); err != nil {
		t.Fatal(err)
	}
	r := <-got
	for name, want := range map[string]string{
		"x-line-signature": "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=",
		"Content-Type":     "application/json; charset=utf-8",
		"User-Agent":       "LineBotWebhook/2.0",
	} {
		if v := r.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if r.Method != http.MethodPost || r.URL.String() != "/hook?x=1" || string(body) != vector {
		t.Errorf("%s %s %s", r.Method, r.URL, body)
	}
	if _, err := f.TriggerBody([]byte("{"), "forged"); err != nil {
		t.Fatal(err)
	}
	if v := (<-got).Header.Get("x-line-signature"); v != "forged" {
		t.Errorf("signature %q, want the given one", v)
	}
}

func TestWebhookOutcomes(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	answer := func(h http.HandlerFunc) string {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv.URL
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discardLog()
	t.Cleanup(secure.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for _, tc := range []struct {
		name, url      string
		status         int
		reason, detail string
	}{
		{"taken", answer(func(http.ResponseWriter, *http.Request) {}), 200, "", ""},
		{"any 2xx", answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }), 204, "", ""},
		{"error", answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), 503, linesim.ReasonErrorStatus, "503"},
		{"redirect", answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }), 302, linesim.ReasonErrorStatus, "302"},
		{"nobody there", closed.URL, 0, linesim.ReasonCouldNotConnect, "Connection failed"},
		{"unknown certificate", secure.URL, 0, linesim.ReasonCouldNotConnect, "TLS handshake failure"},
		{"cut off", answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), 0, linesim.ReasonUnclassified, "Session closed unexpectedly"},
		{"no answer", "http://" + silent.Addr().String(), 0, linesim.ReasonRequestTimeout, "Request timeout"},
		{"answer without end", answer(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then net/http notices that the client has gone
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), 0, linesim.ReasonRequestTimeout, "Request timeout"},
		{"no URL", "", 0, linesim.ReasonCouldNotConnect, "No webhook URL"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, linesim.Config{WebhookURL: tc.url, WebhookTimeout: 250 * time.Millisecond})
			f.user(t, "Hanako")
			if err := f.WaitIdle(testContext(t)); err != nil {
				t.Fatal(err)
			}
			got := f.Webhooks(0, 0)
			if len(got) != 1 {
				t.Fatalf("%d records, want 1", len(got))
			}
			if w := got[0]; w.Status != tc.status || w.Reason != tc.reason || w.Detail != tc.detail || w.Attempt != 1 || len(w.WebhookEventIDs) != 1 {
				t.Errorf("record %+v, want status %d, %q, %q", w, tc.status, tc.reason, tc.detail)
			}
		})
	}
}

func TestWebhookInsecureTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(srv.Close)
	f := newFixture(t, linesim.Config{WebhookURL: srv.URL, WebhookInsecureTLS: true})
	f.user(t, "Hanako")
	if err := f.WaitIdle(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := f.Webhooks(0, 0)[0]; got.Status != 200 {
		t.Errorf("record %+v", got)
	}
}

// TestOneChatInOrder sends from many users at once to a bot that answers each after different times.
func TestOneChatInOrder(t *testing.T) {
	const users, texts = 20, 25
	f := newFixture(t, linesim.Config{WebhookParallel: 8})
	var mu sync.Mutex
	seen := map[string][]string{}
	busy, most := map[string]bool{}, 0
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ev := gjson.GetBytes(body, "events.0")
		user := ev.Get("source.userId").Str
		mu.Lock()
		if busy[user] {
			t.Errorf("two webhooks of %s at the same time", user)
		}
		busy[user] = true
		most = max(most, len(busy))
		if ev.Get("type").Str == "message" {
			seen[user] = append(seen[user], ev.Get("message.text").Str)
		}
		mu.Unlock()
		<-time.After(time.Duration(len(body)%3) * time.Millisecond) // a bot at work
		mu.Lock()
		delete(busy, user)
		mu.Unlock()
	}))
	t.Cleanup(srv.Close)
	if err := f.SetWebhookURL(srv.URL); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	want := map[string][]string{}
	for i := range users {
		id := f.user(t, fmt.Sprint(i)).UserID
		for n := range texts {
			want[id] = append(want[id], fmt.Sprint(n))
		}
		wg.Go(func() {
			for n := range texts {
				if _, err := f.SendText(id, fmt.Sprint(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := f.WaitIdle(testContext(t)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if most < 2 || most > 8 {
		t.Errorf("%d chats at the same time, want 2 to 8", most)
	}
}

func TestFullQueueRefusesWithoutEffect(t *testing.T) {
	f := newFixture(t, linesim.Config{WebhookQueue: 2, WebhookTimeout: time.Minute})
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(srv.Close)
	if err := f.SetWebhookURL(srv.URL); err != nil {
		t.Fatal(err)
	}
	u := f.user(t, "Hanako").UserID
	if _, err := f.SendText(u, "one"); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"text":     func() error { _, err := f.SendText(u, "two"); return err },
		"user":     func() error { _, err := f.AddUser(linesim.NewUser{DisplayName: "x"}); return err },
		"unfollow": func() error { _, err := f.Unfollow(u); return err },
		"postback": func() error { _, err := f.Postback(u, "", linesim.Postback{Data: "x"}); return err },
		"group":    func() error { _, err := f.AddGroup(linesim.NewGroup{Members: []string{u}}); return err },
		"trigger":  func() error { _, err := f.TriggerBody([]byte("{}"), ""); return err },
	} {
		if err := call(); !errors.Is(err, linesim.ErrQueueFull) {
			t.Errorf("%s: %v, want ErrQueueFull", name, err)
		}
	}
	msgs, err := f.Messages(u, linesim.Query{})
	if err != nil || len(msgs) != 1 || len(f.Users()) != 1 || len(f.Groups()) != 0 || !f.Users()[0].Following {
		t.Errorf("refused calls had effects: %d messages, %+v", len(msgs), f.Users())
	}
	close(release)
	if err := f.WaitIdle(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.SendText(u, "two"); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestCloseCutsOff(t *testing.T) {
	started := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		started <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	sim, err := linesim.New(linesim.Config{WebhookURL: srv.URL, WebhookTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	id := mustUser(t, sim, linesim.NewUser{})
	if _, err := sim.SendText(id, "never sent"); err != nil {
		t.Fatal(err)
	}
	<-started
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sim.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if got := sim.Webhooks(0, 0); len(got) != 1 {
		t.Errorf("%d webhooks, want only the one that was cut off", len(got))
	}
	if _, err := sim.SendText(id, "x"); !errors.Is(err, linesim.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := sim.Close(t.Context()); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
