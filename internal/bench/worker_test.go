package bench

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is Echo in the process that the test's bot by pipe runs in.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "echo" {
		if err := Echo(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestWorker measures a few events by every way for which there is a program.
func TestWorker(t *testing.T) {
	var out bytes.Buffer
	err := Worker(t.Context(), &out, WorkerOptions{
		Dir: t.TempDir(), Events: 200, Duration: 200 * time.Millisecond, Rounds: 1, Echo: []string{os.Args[0], "echo"},
		sendRate: 10_000, // or each server would send for seconds before it ends
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(WorkerWays(), goHandler) {
		if !strings.Contains(out.String(), " "+name+"  ") {
			t.Errorf("no line of %s:\n%s", name, out.String())
		}
	}
}

// TestWorkerTellsWays names a way that does not exist.
func TestWorkerTellsWays(t *testing.T) {
	err := Worker(t.Context(), io.Discard, WorkerOptions{Only: []string{"pipe-cobol"}})
	if err == nil || !strings.Contains(err.Error(), "pipe-python") {
		t.Errorf("got %v", err)
	}
}
