package linesim_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/line-frontdesk/frontdesk/linesim"
)

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name      string
		fault     linesim.EndpointFaults
		status    int // 0 = no answer
		body      string
		delivered bool
		record    string
	}{
		{"refused", linesim.EndpointFaults{ErrorShare: 1, Status: 500}, 500, `{"message":"Internal server error"}`, false, linesim.FaultRefused},
		{"accepted", linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: 1, Status: 500}, 500, `{"message":"Internal server error"}`, true, linesim.FaultAccepted},
		{"rate", linesim.EndpointFaults{ErrorShare: 1, Status: 429}, 429, `{"message":"The API rate limit has been exceeded. Try again later."}`, false, linesim.FaultRefused},
		{"cut", linesim.EndpointFaults{ErrorShare: 1}, 0, "", false, linesim.FaultRefused},
		{"accepted and cut", linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: 1}, 0, "", true, linesim.FaultAccepted},
		{"none", linesim.EndpointFaults{AcceptedBeforeError: 1, Status: 500}, 200, "", true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, linesim.Config{})
			u := f.user(t, "Hanako").UserID
			if err := f.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"push": tc.fault}}); err != nil {
				t.Fatal(err)
			}
			body := `{"to":"` + u + `","messages":` + hi + `}`
			if tc.status == 0 {
				req, err := http.NewRequest("POST", f.url+"/sim/line/v2/bot/message/push", strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header = http.Header{"Authorization": {"Bearer " + f.ChannelAccessToken()}, "Content-Type": {"application/json"}, "X-Line-Retry-Key": {retryKey}}
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
					t.Errorf("answered %d, want no answer", resp.StatusCode)
				}
			} else if a := f.send(t, "push", body, "X-Line-Retry-Key", retryKey); a.status != tc.status || tc.body != "" && a.body != tc.body {
				t.Errorf("answered %d %s", a.status, a.body)
			}
			if got := len(f.texts(t, u)) == 1; got != tc.delivered {
				t.Errorf("delivered %v, want %v", got, tc.delivered)
			}
			calls := f.Calls(linesim.CallQuery{Endpoint: "push"})
			if len(calls) != 1 || calls[0].Status != tc.status || calls[0].Fault != tc.record || calls[0].RetryKey != retryKey {
				t.Errorf("records %+v", calls)
			}
			if err := f.SetFaults(linesim.Faults{}); err != nil {
				t.Fatal(err)
			}
			want := 200
			if tc.delivered {
				want = 409
			}
			if a := f.send(t, "push", body, "X-Line-Retry-Key", retryKey); a.status != want {
				t.Errorf("the same key again: %d, want %d", a.status, want)
			}
			if got := len(f.texts(t, u)); got != 1 {
				t.Errorf("%d messages on the phone in the end, want 1", got)
			}
		})
	}
}

func TestFaultTakesReplyToken(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	body := `{"replyToken":"` + b.lastToken(t, f, u) + `","messages":` + hi + `}`
	if err := f.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": {ErrorShare: 1, AcceptedBeforeError: 1, Status: 503}}}); err != nil {
		t.Fatal(err)
	}
	f.send(t, "reply", body).want(t, 503, `{"message":"Service Unavailable"}`)
	f.send(t, "reply", body)
	calls := f.Calls(linesim.CallQuery{})
	if calls[0].Fault != linesim.FaultAccepted || calls[1].Fault != linesim.FaultRefused {
		t.Errorf("records %+v: the second call could not be accepted", calls)
	}
	if err := f.SetFaults(linesim.Faults{}); err != nil {
		t.Fatal(err)
	}
	f.send(t, "reply", body).want(t, 400, invalid)
	if diff := cmp.Diff([]string{"reply hi"}, f.texts(t, u)); diff != "" {
		t.Error(diff)
	}
}

// TestFaultsFollowTheSeed makes sure that the same calls fail in two runs, about as many as asked for.
func TestFaultsFollowTheSeed(t *testing.T) {
	run := func(seed uint64) []int {
		f := newFixture(t, linesim.Config{})
		err := f.SetFaults(linesim.Faults{Seed: seed, Endpoints: map[string]linesim.EndpointFaults{"botInfo": {ErrorShare: 0.3, Status: 500}}})
		if err != nil {
			t.Fatal(err)
		}
		var out []int
		for range 200 {
			out = append(out, f.line(t, "GET", "/v2/bot/info", "").status)
		}
		return out
	}
	one, again, other := run(1), run(1), run(2)
	if !slices.Equal(one, again) || slices.Equal(one, other) {
		t.Error("the calls that fail do not follow the seed")
	}
	failed := 0
	for _, status := range one {
		if status == 500 {
			failed++
		}
	}
	if failed < 40 || failed > 80 {
		t.Errorf("%d of 200 calls failed, want about 60", failed)
	}
}

func TestBadFaults(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	for name, e := range map[string]linesim.EndpointFaults{
		"share above one":    {ErrorShare: 1.1},
		"share below zero":   {ErrorShare: -0.1},
		"accepted above one": {AcceptedBeforeError: 2},
		"status":             {Status: 200},
		"latency":            {LatencyMS: 60_001},
	} {
		if err := f.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"push": e}}); !errors.Is(err, linesim.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"pusch": {}}}); !errors.Is(err, linesim.ErrInvalid) {
		t.Errorf("unknown endpoint: %v", err)
	}
}
