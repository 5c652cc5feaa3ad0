package linesim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// A record tells what a call asked for, whatever became of it.
func TestCallRecords(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	push := `{"to":"` + u + `","messages":` + hi + `}`
	two := `{"to":["` + u + `","` + stranger + `"],"messages":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`
	token := strings.Repeat("t", 70)
	reply := `{"replyToken":"` + token + `","messages":` + hi + `}`
	refused := linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": {ErrorShare: 1, Status: 500}}}
	for _, tc := range []struct {
		name, endpoint, body, key string
		faults                    linesim.Faults
		rates                     linesim.Rates
		want                      linesim.Call
	}{
		{"push", "push", push, retryKey, linesim.Faults{}, linesim.Rates{}, linesim.Call{Status: 200, To: 1, Messages: 1, Recipients: 1}},
		{"multicast", "multicast", two, retryKey2, linesim.Faults{}, linesim.Rates{}, linesim.Call{Status: 200, To: 1, Messages: 2, Recipients: 2}},
		{"reply refused for its token", "reply", reply, "", linesim.Faults{}, linesim.Rates{}, linesim.Call{Status: 400, Messages: 1, ReplyToken: token[:64]}},
		{"reply refused for its retry key", "reply", reply, retryKey, linesim.Faults{}, linesim.Rates{}, linesim.Call{Status: 400, Messages: 1, ReplyToken: token[:64]}},
		{"push refused by a fault", "push", push, retryKey2, refused, linesim.Rates{}, linesim.Call{Status: 500, Messages: 1, Recipients: 1, Fault: linesim.FaultRefused}},
		{"push above the rate", "push", push, retryKey2, linesim.Faults{}, linesim.Rates{Endpoints: map[string]linesim.Rate{"push": {Calls: 1, PerMS: 3_600_000}}},
			linesim.Call{Status: 429, Messages: 1, Recipients: 1}},
		{"no JSON", "push", "{", "", linesim.Faults{}, linesim.Rates{}, linesim.Call{Status: 400}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := f.SetFaults(tc.faults); err != nil {
				t.Fatal(err)
			}
			if err := f.SetRates(tc.rates); err != nil {
				t.Fatal(err)
			}
			if tc.want.Status == http.StatusTooManyRequests {
				f.send(t, tc.endpoint, tc.body) // takes the only one
			}
			f.send(t, tc.endpoint, tc.body, "X-Line-Retry-Key", tc.key)
			calls := f.Calls(linesim.CallQuery{})
			tc.want.Endpoint, tc.want.RetryKey, tc.want.BodySHA256 = tc.endpoint, tc.key, sha256Hex(tc.body)
			ignored := cmpopts.IgnoreFields(linesim.Call{}, "Seq", "MS", "At", "RequestID")
			if diff := cmp.Diff(tc.want, calls[len(calls)-1], ignored); diff != "" {
				t.Error(diff)
			}
		})
	}
}
