package outbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// scene is a log that a process left, and what LINE knows of its calls.
type scene struct {
	p     *post
	user  string
	token string
	entry *engine.Entry
}

// stored appends the entry of n messages as it was stored some time ago.
func (s *scene) stored(ago time.Duration, n int, token bool) {
	s.entry = answer("e1", s.user, "", numbered("m", n)...)
	s.entry.At = time.Now().Add(-ago)
	if token {
		s.entry.Sends[0].ReplyToken, s.entry.Sends[0].ReplyUntil = s.token, s.entry.At.Add(55*time.Second)
	}
	s.p.store(s.entry)
}

func (s *scene) id(call int) engine.CallID { return engine.CallID{Entry: s.entry.ID, Call: call} }

// tried appends the note of a try.
func (s *scene) tried(call int, way string, ago time.Duration) {
	s.p.store(&engine.Tried{CallID: s.id(call), Way: way, At: time.Now().Add(-ago)})
}

// settled appends the note of an outcome.
func (s *scene) settled(call int, outcome, way string, last bool) {
	s.p.store(&engine.Settled{CallID: s.id(call), Outcome: outcome, Way: way, Last: last, At: time.Now()})
}

// arrived makes a call as the process did whose end the note outlived.
func (s *scene) arrived(call int, way string) {
	s.p.t.Helper()
	msgs := s.entry.Sends[0].Messages
	msgs = msgs[min(5*call, len(msgs)):min(5*call+5, len(msgs))]
	client := s.p.cfg.Channels[0].Client
	var err error
	if way == "reply" {
		_, err = client.Reply(s.p.t.Context(), s.token, msgs)
	} else {
		_, err = client.Push(s.p.t.Context(), s.user, msgs, retryKey(s.id(call)))
	}
	if err != nil {
		s.p.t.Fatal(err)
	}
}

// A process ends between any two steps of a send. The next one, seconds or
// hours later, sends what certainly did not arrive, asks LINE where LINE can
// still tell, and gives up where nobody can: never twice on the phone.
func TestStartAfterACrash(t *testing.T) {
	const second, minutes, hours, day = time.Second, 10 * time.Minute, 5 * time.Hour, 25 * time.Hour
	refused := func(way string) func(*scene) { // and the note of it
		return func(s *scene) {
			s.stored(second, 1, true)
			s.tried(0, "reply", second)
			s.settled(0, engine.OutcomeRefused, way, false)
		}
	}
	for _, tc := range []struct {
		name   string
		before func(s *scene)
		want   string // on the phone
		dead   string // in the reason of the dead letter; "" for none
	}{
		{"entry only", func(s *scene) { s.stored(second, 1, true) }, "reply:m1", ""},
		{"entry only, hours ago", func(s *scene) { s.stored(hours, 1, true) }, "push:m1", ""},
		{"entry only, days ago", func(s *scene) { s.stored(3*day, 1, true) }, "push:m1", ""},
		{"entry without token, days ago", func(s *scene) { s.stored(3*day, 1, false) }, "push:m1", ""},

		{"reply tried, did not arrive", func(s *scene) { s.stored(second, 1, true); s.tried(0, "reply", second) }, "reply:m1", ""},
		{"reply tried, arrived", func(s *scene) {
			s.stored(second, 1, true)
			s.tried(0, "reply", second)
			s.arrived(0, "reply")
		}, "reply:m1", ""},
		{"reply tried minutes ago, did not arrive", func(s *scene) { s.stored(minutes, 1, true); s.tried(0, "reply", minutes) }, "", "not known whether the reply arrived"},
		{"reply tried minutes ago, arrived", func(s *scene) {
			s.stored(minutes, 1, true)
			s.tried(0, "reply", minutes)
			s.arrived(0, "reply")
		}, "reply:m1", "not known whether the reply arrived"},
		{"reply tried hours ago, with more to push", func(s *scene) { s.stored(hours, 7, true); s.tried(0, "reply", hours) }, "", "not known whether the reply arrived"},
		{"reply of seven arrived, within the minute", func(s *scene) {
			s.stored(second, 7, true)
			s.tried(0, "reply", second)
			s.arrived(0, "reply")
		}, "reply:m1 reply:m2 reply:m3 reply:m4 reply:m5 push:m6 push:m7", ""},
		{"reply settled", func(s *scene) {
			s.stored(minutes, 1, true)
			s.tried(0, "reply", minutes)
			s.arrived(0, "reply")
			s.settled(0, engine.OutcomeSent, "reply", true)
		}, "reply:m1", ""},
		{"reply settled, the rest not tried, a day ago", func(s *scene) {
			s.stored(day, 7, true)
			s.tried(0, "reply", day)
			s.arrived(0, "reply")
			s.settled(0, engine.OutcomeSent, "reply", false)
		}, "reply:m1 reply:m2 reply:m3 reply:m4 reply:m5 push:m6 push:m7", ""},
		{"reply refused for its token", refused("reply"), "push:m1", ""},
		{"reply refused for the rate", refused(""), "reply:m1", ""},
		{"reply refused for the rate, minutes ago", func(s *scene) {
			s.stored(minutes, 1, true)
			s.tried(0, "reply", minutes)
			s.settled(0, engine.OutcomeRefused, "", false)
		}, "push:m1", ""},
		{"reply refused, then tried again hours ago", func(s *scene) {
			s.stored(hours, 1, true)
			s.tried(0, "reply", hours)
			s.settled(0, engine.OutcomeRefused, "", false)
			s.tried(0, "reply", hours)
		}, "", "not known whether the reply arrived"},
		{"reply refused for its token, push tried", func(s *scene) {
			s.stored(second, 1, true)
			s.tried(0, "reply", second)
			s.settled(0, engine.OutcomeRefused, "reply", false)
			s.tried(0, "push", second)
			s.arrived(0, "push")
		}, "push:m1", ""},
		{"reply refused for its token without a note, push tried", func(s *scene) {
			s.stored(second, 1, true)
			s.tried(0, "reply", second)
			s.tried(0, "push", second)
		}, "push:m1", ""},

		{"push tried, did not arrive", func(s *scene) { s.stored(second, 1, false); s.tried(0, "push", second) }, "push:m1", ""},
		{"push tried, arrived", func(s *scene) {
			s.stored(second, 1, false)
			s.tried(0, "push", second)
			s.arrived(0, "push")
		}, "push:m1", ""},
		{"push tried hours ago, arrived", func(s *scene) {
			s.stored(hours, 1, false)
			s.tried(0, "push", hours)
			s.arrived(0, "push")
		}, "push:m1", ""},
		{"push tried hours ago, did not arrive", func(s *scene) { s.stored(hours, 1, false); s.tried(0, "push", hours) }, "push:m1", ""},
		{"push tried a day ago", func(s *scene) { s.stored(day, 1, false); s.tried(0, "push", day) }, "", "not known whether the push arrived"},
		{"push tried and refused a day ago", func(s *scene) {
			s.stored(day, 1, false)
			s.tried(0, "push", day)
			s.settled(0, engine.OutcomeRefused, "push", false)
		}, "push:m1", ""},
		{"push tried a day ago, once more an hour ago", func(s *scene) {
			s.stored(day, 1, false)
			s.tried(0, "push", day)
			s.settled(0, engine.OutcomeRefused, "push", false)
			s.tried(0, "push", time.Hour)
		}, "push:m1", ""},
		{"second push tried, arrived", func(s *scene) {
			s.stored(second, 12, false)
			s.tried(0, "push", second)
			s.arrived(0, "push")
			s.settled(0, engine.OutcomeSent, "push", false)
			s.tried(1, "push", second)
			s.arrived(1, "push")
		}, "push:m1 push:m2 push:m3 push:m4 push:m5 push:m6 push:m7 push:m8 push:m9 push:m10 push:m11 push:m12", ""},
		{"second push tried a day ago", func(s *scene) {
			s.stored(day, 12, false)
			s.settled(0, engine.OutcomeSent, "push", false)
			s.tried(1, "push", day)
		}, "", "not known whether the push arrived"},
		{"all settled", func(s *scene) {
			s.stored(hours, 6, false)
			s.settled(0, engine.OutcomeSent, "push", false)
			s.settled(1, engine.OutcomeSent, "push", true)
		}, "", ""},
		{"dead already", func(s *scene) {
			s.stored(hours, 6, false)
			s.tried(0, "push", hours)
			s.settled(0, engine.OutcomeDead, "", false)
		}, "", ""},
		{"notes about what is not there", func(s *scene) {
			s.stored(second, 1, false)
			for _, id := range []engine.CallID{{Entry: "other"}, {Entry: s.entry.ID, Send: -1}, {Entry: s.entry.ID, Send: 7}} {
				s.p.store(&engine.Tried{CallID: id, Way: "reply"}, &engine.Settled{CallID: id, Outcome: engine.OutcomeSent, Last: true})
			}
		}, "push:m1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			s := &scene{p: p, user: p.user()}
			s.token = p.token(s.user)
			tc.before(s)
			for range 2 { // a second restart changes nothing
				p.start()
				p.done()
				if got := strings.Join(p.phone(s.user), " "); got != tc.want {
					t.Errorf("on the phone: %q, want %q", got, tc.want)
				}
				p.stop()
				p.close()
				p.open()
			}
			letters := p.letters()
			if tc.dead == "" && len(letters) > 0 || tc.dead != "" && (len(letters) != 1 || !strings.Contains(letters[0].Reason, tc.dead)) {
				t.Errorf("got dead letters %+v, want %q", letters, tc.dead)
			}
			for _, l := range letters {
				if got := letterEntry(t, l).Sends[0].Messages; len(got) == 0 {
					t.Error("the dead letter has no messages")
				}
			}
		})
	}
}

// The table of replies: what LINE answered before, what it answers now, and how
// long the token lives decide together.
func TestReplyTokenRefusals(t *testing.T) {
	const invalid = `{"message":"Invalid reply token"}`
	type result struct {
		status int
		body   string
	}
	unknown, refusal := result{500, `{"message":"Internal error"}`}, result{400, invalid}
	pass := result{}
	for _, tc := range []struct {
		name    string
		answers []result // to the replies, the last one repeated
		left    time.Duration
		want    string
		dead    string
		replies int // at least
	}{
		{"refused at once", []result{refusal}, 50 * time.Second, "push:a", "", 1},
		{"unknown, then taken", []result{unknown, pass}, 50 * time.Second, "reply:a", "", 2},
		{"unknown, then refused: it had arrived", []result{unknown, refusal}, 50 * time.Second, "", "", 2},
		{"unknown three times, then refused", []result{unknown, unknown, unknown, refusal}, 50 * time.Second, "", "", 4},
		{"unknown until its time is over", []result{unknown}, replyMargin + 150*time.Millisecond, "", "not known whether the reply arrived", 2},
		{"rate limit, then taken", []result{{429, `{"message":"The API rate limit has been exceeded. Try again later."}`}, pass}, 50 * time.Second, "reply:a", "", 2},
		{"rate limit, then refused: never taken", []result{{429, `{"message":"The API rate limit has been exceeded. Try again later."}`}, refusal}, 50 * time.Second, "push:a", "", 2},
		{"unknown, rate limit, then refused: it had arrived", []result{unknown, {429, `{}`}, refusal}, 50 * time.Second, "", "", 3},
		{"bad access token, then taken", []result{{401, `{"message":"Authentication failed"}`}, pass}, 50 * time.Second, "reply:a", "", 2},
		{"bad messages", []result{{400, `{"message":"The request body has 1 error(s)"}`}}, 50 * time.Second, "", "LINE refused it", 1},
		{"forbidden", []result{{403, `{"message":"Access to this API is not available for your account"}`}}, 50 * time.Second, "", "LINE refused it", 1},
		{"another wording of the refusal", []result{{400, `{"message":"invalid REPLY token."}`}}, 50 * time.Second, "push:a", "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			var calls atomic.Int64
			p.gate.set(func(endpoint string, _ []byte) (int, string) {
				if endpoint != "reply" {
					return 0, ""
				}
				r := tc.answers[min(int(calls.Add(1)), len(tc.answers))-1]
				return r.status, r.body
			})
			u := p.user()
			e := answer("e1", u, p.token(u), "a")
			e.Sends[0].ReplyUntil = time.Now().Add(tc.left)
			p.start()
			p.store(e)
			p.await("the reply was made", func() bool { return calls.Load() > 0 })
			p.store(answer("e2", u, "", "next"))
			p.done()
			got := strings.ReplaceAll(strings.Join(p.phone(u), " "), "reply:next", "push:next") // it may share the reply
			if want := strings.TrimSpace(tc.want + " push:next"); got != want {
				t.Errorf("on the phone: %q, want %q", got, want)
			}
			letters := p.letters()
			if tc.dead == "" && len(letters) > 0 || tc.dead != "" && (len(letters) != 1 || !strings.Contains(letters[0].Reason, tc.dead)) {
				t.Errorf("got dead letters %+v, want %q", letters, tc.dead)
			}
			if n := int(calls.Load()); n < tc.replies {
				t.Errorf("%d replies, want %d", n, tc.replies)
			}
		})
	}
}

// Crashes and orderly ends at random moments, with LINE failing now and then:
// each message is on the phone once, in order, or is a dead letter.
func TestOutboxAgainstModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	p := newPost(t, nil)
	p.faults("*", linesim.EndpointFaults{ErrorShare: 0.15, AcceptedBeforeError: 0.5, Status: []int{0, 500}[dice.IntN(2)]})
	p.start()
	var users []string
	for range 5 {
		users = append(users, p.user())
	}
	want := map[string][]string{}
	for n := range 10 {
		for i := range 15 {
			u := users[dice.IntN(len(users))]
			token := ""
			if dice.IntN(2) == 0 {
				token = p.token(u)
			}
			names := numbered(fmt.Sprintf("%d.%d-", n, i), 1+dice.IntN(8))
			want[u] = append(want[u], names...)
			p.store(answer(fmt.Sprintf("e%d.%d", n, i), u, token, names...))
		}
		<-time.After(time.Duration(dice.IntN(40)) * time.Millisecond) // a random moment
		if dice.IntN(2) == 0 {
			p.crash()
			p.start()
		} else {
			p.restart()
		}
	}
	p.done()
	for _, u := range users {
		var got []string
		for _, m := range p.phone(u) {
			_, text, _ := strings.Cut(m, ":")
			got = append(got, text)
		}
		if diff := cmp.Diff(want[u], got); diff != "" {
			t.Errorf("phone (-want +got):\n%s", diff)
		}
	}
	if letters := p.letters(); len(letters) > 0 {
		t.Errorf("got %d dead letters, the first: %s", len(letters), letters[0].Reason)
	}
}

// The key of a call never changes: a new version must not send again what an
// old one had under way.
func TestRetryKeyIsStable(t *testing.T) {
	for _, tc := range []struct {
		id   engine.CallID
		want string
	}{
		{engine.CallID{Entry: "main/01HXYZ"}, "4019f47e-5059-8983-9d7a-29dde3998918"},
		{engine.CallID{Entry: "main/01HXYZ", Send: 1}, "d4dcaca9-b9c1-8a95-bda0-c6acbdc84d31"},
		{engine.CallID{Entry: "main/01HXYZ", Call: 1}, "c1ed46c5-8e15-83e4-8761-bfadce6803a6"},
	} {
		if got := retryKey(tc.id); got != tc.want {
			t.Errorf("key of %+v is %s, want %s", tc.id, got, tc.want)
		}
	}
	seen := map[string]bool{}
	for _, entry := range []string{"a", "b", "a\x001"} {
		for n := range 50 {
			seen[retryKey(engine.CallID{Entry: entry, Send: n % 5, Call: n / 5})] = true
		}
	}
	if len(seen) != 150 {
		t.Errorf("%d different keys of 150", len(seen))
	}
}

// A call whose outcome is unknown is then refused for the rate, and the process
// ends: the next one must still know that the first try may have arrived.
func TestRefusalDoesNotSettleAnUnknownOutcome(t *testing.T) {
	for _, way := range []string{"reply", "push"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			u := p.user()
			token := ""
			if way == "reply" {
				token = p.token(u)
			}
			p.faults(way, linesim.EndpointFaults{ErrorShare: 1, AcceptedBeforeError: 1, Status: 500})
			p.start()
			p.store(answer("e1", u, token, "a"))
			p.await("LINE took it and said 500", func() bool { return len(p.calls(way)) > 0 })
			refused := make(chan struct{}, 1000)
			p.gate.set(func(string, []byte) (int, string) {
				refused <- struct{}{}
				return 429, `{"message":"The API rate limit has been exceeded. Try again later."}`
			})
			<-refused
			<-refused // what became of the first refusal is noted by now
			p.crash()
			p.gate.set(nil)
			if err := p.sim.SetFaults(linesim.Faults{}); err != nil {
				t.Fatal(err)
			}
			p.start()
			p.done()
			if diff := cmp.Diff([]string{way + ":a"}, p.phone(u)); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
		})
	}
}
