package worker

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

const testSecret = "the secret of the test"

// newHTTPBot returns a bot that is served by h.
func newHTTPBot(t *testing.T, h http.HandlerFunc) (*HTTP, *httptest.Server, *prometheus.Registry) {
	t.Helper()
	served := httptest.NewServer(h)
	t.Cleanup(served.Close)
	reg := prometheus.NewRegistry()
	bot, err := New(served.URL+"/events", Config{Name: "test", Secret: testSecret, Logger: slog.Default(), Metrics: NewMetrics(reg)})
	if err != nil {
		t.Fatal(err)
	}
	b := bot.(*HTTP)
	t.Cleanup(b.client.CloseIdleConnections)
	return b, served, reg
}

// ask hands the bot an event of a user.
func ask(t *testing.T, b *HTTP, ev *frontdesk.Event) (*desktest.Desk, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	desk := desktest.New()
	return desk, b.Handle(ctx, desk, ev)
}

func TestHTTPRequest(t *testing.T) {
	toBot := newSchema(t, "toBot")
	b, _, _ := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := against(toBot, body); err != nil {
			t.Error(err)
		}
		timestamp := r.Header.Get("Frontdesk-Timestamp")
		sent, err := strconv.ParseInt(timestamp, 10, 64)
		if age := time.Since(time.Unix(sent, 0)); err != nil || age < -time.Second || age > time.Minute {
			t.Errorf("timestamp %q", timestamp)
		}
		mac := hmac.New(sha256.New, []byte(testSecret))
		fmt.Fprintf(mac, "%s.%s", timestamp, body)
		if got, want := r.Header.Get("Frontdesk-Signature"), "v1="+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/events" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s, %v", r.Method, r.URL, r.Header)
		}
		var got struct{ ID string }
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `[{"t":"send","id":%q,"text":"one"},{"t":"push","to":"U2","text":"two"}]`, got.ID)
	})
	desk, err := ask(t, b, event("U1", "hello"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two"}, append(desk.Texts(""), desk.Texts("U2")...)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a bot answers decides about its event.
func TestHTTPVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		status  int
		header  string // of Retry-After
		body    string
		want    string // "" for none
		outcome string
		after   time.Duration // of what is not counted
	}{
		{"nothing", 204, "", "", "", "done", 0},
		{"blanks", 200, "", " \n", "", "done", 0},
		{"pretty", 200, "", "{\n  \"t\": \"done\",\n  \"text\": \"a\"\n}\n", "", "done", 0},
		{"no answers", 200, "", "[]", "", "done", 0},
		{"retry", 200, "", `{"t":"retry","reason":"later"}`, "later", "retry", 0},
		{"drop", 202, "", `[{"t":"send","text":"a"},{"t":"drop","reason":"never"}]`, "never", "drop", 0},
		{"page", 200, "", "<html>", "not JSON", "invalid", 0},
		{"bytes", 200, "", "\"\xff\"", "not UTF-8", "invalid", 0},
		{"number", 200, "", "1", "not a JSON object", "invalid", 0},
		{"typo", 200, "", `{"t":"send","txt":"a"}`, `"txt" is not a field`, "invalid", 0},
		{"hello", 200, "", `{"t":"hello","v":1}`, "no place", "invalid", 0},
		{"of another event", 200, "", `{"t":"done","id":"x"}`, "another event", "invalid", 0},
		{"behind the last word", 200, "", `[{"t":"done"},{"t":"send","text":"a"}]`, "send stands behind done", "invalid", 0},
		{"too many", 200, "", "[" + strings.Repeat(`{"t":"send","text":"a"},`, maxAnswers) + `{"t":"done"}]`, "more than 1000", "invalid", 0},
		{"too long", 200, "", `"` + strings.Repeat("a", maxResponse) + `"`, "too long", "invalid", 0},
		{"bad timer", 200, "", `{"t":"timer","key":"k"}`, "timer of the bot", "failed", 0},
		{"moved", 302, "", "", "redirections are not followed", "invalid", 0},
		{"refused", 404, "", "", "404 Not Found", "invalid", 0},
		{"error", 500, "", "", "500 Internal Server Error", "failed", 0},
		{"gateway", 502, "", "", "502 Bad Gateway", "failed", 0},
		{"too many requests", 429, "7", "", "429 Too Many Requests", "waits", 7 * time.Second},
		{"not there", 503, "", "", "503 Service Unavailable", "waits", time.Second},
		{"for long", 503, "86400", "", "503 Service Unavailable", "waits", 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, _, reg := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Location", "/elsewhere")
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})
			_, err := ask(t, b, event("U1", "hello"))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if counted(t, reg, answersTotal, tc.outcome) != 1 {
				t.Errorf("no %s is counted", tc.outcome)
			}
			var after time.Duration
			if i, ok := errors.AsType[*frontdesk.InterruptedError](err); ok {
				after = i.After
			}
			if after != tc.after {
				t.Errorf("waits for %v, want %v", after, tc.after)
			}
		})
	}
}

// Errors name what is wrong and not the address, which may hold a password.
func TestHTTPUnreached(t *testing.T) {
	release := make(chan struct{})
	b, served, _ := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "cut"):
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		case strings.Contains(string(body), "half"):
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		default:
			<-release
		}
	})
	check := func(name string, err error, words string, counts bool) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), words) || interrupted(err) == counts || strings.Contains(err.Error(), served.URL) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := ask(t, b, event("U1", "cut"))
	check("cut", err, "broke before it answered", true)
	_, err = ask(t, b, event("U1", "half"))
	check("half", err, "broke before its answer was whole", true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	check("late", b.Handle(ctx, desktest.New(), event("U1", "hello")), "within its time", true)
	cancel()
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	check("shutdown", b.Handle(ctx, desktest.New(), event("U1", "hello")), "shuts down", false)
	close(release)
	served.Close()
	_, err = ask(t, b, event("U1", "hello"))
	check("not there", err, "cannot be reached", false)
}

func TestHTTPCertificate(t *testing.T) {
	served := httptest.NewTLSServer(http.NotFoundHandler())
	defer served.Close()
	served.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	bot, err := New(served.URL, Config{Logger: slog.Default(), Metrics: NewMetrics(prometheus.NewRegistry())})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, bot.(*HTTP), event("U1", "hello")); !interrupted(err) || !strings.Contains(err.Error(), "certificate is not good") {
		t.Errorf("got %v", err)
	}
}

func TestHTTPAtOnce(t *testing.T) {
	var now, most atomic.Int64
	b, _, _ := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		time.Sleep(time.Millisecond) // a slow bot
	})
	b.room.resize(5)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := ask(t, b, event(fmt.Sprint("U", i), "hello")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := most.Load(); got > 5 {
		t.Errorf("%d at once, want 5 at most", got)
	}
}

// A bot that fails everybody is spared; one at a time tries for all, and what
// fails then is not counted.
func TestHTTPBreaker(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	var requests atomic.Int64
	b, _, _ := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if down.Load() {
			w.WriteHeader(500)
		}
	})
	for i := range breakerConversations {
		if _, err := ask(t, b, event(fmt.Sprint("U", i), "hello")); err == nil || interrupted(err) {
			t.Errorf("failure %d: got %v", i, err)
		}
	}
	if _, err := ask(t, b, event("U1", "hello")); !errors.Is(err, errSpared) || !interrupted(err) {
		t.Errorf("got %v", err)
	}
	b.breaker.mu.Lock()
	b.breaker.until = time.Now()
	b.breaker.mu.Unlock()
	if _, err := ask(t, b, event("U1", "hello")); errors.Is(err, errSpared) || !interrupted(err) {
		t.Errorf("the one that tries: got %v", err)
	}
	if got := requests.Load(); got != breakerConversations+1 {
		t.Errorf("%d requests", got)
	}
	down.Store(false)
	b.breaker.mu.Lock()
	b.breaker.until = time.Now()
	b.breaker.mu.Unlock()
	for range 2 {
		if _, err := ask(t, b, event("U1", "hello")); err != nil {
			t.Errorf("got %v", err)
		}
	}
}

// What always fails is counted in the end, also when it is the only one to try.
func TestHTTPProbesEnd(t *testing.T) {
	b, _, _ := newHTTPBot(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	for i := range breakerConversations {
		ask(t, b, event(fmt.Sprint("U", i), "hello"))
	}
	ev := event("U1", "hello")
	for n := 1; n <= maxProbes+2; n++ {
		b.breaker.mu.Lock()
		b.breaker.until = time.Now()
		b.breaker.mu.Unlock()
		if _, err := ask(t, b, ev); errors.Is(err, errSpared) || interrupted(err) != (n <= maxProbes) {
			t.Errorf("try %d: got %v", n, err)
		}
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker{gauge: prometheus.NewGauge(prometheus.GaugeOpts{})}
		enter := func() (probe bool, wait time.Duration) { return b.enter(time.Now()) }
		fail := func(who string, probe bool) { b.failedBy(who, probe, time.Now()) }
		for range 100 {
			fail("U1", false) // one whose events always fail holds up nobody
		}
		for _, who := range []string{"U2", "U3", "U4"} {
			fail(who, false)
		}
		b.succeeded(false)
		for _, who := range []string{"U2", "U3", "U4", "U5"} {
			fail(who, false)
		}
		if _, wait := enter(); wait != 0 {
			t.Fatalf("waits for %v after four failures in a row", wait)
		}
		fail("U6", false)
		pause := breakerMin
		for range 8 {
			probe, wait := enter()
			if probe || wait < pause || wait > pause+pause/4 {
				t.Errorf("waits for %v, want about %v", wait, pause)
			}
			b.succeeded(false) // one that set out before
			time.Sleep(pause)
			if probe, _ := enter(); !probe {
				t.Error("nobody tries")
			}
			if probe, wait := enter(); probe || wait < breakerMin {
				t.Errorf("a second one tries, or waits for %v only", wait)
			}
			fail("U1", true)
			pause = min(2*pause, breakerMax)
		}
		time.Sleep(pause)
		probe, _ := enter()
		b.left(probe)
		probe, _ = enter()
		b.succeeded(probe)
		if probe, wait := enter(); probe || wait != 0 {
			t.Errorf("it is not over: %v %v", probe, wait)
		}
	})
}
