package outbox

import (
	"encoding"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// Sends to one conversation that wait together share calls of up to five
// messages, in order, by the reply token of any of them.
func TestSharedCalls(t *testing.T) {
	type sends struct {
		messages int
		token    bool
	}
	for _, tc := range []struct {
		name    string
		sends   []sends
		phone   string // the way of each message
		replies int
		pushes  int
	}{
		{"five pushes of one", []sends{{1, false}, {1, false}, {1, false}, {1, false}, {1, false}}, "push push push push push", 0, 1},
		{"six pushes of one", []sends{{1, false}, {1, false}, {1, false}, {1, false}, {1, false}, {1, false}}, "push push push push push push", 0, 2},
		{"pushes that do not fit stay whole", []sends{{3, false}, {3, false}, {2, false}}, "push push push push push push push push", 0, 2},
		{"a long one and a short one", []sends{{7, false}, {2, false}}, "push push push push push push push push push", 0, 2},
		{"two replies", []sends{{1, true}, {1, true}}, "reply reply", 1, 0},
		{"a push goes with the reply behind it", []sends{{1, false}, {1, true}}, "reply reply", 1, 0},
		{"a push goes with the reply before it", []sends{{1, true}, {1, false}}, "reply reply", 1, 0},
		{"the end of a long answer goes with the next reply", []sends{{7, true}, {1, true}}, "reply reply reply reply reply reply reply reply", 2, 0},
		{"a reply that does not fit goes by itself", []sends{{3, false}, {3, true}}, "push push push reply reply reply", 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			u := p.user()
			var want []string
			for i, snd := range tc.sends {
				token := ""
				if snd.token {
					token = p.token(u)
				}
				names := numbered(fmt.Sprintf("%d.", i), snd.messages)
				p.store(answer(fmt.Sprint("e", i), u, token, names...))
				want = append(want, names...)
			}
			for i, way := range strings.Fields(tc.phone) {
				want[i] = way + ":" + want[i]
			}
			p.start() // all wait by then
			p.done()
			if diff := cmp.Diff(want, p.phone(u)); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
			if r, q := len(p.calls("reply")), len(p.calls("push")); r != tc.replies || q != tc.pushes {
				t.Errorf("%d replies and %d pushes, want %d and %d", r, q, tc.replies, tc.pushes)
			}
		})
	}
}

// What differs from other sends goes in a call of its own, as it was stored.
func TestOptionsAreNotShared(t *testing.T) {
	p := newPost(t, nil)
	u := p.user()
	var mu sync.Mutex
	var bodies []string
	p.gate.set(func(_ string, body []byte) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(body))
		return 0, ""
	})
	for i, change := range []func(*engine.Send){
		func(*engine.Send) {}, func(s *engine.Send) { s.Silent = true }, func(*engine.Send) {}, func(s *engine.Send) { s.Units = []string{"sale"} },
	} {
		entry := answer(fmt.Sprint("e", i), u, "", fmt.Sprint(i))
		change(&entry.Sends[0])
		p.store(entry)
	}
	p.start()
	p.done()
	if diff := cmp.Diff([]string{"push:0", "push:1", "push:2", "push:3"}, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	silent := func(b string) bool { return strings.Contains(b, `"notificationDisabled":true`) }
	unit := func(b string) bool { return strings.Contains(b, `"customAggregationUnits":["sale"]`) }
	if len(bodies) != 4 || silent(bodies[0]) || !silent(bodies[1]) || silent(bodies[2]) || silent(bodies[3]) || unit(bodies[2]) || !unit(bodies[3]) {
		t.Errorf("got calls %q", bodies)
	}
}

// A reply token that LINE refuses is not the end of a shared call: the next
// one's is used, and a push comes last.
func TestSharedReplyTriesEveryToken(t *testing.T) {
	for _, tc := range []struct{ good, want string }{{"second", "reply:a reply:b"}, {"none", "push:a push:b"}} {
		t.Run(tc.good, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			u := p.user()
			token := strings.Repeat("1", 32)
			if tc.good == "second" {
				token = p.token(u)
			}
			p.store(answer("e1", u, strings.Repeat("0", 32), "a"), answer("e2", u, token, "b"))
			p.start()
			p.done()
			if got := strings.Join(p.phone(u), " "); got != tc.want {
				t.Errorf("on the phone: %q, want %q", got, tc.want)
			}
		})
	}
}

// A process ends while a shared reply is under way, which used the second
// send's token, and overtook what stood before it: the next one uses the same.
func TestSharedReplyAfterACrash(t *testing.T) {
	for _, accepted := range []float64{0, 1} {
		for _, overtakes := range []bool{false, true} {
			t.Run(fmt.Sprintf("accepted %v, overtakes %v", accepted, overtakes), func(t *testing.T) {
				t.Parallel()
				p := newPost(t, func(_ *Config, sim *linesim.Config) { sim.MonthlyQuota = 1 })
				u, other := p.user(), p.user()
				p.start()
				p.store(answer("first", other, "", "paid"))
				p.await("the quota is used up", func() bool { return len(p.phone(other)) == 1 })
				before, want := numbered("push", 1), "reply:push1 reply:a reply:b"
				if overtakes {
					before, want = numbered("push", 5), "reply:b"
				}
				p.store(answer("e1", u, "", before...))
				p.await("the lane is held", func() bool {
					s := p.o.senders["main"]
					s.mu.Lock()
					defer s.mu.Unlock()
					return s.lanes[wayPush].held(time.Now()) && s.nothingToDo()
				})
				p.faults("reply", linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: accepted, Status: 500})
				p.store(answer("e2", u, "", "a"), answer("e3", u, p.token(u), "b"))
				p.await("a reply was tried", func() bool { return len(p.calls("reply")) > 0 })
				p.crash()
				if err := p.sim.SetFaults(linesim.Faults{}); err != nil {
					t.Fatal(err)
				}
				p.start()
				p.await("it arrived", func() bool { return len(p.phone(u)) >= len(strings.Fields(want)) })
				p.stop()
				if got := strings.Join(p.phone(u), " "); got != want {
					t.Errorf("on the phone: %q, want %q", got, want)
				}
			})
		}
	}
}

// LINE refuses a shared call for what one of its sends says: only that one
// becomes a dead letter.
func TestSharedCallIsParted(t *testing.T) {
	p := newPost(t, nil)
	u := p.user()
	p.store(answer("e1", u, "", "a"), answer("e2", u, "", ""), answer("e3", u, "", "c")) // LINE: May not be empty
	p.start()
	p.done()
	if diff := cmp.Diff([]string{"push:a", "push:c"}, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if letters := p.letters(); len(letters) != 1 || letters[0].EventID != "e2" {
		t.Errorf("got dead letters %+v, want one of e2", letters)
	}
}

// The same push to many users goes as multicasts of up to 500; the first one
// goes at once, alone.
func TestSamePushesBecomeMulticasts(t *testing.T) {
	p := newPost(t, nil)
	var users []string
	for i := range 1203 {
		users = append(users, p.user())
		p.store(answer(fmt.Sprint("e", i), users[i], "", "same", "twice"))
	}
	other := p.user()
	p.store(answer("other", other, "", "same", "but other"))
	group, err := p.sim.AddGroup(linesim.NewGroup{Members: []string{p.user(), p.user()}})
	if err != nil {
		t.Fatal(err)
	}
	p.store(answer("group", group.GroupID, "", "same", "twice"))
	p.start()
	p.done()
	for i, u := range users {
		want := "multicast:same multicast:twice"
		if i == 0 {
			want = "push:same push:twice"
		}
		if got := strings.Join(p.phone(u), " "); got != want {
			t.Fatalf("on the phone of user %d: %q, want %q", i, got, want)
		}
	}
	if got := strings.Join(p.phone(other), " "); got != "push:same push:but other" {
		t.Errorf("on another phone: %q", got)
	}
	if m, q := len(p.calls("multicast")), len(p.calls("push")); m != 3 || q != 3 {
		t.Errorf("%d multicasts and %d pushes, want 3 and 3", m, q)
	}
}

// Somebody who waits for company is answered meanwhile, which does not fit in
// the same call: they are in the multicast once.
func TestMulticastHasEachUserOnce(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	users := []string{p.user(), p.user(), p.user(), p.user()}
	token := p.token(users[2])
	var records []encoding.BinaryAppender
	for i, u := range users {
		records = append(records, answer(fmt.Sprint("e", i), u, "", "notice"))
	}
	p.store(append(records, answer("long", users[2], token, numbered("m", 5)...))...)
	p.done()
	want := []string{"multicast:notice", "reply:m1", "reply:m2", "reply:m3", "reply:m4", "reply:m5"}
	if diff := cmp.Diff(want, p.phone(users[2])); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

// A push that nobody else gets is not kept waiting, nor are different ones; the
// second of its kind waits for 20 ms.
func TestPushAloneGoesAtOnce(t *testing.T) {
	p := newPost(t, nil)
	synctest.Test(t, func(t *testing.T) {
		s := newSender(New(Config{Engine: p.eng, Metrics: p.metrics(), Logger: p.cfg.Logger}), Channel{Name: "main"})
		s.started = true
		waiting := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.lanes[wayPush].waiting()
		}
		for i := range 100 {
			s.arrive(engine.Pos(i+1), answer(fmt.Sprint("e", i), fmt.Sprint("U", i), "", fmt.Sprint("m", i)))
		}
		if got := waiting(); got != 100 {
			t.Errorf("%d calls in line, want 100", got)
		}
		s.arrive(200, answer("again", "U0123", "", "m7"))
		if got := waiting(); got != 100 {
			t.Errorf("%d calls in line, want 100: the second waits for more", got)
		}
		time.Sleep(gatherFor)
		synctest.Wait()
		if got := waiting(); got != 101 {
			t.Errorf("%d calls in line, want 101: none came", got)
		}
		time.Sleep(2 * gatherFor)
		s.arrive(300, answer("later", "U0124", "", "m7"))
		if got := waiting(); got != 102 {
			t.Errorf("%d calls in line, want 102: the same is not sent lately any more", got)
		}
	})
}

// LINE refuses a multicast, as when one of its users is unknown: each gets a
// push, and one dead letter says whose was refused.
func TestRefusedMulticast(t *testing.T) {
	p := newPost(t, nil)
	var users []string
	for i := range 8 {
		users = append(users, p.user())
		p.store(answer(fmt.Sprint("e", i), users[i], "", "same"))
	}
	p.gate.set(func(endpoint string, body []byte) (int, string) {
		if endpoint == "multicast" || to(body) == users[4] {
			return 400, `{"message":"The property, to[1], in the request body is invalid (line: -, column: -)"}`
		}
		return 0, ""
	})
	p.start()
	p.done()
	for i, u := range users {
		want := "push:same"
		if i == 4 {
			want = ""
		}
		if got := strings.Join(p.phone(u), " "); got != want {
			t.Errorf("on the phone of user %d: %q, want %q", i, got, want)
		}
	}
	if letters := p.letters(); len(letters) != 1 || letters[0].Conversation != users[4] {
		t.Errorf("got dead letters %+v, want one of user 4", letters)
	}
}

// A multicast whose outcome is unknown is made again with the same users, in the
// same process and after a crash, whatever came meanwhile.
func TestUnknownMulticast(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		for _, crash := range []bool{true, false} {
			t.Run(fmt.Sprintf("accepted %v, crash %v", accepted, crash), func(t *testing.T) {
				t.Parallel()
				p := newPost(t, nil)
				var users []string
				for i := range 10 {
					users = append(users, p.user())
					p.store(answer(fmt.Sprint("e", i), users[i], "", "same"))
				}
				share := 0.0
				if accepted {
					share = 1
				}
				p.faults("multicast", linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: share, Status: 500})
				bodies := bodies{make(chan string, 10_000)}
				p.gate.set(bodies.keep)
				p.start()
				p.await("a multicast was tried", func() bool { return len(p.calls("multicast")) > 0 })
				for i, u := range users {
					p.store(answer(fmt.Sprint("next", i), u, "", "next"))
				}
				if crash {
					p.crash()
				}
				if err := p.sim.SetFaults(linesim.Faults{}); err != nil {
					t.Fatal(err)
				}
				if crash {
					p.start()
				}
				p.done()
				for i, u := range users {
					got := strings.Join(p.phone(u), " ")
					if got = strings.NewReplacer("push:", "", "multicast:", "").Replace(got); got != "same next" {
						t.Errorf("on the phone of user %d: %q", i, got)
					}
				}
				if first := bodies.of("multicast"); len(first) < 2 || first[0] != first[1] {
					t.Errorf("the retry is not like the first try: %d bodies", len(first))
				}
			})
		}
	}
}

// bodies keeps what calls said.
type bodies struct{ list chan string }

func (b *bodies) keep(endpoint string, body []byte) (int, string) {
	b.list <- endpoint + " " + string(body)
	return 0, ""
}

func (b *bodies) of(endpoint string) (found []string) {
	for len(b.list) > 0 {
		if s := <-b.list; strings.HasPrefix(s, endpoint+" ") {
			found = append(found, s)
		}
	}
	return found
}

// The monthly quota is used up: what waits for it does not keep back the replies
// to the same people, and goes with one where it fits.
func TestQuotaKeepsNoReplyBack(t *testing.T) {
	p := newPost(t, func(cfg *Config, sim *linesim.Config) { sim.MonthlyQuota = 1 })
	first, long, short := p.user(), p.user(), p.user()
	p.start()
	p.store(answer("first", first, "", "one"))
	p.await("the quota is used up", func() bool { return len(p.phone(first)) == 1 })
	p.store(answer("long", long, "", numbered("held", 4)...), answer("short", short, "", "held"))
	p.await("LINE refused them", func() bool { return slices.Contains(p.calls("push"), 429) })
	p.await("the lane is held", func() bool {
		s := p.o.senders["main"]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lanes[wayPush].held(time.Now()) && s.nothingToDo()
	})
	p.store(answer("r1", long, p.token(long), numbered("reply", 3)...), answer("r2", short, p.token(short), "reply"))
	p.await("replies go on", func() bool { return len(p.phone(long)) == 3 && len(p.phone(short)) == 2 })
	if diff := cmp.Diff([]string{"reply:reply1", "reply:reply2", "reply:reply3"}, p.phone(long)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"reply:held", "reply:reply"}, p.phone(short)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	start := time.Now()
	p.stop()
	if took := time.Since(start); took > p.cfg.DrainLimit {
		t.Errorf("the end took %v: it waited for the quota", took)
	}
}

// LINE is down for a while: few calls are made meanwhile, and nothing is lost.
func TestOutage(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	var down atomic.Bool
	down.Store(true)
	var during atomic.Int64
	p.gate.set(func(string, []byte) (int, string) {
		if down.Load() {
			during.Add(1)
			return 500, `{"message":"Internal server error"}`
		}
		return 0, ""
	})
	var users []string
	for i := range 300 {
		users = append(users, p.user())
		p.store(answer(fmt.Sprint("e", i), users[i], p.token(users[i]), fmt.Sprint("m", i)))
	}
	p.await("the lane knows", func() bool {
		s := p.o.senders["main"]
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lanes[wayReply].down
	})
	before := during.Load()
	<-time.After(time.Second) // of the outage
	if got := during.Load() - before; got > 20 {
		t.Errorf("%d calls in a second of the outage", got)
	}
	down.Store(false)
	p.done()
	for i, u := range users {
		if got := strings.Join(p.phone(u), " "); got != fmt.Sprint("reply:m", i) {
			t.Errorf("on the phone of user %d: %q", i, got)
		}
	}
	if letters := p.letters(); len(letters) > 0 {
		t.Errorf("got %d dead letters, the first: %s", len(letters), letters[0].Reason)
	}
}
