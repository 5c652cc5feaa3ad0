package line_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/line"
)

// issuer plays LINE's token endpoint: its tokens are t1, t2, … of 15 minutes.
type issuer struct {
	mu     sync.Mutex
	issued int
	asked  int
	delay  time.Duration
	fail   http.HandlerFunc // set: what it does instead
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked++
	delay, fail := i.delay, i.fail
	if fail == nil {
		i.issued++
	}
	n := i.issued
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	if fail != nil {
		fail(w, r)
		return
	}
	fmt.Fprintf(w, `{"token_type":"Bearer","access_token":"t%d","expires_in":900}`, n)
}

// set changes how the issuer behaves from now on.
func (i *issuer) set(delay time.Duration, fail http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay, i.fail = delay, fail
}

func (i *issuer) askedTimes() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

func newStateless(t *testing.T, h http.Handler) *line.StatelessToken {
	t.Helper()
	s, err := line.NewStatelessToken(line.StatelessConfig{ChannelID: "1234567890", ChannelSecret: "channel-secret", Transport: direct{h}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustToken(t *testing.T, s line.TokenSource, want string) {
	t.Helper()
	got, err := s.Token(t.Context())
	if err != nil || got != want {
		t.Errorf("got token %q and error %v, want %q", got, err, want)
	}
}

func TestStatelessRequest(t *testing.T) {
	p := newPlatform(t, answer(200, `{"token_type":"Bearer","access_token":"eyJ.a-b_c","expires_in":900}`))
	s, err := line.NewStatelessToken(line.StatelessConfig{BaseURL: p.URL + "/sim/line", ChannelID: "1234567890", ChannelSecret: "channel&secret"})
	if err != nil {
		t.Fatal(err)
	}
	mustToken(t, s, "eyJ.a-b_c")
	c := p.all()[0]
	form, err := url.ParseQuery(c.body)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"1234567890"}, "client_secret": {"channel&secret"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if c.method != "POST" || c.path != "/sim/line/oauth2/v3/token" || c.header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("got %s %s of type %q", c.method, c.path, c.header.Get("Content-Type"))
	}
}

func TestStatelessConfig(t *testing.T) {
	for _, cfg := range []line.StatelessConfig{
		{},
		{ChannelID: "1"},
		{ChannelSecret: "channel-secret"},
		{ChannelID: "1", ChannelSecret: "channel-secret", BaseURL: "nowhere"},
	} {
		_, err := line.NewStatelessToken(cfg)
		if err == nil {
			t.Errorf("%+v was accepted", cfg)
			continue
		}
		mustBeQuiet(t, err)
	}
}

func TestStatelessRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		s := newStateless(t, &i)
		mustToken(t, s, "t1")
		time.Sleep(11 * time.Minute)
		mustToken(t, s, "t1")
		time.Sleep(90 * time.Second) // 12.5 of 15 minutes
		mustToken(t, s, "t2")
		time.Sleep(time.Hour)
		mustToken(t, s, "t3")
		if n := i.askedTimes(); n != 3 {
			t.Errorf("%d tokens were asked for, want 3", n)
		}
	})
}

// TestStatelessOneFlight lets many callers want a first token at once.
func TestStatelessOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer{delay: time.Second}
		s := newStateless(t, &i)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { mustToken(t, s, "t1") })
		}
		wg.Wait()
		if n := i.askedTimes(); n != 1 {
			t.Errorf("%d tokens were asked for, want 1", n)
		}
	})
}

// TestStatelessOldTokenWhileRenewing shows that a slow or failing renewal
// holds up one caller, shortly, and no call fails while the old token lives.
func TestStatelessOldTokenWhileRenewing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		s := newStateless(t, &i)
		mustToken(t, s, "t1")
		time.Sleep(12*time.Minute + time.Second)
		i.set(time.Hour, nil)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { mustToken(t, s, "t1") })
		synctest.Wait()
		mustToken(t, s, "t1")
		if d := time.Since(start); d != 0 {
			t.Errorf("a caller beside the renewing one was held up by %v", d)
		}
		wg.Wait()
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("the renewing caller was held up by %v", d)
		}

		i.set(0, answer(500, ""))
		before := i.askedTimes()
		for range 20 { // 20 s: two renewals fail
			time.Sleep(time.Second)
			mustToken(t, s, "t1")
		}
		if n := i.askedTimes() - before; n != 2 {
			t.Errorf("%d renewals in 20 s, want 2", n)
		}

		time.Sleep(3 * time.Minute)
		if _, err := s.Token(t.Context()); !line.Temporary(err) {
			t.Errorf("got error %v when the old token had ended, want a temporary one", err)
		}
		i.set(0, nil)
		mustToken(t, s, "t3") // t2 never arrived
	})
}

// TestStatelessGivenUp shows that each caller waits within its own context, and
// that one who gives up does not fail the others.
func TestStatelessGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer{delay: 2 * time.Second}
		s := newStateless(t, &i)
		var wg sync.WaitGroup
		impatient := func(d time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			if _, err := s.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got error %v, want the context's", err)
			}
		}
		wg.Go(func() { impatient(time.Second) }) // makes the request
		synctest.Wait()
		wg.Go(func() { impatient(500 * time.Millisecond) })
		wg.Go(func() { mustToken(t, s, "t2") })
		wg.Wait()
	})
}

func TestStatelessIssueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer{delay: time.Hour}
		s := newStateless(t, &i)
		start := time.Now()
		_, err := s.Token(t.Context())
		if d := time.Since(start); d != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v after %v, want a time-out after 10 s", err, d)
		}
	})
}

// TestStatelessPanic shows that a transport that panics leaves nobody waiting.
func TestStatelessPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		s := newStateless(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				time.Sleep(time.Second)
				panic("broken transport")
			}
			answer(200, `{"access_token":"t1","expires_in":900}`)(w, r)
		}))
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was lost")
				}
			}()
			s.Token(t.Context())
		})
		synctest.Wait()
		wg.Go(func() { mustToken(t, s, "t1") })
		wg.Wait()
	})
}

func TestStatelessForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var i issuer
		s := newStateless(t, &i)
		mustToken(t, s, "t1")
		s.Forget("another")
		mustToken(t, s, "t1")
		s.Forget("t1")
		mustToken(t, s, "t2")
		s.Forget("t1")
		mustToken(t, s, "t2")
	})
}

func TestStatelessRefused(t *testing.T) {
	tests := []struct {
		name                    string
		answer                  http.HandlerFunc
		unauthorized, temporary bool
	}{
		{"wrong secret", answer(400, `{"error":"invalid_client","error_description":"wrong channel-secret"}`), true, false},
		{"unauthorized", answer(401, `{"error":"invalid_client"}`), true, false},
		{"limit", answer(429, `{"message":"The API rate limit has been exceeded. Try again later."}`), false, true},
		{"down", answer(503, "channel-secret"), false, true},
		{"page", answer(200, "<html>channel-secret"), false, true},
		{"no token", answer(200, `{"expires_in":900}`), false, true},
		{"no life", answer(200, `{"access_token":"channel-access-token"}`), false, true},
		{"negative life", answer(200, `{"access_token":"channel-access-token","expires_in":-1}`), false, true},
		{"odd token", answer(200, `{"access_token":"a\r\nb","expires_in":900}`), false, true},
		{"odd life", answer(200, `{"access_token":"channel-access-token","expires_in":"900"}`), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(200, "{}"))
			c := newClientOf(t, line.Config{BaseURL: p.URL, Token: newStateless(t, tt.answer)})
			_, err := c.Push(t.Context(), userID, text, retryKey)
			if !line.NotSent(err) || line.OutcomeUnknown(err) || line.RateLimited(err) || line.MonthlyLimit(err) {
				t.Errorf("got %v, want a call that was not sent", err)
			}
			if line.Unauthorized(err) != tt.unauthorized || line.Temporary(err) != tt.temporary {
				t.Errorf("unauthorized %v, temporary %v: %v", line.Unauthorized(err), line.Temporary(err), err)
			}
			mustBeQuiet(t, err)
			if n := len(p.all()); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

func TestStatelessPrintsNoSecret(t *testing.T) {
	s := newStateless(t, answer(200, "{}"))
	if got := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(got, "secret") {
		t.Errorf("printed as %s", got)
	}
	fixed := line.FixedToken(token)
	if got := fmt.Sprintf("%v %+v %#v %s", fixed, fixed, fixed, line.Config{Token: fixed}); strings.Contains(got, token) {
		t.Errorf("printed as %s", got)
	}
}

func TestFixedToken(t *testing.T) {
	tests := []struct {
		name, token string
		ok          bool
	}{
		{"plain", token, true},
		{"with the line end of its file", " " + token + "\r\n", true},
		{"empty", "", false},
		{"blank", " \n", false},
		{"two words", token + " " + token, false},
		{"two lines", token + "\n" + token, false},
		{"not ASCII", token + "é", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(200, "{}"))
			c := newClientOf(t, line.Config{BaseURL: p.URL, Token: line.FixedToken(tt.token)})
			_, err := c.Push(t.Context(), userID, text, retryKey)
			if tt.ok {
				if got := p.all()[0].header.Get("Authorization"); err != nil || got != "Bearer "+token {
					t.Errorf("got error %v and authorization %q", err, got)
				}
				return
			}
			if !line.NotSent(err) || line.Temporary(err) {
				t.Errorf("got %v, want a final error of a call that was not sent", err)
			}
			mustBeQuiet(t, err)
		})
	}
}

func TestOwnTokenSourceFails(t *testing.T) {
	cause := errors.New("vault said " + secretary)
	c := newClientOf(t, line.Config{Token: line.TokenFunc(func(context.Context) (string, error) { return "", cause })})
	_, err := c.Push(t.Context(), userID, text, retryKey)
	if !line.NotSent(err) || !line.Temporary(err) || !errors.Is(err, cause) {
		t.Errorf("got %v, want a temporary error of a call that was not sent", err)
	}
	mustBeQuiet(t, err)
}

// renewable is a source whose tokens are n1, n2, …
type renewable struct{ n atomic.Int32 }

func (r *renewable) Token(context.Context) (string, error) {
	return fmt.Sprintf("n%d", r.n.Load()), nil
}
func (r *renewable) Forget(string) { r.n.Add(1) }

func TestUnauthorizedOnce(t *testing.T) {
	tests := []struct {
		name   string
		source line.TokenSource
		good   string   // the token that LINE takes
		want   []string // tokens in the order of the calls
		ok     bool
	}{
		{"renewed", new(renewable), "n1", []string{"n0", "n1"}, true},
		{"renewed in vain", new(renewable), "n5", []string{"n0", "n1"}, false},
		{"fixed", line.FixedToken("f"), "g", []string{"f"}, false},
		{"good", new(renewable), "n0", []string{"n0"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+tt.good {
					answer(401, `{"message":"Authentication failed"}`)(w, r)
					return
				}
				answer(200, "{}")(w, r)
			})
			_, err := newClientOf(t, line.Config{BaseURL: p.URL, Token: tt.source}).Push(t.Context(), userID, text, retryKey)
			if (err == nil) != tt.ok || line.Unauthorized(err) == tt.ok || line.OutcomeUnknown(err) || line.Temporary(err) {
				t.Errorf("got %v", err)
			}
			var got []string
			for _, c := range p.all() {
				got = append(got, strings.TrimPrefix(c.header.Get("Authorization"), "Bearer "))
				if c.header.Get("X-Line-Retry-Key") != retryKey || !json.Valid([]byte(c.body)) {
					t.Errorf("a try had retry key %q and body %q", c.header.Get("X-Line-Retry-Key"), c.body)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("tokens (-want +got):\n%s", diff)
			}
		})
	}
}
