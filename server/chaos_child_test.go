package server_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// childEnv makes this test binary a server in a process of its own; its value
// is the JSON of childConfig.
const childEnv = "FRONTDESK_TEST_CHILD"

// childLimit bounds the start and the orderly end of a child.
const childLimit = time.Minute

type childConfig struct {
	Data, API, Secret, Token string
	Seed                     uint64        // of the bot's world
	ButtonAfter              time.Duration // of slow answers; 0 for none
	Hangs                    bool          // its bot answers nothing
	Timers                   bool          // its bot sets timers as it is told
	Parrot                   bool          // its bot is a parrot
	PipeKills                string        // its bot is behind a pipe and counts its kills in this file; "" for none
	LINEBot                  string        // URL of a LINE bot in place of a handler; "" for none

	Listen, NATS string // "" for any port, and the embedded store
	Chat         server.Chat
}

func TestMain(m *testing.M) {
	if env := os.Getenv(childEnv); env != "" {
		if err := runChild(env); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if env := os.Getenv(pipeBotEnv); env != "" {
		if err := runPipeBot(env); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(pipeBotTellEnv) != "" {
		tellPipeBot()
		return
	}
	os.Exit(m.Run())
}

// runChild serves until it is killed or its standard input ends, and prints
// its addresses.
func runChild(env string) error {
	var child childConfig
	if err := json.Unmarshal([]byte(env), &child); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // ends with the process
		bufio.NewReader(os.Stdin).ReadByte()
		stop()
	}()
	bot, slowAnswer, address := newWorld(child.Seed).handler(), "", ""
	switch {
	case child.Hangs:
		bot = frontdesk.HandlerFunc(hang)
	case child.Timers:
		bot = frontdesk.HandlerFunc(obey)
	case child.Parrot:
		bot = parrot.New()
	}
	if child.PipeKills != "" {
		env, err := json.Marshal(pipeBot{Seed: child.Seed, Kills: child.PipeKills})
		if err != nil {
			return err
		}
		os.Setenv(pipeBotEnv, string(env))
		address = "exec:'" + os.Args[0] + "'"
	}
	if child.LINEBot != "" {
		address = "line:" + child.LINEBot
	}
	if child.ButtonAfter > 0 {
		slowAnswer = "button"
	}
	srv, err := server.New(ctx, server.Config{
		Listen: cmp.Or(child.Listen, "127.0.0.1:0"), Data: child.Data, LINE: server.LINE{API: child.API},
		NATS: server.NATS{URL: child.NATS}, Chat: child.Chat,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Handler: server.Handling{
			LoadingAfter: 50 * time.Millisecond, // slow handlers are no slower than that here
			// A handler that fails while LINE is down must not use up its tries.
			BackoffMin: 50 * time.Millisecond, BackoffMax: time.Second, MaxAttempts: 1000,
			ButtonAfter: child.ButtonAfter,
		},
		Channels: []server.Channel{{
			Name: "main", Secrets: []string{child.Secret}, AccessToken: child.Token, SlowAnswer: slowAnswer,
			Bot: address, Workers: pipeBotWorkers,
		}},
		BotAPI: server.BotAPI{Listen: "127.0.0.1:0"},
	}, bot)
	if err != nil {
		return err
	}
	fmt.Println(srv.Addr(), srv.BotAPIAddr())
	return srv.Run(ctx)
}

// hang is a bot that answers nothing.
func hang(ctx context.Context, _ frontdesk.Desk, _ *frontdesk.Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// child is a running server.
type child struct {
	cmd  *exec.Cmd
	in   *os.File
	logs string // file
	addr string

	botAPI string // address of the API for LINE bots
}

// startChild starts a server that logs into a file.
func startChild(t *testing.T, cfg childConfig, logs string) *child {
	t.Helper()
	env, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0]), logs: logs}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	file, err := os.Create(logs)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c.cmd.Stderr = file
	in, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	c.cmd.Stdin, c.in = in, inW
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(childLimit, func() { c.cmd.Process.Kill() }) // which ends its output
	defer late.Stop()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.kill()
		t.Fatalf("the server did not start:\n%s", c.tail())
	}
	c.addr, c.botAPI, _ = strings.Cut(strings.TrimSpace(addr), " ")
	return c
}

// connect lets webhooks go to a child.
func connect(t *testing.T, sim *linesim.Simulator, c *child) {
	t.Helper()
	if err := sim.SetWebhookURL("http://" + c.addr + "/callback"); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as a crash would, and waits for it. It reports whether
// the process ran until then.
func (c *child) kill() (ran bool) {
	c.cmd.Process.Signal(syscall.SIGKILL)
	c.cmd.Wait()
	c.in.Close()
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// stop lets the process end in order.
func (c *child) stop() error {
	late := time.AfterFunc(childLimit, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	c.in.Close()
	return c.cmd.Wait()
}

// tail is the end of what the process logged.
func (c *child) tail() string {
	const most = 8 << 10
	logs, err := os.ReadFile(c.logs)
	if err != nil {
		return err.Error()
	}
	return string(logs[max(0, len(logs)-most):])
}

// checkRace fails the test when the race detector found something in the process,
// which must have ended.
func (c *child) checkRace(t *testing.T) {
	t.Helper()
	logs, err := os.ReadFile(c.logs)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(logs, []byte("DATA RACE")); i >= 0 {
		t.Errorf("data race in the server:\n%s", logs[i:])
	}
}
