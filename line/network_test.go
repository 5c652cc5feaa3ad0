package line_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

// rawServer accepts connections and gives each to serve, which may do with it
// what a broken network does. It returns the server's address.
func rawServer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends when the listener is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends when serve does
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

// readRequest reads a whole request, so that closing the connection later
// cannot be taken for a refusal to read it.
func readRequest(c net.Conn) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err == nil {
		io.Copy(io.Discard, r.Body)
	}
}

// untilClosed waits until the client gives up.
func untilClosed(c net.Conn) { io.Copy(io.Discard, c) }

func reset(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }

// refused is an address where nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

// TestBrokenNetwork tells what was certainly not sent from what may have been.
func TestBrokenNetwork(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = quietLog()
	tls.StartTLS()
	t.Cleanup(tls.Close)
	const (
		notSent = "not sent"
		unknown = "outcome unknown"
		either  = "either" // depends on whether the client had begun to write
	)
	tests := []struct {
		name string
		url  string
		want string
	}{
		{"refused", refused(t), notSent},
		{"unknown host", "http://no-such-host.invalid", notSent},
		{"unknown authority", tls.URL, notSent},
		{"TLS with one who speaks plainly", "https" + strings.TrimPrefix(newPlatform(t, answer(200, "{}")).URL, "http"), notSent},
		{"TLS handshake hangs", "https" + strings.TrimPrefix(rawServer(t, untilClosed), "http"), notSent},
		{"closed at once", rawServer(t, func(net.Conn) {}), either},
		{"reset at once", rawServer(t, reset), either},
		{"closed within the request", rawServer(t, func(c net.Conn) { c.Read(make([]byte, 1)) }), unknown},
		{"closed after the request", rawServer(t, readRequest), unknown},
		{"reset after the request", rawServer(t, func(c net.Conn) { readRequest(c); reset(c) }), unknown},
		{"no answer", rawServer(t, untilClosed), unknown},
		{"garbage", rawServer(t, func(c net.Conn) { readRequest(c); io.WriteString(c, secretary+"\r\n\r\n") }), unknown},
		{"echo", rawServer(t, func(c net.Conn) { io.Copy(c, c) }), unknown},
		{"half a header", rawServer(t, func(c net.Conn) { readRequest(c); io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Line") }), unknown},
		{"endless header", rawServer(t, func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for range 1 << 14 {
				if _, err := io.WriteString(c, "X-Line: "+secretary+"\r\n"); err != nil {
					return
				}
			}
		}), unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClientOf(t, line.Config{BaseURL: tt.url, Token: line.FixedToken(token), Timeout: 300 * time.Millisecond})
			for _, s := range sends {
				_, err := s.send(t.Context(), c, text, retryKey)
				e, ok := errors.AsType[*line.Error](err)
				if !ok || e.Endpoint != s.name || e.Status != 0 || e.Err == nil {
					t.Fatalf("%s: got %#v, want an error without a status", s.name, err)
				}
				got := unknown
				if line.NotSent(err) {
					got = notSent
				}
				if got != tt.want && tt.want != either {
					t.Errorf("%s: got %s, want %s: %v", s.name, got, tt.want, err)
				}
				if line.NotSent(err) == line.OutcomeUnknown(err) || !line.Temporary(err) {
					t.Errorf("%s: not sent %v, outcome unknown %v, temporary %v: %v",
						s.name, line.NotSent(err), line.OutcomeUnknown(err), line.Temporary(err), err)
				}
				mustBeQuiet(t, err)
			}
		})
	}
}

// TestBrokenHTTP2 is TestBrokenNetwork for what LINE's own hosts speak: after
// the request has left, nothing is known.
func TestBrokenHTTP2(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
	}{
		{"stream reset", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var major atomic.Int32
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				major.Store(int32(r.ProtoMajor))
				io.Copy(io.Discard, r.Body)
				tt.serve(w, r)
			}))
			s.EnableHTTP2 = true
			s.Config.ErrorLog = quietLog()
			s.StartTLS()
			t.Cleanup(s.Close)
			c := newClientOf(t, line.Config{
				BaseURL: s.URL, Token: line.FixedToken(token), Timeout: 200 * time.Millisecond, Transport: s.Client().Transport,
			})
			_, err := c.Push(t.Context(), userID, text, retryKey)
			if line.NotSent(err) || !line.OutcomeUnknown(err) {
				t.Errorf("got %v, want an unknown outcome", err)
			}
			if major.Load() != 2 {
				t.Errorf("the server was asked over HTTP/%d, want 2", major.Load())
			}
			mustBeQuiet(t, err)
		})
	}
}

// mustBeQuiet fails when an error tells a secret or an address's details.
func mustBeQuiet(t *testing.T, err error) {
	t.Helper()
	for _, word := range []string{secretary, token, "reply-token", "Bearer", "channel-secret"} {
		if strings.Contains(fmt.Sprintf("%v %+v %s %q", err, err, err, err), word) {
			t.Errorf("error tells %q: %v", word, err)
		}
	}
	if strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("error has more than one line: %q", err)
	}
}

// TestGivenUp shows that a call ends with its context, and what is known then.
func TestGivenUp(t *testing.T) {
	t.Run("before it began", func(t *testing.T) {
		p := newPlatform(t, answer(200, "{}"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newClient(t, p.URL).Push(ctx, userID, text, retryKey)
		if !line.NotSent(err) || !errors.Is(err, context.Canceled) || !line.Temporary(err) {
			t.Errorf("got %v, want a call that was not sent", err)
		}
		if n := len(p.all()); n != 0 {
			t.Errorf("%d calls were made", n)
		}
	})
	t.Run("while LINE thinks", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		url := rawServer(t, func(c net.Conn) { readRequest(c); cancel(); untilClosed(c) })
		_, err := newClient(t, url).Push(ctx, userID, text, retryKey)
		if !line.OutcomeUnknown(err) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want a cancelled call of unknown outcome", err)
		}
	})
	t.Run("time-out in the body", func(t *testing.T) {
		url := rawServer(t, func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
			untilClosed(c)
		})
		c := newClientOf(t, line.Config{BaseURL: url, Token: line.FixedToken(token), Timeout: 100 * time.Millisecond})
		_, err := c.Profile(t.Context(), userID)
		if !errors.Is(err, context.DeadlineExceeded) || !line.Temporary(err) {
			t.Errorf("got %v, want a time-out", err)
		}
	})
}

// TestForeignTransport shows that a transport which does not report what it
// does is never trusted to have sent nothing.
func TestForeignTransport(t *testing.T) {
	c := newClientOf(t, line.Config{Token: line.FixedToken(token), Transport: failing{}})
	_, err := c.Push(t.Context(), userID, text, retryKey)
	if line.NotSent(err) || !line.OutcomeUnknown(err) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
	mustBeQuiet(t, err)
}

type failing struct{}

func (failing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("failed with %s", r.Header.Get("Authorization"))
}

// TestConnectionReuse shows that answers are read to their end: a connection
// that is not would be thrown away.
func TestConnectionReuse(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/message/broadcast"):
			answer(500, strings.Repeat(" ", 100_000)+`{"message":"error"}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/message/multicast"):
			answer(409, `{"message":"The retry key is already accepted"}`)(w, r)
		default: // an answer in pieces, longer than what a close alone reads
			w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			w.Write([]byte(strings.Repeat(" ", 300_000) + "}"))
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := newClient(t, s.URL)
	for range 3 {
		for _, e := range endpoints {
			if _, err := e.do(t.Context(), c); err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
		}
		for _, send := range sends {
			if _, err := send.send(t.Context(), c, text, retryKey); (err != nil) != (send.name == "broadcast") {
				t.Fatalf("%s: got error %v", send.name, err)
			}
		}
		content, err := c.Content(t.Context(), messageID)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, content.Body)
		content.Body.Close()
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
}
