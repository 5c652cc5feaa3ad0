package linesim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
)

// fixture is a simulator on an address of its own.
type fixture struct {
	*linesim.Simulator
	url string
	sdk *messaging_api.MessagingApiAPI
}

// newFixture starts a simulator that is closed with the test.
func newFixture(t testing.TB, cfg linesim.Config) *fixture {
	t.Helper()
	sim, err := linesim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sim)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := sim.Close(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	sdk, err := messaging_api.NewMessagingApiAPI(sim.ChannelAccessToken(), messaging_api.WithEndpoint(srv.URL+"/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{Simulator: sim, url: srv.URL, sdk: sdk}
}

// user adds a user.
func (f *fixture) user(t testing.TB, name string) linesim.User {
	t.Helper()
	u, err := f.AddUser(linesim.NewUser{DisplayName: name, Language: "ja"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// bot is somebody else's bot: it checks every webhook with the official SDK, keeps its events, and calls
// answer for each.
type bot struct {
	*httptest.Server
	mu     sync.Mutex
	events []webhook.EventInterface
	raw    []json.RawMessage
	heads  []http.Header
}

// startBot starts a bot and makes it the simulator's. answer may be nil.
func (f *fixture) startBot(t testing.TB, answer func(webhook.EventInterface)) *bot {
	t.Helper()
	b := &bot{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		cb, err := webhook.ParseRequest(f.ChannelSecret(), r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if cb.Destination != f.BotUserID() {
			t.Errorf("destination is %s, want the bot %s", cb.Destination, f.BotUserID())
		}
		var all struct{ Events []json.RawMessage }
		if err := json.Unmarshal(body, &all); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		b.events = append(b.events, cb.Events...)
		b.raw = append(b.raw, all.Events...)
		b.heads = append(b.heads, r.Header.Clone())
		b.mu.Unlock()
		for _, ev := range cb.Events {
			if answer != nil {
				answer(ev)
			}
		}
	}))
	t.Cleanup(b.Close)
	if err := f.SetWebhookURL(b.URL + "/callback"); err != nil {
		t.Fatal(err)
	}
	return b
}

// received waits until all webhooks are delivered and returns the raw events.
func (b *bot) received(t testing.TB, f *fixture) []json.RawMessage {
	t.Helper()
	if err := f.WaitIdle(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.raw
}

// testContext ends before the test would hang.
func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// parrot answers every text with itself by reply.
func (f *fixture) parrot(t testing.TB) func(webhook.EventInterface) {
	return func(ev webhook.EventInterface) {
		m, ok := ev.(webhook.MessageEvent)
		if !ok {
			return
		}
		text, ok := m.Message.(webhook.TextMessageContent)
		if !ok {
			return
		}
		_, err := f.sdk.ReplyMessage(&messaging_api.ReplyMessageRequest{
			ReplyToken: m.ReplyToken,
			Messages:   []messaging_api.MessageInterface{messaging_api.TextMessage{Text: text.Text}},
		})
		if err != nil {
			t.Errorf("reply: %v", err)
		}
	}
}

func TestStrangersBotAnswers(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	f.startBot(t, f.parrot(t))
	u := f.user(t, "Hanako")
	sent, err := f.SendText(u.UserID, "hello")
	if err != nil {
		t.Fatal(err)
	}
	msgs, err := f.WaitForMessages(testContext(t), u.UserID, linesim.Query{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := msgs[0]; got.From != linesim.FromUser || got.Text() != "hello" || got.ID() != sent.MessageID || got.WebhookEventID != sent.WebhookEventID {
		t.Errorf("question on the phone: %+v", got)
	}
	if got := msgs[1]; got.From != linesim.FromBot || got.Via != linesim.ViaReply || got.Text() != "hello" || got.WebhookEventID != sent.WebhookEventID || got.RequestID == "" {
		t.Errorf("answer on the phone: %+v", got)
	}
	steps, err := f.EventPath(t.Context(), sent.WebhookEventID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"sent by LINE", "on the phone"} {
		if steps[i].Step != want {
			t.Errorf("step %d is %q, want %q", i, steps[i].Step, want)
		}
	}
}
