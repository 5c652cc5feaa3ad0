package server_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

const (
	// patience is how long a test waits for what must happen.
	patience = 20 * time.Second
	// buttonAfter is longer than a fast handler takes on a busy machine.
	buttonAfter = time.Second
)

// buttonHouse is a server whose slow answers get a button soon, and the
// simulator.
type buttonHouse struct {
	sim *linesim.Simulator
	srv *server.Server
}

func newButtonHouse(t *testing.T, bot frontdesk.Handler) buttonHouse {
	t.Helper()
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), LINE: server.LINE{API: api.URL + "/sim/line"},
		Handler: server.Handling{ButtonAfter: buttonAfter},
		Channels: []server.Channel{{
			Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken(), SlowAnswer: "button",
		}},
	}, bot)
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
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
	return buttonHouse{sim, srv}
}

// fromBot waits for the nth message of the bot on a phone and returns it.
func fromBot(t *testing.T, sim *linesim.Simulator, user string, n int) linesim.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	messages, err := sim.WaitForMessages(ctx, user, linesim.Query{From: linesim.FromBot}, n)
	if err != nil {
		t.Fatal(err)
	}
	return messages[n-1]
}

// buttonOn returns the data of the button that a message shows.
func buttonOn(t *testing.T, m linesim.Message) string {
	t.Helper()
	var shown struct {
		AltText  string
		Template struct {
			Text    string
			Actions []struct{ Type, Label, Data string }
		}
	}
	if err := json.Unmarshal(m.Message, &shown); err != nil {
		t.Fatal(err)
	}
	if m.Via != linesim.ViaReply || len(shown.Template.Actions) != 1 || shown.Template.Text != server.DefaultButtonText ||
		shown.Template.Actions[0].Label != server.DefaultButtonLabel || shown.AltText != server.DefaultButtonText {
		t.Fatalf("got %s by %s, want the button by reply", m.Message, m.Via)
	}
	return shown.Template.Actions[0].Data
}

// A slow answer costs no push: its event's reply token brings a button, and the
// tap's brings the answer.
func TestSlowAnswerBehindAButton(t *testing.T) {
	user := func(t *testing.T, sim *linesim.Simulator, name string) string {
		t.Helper()
		u, err := sim.AddUser(linesim.NewUser{DisplayName: name})
		if err != nil {
			t.Fatal(err)
		}
		return u.UserID
	}
	for _, tt := range []struct{ name, group string }{
		{"with one user", ""},
		{"in a group, tapped by another member", "C0123456789abcdef0123456789abcdef"},
		{"in a room, tapped by another member", "R0123456789abcdef0123456789abcdef"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ready := make(chan struct{})
			mux := frontdesk.NewMux()
			mux.Text("question", func(ctx context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
				select {
				case <-ready:
					return d.Send(frontdesk.Text("answer"))
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			mux.Text("ping", func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
				return d.Send(frontdesk.Text("pong"))
			})
			mux.Event(frontdesk.TypePostback, func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
				return d.Send(frontdesk.Text("the tap came to the bot"))
			})
			h := newButtonHouse(t, mux)
			asks := user(t, h.sim, "Ichiro")
			taps := asks
			if tt.group != "" {
				taps = user(t, h.sim, "Jiro")
				if _, err := h.sim.AddGroup(linesim.NewGroup{GroupID: tt.group, Members: []string{asks, taps}}); err != nil {
					t.Fatal(err)
				}
			}
			sent, err := h.sim.SendMessage(asks, linesim.UserMessage{Type: "text", Text: "question", GroupID: tt.group})
			if err != nil {
				t.Fatal(err)
			}
			data := buttonOn(t, fromBot(t, h.sim, taps, 1))
			close(ready)
			for range 2 { // the second one gets nothing
				if _, err := h.sim.Postback(taps, tt.group, linesim.Postback{Data: data}); err != nil {
					t.Fatal(err)
				}
			}
			if m := fromBot(t, h.sim, asks, 2); m.Text() != "answer" || m.Via != linesim.ViaReply {
				t.Errorf("got %q by %s, want the answer by reply", m.Text(), m.Via)
			}
			if _, err := h.sim.SendMessage(asks, linesim.UserMessage{Type: "text", Text: "ping", GroupID: tt.group}); err != nil {
				t.Fatal(err)
			}
			if m := fromBot(t, h.sim, asks, 3); m.Text() != "pong" {
				t.Errorf("got %q, want nothing but the answer before pong", m.Text())
			}
			if stats := h.sim.Stats(); len(stats.Calls["push"]) > 0 || stats.QuotaUsed > 0 {
				t.Errorf("pushed: %v calls, %d of the quota", stats.Calls["push"], stats.QuotaUsed)
			}
			var steps []string
			for _, s := range h.srv.Path(sent.WebhookEventID) {
				steps = append(steps, s.Step)
			}
			for _, step := range []string{"button stored in the outbox", "answer parked until the button is tapped", "button tapped"} {
				if !slices.Contains(steps, step) {
					t.Errorf("steps %q lack %q", steps, step)
				}
			}
		})
	}
}

// The process is killed when the button is on the phone: the next one handles
// the event again and shows no second button.
func TestKillBehindAButton(t *testing.T) {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	defer api.Close()
	defer sim.Close(context.Background())
	cfg := childConfig{
		Data: filepath.Join(t.TempDir(), "data"), API: api.URL + "/sim/line",
		Secret: sim.ChannelSecret(), Token: sim.ChannelAccessToken(), ButtonAfter: buttonAfter, Hangs: true,
	}
	logs := filepath.Join(t.TempDir(), "log")
	run := startChild(t, cfg, logs)
	connect(t, sim, run)
	u, err := sim.AddUser(linesim.NewUser{DisplayName: "Ichiro", Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.SendText(u.UserID, "7"); err != nil {
		t.Fatal(err)
	}
	data := buttonOn(t, fromBot(t, sim, u.UserID, 1))
	run.kill()
	cfg.Hangs = false
	run = startChild(t, cfg, logs)
	defer run.kill()
	connect(t, sim, run)
	if _, err := sim.Postback(u.UserID, "", linesim.Postback{Data: data}); err != nil {
		t.Fatal(err)
	}
	if m := fromBot(t, sim, u.UserID, 2); m.Text() != "7.0" || m.Via != linesim.ViaReply {
		t.Errorf("got %q by %s, want the answer by reply; log:\n%s", m.Text(), m.Via, run.tail())
	}
}
