package engine

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskFails lets the kernel refuse writes, as a full disk does: nothing
// that was acknowledged is lost, Healthy tells of it, and opening the store
// again, with room, heals it.
func TestDiskFails(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.AppendLimit = 300 * time.Millisecond
	e := mustOpen(t, cfg)
	if err := e.Healthy(); err != nil {
		t.Fatalf("at first: %v", err)
	}
	giveBack := limitFileSize(t, 300<<10)
	acknowledged := map[int]Pos{}
	var err error
	for n := range 200 {
		var at Pos
		if at, _, err = tryAppend(e.Inbox, content(n, 7000)); err != nil {
			break
		}
		acknowledged[n] = at
	}
	if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrFull) || len(acknowledged) == 0 {
		t.Fatalf("after %d records: got %v, want %v", len(acknowledged), err, ErrBusy)
	}
	if err := e.Healthy(); err == nil {
		t.Error("healthy although it cannot write")
	}
	giveBack()
	if _, _, err := tryAppend(e.Inbox, content(1000, 100)); err == nil && e.Healthy() != nil {
		t.Error("says that it is broken, and works")
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if exists(t, cfg.Dir, cleanMark) {
		t.Error("marked as closed properly: its index may be wrong")
	}

	e = mustOpen(t, cfg)
	if err := e.Healthy(); err != nil {
		t.Errorf("opened again: %v", err)
	}
	for n, at := range acknowledged {
		if rec, err := readRecord(t.Context(), e.Inbox, at); err != nil || !bytes.Equal(rec, content(n, 7000)) {
			t.Errorf("record %d is lost: %v", n, err)
		}
	}
	mustAppend(t, e.Inbox, content(2000, 100))
}

// limitFileSize makes writes beyond a size fail in this process. The returned
// function lifts the limit, which the test's end does too.
func limitFileSize(t *testing.T, size uint64) (lift func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: before.Max}); err != nil {
		t.Skipf("file sizes cannot be limited here: %v", err)
	}
	lift = func() { unix.Setrlimit(unix.RLIMIT_FSIZE, &before) } // raising it to Max is always allowed
	t.Cleanup(lift)
	return lift
}

// TestDamagedStreamMeta: the server describes each stream in a small file
// beside its messages. Without it the messages are there all the same.
func TestDamagedStreamMeta(t *testing.T) {
	for _, name := range []string{"meta.inf", "meta.sum"} {
		for _, damage := range []string{"garbage", "empty", "missing"} {
			t.Run(name+" "+damage, func(t *testing.T) {
				cfg := testConfig(t.TempDir())
				e := mustOpen(t, cfg)
				at, _ := mustAppend(t, e.Inbox, content(1, 100))
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(cfg.Dir, "jetstream/$G/streams/INBOX", name)
				switch damage {
				case "missing":
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				default:
					write(t, file, map[string][]byte{"garbage": []byte("garbage"), "empty": {}}[damage])
				}
				e, err := Open(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close()
				if rec, err := readRecord(t.Context(), e.Inbox, at); err != nil || !bytes.Equal(rec, content(1, 100)) {
					t.Errorf("opened without the record that was there: %v", err)
				}
			})
		}
	}
}
