package webhook

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/systrace"
)

func TestMain(m *testing.M) {
	systrace.Main(m, func(dir string) (string, func() error, error) {
		eng, err := engine.Open(context.Background(), engine.Config{Dir: dir})
		if err != nil {
			return "", nil, err
		}
		srv := httptest.NewServer(New(testConfig(eng)))
		return srv.URL, func() error { srv.Close(); return eng.Close() }, nil
	})
}

// TestSyncBeforeAnswer lets the kernel's calls of a front desk be recorded by
// somebody else: the bytes of an event and of a dead letter are written to
// files in the data folder, then the file system is flushed with success, then
// the answer is written.
func TestSyncBeforeAnswer(t *testing.T) {
	dir := systrace.Folder(t)
	closeCleanly(t, dir) // so that the traced start finds the mark of a clean end
	const mark = "MARK-7f1e0c"
	calls := systrace.Record(t, dir, func(url string) {
		body := bodyOf(textEvent("01H810YECXQQZ37VAXPF6H9E6T", "U8e742f61d673b39c7fff3cecb7536ef1", mark), "{}")
		if status, answer := post(t, url+"/callback", body, sign(mainSecret, body)); status != http.StatusOK {
			t.Errorf("got %d %s", status, answer)
		}
	})

	answered := calls.Find(0, func(c systrace.Call) bool { return strings.Contains(c.Text, `"HTTP/1.1 200`) })
	if answered < 0 {
		t.Fatal("no answer was written")
	}
	for _, text := range []string{mark, `event has no type`} {
		stored := calls.Stored(dir, text)
		if stored < 0 {
			t.Fatalf("%q was not written to a file of the data folder", text)
		}
		if err := calls.FlushedBetween(dir, stored, answered); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}

	removed := calls.Find(0, func(c systrace.Call) bool { return c.Name == "unlinkat" && strings.Contains(c.Text, dir+"/clean") })
	noted := calls.Find(max(removed, 0), func(c systrace.Call) bool { return c.Name == "fsync" && strings.Contains(c.Text, "<"+dir+">") })
	first := calls.Stored(dir, "")
	if removed < 0 || noted < 0 || calls[noted].End > calls[first].Start {
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
