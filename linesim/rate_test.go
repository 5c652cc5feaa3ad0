package linesim_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const tooFast = `{"message":"The API rate limit has been exceeded. Try again later."}`

// TestRates counts how many calls of an endpoint pass at once, and how many more after a time.
func TestRates(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, body string
		rates                    linesim.Rates
		burst                    int
		wait                     time.Duration
		then                     int
	}{
		{"2,000 a second", "GET", "/v2/bot/info", "", linesim.Rates{}, 2000, 100 * time.Millisecond, 200},
		{"100 a second", "POST", "/v2/bot/chat/loading/start", `{}`, linesim.Rates{}, 100, 2 * time.Second, 100},
		{"60 an hour", "POST", "/v2/bot/message/broadcast", `{}`, linesim.Rates{}, 60, 10 * time.Minute, 10},
		{"half", "GET", "/v2/bot/info", "", linesim.Rates{Factor: 0.5}, 1000, 100 * time.Millisecond, 100},
		{"small buckets", "GET", "/v2/bot/info", "", linesim.Rates{BurstMS: 10}, 20, time.Second, 20},
		{"never less than one", "POST", "/v2/bot/message/broadcast", `{}`, linesim.Rates{BurstMS: 10}, 1, 2 * time.Minute, 1},
		{"own rate", "GET", "/v2/bot/info", "", linesim.Rates{Factor: 5, Endpoints: map[string]linesim.Rate{"botInfo": {Calls: 3, PerMS: 1000}}}, 3, time.Second, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, linesim.Config{Rates: tc.rates})
				pass := func() (n int) {
					for n = range 3000 {
						if w := b.do(tc.method, "/sim/line"+tc.path, tc.body); w.Code == http.StatusTooManyRequests {
							if w.Body.String() != tooFast {
								t.Errorf("answered %s", w.Body)
							}
							break
						}
					}
					return n
				}
				if got := pass(); got != tc.burst {
					t.Errorf("%d calls at once, want %d", got, tc.burst)
				}
				time.Sleep(tc.wait)
				if got := pass(); got != tc.then {
					t.Errorf("%d calls after %v, want %d", got, tc.wait, tc.then)
				}
				if got := b.Stats().Limited["rate"]; got != 2 {
					t.Errorf("%d calls counted as above the rate, want 2", got)
				}
			})
		})
	}
}

func TestRatesStandApart(t *testing.T) {
	f := newFixture(t, linesim.Config{Rates: linesim.Rates{Endpoints: map[string]linesim.Rate{"push": {Calls: 1, PerMS: 60_000}}}})
	u := f.user(t, "Hanako").UserID
	body := `{"to":"` + u + `","messages":` + hi + `}`
	f.send(t, "push", body, "Authorization", "Bearer x") // costs nothing: it is nobody's call
	if a := f.send(t, "push", body); a.status != 200 {
		t.Errorf("first push: %d %s", a.status, a.body)
	}
	f.send(t, "push", body, "X-Line-Retry-Key", retryKey).want(t, 429, tooFast)
	f.send(t, "multicast", `{"to":["`+u+`"],"messages":`+hi+`}`).want(t, 200, "{}")
	if a := f.control(t, "PUT", "/sim/rates", `{"off":true}`); a.status != 200 || a.body != `{"off":true}` {
		t.Errorf("rates off: %d %s", a.status, a.body)
	}
	for range 3 {
		if a := f.send(t, "push", body); a.status != 200 {
			t.Errorf("with rates off: %d %s", a.status, a.body)
		}
	}
	if a := f.control(t, "GET", "/sim/rates", ""); a.body != `{"off":true}` {
		t.Errorf("rates: %s", a.body)
	}
	for name, body := range map[string]string{
		"unknown endpoint": `{"endpoints":{"pusch":{"calls":1,"perMs":1}}}`,
		"no calls":         `{"endpoints":{"push":{"perMs":1}}}`,
		"no time":          `{"sameUser":{"calls":1}}`,
		"factor":           `{"factor":-1}`,
		"burst":            `{"burstMs":-1}`,
		"unknown key":      `{"of":true}`,
	} {
		if a := f.control(t, "PUT", "/sim/rates", body); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if err := f.SetRates(linesim.Rates{Factor: -1}); !errors.Is(err, linesim.ErrInvalid) {
		t.Errorf("bad rates: %v", err)
	}
}

func TestTooManyToTheSameUser(t *testing.T) {
	f := newFixture(t, linesim.Config{Rates: linesim.Rates{SameUser: linesim.Rate{Calls: 2, PerMS: 60_000}}})
	one, two := f.user(t, "One").UserID, f.user(t, "Two").UserID
	push := func(to string) lineAnswer {
		return f.send(t, "push", `{"to":"`+to+`","messages":`+hi+`}`)
	}
	push(one)
	push(one)
	push(one).want(t, 429, tooFast)
	if a := push(two); a.status != 200 {
		t.Errorf("another user: %d %s", a.status, a.body)
	}
	if got := f.Stats().Limited["sameUser"]; got != 1 {
		t.Errorf("%d pushes counted, want 1", got)
	}
}
