package main

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const childEnv = "FRONTDESK_TEST_HELLO"

// TestMain is the program itself in the process that TestHello starts.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Unsetenv(childEnv) // the configuration refuses what it does not know
		main()
	}
	os.Exit(m.Run())
}

// TestHello runs the program as its reader would, with the simulator for LINE.
func TestHello(t *testing.T) {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	line := httptest.NewServer(sim)
	defer line.Close()
	defer sim.Close(context.Background())
	port := freePort(t)
	bot := exec.Command(os.Args[0])
	bot.Dir = t.TempDir()
	bot.Env = append(os.Environ(), childEnv+"=1", "LINE_CHANNEL_SECRET="+sim.ChannelSecret(), "LINE_CHANNEL_ACCESS_TOKEN="+sim.ChannelAccessToken(),
		"FRONTDESK_LINE_API="+line.URL+"/sim/line", "FRONTDESK_LISTEN=127.0.0.1:"+port)
	bot.Stderr = os.Stderr
	if err := bot.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		bot.Process.Kill()
		bot.Wait() // killed: its error is known
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	awaitPort(ctx, t, port)

	if err := sim.SetWebhookURL("http://127.0.0.1:" + port + "/callback"); err != nil {
		t.Fatal(err)
	}
	user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.SendText(user.UserID, "Hello!"); err != nil {
		t.Fatal(err)
	}
	answers, err := sim.WaitForMessages(ctx, user.UserID, linesim.Query{From: linesim.FromBot}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answers[0].Text(), "Hello to you, too."; got != want {
		t.Errorf("the bot said %q, want %q", got, want)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func awaitPort(ctx context.Context, t *testing.T, port string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the bot does not listen: ", err)
		}
	}
}
