package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"github.com/line-frontdesk/frontdesk"
)

// The bot gets an event as a webhook of LINE's, which the official SDK takes.
func TestForward(t *testing.T) {
	var h *hall
	var got *webhook.CallbackRequest
	h = newHall(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if got, err = webhook.ParseRequest("secret", r); err != nil {
			t.Error(err)
		}
		if r.Header.Get("User-Agent") != "LineBotWebhook/2.0" || r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.Header["Idempotency-Key"] != nil {
			t.Errorf("got headers %v", r.Header)
		}
		w.WriteHeader(http.StatusNoContent)
	}), nil)
	earlier := said("E1", garden)
	earlier.Accepted = time.Now().Add(-time.Hour)
	second := said("E1", garden)
	second.Attempt = 2
	for _, tc := range []struct {
		name  string
		ev    *frontdesk.Event
		again bool
	}{
		{"first attempt", said("E1", garden), false}, {"second attempt", second, true}, {"accepted by an earlier process", earlier, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := h.g.Handler("main").Handle(t.Context(), nil, tc.ev); err != nil {
				t.Fatal(err)
			}
			if got.Destination != h.sim.BotUserID() || len(got.Events) != 1 {
				t.Fatalf("got destination %q and %d events", got.Destination, len(got.Events))
			}
			ev := got.Events[0].(webhook.MessageEvent)
			token, ok := h.g.seal.openReply(ev.ReplyToken)
			if !ok || token.Conversation != garden || token.EventID != "E1" || token.LineToken != tc.ev.ReplyToken || token.Channel != "main" {
				t.Errorf("token %v holds %+v", ok, token)
			}
			if ev.DeliveryContext.IsRedelivery != tc.again || ev.WebhookEventId != "E1" || ev.Message.(webhook.TextMessageContent).Text != "hi" {
				t.Errorf("got %+v, want redelivery %v", ev, tc.again)
			}
		})
	}
	if h.g.Handler("other") != nil {
		t.Error("a channel without a bot here has a handler")
	}
}

// What the bot answers decides what becomes of the event.
func TestForwardOutcomes(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for _, tc := range []struct {
		name    string
		bot     http.HandlerFunc
		url     string // in place of the bot's
		timer   bool
		verdict string
		text    string
	}{
		{name: "200", bot: answer(200)},
		{name: "201", bot: answer(201)},
		{name: "500", bot: answer(500), verdict: "failed", text: "answered 500"},
		{name: "401", bot: answer(401), verdict: "failed", text: "answered 401"},
		{name: "a redirect", bot: answer(302), verdict: "failed", text: "answered 302"},
		{name: "cut", bot: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, verdict: "failed", text: "EOF"},
		{name: "slow", bot: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the gateway hangs up
			<-r.Context().Done()
		}, verdict: "failed", text: "too slow"},
		{name: "nobody there", url: "http://" + gone.Addr().String() + "/secret-path", verdict: "interrupted", text: "nobody listens"},
		{name: "a timer", bot: answer(200), timer: true, verdict: "dropped", text: "no timers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t, tc.bot, func(cfg *Config) {
				if tc.url != "" {
					cfg.Channels[0].URL = tc.url
				}
			})
			ev := said("E1", hanako)
			if tc.timer {
				ev.Timer = &frontdesk.FiredTimer{}
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("too slow"))
			defer cancel()
			err := h.g.Handler("main").Handle(ctx, nil, ev)
			var interrupted *frontdesk.InterruptedError
			var drop *frontdesk.DropError
			verdict := "failed"
			switch {
			case err == nil:
				verdict = ""
			case errors.As(err, &interrupted):
				verdict = "interrupted"
			case errors.As(err, &drop):
				verdict = "dropped"
			}
			if verdict != tc.verdict {
				t.Fatalf("got %q: %v, want %q", verdict, err, tc.verdict)
			}
			if err != nil && (!strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error()+h.logs.String(), "secret-path")) {
				t.Errorf("got %q, want it to tell %q and not the whole address", err, tc.text)
			}
		})
	}
}

// Many events at once wait for a free place, and those who get none are not to
// blame.
func TestForwardsAtOnce(t *testing.T) {
	free := make(chan struct{})
	entered := make(chan struct{}, 10)
	h := newHall(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-free
	}), func(cfg *Config) { cfg.MaxForwards = 1 })
	done := make(chan error, 1)
	go func() { done <- h.g.Handler("main").Handle(context.Background(), nil, said("E1", hanako)) }() // ends with free
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var interrupted *frontdesk.InterruptedError
	if err := h.g.Handler("main").Handle(ctx, nil, said("E2", hanako)); !errors.As(err, &interrupted) {
		t.Errorf("got %v, want an interruption", err)
	}
	close(free)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A webhook that meets a connection which the bot just closes is no failure: it
// goes over another one.
func TestForwardOverClosedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := func(conn net.Conn, r *bufio.Reader) error {
		req, err := http.ReadRequest(r)
		if err == nil {
			_, err = io.Copy(io.Discard, req.Body)
		}
		if err == nil {
			_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		return err
	}
	served := make(chan error, 1)
	go func() { // ends after two connections, or with the listener
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				served <- err
				return
			}
			r := bufio.NewReader(conn)
			if err := answer(conn, r); err != nil {
				served <- err
			}
			_, _ = r.Peek(1) // the next webhook has begun
			conn.Close()
		}
		served <- nil
	}()
	h := newHall(t, nil, func(cfg *Config) { cfg.Channels[0].URL = "http://" + l.Addr().String() })
	for range 2 {
		if err := h.g.Handler("main").Handle(t.Context(), nil, said("E1", hanako)); err != nil {
			t.Error(err)
		}
	}
	h.g.bots.CloseIdleConnections()
	l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// While nobody listens one try in a while is made, and the first who gets through
// ends that.
func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a absence
		if wait, absent := a.enter(time.Now()); wait != 0 || absent || a.over() {
			t.Error("a bot is absent at first")
		}
		pause := absentMin
		for i := range 6 {
			wait, news := a.noticed(time.Now())
			if news != (i == 0) || wait != pause {
				t.Errorf("try %d: wait %v, news %v, want %v", i, wait, news, pause)
			}
			if wait, news := a.noticed(time.Now()); news || wait != pause {
				t.Errorf("try %d: another one at once waits %v, news %v", i, wait, news)
			}
			if wait, absent := a.enter(time.Now()); wait < pause || wait > 2*pause || !absent {
				t.Errorf("try %d: waits %v of %v", i, wait, pause)
			}
			time.Sleep(pause) // the bubble's clock
			if wait, absent := a.enter(time.Now()); wait != 0 || !absent {
				t.Errorf("try %d: waits %v after %v", i, wait, pause)
			}
			if wait, _ := a.enter(time.Now()); wait < pause {
				t.Errorf("try %d: a second one tries, too", i)
			}
			pause = min(2*pause, absentMax)
		}
		if !a.over() || a.over() {
			t.Error("the bot is not back")
		}
		if wait, absent := a.enter(time.Now()); wait != 0 || absent {
			t.Error("the bot is back, and is not tried")
		}
	})
}
