// Package systrace lets tests see what a process asks of the kernel, recorded
// by strace: which bytes go to a file, when the disk is flushed, and what goes to
// a socket only after that. A promise that depends on their order is so proven by
// somebody who has no part in it.
//
// It is used by tests alone. A package's TestMain is Main, which makes the test
// binary a server on a data folder in the process that Record starts.
package systrace

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// childEnv holds the data folder in the process that is traced.
const childEnv = "FRONTDESK_TRACED"

// traced are the calls that are recorded: those that write to files and sockets,
// flush, and remove.
const traced = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,syncfs,fsync,fdatasync,unlinkat"

// Main runs the tests of a package and exits. In the process that is traced it
// calls serve instead, which returns the address of a server on the data folder
// dir, and stop, which is called when the test is done with it.
func Main(m *testing.M, serve func(dir string) (url string, stop func() error, err error)) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	url, stop, err := serve(dir)
	if err == nil {
		fmt.Println("url", url)
		bufio.NewReader(os.Stdin).ReadString('\n') // ends when the parent says so, or has ended
		err = stop()
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Folder returns an empty data folder by the name that a trace has for it.
func Folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Record serves dir in a traced process, calls use with the server's address,
// ends the process, and returns its calls. Without strace the test is skipped,
// except under CI, where it must be there.
func Record(t *testing.T, dir string, use func(url string)) Trace {
	t.Helper()
	strace, err := exec.LookPath("strace")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("strace is missing: install it, this test may not be left out here")
	case err != nil:
		t.Skip("strace is missing: the proof that the disk comes first needs it")
	}
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-s", "2048", "-o", out, "-e", traced, os.Args[0])
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
	use(url)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("traced process: %v", err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return parse(string(data))
}
