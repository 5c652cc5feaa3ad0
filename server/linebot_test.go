package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// lineBot is a bot that is made with LINE's SDK and knows nothing of Frontdesk.
type lineBot struct {
	*httptest.Server
	secret, token string
	api           atomic.Value // string: base URL of the Messaging API
}

// newLineBot starts a bot that calls handle for each text message. An error is
// answered 500.
func newLineBot(t *testing.T, sim *linesim.Simulator, handle func(b *lineBot, ev webhook.MessageEvent, text string) error) *lineBot {
	t.Helper()
	b := &lineBot{secret: sim.ChannelSecret(), token: sim.ChannelAccessToken()}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cb, err := webhook.ParseRequest(b.secret, r)
		if err != nil {
			t.Error(err)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, ev := range cb.Events {
			message, ok := ev.(webhook.MessageEvent)
			if !ok {
				continue
			}
			text, _ := message.Message.(webhook.TextMessageContent)
			if err := handle(b, message, text.Text); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
	}))
	b.Config.ErrorLog = log.New(io.Discard, "", 0) // of handlers whose caller was killed
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// client returns the SDK's client for the API that Frontdesk offers now.
func (b *lineBot) client() (*messaging_api.MessagingApiAPI, error) {
	return messaging_api.NewMessagingApiAPI(b.token, messaging_api.WithEndpoint(b.api.Load().(string)))
}

// reply replies with a text.
func (b *lineBot) reply(token, text string) error {
	client, err := b.client()
	if err != nil {
		return err
	}
	answer, err := client.ReplyMessage(&messaging_api.ReplyMessageRequest{
		ReplyToken: token, Messages: []messaging_api.MessageInterface{messaging_api.TextMessage{Text: text}},
	})
	if err == nil && len(answer.SentMessages) != 1 {
		err = fmt.Errorf("%d messages sent", len(answer.SentMessages))
	}
	return err
}

// behind runs a server in front of a bot.
func behind(t *testing.T, sim *linesim.Simulator, b *lineBot) {
	t.Helper()
	api := httptest.NewServer(sim)
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), LINE: server.LINE{API: api.URL + "/sim/line"},
		Handler: server.Handling{BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond},
		BotAPI:  server.BotAPI{Listen: "127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler),
		Channels: []server.Channel{{
			Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken(), Bot: "line:" + b.URL + "/callback",
		}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited by the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		sim.Close(context.Background())
		api.Close()
	})
	b.api.Store("http://" + srv.BotAPIAddr().String())
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
}

func newSim(t *testing.T, cfg linesim.Config, users int) (sim *linesim.Simulator, ids []string) {
	t.Helper()
	sim, err := linesim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range users {
		u, err := sim.AddUser(linesim.NewUser{DisplayName: fmt.Sprint("User ", i)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.UserID)
	}
	return sim, ids
}

func say(t *testing.T, sim *linesim.Simulator, user, text string) {
	t.Helper()
	if _, err := sim.SendText(user, text); err != nil {
		t.Fatal(err)
	}
}

// botTexts returns what the bot said on a phone, with the way that it came.
func botTexts(t *testing.T, sim *linesim.Simulator, user string) (texts []string) {
	t.Helper()
	messages, err := sim.Messages(user, linesim.Query{From: linesim.FromBot})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		texts = append(texts, m.Via+": "+gjson.GetBytes(m.Message, "text").Str)
	}
	return texts
}

// A bot made with LINE's SDK does behind Frontdesk what it does behind LINE.
func TestLineBot(t *testing.T) {
	sim, users := newSim(t, linesim.Config{}, 1)
	user := users[0]
	b := newLineBot(t, sim, func(b *lineBot, ev webhook.MessageEvent, text string) error {
		client, err := b.client()
		if err != nil {
			return err
		}
		switch text {
		case "":
			blob, err := messaging_api.NewMessagingApiBlobAPI(b.token, messaging_api.WithBlobEndpoint(b.api.Load().(string)))
			if err != nil {
				return err
			}
			resp, err := blob.GetMessageContent(ev.Message.(webhook.ImageMessageContent).Id)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			data, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			return b.reply(ev.ReplyToken, fmt.Sprintf("%s of %v bytes", resp.Header.Get("Content-Type"), len(data) > 100))
		case "who":
			p, err := client.GetProfile(ev.Source.(webhook.UserSource).UserId)
			if err != nil {
				return err
			}
			return b.reply(ev.ReplyToken, p.DisplayName)
		case "fail once":
			if !ev.DeliveryContext.IsRedelivery {
				return errors.New("out of order")
			}
		case "fail after the reply":
			if err := b.reply(ev.ReplyToken, "first "+text); err != nil || !ev.DeliveryContext.IsRedelivery {
				return errors.Join(err, errors.New("out of order"))
			}
			return nil
		case "push":
			_, err := client.PushMessage(&messaging_api.PushMessageRequest{
				To: user, Messages: []messaging_api.MessageInterface{messaging_api.TextMessage{Text: "pushed"}},
			}, "")
			return err
		}
		if err := b.reply(ev.ReplyToken, text); err != nil {
			return err
		}
		if err := b.reply(ev.ReplyToken, text); err == nil || !strings.Contains(err.Error(), "Invalid reply token") {
			t.Errorf("a second reply: %v", err)
		}
		return nil
	})
	behind(t, sim, b)
	want := []string{"reply: hello"}
	say(t, sim, user, "hello")
	for _, step := range []struct{ text, want string }{
		{"who", "reply: User 0"}, {"fail once", "reply: fail once"}, {"fail after the reply", "reply: first fail after the reply"},
		{"push", "push: pushed"}, {"", "reply: image/png of true bytes"}, {"end", "reply: end"},
	} {
		fromBot(t, sim, user, len(want))
		if step.text == "" {
			if _, err := sim.SendMessage(user, linesim.UserMessage{Type: "image"}); err != nil {
				t.Fatal(err)
			}
		} else {
			say(t, sim, user, step.text)
		}
		want = append(want, step.want)
	}
	fromBot(t, sim, user, len(want))
	if diff := cmp.Diff(want, botTexts(t, sim, user)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

// Events wait for a bot that is not there, however often they are tried, and keep
// their order.
func TestLineBotAbsent(t *testing.T) {
	sim, users := newSim(t, linesim.Config{}, 1)
	b := newLineBot(t, sim, func(b *lineBot, ev webhook.MessageEvent, text string) error {
		if ev.DeliveryContext.IsRedelivery {
			t.Error("an event that did not reach the bot is called redelivered")
		}
		return b.reply(ev.ReplyToken, text)
	})
	address := b.Listener.Addr().String()
	b.Close()
	behind(t, sim, b)
	var want []string
	for i := range 10 {
		text := fmt.Sprint(i)
		say(t, sim, users[0], text)
		want = append(want, "reply: "+text)
	}
	if err := sim.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	back := &http.Server{Handler: b.Config.Handler, ReadHeaderTimeout: patience}
	go back.Serve(l) // ended by the cleanup
	t.Cleanup(func() { back.Close() })
	fromBot(t, sim, users[0], len(want))
	if diff := cmp.Diff(want, botTexts(t, sim, users[0])); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

// Killed between a webhook and the bot's answer, before the bot replied or
// after, Frontdesk loses nothing and doubles nothing.
func TestLineBotKilled(t *testing.T) {
	const each = 10
	sim, users := newSim(t, linesim.Config{}, 2*each)
	held := make(chan struct{}, len(users))
	killed := make(chan struct{})
	b := newLineBot(t, sim, func(b *lineBot, ev webhook.MessageEvent, text string) error {
		var early error
		if text == "after" {
			early = b.reply(ev.ReplyToken, text)
		}
		if !ev.DeliveryContext.IsRedelivery && text != "end" {
			held <- struct{}{}
			<-killed
		}
		if text == "after" {
			return early
		}
		return b.reply(ev.ReplyToken, text)
	})
	api := httptest.NewServer(sim)
	t.Cleanup(api.Close)
	t.Cleanup(func() { sim.Close(context.Background()) })
	dir := t.TempDir()
	start := func(n int) *child {
		c := startChild(t, childConfig{
			Data: filepath.Join(dir, "data"), API: api.URL + "/sim/line", Secret: sim.ChannelSecret(), Token: sim.ChannelAccessToken(),
			LINEBot: b.URL + "/callback",
		}, filepath.Join(dir, fmt.Sprint("log", n)))
		b.api.Store("http://" + c.botAPI)
		connect(t, sim, c)
		return c
	}
	c := start(1)
	word := func(i int) string { return []string{"before", "after"}[i%2] }
	for i, user := range users {
		say(t, sim, user, word(i))
	}
	for range users {
		select {
		case <-held:
		case <-time.After(patience):
			t.Fatalf("the bot did not get all webhooks:\n%s", c.tail())
		}
	}
	c.kill()
	close(killed)
	c = start(2)
	for i, user := range users {
		fromBot(t, sim, user, 1)
		say(t, sim, user, "end") // its turn comes when the bot has taken the other one
		fromBot(t, sim, user, 2)
		if diff := cmp.Diff([]string{"reply: " + word(i), "reply: end"}, botTexts(t, sim, user)); diff != "" {
			t.Errorf("phone %d (-want +got):\n%s", i, diff)
		}
	}
	if err := c.stop(); err != nil {
		t.Errorf("%v\n%s", err, c.tail())
	}
}
