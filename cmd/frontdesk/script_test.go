package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/line-frontdesk/frontdesk/server"
)

const (
	// waitLimit bounds every wait for another process.
	waitLimit = 20 * time.Second
	// endLimit bounds an end with nothing left to do. It is less than what the
	// server gives to requests that do not end by themselves.
	endLimit = 4 * time.Second
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"frontdesk": main, "fetch": fetch, "settimer": setTimer})
}

// TestScripts runs the command lines in testdata. Beside testscript's own
// commands there are:
//
//	daemon NAME ARGS…         start 'frontdesk ARGS…' and wait until it serves; its URL is $NAME,
//	                          its address $NAME_ADDR
//	end NAME                  end it with SIGTERM, in order
//	! end NAME                end it with several SIGTERMs, at once
//	hang NAME                 send it half a request and keep that open
//	watch NAME                open the stream of its page and keep that open
//	logged NAME REGEXP [VAR]  wait until it has printed the expression, and set $VAR to its first group
//	until REGEXP COMMAND…     repeat a command until its output matches
//	find NAME REGEXP          set $NAME to the first group in the last output
//	exits CODE COMMAND…       run a command that must end with the code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:      "testdata",
		Deadline: time.Now().Add(time.Minute), // for a command that should have failed but serves
		Setup: func(env *testscript.Env) error {
			// Sockets need short paths: the data folders are not in $WORK.
			dir, err := os.MkdirTemp("", "fd")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(dir) })
			env.Setenv("DATA", dir)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each command takes a second longer
			env.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
			env.Values[daemons{}] = map[string]*daemon{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": startDaemon, "end": endDaemon, "logged": awaitLog,
			"hang": hang, "watch": watch, "until": until, "find": find, "exits": exits,
		},
	})
}

// setTimer is a command: settimer FOLDER JSON, of a server.NewTimer.
func setTimer() {
	err := func() error {
		var t server.NewTimer
		if err := json.Unmarshal([]byte(os.Args[2]), &t); err != nil {
			return err
		}
		admin, err := server.OpenAdmin(context.Background(), server.Config{Data: os.Args[1]})
		if err != nil {
			return err
		}
		_, err = admin.SetTimer(context.Background(), t)
		return errors.Join(err, admin.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fetch is a command: fetch METHOD URL [BODY].
func fetch() {
	if err := fetchURL(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fetchURL(args []string) error {
	if len(args) < 2 {
		return errors.New("fetch METHOD URL [BODY]")
	}
	req, err := http.NewRequest(args[0], args[1], strings.NewReader(strings.Join(args[2:], "")))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return errors.New(resp.Status)
	}
	return nil
}

// daemons is the key of a script's processes.
type daemons struct{}

// daemon is a process in the background.
type daemon struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when err is set
	err    error
	mu     sync.Mutex
	output bytes.Buffer // guarded by mu
	grown  chan struct{}
}

// Write takes what the process prints.
func (d *daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case d.grown <- struct{}{}:
	default: // somebody who waits will look anyhow
	}
	return d.output.Write(p)
}

func (d *daemon) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

// await waits until the process has printed what matches.
func (d *daemon) await(ts *testscript.TestScript, re *regexp.Regexp) []string {
	limit := time.After(waitLimit)
	for {
		if m := re.FindStringSubmatch(d.text()); m != nil {
			return m
		}
		select {
		case <-d.grown:
		case <-d.ended:
			ts.Fatalf("the process ended (%v); it had printed:\n%s", d.err, d.text())
		case <-limit:
			ts.Fatalf("no %q within %v in:\n%s", re, waitLimit, d.text())
		}
	}
}

// served is what dev, sim and serve print when they do.
var served = regexp.MustCompile(`(?:Open |frontdesk runs.*listen[":=]+)(?:http://)?([0-9.]+:[0-9]+)`)

func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: daemon NAME ARGS…")
	}
	exe, err := exec.LookPath("frontdesk") // testscript has put it there
	ts.Check(err)
	d := &daemon{cmd: exec.Command(exe, args[1:]...), ended: make(chan struct{}), grown: make(chan struct{}, 1)}
	d.cmd.Stdout, d.cmd.Stderr = d, d
	d.cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "GORACE", "XDG_CACHE_HOME", "LINE_CHANNEL_SECRET", "LINE_CHANNEL_ACCESS_TOKEN", "FRONTDESK_CONFIG", "PORT"} {
		if value := ts.Getenv(name); value != "" {
			d.cmd.Env = append(d.cmd.Env, name+"="+value)
		}
	}
	ts.Check(d.cmd.Start())
	go func() { // ends with the process, which "end" or the end of the script ends
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	ts.Value(daemons{}).(map[string]*daemon)[args[0]] = d
	ts.Defer(func() {
		d.cmd.Process.Kill()
		<-d.ended
		ts.Logf("%s printed:\n%s", args[0], d.text())
	})
	addr := d.await(ts, served)[1]
	ts.Setenv(args[0], "http://"+addr)
	ts.Setenv(args[0]+"_ADDR", addr)
}

func findDaemon(ts *testscript.TestScript, name string) *daemon {
	d := ts.Value(daemons{}).(map[string]*daemon)[name]
	if d == nil {
		ts.Fatalf("there is no daemon %s", name)
	}
	return d
}

func endDaemon(ts *testscript.TestScript, neg bool, args []string) {
	d := findDaemon(ts, args[0])
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	if neg {
		d.await(ts, regexp.MustCompile("shuts down"))
		d.signalUntilEnded(ts)
		return
	}
	select {
	case <-d.ended:
	case <-time.After(endLimit):
		ts.Fatalf("%s did not end within %v:\n%s", args[0], endLimit, d.text())
	}
	if d.err != nil {
		ts.Fatalf("%s: %v:\n%s", args[0], d.err, d.text())
	}
}

// signalUntilEnded sends more signals to a process that got one: they must
// kill it.
func (d *daemon) signalUntilEnded(ts *testscript.TestScript) {
	tick := time.NewTicker(10 * time.Millisecond) // the first may come before it expects more
	defer tick.Stop()
	for {
		d.cmd.Process.Signal(syscall.SIGTERM) // fails when it has just ended
		select {
		case <-d.ended:
			if status := d.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
				ts.Fatalf("the process ended in order (%v):\n%s", d.err, d.text())
			}
			return
		case <-tick.C:
		}
	}
}

func hang(ts *testscript.TestScript, neg bool, args []string) {
	// The 100 says that the server reads the body, which never comes.
	converse(ts, args[0], "POST /callback HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", "HTTP/1.1 100 ")
}

func watch(ts *testscript.TestScript, neg bool, args []string) {
	converse(ts, args[0], "GET /sim/stream HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ")
}

// converse opens a connection until the end of the script, sends text, and
// waits for the beginning of the answer.
func converse(ts *testscript.TestScript, daemon, text, want string) {
	conn, err := net.Dial("tcp", ts.Getenv(daemon+"_ADDR"))
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	_, err = io.WriteString(conn, text)
	ts.Check(err)
	ts.Check(conn.SetReadDeadline(time.Now().Add(waitLimit)))
	got := make([]byte, len(want))
	if _, err = io.ReadFull(conn, got); err != nil || string(got) != want {
		ts.Fatalf("got answer %q, %v; want %q", got, err, want)
	}
}

func awaitLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: logged NAME REGEXP [VAR]")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	found := findDaemon(ts, args[0]).await(ts, re)
	if len(args) == 3 {
		ts.Setenv(args[2], found[1])
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	limit := time.After(waitLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			ts.Fatalf("no %q within %v; last: %v", re, waitLimit, err)
		}
	}
}

func find(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: find NAME REGEXP")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	m := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("no %q in the last output", re)
	}
	ts.Setenv(args[0], m[1])
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
