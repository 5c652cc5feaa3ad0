package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// stage is what an example plays on: a simulated LINE, and the server before it.
type stage struct {
	t      *testing.T
	folder string // a copy of the example's
	sim    *linesim.Simulator
	api    string // of LINE
	crash  func(*testing.T)
}

func newStage(t *testing.T, name string) *stage {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	line := httptest.NewServer(sim)
	t.Cleanup(line.Close)
	t.Cleanup(func() { sim.Close(context.Background()) })
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("../../examples", name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return &stage{t: t, folder: folder, sim: sim, api: line.URL + "/sim/line"}
}

// build builds a file of Go in the folder and returns the program.
func (s *stage) build(source string) string {
	file := filepath.Join(s.folder, "program")
	out, err := exec.Command("go", "build", "-o", file, filepath.Join(s.folder, source)).CombinedOutput()
	if err != nil {
		s.t.Fatalf("go build %s: %v\n%s", source, err, out)
	}
	return file
}

// serve runs a program that is a server for the channel, and connects the channel
// with it.
func (s *stage) serve(env []string, name string, args ...string) *program {
	port := freePort(s.t)
	p := s.run(append(env,
		"LINE_CHANNEL_SECRET="+s.sim.ChannelSecret(), "LINE_CHANNEL_ACCESS_TOKEN="+s.sim.ChannelAccessToken(),
		"FRONTDESK_LINE_API="+s.api, "FRONTDESK_LISTEN=127.0.0.1:"+port, "FRONTDESK_DATA="+s.t.TempDir(),
	), name, args...)
	p.awaitPort(port)
	if err := s.sim.SetWebhookURL("http://127.0.0.1:" + port + "/callback"); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// program is a process that a test has started. It ends with the test.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{}

	mu     sync.Mutex
	output bytes.Buffer // guarded by mu
}

// run starts a program in the folder.
func (s *stage) run(env []string, name string, args ...string) *program {
	p := &program{t: s.t, cmd: exec.Command(name, args...), exited: make(chan struct{})}
	p.cmd.Dir = s.folder
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "FRONTDESK_") && !strings.HasPrefix(pair, "LINE_") {
			p.cmd.Env = append(p.cmd.Env, pair)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { // ends with the process, which the cleanup ends
		p.cmd.Wait() // how it ended is of no interest
		close(p.exited)
	}()
	s.t.Cleanup(p.end)
	return p
}

// Write takes what the process prints.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// end asks the process to end, and shows what it printed after a failure.
func (p *program) end() {
	p.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended
	select {
	case <-p.exited:
	case <-time.After(waitLimit):
		p.t.Errorf("%s does not end", p.cmd)
		p.kill()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.t.Failed() {
		p.t.Logf("%s printed:\n%s", p.cmd, &p.output)
	}
}

func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// awaitPort waits until the process listens.
func (p *program) awaitPort(port string) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitLimit)
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-p.exited:
			p.t.Fatalf("%s ended", p.cmd)
		case <-limit:
			p.t.Fatalf("%s does not listen: %v", p.cmd, err)
		}
	}
}

// child returns the process that the program has started. It waits for one: after a
// crash the next is started a little later.
func (p *program) child(t *testing.T) *os.Process {
	t.Helper()
	if _, err := exec.LookPath("pgrep"); err != nil {
		t.Skip("SKIPPED: to find the bot's process needs pgrep, which is not here")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitLimit)
	found, err := exec.Command("pgrep", "-P", strconv.Itoa(p.cmd.Process.Pid)).Output()
	for err != nil {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s has no process below it: %v", p.cmd, err)
		}
		found, err = exec.Command("pgrep", "-P", strconv.Itoa(p.cmd.Process.Pid)).Output()
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(found)))
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return process
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
