package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// pipeBotTellEnv makes this test binary a bot that answers each event with its
// process and channel.
const pipeBotTellEnv = "TELL_PIPE_BOT"

// tellPipeBot answers until standard input ends.
func tellPipeBot() {
	decoder := json.NewDecoder(os.Stdin)
	for {
		var got struct{ ID, Channel, Conversation string }
		if decoder.Decode(&got) != nil {
			return
		}
		text := fmt.Sprintf("%d %s", os.Getpid(), got.Channel)
		json.NewEncoder(os.Stdout).Encode(map[string]any{"t": "done", "id": got.ID, "text": text})
	}
}

// Channels with the same bot share its processes, others have their own; a bot at
// a URL is beside them.
func TestBotsInOtherLanguages(t *testing.T) {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	var mu sync.Mutex
	var signatures []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		signatures = append(signatures, r.Header.Get("Frontdesk-Signature"))
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"t":"done","text":"from the web"}`)
	}))
	t.Setenv(pipeBotTellEnv, "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := "exec:'" + program + "'"
	channel := func(name string, ch server.Channel) server.Channel {
		ch.Name, ch.Secrets, ch.AccessToken = name, []string{sim.ChannelSecret()}, sim.ChannelAccessToken()
		return ch
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), LINE: server.LINE{API: api.URL + "/sim/line"},
		Channels: []server.Channel{
			channel("one", server.Channel{Bot: address}),
			channel("two", server.Channel{Bot: address}),
			channel("three", server.Channel{Bot: address, Workers: 2}),
			channel("site", server.Channel{Bot: web.URL, BotSecret: "secret of the web"}),
		},
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
		web.Close()
	})
	user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako", Stranger: true})
	if err != nil {
		t.Fatal(err)
	}
	pids := map[string]string{}
	for n, name := range []string{"one", "two", "three", "site"} {
		if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback/" + name); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.SendMessage(user.UserID, linesim.UserMessage{Type: "text", Text: "hello"}); err != nil {
			t.Fatal(err)
		}
		var said struct{ Text string }
		if err := json.Unmarshal(fromBot(t, sim, user.UserID, n+1).Message, &said); err != nil {
			t.Fatal(err)
		}
		if name == "site" {
			if said.Text != "from the web" {
				t.Errorf("got %q", said.Text)
			}
			continue
		}
		pid, of, _ := strings.Cut(said.Text, " ")
		if pids[name] = pid; of != name {
			t.Errorf("an event of %s came as one of %s", name, of)
		}
	}
	if pids["one"] != pids["two"] || pids["one"] == pids["three"] {
		t.Errorf("got processes %v, want one and two to share theirs", pids)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(signatures) != 1 || !strings.HasPrefix(signatures[0], "v1=") {
		t.Errorf("got signatures %q", signatures)
	}
}

// What is wrong with a bot is told with all other faults, before anything runs.
func TestBotFaults(t *testing.T) {
	channel := func(ch server.Channel) server.Channel {
		ch.Name, ch.Secrets, ch.AccessToken = "main", []string{"s"}, "t"
		return ch
	}
	for _, tc := range []struct {
		name string
		cfg  server.Config
		want string
	}{
		{"program", server.Config{Channels: []server.Channel{channel(server.Channel{Bot: "exec:no-such-program"})}}, "channels[0] (main): bot: exec: there is no program"},
		{"url", server.Config{Channels: []server.Channel{channel(server.Channel{Bot: "https://"})}}, "channels[0] (main): bot: its address is not a URL"},
		{"workers", server.Config{Workers: -1, Channels: []server.Channel{channel(server.Channel{})}}, "workers: must be from 1 to 1000"},
		{"of a channel", server.Config{Channels: []server.Channel{channel(server.Channel{Workers: 1001})}}, "channels[0] (main): workers must be from 1 to 1000"},
		{"in flight", server.Config{Worker: server.Worker{InFlight: 10_001}, Channels: []server.Channel{channel(server.Channel{})}}, "worker.in_flight"},
	} {
		if err := tc.cfg.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	known := []string{"exec:bot", "http://bot", "https://bot", "line:http://bot"}
	if i := slices.IndexFunc(known, func(bot string) bool { return !server.ServesBot(bot) }); i >= 0 || server.ServesBot("parrot") {
		t.Error("addresses and names are mixed up")
	}
}
