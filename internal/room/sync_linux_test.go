package room

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/systrace"
)

func TestMain(m *testing.M) { systrace.Main(m, serveTraced) }

// serveTraced serves a chat with a public room, "lobby".
func serveTraced(dir string) (url string, stop func() error, err error) {
	eng, err := engine.Open(context.Background(), engine.Config{Dir: dir})
	if err != nil {
		return "", nil, err
	}
	s, err := New(context.Background(), Config{Engine: eng, Guests: GuestsFull})
	if err != nil {
		return "", nil, err
	}
	if _, err := s.CreateRoom(context.Background(), Record{Name: "lobby", Public: true, Guests: true}); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // awaited by stop
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !s.open.Load() {
		select {
		case <-tick.C:
		case err := <-ended:
			cancel()
			return "", nil, errors.Join(errors.New("the chat ended before it took connections"), err)
		}
	}
	web := httptest.NewServer(s.Handler())
	return web.URL, func() error {
		cancel()
		err := <-ended
		web.Close()
		if err != nil {
			return err
		}
		return eng.Close()
	}, nil
}

// guest returns the header of requests of a new guest's page.
func guest(t *testing.T, url, name string) http.Header {
	t.Helper()
	answer, err := http.Post(url+"/chat/session", "application/json", strings.NewReader(`{"name":"`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		t.Fatalf("log in: %s", answer.Status)
	}
	return http.Header{"Origin": {url}, "Cookie": {answer.Cookies()[0].Name + "=" + answer.Cookies()[0].Value}}
}

// enter lets a guest come into the lobby.
func enter(t *testing.T, url string, header http.Header) *phone {
	t.Helper()
	p := dial(t, url, header)
	p.say(`{"t":"hello","v":1,"client":"test"}`)
	p.next("welcome")
	p.join("lobby", 0, "")
	return p
}

// TestSyncBeforeAck lets the kernel's calls of a chat be recorded by somebody
// else: a message is written to a file in the data folder, then the file system is
// flushed with success, and only then anybody hears of it: its sender that it is
// stored, or a member that it was said.
func TestSyncBeforeAck(t *testing.T) {
	const bySocket, byPost = "MARK-7f1e0c", "MARK-b2d940"
	dir := systrace.Folder(t)
	calls := systrace.Record(t, dir, func(url string) {
		ann, bob := guest(t, url, "Ann"), guest(t, url, "Bob")
		writer, reader := enter(t, url, ann), enter(t, url, bob)
		follower, leave := follow(t, url, bob)
		writer.send("lobby", bySocket, "hello")
		r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/chat/frames",
			strings.NewReader(`{"t":"send","room":"lobby","cid":"`+byPost+`","body":{"type":"text","text":"hello"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = ann
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if body, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(body), `"ack"`) {
			t.Fatalf("post: %s, %v", body, err)
		}
		for range 2 {
			reader.next("msg")
			follower("msg")
		}
		leave() // the server would wait for those who are here when it ends
		writer.ws.CloseNow()
		reader.ws.CloseNow()
	})

	for _, cid := range []string{bySocket, byPost} {
		stored := calls.Stored(dir, cid)
		if stored < 0 {
			t.Fatalf("message %s was not written to a file of the data folder", cid)
		}
		for _, tc := range []struct {
			frame string
			least int // whom it goes to
		}{
			{"ack", 1},
			{"msg", 3}, // the sender's connection, the reader's and the stream
		} {
			told, n := -1, 0
			for {
				told = calls.Find(told+1, func(c systrace.Call) bool { return tells(c, tc.frame, cid) })
				if told < 0 {
					break
				}
				n++
				if err := calls.FlushedBetween(dir, stored, told); err != nil {
					t.Errorf("%s of message %s: %v", tc.frame, cid, err)
				}
			}
			if n < tc.least {
				t.Errorf("message %s was told by %d frames %s, want %d", cid, n, tc.frame, tc.least)
			}
		}
	}
}

// tells reports whether a call writes a frame about a message to a socket.
func tells(c systrace.Call, frame, cid string) bool {
	return !strings.Contains(c.Text, "/jetstream/") && strings.Contains(c.Text, `{\"t\":\"`+frame+`\"`) && strings.Contains(c.Text, cid)
}

// follow opens the stream of a guest in the lobby. next waits for an event with a
// frame of a kind, end closes the stream.
func follow(t *testing.T, url string, header http.Header) (next func(kind string), end func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/chat/events?room=lobby", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	in := bufio.NewScanner(answer.Body)
	next = func(kind string) {
		t.Helper()
		for in.Scan() {
			if bytes.HasPrefix(in.Bytes(), []byte(`data: {"t":"`+kind+`"`)) {
				return
			}
		}
		t.Fatalf("wait for %s: %v", kind, in.Err())
	}
	next("live")
	return next, cancel
}
