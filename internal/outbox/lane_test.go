package outbox

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// A 429 of one endpoint rests that lane only.
func TestRateLimitRestsItsLaneOnly(t *testing.T) {
	for _, tc := range []struct{ limited, free string }{{"reply", "push"}, {"push", "reply"}} {
		t.Run(tc.limited, func(t *testing.T) {
			t.Parallel()
			var refuse atomic.Bool
			refuse.Store(true)
			var refused atomic.Int64
			p := newPost(t, nil)
			p.gate.set(func(endpoint string, _ []byte) (int, string) {
				if endpoint != tc.limited || !refuse.Load() {
					return 0, ""
				}
				refused.Add(1)
				return 429, `{"message":"The API rate limit has been exceeded. Try again later."}`
			})
			p.start()
			users := map[string]string{"reply": p.user(), "push": p.user()}
			send := func(way, id string) {
				token := ""
				if way == "reply" {
					token = p.token(users[way])
				}
				p.store(answer(id, users[way], token, id))
			}
			send(tc.limited, "held")
			p.await("LINE refused it", func() bool { return refused.Load() > 0 })
			start := time.Now()
			for i := range 20 {
				send(tc.free, fmt.Sprint("free", i))
			}
			p.await("the other lane goes on", func() bool { return len(p.phone(users[tc.free])) == 20 })
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("the other lane took %v", took)
			}
			if got := p.phone(users[tc.limited]); len(got) != 0 {
				t.Errorf("got %v", got)
			}
			refuse.Store(false)
			p.done()
			if diff := cmp.Diff([]string{tc.limited + ":held"}, p.phone(users[tc.limited])); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
		})
	}
}

// When the monthly quota is used up pushes wait, nothing is lost, replies go on.
func TestMonthlyLimitHoldsPushes(t *testing.T) {
	p := newPost(t, func(cfg *Config, sim *linesim.Config) {
		sim.MonthlyQuota = 1
		cfg.DrainLimit = 50 * time.Millisecond
	})
	p.start()
	pushed, replied := p.user(), p.user()
	p.store(answer("e1", pushed, "", "one"))
	p.await("one is sent", func() bool { return len(p.calls("push")) == 1 })
	p.store(answer("e2", pushed, "", "two"))
	p.await("the quota is used up", func() bool { calls := p.calls("push"); return len(calls) > 0 && calls[len(calls)-1] == 429 })
	for i := range 10 {
		p.store(answer(fmt.Sprint("r", i), replied, p.token(replied), fmt.Sprint("r", i)))
	}
	p.await("replies go on", func() bool { return len(p.phone(replied)) == 10 })
	if got := p.calls("push"); len(got) > 3 {
		t.Errorf("%d pushes were tried although the quota is used up", len(got))
	}
	if got := p.phone(pushed); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := p.letters(); len(got) != 0 {
		t.Errorf("got dead letters %+v", got)
	}
	start := time.Now()
	p.stop() // does not wait for next month
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// The lanes keep to the channel's own rates.
func TestLaneRate(t *testing.T) {
	p := newPost(t, nil)
	p.cfg.Channels[0].Rates.Push = 50
	p.start()
	start := time.Now()
	for i := range 20 {
		u := p.user()
		p.store(answer(fmt.Sprint("e", i), u, "", fmt.Sprint("m", i)))
	}
	p.done()
	if took := time.Since(start); took < 19*time.Second/50 {
		t.Errorf("20 calls took %v at 50 a second", took)
	}
}

// At shutdown what can be sent at once is sent; what waits is left for the next
// start.
func TestDrain(t *testing.T) {
	p := newPost(t, func(cfg *Config, _ *linesim.Config) { cfg.BackoffMin, cfg.BackoffMax = time.Hour, time.Hour })
	p.start()
	good, bad := p.user(), p.user()
	p.gate.set(func(_ string, body []byte) (int, string) {
		if to(body) == bad {
			return 500, "{}"
		}
		return 0, ""
	})
	p.store(answer("bad", bad, "", "a"))
	p.await("the bad one waits for its next try", func() bool {
		s := p.o.senders["main"]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.nothingToDo() && len(s.conversations) == 1
	})
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprint("push:m", i))
		p.store(answer(fmt.Sprint("e", i), good, "", fmt.Sprint("m", i)))
	}
	start := time.Now()
	p.stop()
	if took := time.Since(start); took > p.cfg.DrainLimit+5*time.Second {
		t.Errorf("the drain took %v", took)
	}
	if diff := cmp.Diff(want, p.phone(good)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	p.gate.set(nil)
	p.close()
	p.open()
	p.start()
	p.done()
	if diff := cmp.Diff([]string{"push:a"}, p.phone(bad)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, p.phone(good)); diff != "" {
		t.Errorf("phone after the restart (-want +got):\n%s", diff)
	}
}

// The floor stands at the first entry that is not done, moves when it is, and
// what a Trim to it leaves is enough for a restart.
func TestFloorAndTrim(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	good, bad := p.user(), p.user()
	var refuse atomic.Bool
	refuse.Store(true)
	p.gate.set(func(_ string, body []byte) (int, string) {
		if refuse.Load() && to(body) == bad {
			return 500, "{}"
		}
		return 0, ""
	})
	p.store(answer("first", good, "", "first"))
	p.done()
	_, held, err := p.eng.Outbox.Append(answer("held", bad, "", "held"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		p.store(answer(fmt.Sprint("e", i), good, "", fmt.Sprint("m", i)))
	}
	p.await("the good ones are sent", func() bool { return len(p.phone(good)) == 51 })
	p.await("the floor follows", func() bool { return p.o.Floor() == held })
	if _, err := p.eng.Outbox.Trim(t.Context(), engine.TrimRule{Floor: p.o.Floor()}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	p.crash()
	p.start()
	refuse.Store(false)
	p.done()
	if diff := cmp.Diff([]string{"push:held"}, p.phone(bad)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if got := p.phone(good); len(got) != 51 {
		t.Errorf("%d messages for the good one, want 51", len(got))
	}
	end, err := p.eng.Outbox.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.await("the floor reaches the end", func() bool { return p.o.Floor() >= end })
}

// Damaged records and entries of a channel that is gone hold up nobody.
func TestForeignRecords(t *testing.T) {
	p := newPost(t, nil)
	u := p.user()
	gone := answer("gone", u, "", "gone")
	gone.Channel = "former"
	p.store(damaged{}, gone, answer("e1", u, "", "a"))
	p.start()
	p.done()
	p.store(damaged{}, gone, answer("e2", u, "", "b"))
	p.done()
	if diff := cmp.Diff([]string{"push:a", "push:b"}, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

type damaged struct{}

func (damaged) AppendBinary(b []byte) ([]byte, error) { return append(b, 'E', '{'), nil }

// No call holds more than five messages, and none more than 256 are under way.
func TestCallsAreBounded(t *testing.T) {
	const most = 8
	var now, peak atomic.Int64
	p := newPost(t, func(cfg *Config, _ *linesim.Config) { cfg.MaxInFlight = most })
	p.gate.set(func(_ string, body []byte) (int, string) {
		if n := strings.Count(string(body), `"type":"text"`); n > maxPerCall {
			t.Errorf("%d messages in a call", n)
		}
		if n := now.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		<-time.After(3 * time.Millisecond)
		now.Add(-1)
		return 0, ""
	})
	p.start()
	for i := range 60 {
		p.store(answer(fmt.Sprint("e", i), p.user(), "", numbered("m", 7)...))
	}
	p.done()
	if got := peak.Load(); got > most || got < 2 {
		t.Errorf("up to %d calls were under way, want 2 to %d", got, most)
	}
}

func TestRecentIDsAreBounded(t *testing.T) {
	var r recentIDs
	for i := range 2*maxRecent + 5 {
		r.add(fmt.Sprint(i))
	}
	if len(r.known) != maxRecent || r.has("0") || !r.has(fmt.Sprint(2*maxRecent+4)) || !r.has(fmt.Sprint(maxRecent+5)) || r.has(fmt.Sprint(maxRecent+4)) {
		t.Errorf("%d IDs are remembered, want the last %d", len(r.known), maxRecent)
	}
}
