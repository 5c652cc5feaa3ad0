package webhook

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// untouched reports what a refused request left in the store.
func (d *desk) untouched(t *testing.T) {
	t.Helper()
	st, err := d.eng.Inbox.State(t.Context())
	if err != nil || st.Last != 0 {
		t.Errorf("the inbox was touched: %+v, %v", st, err)
	}
	if letters := d.letters(t); len(letters) != 0 {
		t.Errorf("dead letters: %+v", letters)
	}
}

func TestLargeBody(t *testing.T) {
	const overhead = len(`{"events":[],"x":""}`)
	fits := `{"events":[],"x":"` + strings.Repeat("x", maxBody-overhead) + `"}`
	tests := []struct {
		name   string
		body   string
		chunks bool // sent without its length
		status int
	}{
		{"just fits", fits, false, 200},
		{"just fits, in chunks", fits, true, 200},
		{"one byte more", fits + " ", false, 413},
		{"one byte more, in chunks", fits + " ", true, 413},
		{"2 MiB", strings.Repeat("x", 2<<20), false, 413},
		{"2 MiB, in chunks", strings.Repeat("x", 2<<20), true, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // the server takes half a second to hang up
			d := newDesk(t)
			var body io.Reader = strings.NewReader(tt.body)
			if tt.chunks {
				body = io.MultiReader(body) // hides its length
			}
			req, err := http.NewRequestWithContext(t.Context(), "POST", d.serve(t)+"/callback", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Line-Signature", sign(mainSecret, tt.body))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answer, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.status || tt.status == 413 && !strings.Contains(string(answer), "larger than 1048576 bytes") {
				t.Errorf("got %d %q, want %d", res.StatusCode, answer, tt.status)
			}
			d.untouched(t)
		})
	}
}

// TestMemoryIsFlat refuses many large bodies: those that tell their length
// cost nothing, the others nothing that stays.
func TestMemoryIsFlat(t *testing.T) {
	d := newDesk(t)
	large := bytes.Repeat([]byte("x"), 2<<20)
	send := func(chunks bool) {
		r := httptest.NewRequest("POST", "/callback", bytes.NewReader(large))
		if chunks {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		if d.handler.ServeHTTP(w, r); w.Code != 413 {
			t.Errorf("got %d", w.Code)
		}
	}
	const requests = 30
	measure := func(chunks bool) (allocated, kept uint64) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range requests {
			send(chunks)
		}
		runtime.ReadMemStats(&after)
		allocated = (after.TotalAlloc - before.TotalAlloc) / requests
		runtime.GC()
		runtime.GC() // pools keep what they hold for one collection
		runtime.ReadMemStats(&after)
		return allocated, after.HeapInuse - min(before.HeapInuse, after.HeapInuse)
	}
	measure(true) // warm up
	if allocated, kept := measure(false); allocated > 64<<10 || kept > 4<<20 {
		t.Errorf("with a length: %d bytes allocated a request, %d kept", allocated, kept)
	}
	if allocated, kept := measure(true); allocated > 12*maxBody || kept > 8<<20 {
		t.Errorf("in chunks: %d bytes allocated a request, %d kept", allocated, kept)
	}
	d.untouched(t)
}

// slowBody gives its first bytes at once and the rest when it is told to.
type slowBody struct {
	io.Reader
	arrived sync.Once
	begun   *sync.WaitGroup
	rest    chan struct{} // closed to end it
}

func newSlowBody(first string, begun *sync.WaitGroup, rest chan struct{}) *slowBody {
	begun.Add(1)
	return &slowBody{Reader: strings.NewReader(first), begun: begun, rest: rest}
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		b.arrived.Do(b.begun.Done)
		<-b.rest
	}
	return n, err
}

// TestTooMany holds as many requests open as may be, and sends one more.
func TestTooMany(t *testing.T) {
	tests := []struct {
		name         string
		held         int
		first        string // of each body that is held
		small, large int    // what is answered meanwhile
	}{
		{"requests", maxInFlight, "{", 503, 503},
		{"large requests", maxLarge, strings.Repeat(" ", keepBuffer+1), 200, 503},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			try := func(body string) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("POST", "/callback", strings.NewReader(body))
				r.Header.Set("X-Line-Signature", sign(mainSecret, body))
				d.handler.ServeHTTP(w, r)
				return w
			}
			check := func(when string, small, large int) {
				t.Helper()
				if w := try(officialBody); w.Code != small {
					t.Errorf("%s: small body: got %d, want %d", when, w.Code, small)
				}
				w := try(officialBody + strings.Repeat(" ", keepBuffer))
				if w.Code != large || large == 503 && (w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "again")) {
					t.Errorf("%s: large body: got %d %v %s, want %d", when, w.Code, w.Header(), w.Body, large)
				}
			}
			var begun, ended sync.WaitGroup
			rest := make(chan struct{})
			for range tt.held {
				body := newSlowBody(tt.first, &begun, rest)
				ended.Go(func() {
					d.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/callback", body))
				})
			}
			begun.Wait()
			check("while held", tt.small, tt.large)
			close(rest)
			ended.Wait()
			check("afterwards", 200, 200)
			d.untouched(t)
		})
	}
}

// TestSlowSenders speaks to a server with short time-outs over a bare
// connection.
func TestSlowSenders(t *testing.T) {
	const head = "POST /callback HTTP/1.1\r\nHost: x\r\n"
	tests := []struct {
		name, send string
		hangUp     bool   // half-closes the connection then
		want       string // beginning of the answer; "" for none
		says       string
	}{
		{"header never ends", head + "X-A: ", false, "", ""},
		{"nothing at all", "", false, "", ""},
		{"body never comes", head + "Content-Length: 100\r\n\r\n", false, "HTTP/1.1 408 ", "did not arrive in time"},
		{"body stalls", head + "Content-Length: 100\r\n\r\n{\"events\":", false, "HTTP/1.1 408 ", "did not arrive in time"},
		{"chunk stalls", head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"e", false, "HTTP/1.1 408 ", "did not arrive in time"},
		{"body is cut off", head + "Content-Length: 100\r\n\r\n{\"events\":", true, "HTTP/1.1 400 ", "ended early"},
		{"header too large", head + "X-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", false, "HTTP/1.1 431 ", ""},
	}
	d := newDesk(t)
	srv := httptest.NewUnstartedServer(d.handler)
	srv.Config.ReadHeaderTimeout, srv.Config.ReadTimeout = 150*time.Millisecond, 300*time.Millisecond
	srv.Config.MaxHeaderBytes = 16 << 10
	srv.Start()
	t.Run("senders", func(t *testing.T) { // ends when all have ended
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", srv.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				io.WriteString(conn, tt.send) // the server may close before all is sent
				if tt.hangUp {
					conn.(*net.TCPConn).CloseWrite()
				}
				answer, err := io.ReadAll(bufio.NewReader(conn))
				if netErr := net.Error(nil); errors.As(err, &netErr) && netErr.Timeout() {
					t.Fatal("the server holds the connection open")
				}
				if !strings.HasPrefix(string(answer), tt.want) || tt.want == "" && len(answer) != 0 || !strings.Contains(string(answer), tt.says) {
					t.Errorf("got %q, want %q", answer, tt.want)
				}
			})
		}
	})
	srv.Close()
	d.untouched(t)
}

// TestStoreRefuses: what cannot be stored is answered 503, so that LINE may
// deliver it again.
func TestStoreRefuses(t *testing.T) {
	raw := textEvent(id1, user1, strings.Repeat("x", 30<<10))
	body := bodyOf(raw)
	t.Run("too slow", func(t *testing.T) {
		e := openEngine(t, engine.Config{AppendLimit: time.Nanosecond})
		d := &desk{e, New(testConfig(e))}
		if status, answer := post(t, d.serve(t)+"/callback", body, sign(mainSecret, body)); status != 503 || !strings.Contains(answer, "deliver them again") {
			t.Errorf("got %d %s", status, answer)
		}
	})
	t.Run("full", func(t *testing.T) {
		e := openEngine(t, engine.Config{InboxMaxBytes: 128 << 10, AppendLimit: 10 * time.Second})
		d := &desk{e, New(testConfig(e))}
		url := d.serve(t) + "/callback"
		taken := 0
		for ; taken < 10; taken++ {
			status, answer := post(t, url, body, sign(mainSecret, body))
			if status == 503 && strings.Contains(answer, "deliver them again") {
				break
			}
			if status != 200 {
				t.Fatalf("got %d %s", status, answer)
			}
		}
		if taken < 2 || taken > 4 {
			t.Errorf("took %d events of 30 KiB into 128 KiB", taken)
		}
		if got := d.stored(t); len(got) != taken {
			t.Errorf("holds %d events, answered 200 for %d", len(got), taken)
		}
		if status, answer := post(t, url, officialBody, officialSignature); status != 200 {
			t.Errorf("LINE's check of a full store: got %d %s", status, answer)
		}
	})
	t.Run("closed", func(t *testing.T) {
		d := newDesk(t)
		if err := d.eng.Close(); err != nil {
			t.Fatal(err)
		}
		if status, answer := post(t, d.serve(t)+"/callback", body, sign(mainSecret, body)); status != 503 {
			t.Errorf("got %d %s", status, answer)
		}
		bad := bodyOf("null")
		if status, answer := post(t, d.serve(t)+"/callback", bad, sign(mainSecret, bad)); status != 503 {
			t.Errorf("malformed event: got %d %s", status, answer)
		}
	})
}

// TestAnswersKeepSecrets: neither answers nor logs hold what was in the body,
// a signature or a secret.
func TestAnswersKeepSecrets(t *testing.T) {
	e := openEngine(t, engine.Config{})
	cfg := testConfig(e)
	var log bytes.Buffer
	cfg.Logger = newTextLogger(&log)
	d := &desk{e, New(cfg)}
	url := d.serve(t) + "/callback"
	const private = "PRIVATE-TEXT"
	answers := ""
	for _, body := range []string{
		bodyOf(`{"type":null,"x":"` + private + `"}`), `{"events":"` + private + `"}`, `"` + private + `"`, private, bodyOf(textEvent(id1, user1, private)),
	} {
		for _, signature := range []string{sign(mainSecret, body), sign("x", body), ""} {
			status, answer := post(t, url, body, signature)
			answers += fmt.Sprintln(status, answer)
		}
	}
	for _, leak := range []string{private, mainSecret, sign("x", private), sign(mainSecret, private)} {
		if strings.Contains(answers, leak) || strings.Contains(log.String(), leak) {
			t.Errorf("%q stands in the answers or the log:\n%s\n%s", leak, answers, log.String())
		}
	}
	if !strings.Contains(log.String(), "401") {
		t.Errorf("refusals are not logged:\n%s", log.String())
	}
}
