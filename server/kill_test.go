package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// The tests here run a server in a process of its own, which is this test
// binary again, and kill it.
const (
	childEnv  = "FRONTDESK_TEST_CHILD" // JSON of childConfig
	killsEnv  = "FRONTDESK_KILLS"      // how often TestKill kills; default 6
	seedEnv   = "FRONTDESK_SEED"       // repeats a run
	killUsers = 40
)

type childConfig struct {
	Data, API, Secret, Token string
	ButtonAfter              time.Duration // of slow answers; 0 for none
	Hangs                    bool          // its bot answers no text
}

func TestMain(m *testing.M) {
	if env := os.Getenv(childEnv); env != "" {
		runChild(env)
		return
	}
	os.Exit(m.Run())
}

// runChild serves until it is killed or told to end, and prints its address.
func runChild(env string) {
	var child childConfig
	if err := json.Unmarshal([]byte(env), &child); err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // the parent has gone when its pipe closes
		bufio.NewReader(os.Stdin).ReadByte()
		stop()
	}()
	bot, slowAnswer := counter(), ""
	if child.Hangs {
		bot = hang(bot)
	}
	if child.ButtonAfter > 0 {
		slowAnswer = "button"
	}
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: child.Data, LINE: server.LINE{API: child.API},
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Handler: server.Handling{BackoffMin: 50 * time.Millisecond, ButtonAfter: child.ButtonAfter},
		Channels: []server.Channel{{
			Name: "main", Secrets: []string{child.Secret}, AccessToken: child.Token, SlowAnswer: slowAnswer,
		}},
	}, bot)
	if err != nil {
		panic(err)
	}
	fmt.Println(srv.Addr())
	if err := srv.Run(ctx); err != nil {
		panic(err)
	}
}

// partsOf returns how many messages answer the nth text: more than fit a
// reply, now and then, so that some are pushed.
func partsOf(n int) int {
	if n%4 == 0 {
		return 7
	}
	return 1
}

// counter is a bot that greets, and answers the nth text with numbers that
// tell what they answer.
func counter() frontdesk.Handler {
	mux := frontdesk.NewMux()
	mux.Event(frontdesk.TypeFollow, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text("hello"))
	})
	mux.Text("", func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		n, err := strconv.Atoi(ev.Message.Text)
		if err != nil {
			return frontdesk.Drop(err)
		}
		if _, err := d.Profile(ctx, ev.Source.UserID); err != nil {
			return err
		}
		for part := range partsOf(n) {
			if err := d.Send(frontdesk.Text(strconv.Itoa(10*n + part))); err != nil {
				return err
			}
		}
		return nil
	})
	return mux
}

// hang keeps a bot from answering texts.
func hang(bot frontdesk.Handler) frontdesk.Handler {
	return frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if ev.Type != frontdesk.TypeMessage {
			return bot.Handle(ctx, d, ev)
		}
		<-ctx.Done()
		return ctx.Err()
	})
}

// child is a running server.
type child struct {
	cmd  *exec.Cmd
	in   *os.File
	logs *bytes.Buffer
	addr string
}

func startChild(t *testing.T, cfg childConfig) *child {
	t.Helper()
	env, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(os.Args[0]), logs: new(bytes.Buffer)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	c.cmd.Stderr = c.logs
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
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.kill()
		t.Fatalf("the server did not start:\n%s", c.logs)
	}
	c.addr = strings.TrimSpace(addr)
	return c
}

// kill ends the process as a crash would, and waits for it.
func (c *child) kill() {
	c.cmd.Process.Signal(syscall.SIGKILL)
	c.cmd.Wait()
	c.in.Close()
}

// TestKill kills the server at random moments under load. Every event that
// was answered 200 must be answered on the phone exactly once, in order.
func TestKill(t *testing.T) {
	calls := func(f linesim.EndpointFaults) linesim.Faults {
		return linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": f}}
	}
	tests := []struct {
		name    string
		faults  linesim.Faults
		ordered bool // LINE delivers in order
	}{
		{"LINE healthy", linesim.Faults{}, true},
		{"LINE answers 500 to one call in ten", calls(linesim.EndpointFaults{ErrorShare: 0.1, AcceptedBeforeError: 0.5, Status: 500}), true},
		{"LINE does not answer one call in ten", calls(linesim.EndpointFaults{ErrorShare: 0.1, AcceptedBeforeError: 0.5}), true},
		{"LINE delivers again, and one event in five twice", linesim.Faults{Webhooks: linesim.WebhookFaults{
			Redelivery: linesim.Redelivery{Count: 5, IntervalMS: 200}, Duplicates: linesim.Duplicates{Share: 0.2, AfterMS: 20},
		}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { killUnderLoad(t, test.faults, test.ordered) })
	}
}

func killUnderLoad(t *testing.T, faults linesim.Faults, ordered bool) {
	seed := number(seedEnv, uint64(time.Now().UnixNano()))
	kills := int(number(killsEnv, 6))
	t.Logf("seed %d (repeat with %s), %d kills", seed, seedEnv, kills)
	dice := rand.New(rand.NewPCG(seed, 1))

	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	defer api.Close()
	defer sim.Close(context.Background())
	cfg := childConfig{
		Data: filepath.Join(t.TempDir(), "data"), API: api.URL + "/sim/line",
		Secret: sim.ChannelSecret(), Token: sim.ChannelAccessToken(),
	}
	run := startChild(t, cfg)
	connect(t, sim, run)
	users := addUsers(t, sim)
	faults.Seed = seed
	if err := sim.SetFaults(faults); err != nil {
		t.Fatal(err)
	}

	var stop atomic.Bool
	var typing sync.WaitGroup
	for _, user := range users {
		typing.Go(func() { typeUntil(t, sim, user, &stop) })
	}
	for range kills {
		<-time.After(time.Duration(50+dice.IntN(500)) * time.Millisecond) // the load goes on; nothing is waited for
		run.kill()
		run = startChild(t, cfg)
		connect(t, sim, run)
	}
	stop.Store(true)
	typing.Wait()
	defer run.kill()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := sim.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	if err := sim.SetFaults(linesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	report := compare(ctx, t, sim, users)
	t.Logf("%+v", report)
	if !ordered {
		report.OutOfOrder = 0 // the order of their arrival is not that of typing
	}
	if report.Lost+report.Doubled+report.OutOfOrder > 0 {
		t.Errorf("lost %d, doubled %d, out of order %d; log of the last process:\n%s",
			report.Lost, report.Doubled, report.OutOfOrder, run.logs)
	}
	if report.Answered200 == 0 {
		t.Error("no webhook was answered 200: nothing was tested")
	}
}

func connect(t *testing.T, sim *linesim.Simulator, c *child) {
	t.Helper()
	if err := sim.SetWebhookURL("http://" + c.addr + "/callback"); err != nil {
		t.Fatal(err)
	}
}

func addUsers(t *testing.T, sim *linesim.Simulator) []string {
	t.Helper()
	var users []string
	for i := range killUsers {
		u, err := sim.AddUser(linesim.NewUser{DisplayName: fmt.Sprintf("user %d", i), Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, u.UserID)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, user := range users { // the greeting is there: the profile is known
		if _, err := sim.WaitForMessages(ctx, user, linesim.Query{From: linesim.FromBot}, 1); err != nil {
			t.Fatal(err)
		}
	}
	return users
}

// typeUntil types a number, waits a moment for an answer and types the next.
func typeUntil(t *testing.T, sim *linesim.Simulator, user string, stop *atomic.Bool) {
	for i := 1; !stop.Load(); i++ {
		if _, err := sim.SendText(user, strconv.Itoa(i)); err != nil {
			t.Error(err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(5+i%40)*time.Millisecond)
		sim.WaitForMessages(ctx, user, linesim.Query{From: linesim.FromBot}, i+1) // or not: it goes on
		cancel()
	}
}

// killReport is what the phones show, beside what the webhooks were answered.
type killReport struct {
	Events, Answered200, Answers, Pushed, Lost, Doubled, OutOfOrder int
}

// compare waits until all that was promised is on the phones, and a moment
// more for what must not come.
func compare(ctx context.Context, t *testing.T, sim *linesim.Simulator, users []string) killReport {
	taken := map[string]bool{}
	for _, hook := range sim.Webhooks(0, 1<<30) {
		for _, id := range hook.WebhookEventIDs {
			taken[id] = taken[id] || hook.Status == 200
		}
	}
	var report killReport
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for settled := 0; settled < 5; {
		next := killReport{}
		for _, user := range users {
			next.add(t, sim, user, taken)
		}
		settled++
		if next != report || next.Lost > 0 {
			settled = 0
		}
		report = next
		select {
		case <-tick.C:
		case <-ctx.Done():
			return report
		}
	}
	return report
}

func (r *killReport) add(t *testing.T, sim *linesim.Simulator, user string, taken map[string]bool) {
	messages, err := sim.Messages(user, linesim.Query{})
	if err != nil {
		t.Fatal(err)
	}
	answers := map[int]int{}
	last := 0
	for _, m := range messages {
		n, err := strconv.Atoi(textOf(t, m))
		if m.From != linesim.FromBot || err != nil {
			continue // typed by the user, or the greeting
		}
		answers[n]++
		r.Answers++
		if n < last {
			r.OutOfOrder++
		}
		if m.Via == linesim.ViaPush {
			r.Pushed++
		}
		last = n
	}
	for _, m := range messages {
		n, err := strconv.Atoi(textOf(t, m))
		if m.From != linesim.FromUser || err != nil {
			continue
		}
		r.Events++
		if taken[m.WebhookEventID] {
			r.Answered200++
		}
		for part := range partsOf(n) {
			switch got := answers[10*n+part]; {
			case got > 1:
				r.Doubled++
			case got == 0 && (taken[m.WebhookEventID] || answers[10*n] > 0):
				r.Lost++
			}
		}
	}
}

func textOf(t *testing.T, m linesim.Message) string {
	t.Helper()
	var text struct{ Text string }
	if err := json.Unmarshal(m.Message, &text); err != nil {
		t.Fatal(err)
	}
	return text.Text
}

func number(env string, def uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(env), 10, 64); err == nil {
		return n
	}
	return def
}
