package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockedFolder(t *testing.T) {
	dir := t.TempDir()
	v := startVictim(t, victimOrder{Dir: dir, First: 1, Quiet: 1, MaxSize: 100, Log: 1 << 20})
	(&tornState{records: map[int]Pos{}}).untilQuiet(t, v)
	_, err := Open(t.Context(), testConfig(dir))
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v, want %v", err, ErrLocked)
	}
	for _, want := range []string{dir, fmt.Sprint(v.cmd.Process.Pid), "--data"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	v.kill()
	e := mustOpen(t, testConfig(dir))
	if _, err := Open(t.Context(), testConfig(dir)); !errors.Is(err, ErrLocked) {
		t.Errorf("twice in one process: got %v, want %v", err, ErrLocked)
	}
	mustAppend(t, e.Inbox, content(2, 100)) // the refused one did no harm
}

func TestOpenRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, want string
		cfg        Config
	}{
		{"no folder", "no data folder", Config{}},
		{"a file in its place", "not a directory", Config{Dir: file}},
		{"no server there", "nats.url", Config{Dir: t.TempDir(), NATSURL: "nats://127.0.0.1:1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(t.Context(), tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// TestOpenAgainAfterRefusal: a failed Open gives the folder free.
func TestOpenAgainAfterRefusal(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), Config{Dir: dir, NATSURL: "nats://127.0.0.1:1"}); err == nil {
		t.Fatal("opened without a server")
	}
	mustOpen(t, testConfig(dir))
}

func TestAwaitStart(t *testing.T) {
	const limit = time.Minute
	steady := func() int64 { return 1 << 40 }
	tests := []struct {
		name   string
		starts time.Duration // 0 for never
		ends   time.Duration // of ctx, 0 for never
		memory func(since time.Duration) int64
		want   string
		took   time.Duration
	}{
		{"starts at once", 1, 0, nil, "", 1},
		{"starts just in time", limit - 1, 0, nil, "", limit - 1},
		{"never starts", 0, 0, nil, "did not recover within 1m0s", limit},
		{"ended meanwhile", 0, time.Second, nil, "did not recover", time.Second},
		{
			"takes all memory", 0, 0,
			func(since time.Duration) int64 { return 1<<40 + int64(since.Seconds())<<30 },
			"5120 MiB to recover", 5 * time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.ends > 0 {
					time.AfterFunc(tt.ends, cancel)
				}
				started := make(chan struct{})
				if tt.starts > 0 {
					time.AfterFunc(tt.starts, func() { close(started) })
				}
				memory := steady
				if tt.memory != nil {
					memory = func() int64 { return tt.memory(time.Since(began)) }
				}
				err := awaitStart(ctx, Config{Dir: "/data", StartLimit: limit}, started, memory)
				if took := time.Since(began); took != tt.took {
					t.Errorf("returned after %v, want %v", took, tt.took)
				}
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				if err != nil && !strings.Contains(err.Error(), "/data") {
					t.Errorf("%q does not name the folder", err)
				}
			})
		})
	}
}

func TestMemoryInUse(t *testing.T) {
	if n := memoryInUse(); n <= 0 || n > 1<<40 {
		t.Errorf("got %d bytes", n)
	}
}

func TestStaleIndexes(t *testing.T) {
	tests := []struct {
		name  string
		clean bool
	}{
		{"clean end", true},
		{"unclean end", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			e := mustOpen(t, testConfig(dir))
			at, _ := mustAppend(t, e.Inbox, content(1, 100))
			if exists(t, dir, cleanMark) {
				t.Error("marked as closed properly while open")
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if !exists(t, dir, cleanMark) {
				t.Fatal("not marked as closed properly")
			}
			if !tt.clean {
				if err := os.Remove(filepath.Join(dir, cleanMark)); err != nil {
					t.Fatal(err)
				}
			}
			const inbox = "jetstream/$G/streams/INBOX/msgs"
			if !exists(t, dir, inbox, "index.db") {
				t.Fatal("the server keeps its index elsewhere now: dropStaleIndexes must follow")
			}
			if err := dropStaleIndexes(dir); err != nil {
				t.Fatal(err)
			}
			for _, stream := range []string{"INBOX", "OUTBOX", "DEAD", "KV_directory", "KV_control"} {
				if got := exists(t, dir, "jetstream/$G/streams", stream, "msgs/index.db"); got != tt.clean {
					t.Errorf("%s: index is kept: %v, want %v", stream, got, tt.clean)
				}
			}
			if exists(t, dir, cleanMark) {
				t.Error("mark is still there")
			}
			again := mustOpen(t, testConfig(dir))
			if rec, err := readRecord(t.Context(), again.Inbox, at); err != nil || string(rec) != string(content(1, 100)) {
				t.Errorf("record is lost: %v", err)
			}
		})
	}
}

// TestSmallerLimits: one who gives the logs less room loses nothing of what is
// in them.
func TestSmallerLimits(t *testing.T) {
	cfg := testConfig(t.TempDir())
	var want []Pos
	for _, limit := range []int64{64 << 20, 1 << 20, 256 << 10, 8 << 20} {
		cfg.InboxMaxBytes, cfg.OutboxMaxBytes = limit, limit
		e := mustOpen(t, cfg)
		for n := range 60 {
			at, _, err := tryAppend(e.Inbox, content(n, 10<<10))
			if errors.Is(err, ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, at)
		}
		if at, _ := scanAll(t, e.Inbox, 0); len(at) != len(want) {
			t.Errorf("with %d KiB: got %d records, want %d", limit>>10, len(at), len(want))
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
