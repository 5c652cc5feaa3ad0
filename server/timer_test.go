package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// timerBot sets timers as it is told: "after 2s tea", "send 2s tea", "cancel
// tea" and "list".
func timerBot() *frontdesk.Mux {
	mux := frontdesk.NewMux()
	mux.Text(`^(after|send) (\S+) (\S+)$`, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		after, err := time.ParseDuration(ev.Match[2])
		if err != nil {
			return frontdesk.Drop(err)
		}
		t := frontdesk.Timer{Key: ev.Match[3], After: after}
		if ev.Match[1] == "send" {
			t.Send = []frontdesk.Message{frontdesk.Text("sent " + t.Key)}
		} else {
			t.Payload = "payload of " + t.Key
		}
		return d.SetTimer(t)
	})
	mux.Text(`^cancel (\S+)$`, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.CancelTimer(ev.Match[1])
	})
	mux.Text(`^list$`, func(ctx context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		timers, err := d.Timers(ctx)
		if err != nil {
			return err
		}
		keys := make([]string, len(timers))
		for i, t := range timers {
			keys[i] = t.Key
		}
		return d.Send(frontdesk.Text("waiting: " + strings.Join(keys, " ")))
	})
	mux.Timer("", func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if early := time.Until(ev.Timer.Due); early > 0 {
			return d.Send(frontdesk.Text(fmt.Sprintf("%v early", early)))
		}
		return d.Send(frontdesk.Text("fired " + ev.Timer.Key + ": " + ev.Timer.Payload))
	})
	return mux
}

// timerHouse is a server with a bot, and the simulator.
func timerHouse(t *testing.T, bot frontdesk.Handler) *linesim.Simulator {
	t.Helper()
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), LINE: server.LINE{API: api.URL + "/sim/line"},
		Channels: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
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
	return sim
}

func TestTimers(t *testing.T) {
	t.Parallel()
	sim := timerHouse(t, timerBot())
	hana, err := sim.AddUser(linesim.NewUser{DisplayName: "Hana"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"after 1s tea", "after 30s long", "send 1500ms egg", "after 1s rice", "cancel rice", "list"} {
		if _, err := sim.SendText(hana.UserID, text); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"waiting: tea egg long", "fired tea: payload of tea", "sent egg"} {
		if got := fromBot(t, sim, hana.UserID, i+1).Text(); got != want {
			t.Errorf("message %d: got %q, want %q", i+1, got, want)
		}
	}
}

// In a group the timer belongs to the group: its message goes there, with the
// profile of whoever set it at hand.
func TestTimerInGroup(t *testing.T) {
	t.Parallel()
	bot := frontdesk.NewMux()
	bot.Text(`^tea$`, func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.SetTimer(frontdesk.Timer{Key: "tea", After: time.Second})
	})
	bot.Timer("", func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		who, err := d.Profile(ctx, ev.Source.UserID)
		return errors.Join(err, d.Send(frontdesk.Text(who.DisplayName+", your "+ev.Match[0]+ev.Timer.Key)))
	})
	sim := timerHouse(t, bot)
	hana, err := sim.AddUser(linesim.NewUser{DisplayName: "Hana"})
	if err != nil {
		t.Fatal(err)
	}
	group, err := sim.AddGroup(linesim.NewGroup{Members: []string{hana.UserID}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.SendMessage(hana.UserID, linesim.UserMessage{Type: "text", Text: "tea", GroupID: group.GroupID}); err != nil {
		t.Fatal(err)
	}
	m := fromBot(t, sim, hana.UserID, 1)
	if m.Text() != "Hana, your tea" || m.GroupID != group.GroupID || m.Via != linesim.ViaPush {
		t.Errorf("got %q in %q by %s", m.Text(), m.GroupID, m.Via)
	}
}
