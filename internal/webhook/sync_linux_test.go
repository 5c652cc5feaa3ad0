package webhook

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// childEnv is set in a process that serves a front desk on the data folder
// that it names, until its input ends.
const childEnv = "FRONTDESK_WEBHOOK_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := serveChild(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serveChild(dir string) error {
	eng, err := engine.Open(context.Background(), engine.Config{Dir: dir})
	if err != nil {
		return err
	}
	srv := httptest.NewServer(New(testConfig(eng)))
	fmt.Println("url", srv.URL)
	bufio.NewReader(os.Stdin).ReadString('\n') // ends when the parent does
	srv.Close()
	return eng.Close()
}

// TestSyncBeforeAnswer lets the kernel's calls of a front desk be recorded by
// somebody else: the bytes of an event and of a dead letter are written to
// files in the data folder, then the file system is flushed with success, then
// the answer is written.
func TestSyncBeforeAnswer(t *testing.T) {
	strace, err := exec.LookPath("strace")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("strace is missing: install it, this test may not be left out here")
	case err != nil:
		t.Skip("strace is missing: the proof that the flush precedes the answer needs it")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	closeCleanly(t, dir) // so that the traced start finds the mark of a clean end
	calls := traceOne(t, strace, dir, "MARK-7f1e0c")

	stored := -1 // the later one of both writes
	for _, mark := range []string{"MARK-7f1e0c", `event has no type`} {
		written := find(calls, 0, func(c call) bool {
			return strings.Contains(c.name, "write") && strings.Contains(c.text, "<"+dir+"/jetstream/") && strings.Contains(c.text, mark)
		})
		if written < 0 {
			t.Fatalf("%q was not written to a file of the data folder", mark)
		}
		if stored < 0 || calls[written].end > calls[stored].end {
			stored = written
		}
	}
	answered := find(calls, 0, func(c call) bool { return strings.Contains(c.text, `"HTTP/1.1 200`) })
	if answered < 0 {
		t.Fatal("no answer was written")
	}
	flushed := find(calls, 0, func(c call) bool {
		return c.name == "syncfs" && strings.Contains(c.text, "<"+dir+">") && strings.HasSuffix(c.text, "= 0") &&
			c.start > calls[stored].end && c.end < calls[answered].start
	})
	if flushed < 0 {
		t.Errorf("no flush between the write (ends at %d) and the answer (begins at %d):\n%v",
			calls[stored].end, calls[answered].start, calls[stored:answered+1])
	}

	removed := find(calls, 0, func(c call) bool { return c.name == "unlinkat" && strings.Contains(c.text, dir+"/clean") })
	noted := find(calls, max(removed, 0), func(c call) bool { return c.name == "fsync" && strings.Contains(c.text, "<"+dir+">") })
	first := find(calls, 0, func(c call) bool {
		return strings.Contains(c.name, "write") && strings.Contains(c.text, "<"+dir+"/jetstream/")
	})
	if removed < 0 || noted < 0 || calls[noted].end > calls[first].start {
		t.Errorf("the mark of a clean end must be gone from the disk (removed: %d, flushed: %d) before anything is written (%d)", removed, noted, first)
	}
}

func closeCleanly(t *testing.T, dir string) {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// traceOne serves one webhook in a traced process.
func traceOne(t *testing.T, strace, dir, mark string) []call {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-s", "2048", "-o", out,
		"-e", "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,syncfs,fsync,fdatasync,unlinkat", os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer in.Close() // or it would serve on when the test has failed
	first, err := bufio.NewReader(lines).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "url ")
	if !ok {
		t.Fatalf("the traced process did not serve: %q, %v", first, err)
	}
	body := bodyOf(textEvent("01H810YECXQQZ37VAXPF6H9E6T", "U8e742f61d673b39c7fff3cecb7536ef1", mark), "{}")
	if status, answer := post(t, url+"/callback", body, sign(mainSecret, body)); status != http.StatusOK {
		t.Errorf("got %d %s", status, answer)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("traced process: %v", err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return parseTrace(string(data))
}

// call is one system call of a trace. It begins and ends at a line.
type call struct {
	name, text string
	start, end int
}

// parseTrace joins the calls that strace -f prints in two parts.
func parseTrace(trace string) []call {
	var calls []call
	open := map[string]int{} // by thread: index in calls
	for i, line := range strings.Split(trace, "\n") {
		thread, text, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		text = strings.TrimSpace(text)
		if _, rest, ok := strings.Cut(text, " resumed>"); ok && strings.HasPrefix(text, "<... ") {
			if c, ok := open[thread]; ok {
				calls[c].text += rest
				calls[c].end = i
			}
			continue
		}
		name, _, ok := strings.Cut(text, "(")
		if !ok {
			continue
		}
		begun, unfinished := strings.CutSuffix(text, " <unfinished ...>")
		if unfinished {
			open[thread] = len(calls)
		}
		calls = append(calls, call{name, begun, i, i})
	}
	return calls
}

// find returns the index of the first call from from on for which ok holds,
// or -1.
func find(calls []call, from int, ok func(call) bool) int {
	for i := from; i < len(calls); i++ {
		if ok(calls[i]) {
			return i
		}
	}
	return -1
}
