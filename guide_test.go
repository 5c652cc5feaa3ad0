package frontdesk_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// guideFile matches a Go file of docs/your-bot.md: its name, then its block.
var guideFile = regexp.MustCompile("(?s)\n`(\\w+\\.go)`:\n\n```go\n(.*?)```\n")

// TestGuide does what docs/your-bot.md tells its reader to do: its files become
// a module of their own, whose tests pass and whose program answers a user of
// the simulator. The network is not used.
func TestGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := writeGuide(t)
	goCommand(t, dir, "test", ".")
	goCommand(t, dir, "build", "-o", "teabot", ".")
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	line := httptest.NewServer(sim)
	t.Cleanup(line.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	listen := freeAddress(t)
	startBot(t, dir, "LINE_CHANNEL_SECRET="+sim.ChannelSecret(), "LINE_CHANNEL_ACCESS_TOKEN="+sim.ChannelAccessToken(),
		"FRONTDESK_LINE_API="+line.URL+"/sim/line", "FRONTDESK_LISTEN="+listen)
	awaitListening(ctx, t, listen)

	if err := sim.SetWebhookURL("http://" + listen + "/callback"); err != nil {
		t.Fatal(err)
	}
	user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.SendText(user.UserID, "2 green tea"); err != nil {
		t.Fatal(err)
	}
	phone, err := sim.WaitForMessages(ctx, user.UserID, linesim.Query{From: linesim.FromBot}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := phone[1].Text(), "2 × green tea: coming!"; got != want {
		t.Errorf("the bot said %q, want %q", got, want)
	}
}

// writeGuide makes a module of the guide's files beside this checkout.
func writeGuide(t *testing.T) string {
	t.Helper()
	dir, checkout := t.TempDir(), absolute(t, ".")
	page, err := os.ReadFile("docs/your-bot.md")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"go.sum": string(sums),
		"go.mod": fmt.Sprintf("module example.com/teabot\n\ngo 1.26\n\nrequire %[1]s v0.0.0\n\nreplace %[1]s => %q\n", module, checkout),
	}
	for _, found := range guideFile.FindAllStringSubmatch(string(page), -1) {
		files[found[1]] = found[2]
	}
	if blocks := strings.Count(string(page), "```go\n"); len(files) != blocks+2 {
		t.Fatalf("%d blocks of Go, but only %d have the name of a file before them", blocks, len(files)-2)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// goCommand runs the go command in a folder, without the network: what the
// guide's module needs is what this one has.
func goCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // builds everything on a new machine
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// startBot runs the guide's program until the test ends, and wants it to end in
// order when it is interrupted.
func startBot(t *testing.T, dir string, env ...string) {
	t.Helper()
	bot := exec.Command("./teabot")
	bot.Dir, bot.Env, bot.Stderr = dir, env, os.Stderr
	if err := bot.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		bot.Process.Signal(os.Interrupt)
		defer time.AfterFunc(30*time.Second, func() { bot.Process.Kill() }).Stop()
		if err := bot.Wait(); err != nil {
			t.Errorf("the end of the bot: %v", err)
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func awaitListening(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", address)
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
