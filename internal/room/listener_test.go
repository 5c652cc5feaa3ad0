package room

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// streamEvent is a server-sent event: a frame with its ID, or the closing one.
type streamEvent struct {
	frame
	eventID string
	closing int
}

// listener is a client of the chat that does without WebSockets.
type listener struct {
	t     testing.TB
	d     *desk
	token string
	conn  string
	in    *bufio.Scanner
	over  context.CancelFunc
}

// request sends a request to the chat.
func (d *desk) request(ctx context.Context, method, path, body string, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, d.web.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return d.web.Client().Do(r)
}

// listen opens a stream of a user.
func (d *desk) listen(t testing.TB, user, query string, header ...string) *listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	l := &listener{t: t, d: d, token: d.token(user), over: cancel}
	answer, err := d.request(ctx, "GET", "/chat/events"+query, "", append(header, "Authorization", "Bearer "+l.token)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("GET /chat/events: %s, %s", answer.Status, kind)
	}
	l.in = bufio.NewScanner(answer.Body)
	l.in.Buffer(nil, 1<<20)
	f := l.next("welcome")
	if l.conn = f.Conn; f.User != user || l.conn == "" {
		t.Fatalf("welcome: %+v", f)
	}
	return l
}

// hear returns the next event.
func (l *listener) hear() (ev streamEvent, err error) {
	for l.in.Scan() {
		field, value, _ := strings.Cut(l.in.Text(), ": ")
		switch field {
		case "id":
			ev.eventID = value
		case "data":
			var end closingFrame
			if json.Unmarshal([]byte(value), &end) == nil && end.T == "close" {
				ev.T, ev.closing, ev.Text = end.T, end.Code, end.Reason
				return ev, nil
			}
			return ev, json.Unmarshal([]byte(value), &ev.frame)
		}
	}
	if err = l.in.Err(); err == nil {
		err = io.EOF
	}
	return ev, err
}

// next returns the next frame of a kind; presence and pings are skipped.
func (l *listener) next(kind string) streamEvent {
	l.t.Helper()
	for {
		ev, err := l.hear()
		switch {
		case err != nil:
			l.t.Fatalf("wait for %s: %v", kind, err)
		case ev.T == kind:
			return ev
		case ev.T != "ping" && ev.T != "presence":
			l.t.Fatalf("got %+v, want %s", ev, kind)
		}
	}
}

// live reads up to live and returns the IDs of the messages before it.
func (l *listener) live() (ids []uint64, eventID string) {
	l.t.Helper()
	for {
		ev, err := l.hear()
		switch {
		case err != nil:
			l.t.Fatal(err)
		case ev.T == "msg":
			ids = append(ids, ev.ID)
		case ev.T == "live":
			return ids, ev.eventID
		case ev.T == "error" || ev.T == "close":
			l.t.Fatalf("got %+v, want live", ev)
		}
	}
}

// say posts frames of the stream and returns the status.
func (l *listener) say(format string, args ...any) int {
	l.t.Helper()
	status, _ := l.d.post(l.t, l.token, "?conn="+l.conn, fmt.Sprintf(format, args...))
	return status
}

// post posts frames with a token and returns the answers.
func (d *desk) post(t testing.TB, token, query, body string) (status int, answers []frame) {
	t.Helper()
	answer, err := d.request(t.Context(), "POST", "/chat/frames"+query, body, "Authorization", "Bearer "+token)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for in := json.NewDecoder(answer.Body); ; {
		var f frame
		if err := in.Decode(&f); err == io.EOF {
			return answer.StatusCode, answers
		} else if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, f)
	}
}
