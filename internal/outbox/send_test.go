package outbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// Which way messages go: reply while the token lives, for the first five; push
// for the rest and for everybody else.
func TestWays(t *testing.T) {
	for _, tc := range []struct {
		name    string
		entry   func(p *post, user string) *engine.Entry
		want    []string
		replies []int
		pushes  []int
	}{
		{"one reply", func(p *post, u string) *engine.Entry { return answer("e1", u, p.token(u), "a") },
			[]string{"reply:a"}, []int{200}, nil},
		{"five in one reply", func(p *post, u string) *engine.Entry { return answer("e1", u, p.token(u), numbered("m", 5)...) },
			[]string{"reply:m1", "reply:m2", "reply:m3", "reply:m4", "reply:m5"}, []int{200}, nil},
		{"reply first, then pushes", func(p *post, u string) *engine.Entry { return answer("e1", u, p.token(u), numbered("m", 12)...) },
			[]string{"reply:m1", "reply:m2", "reply:m3", "reply:m4", "reply:m5", "push:m6", "push:m7", "push:m8", "push:m9", "push:m10", "push:m11", "push:m12"},
			[]int{200}, []int{200, 200}},
		{"no token", func(p *post, u string) *engine.Entry { return answer("e1", u, "", numbered("m", 7)...) },
			[]string{"push:m1", "push:m2", "push:m3", "push:m4", "push:m5", "push:m6", "push:m7"}, nil, []int{200, 200}},
		{"token has run out", func(p *post, u string) *engine.Entry {
			e := answer("e1", u, p.token(u), "a")
			e.Sends[0].ReplyUntil = time.Now().Add(-time.Second)
			return e
		}, []string{"push:a"}, nil, []int{200}},
		{"token is about to run out", func(p *post, u string) *engine.Entry {
			e := answer("e1", u, p.token(u), "a")
			e.Sends[0].ReplyUntil = time.Now().Add(replyMargin / 2)
			return e
		}, []string{"push:a"}, nil, []int{200}},
		{"token is no good", func(_ *post, u string) *engine.Entry { return answer("e1", u, "nothing", numbered("m", 6)...) },
			[]string{"push:m1", "push:m2", "push:m3", "push:m4", "push:m5", "push:m6"}, []int{400}, []int{200, 200}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			p.start()
			u := p.user()
			p.store(tc.entry(p, u))
			p.done()
			if diff := cmp.Diff(tc.want, p.phone(u)); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.replies, p.calls("reply")); diff != "" {
				t.Errorf("replies (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.pushes, p.calls("push")); diff != "" {
				t.Errorf("pushes (-want +got):\n%s", diff)
			}
			if got := p.letters(); len(got) != 0 {
				t.Errorf("got dead letters %+v", got)
			}
		})
	}
}

// The outcome of calls is unknown: the message is on the phone once all the same.
func TestUnknownOutcome(t *testing.T) {
	for _, way := range []string{"reply", "push"} {
		for _, accepted := range []float64{0, 0.5, 1} {
			for _, status := range []int{0, 500, 503, 408} {
				if status == 408 && accepted == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s, accepted before %v, status %d", way, accepted, status), func(t *testing.T) {
					t.Parallel()
					p := newPost(t, nil)
					p.start()
					p.faults(way, linesim.EndpointFaults{ErrorShare: 0.6, AcceptedBeforeError: accepted, Status: status})
					u := p.user()
					var want []string
					for i := range 8 {
						token := ""
						if way == "reply" {
							token = p.token(u)
						}
						name := fmt.Sprint("m", i)
						p.store(answer(fmt.Sprint("e", i), u, token, name))
						want = append(want, way+":"+name)
					}
					p.done()
					if diff := cmp.Diff(want, p.phone(u)); diff != "" {
						t.Errorf("phone (-want +got):\n%s", diff)
					}
					if got := p.letters(); len(got) != 0 {
						t.Errorf("got dead letters %+v", got)
					}
				})
			}
		}
	}
}

// Each conversation gets its messages in order, whatever happens to some calls
// of the others.
func TestOrderOfConversations(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	p.faults("*", linesim.EndpointFaults{ErrorShare: 0.2, AcceptedBeforeError: 0.5, Status: 500})
	want := map[string][]string{}
	var users []string
	for range 12 {
		users = append(users, p.user())
	}
	for n := range 15 {
		for i, u := range users {
			token := ""
			if (n+i)%2 == 0 {
				token = p.token(u)
			}
			names := numbered(fmt.Sprintf("n%d-", n), 1+(n+i)%7)
			want[u] = append(want[u], names...)
			p.store(answer(fmt.Sprintf("e%d-%d", n, i), u, token, names...))
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
	if got := p.letters(); len(got) != 0 {
		t.Errorf("got %d dead letters, the first: %s", len(got), got[0].Reason)
	}
}

// A receiver whose calls fail keeps nobody else waiting, also not one of the
// same entry.
func TestFailingReceiverBlocksOnlyItself(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	bad, good := p.user(), p.user()
	p.gate.set(func(endpoint string, body []byte) (int, string) {
		if to(body) == bad {
			return 500, `{"message":"Internal server error"}`
		}
		return 0, ""
	})
	both := answer("e1", bad, "", "a")
	both.Sends = append(both.Sends, engine.Send{To: good, Messages: texts("b")})
	p.store(both, answer("e2", bad, "", "c"), answer("e3", good, "", "d"))
	p.await("the good one has both", func() bool { return len(p.phone(good)) == 2 })
	if got := p.phone(bad); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	p.gate.set(nil)
	p.done()
	if diff := cmp.Diff([]string{"push:a", "push:c"}, p.phone(bad)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"push:b", "push:d"}, p.phone(good)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

// What LINE refuses for good becomes a dead letter with the rest of its send;
// other sends of the entry, and what follows, go on.
func TestRefusedForGood(t *testing.T) {
	p := newPost(t, nil)
	p.start()
	u, other := p.user(), p.user()
	e := answer("e1", u, "", numbered("m", 5)...)
	e.Sends[0].Messages = append(e.Sends[0].Messages, []byte(`{"type":"text","text":""}`)) // LINE: May not be empty
	e.Sends[0].Messages = append(e.Sends[0].Messages, texts(numbered("rest", 6)...)...)
	e.Sends = append(e.Sends, engine.Send{To: other, Messages: texts("other")})
	p.store(e, answer("e2", u, "", "next"))
	p.done()
	if diff := cmp.Diff([]string{"push:m1", "push:m2", "push:m3", "push:m4", "push:m5", "push:next"}, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"push:other"}, p.phone(other)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
	letters := p.letters()
	if len(letters) != 1 {
		t.Fatalf("got %d dead letters, want 1", len(letters))
	}
	left := letterEntry(t, letters[0])
	if letters[0].Kind != engine.DeadSend || letters[0].EventID != "e1" || letters[0].Conversation != u ||
		len(left.Sends) != 1 || len(left.Sends[0].Messages) != 7 || left.Sends[0].ReplyToken != "" {
		t.Errorf("got letter %+v with %+v", letters[0], left)
	}
}

// A send that can never be a call must not hold up its conversation.
func TestImpossibleSends(t *testing.T) {
	for _, tc := range []struct {
		name string
		send engine.Send
	}{
		{"no messages", engine.Send{}},
		{"no object", engine.Send{Messages: []json.RawMessage{json.RawMessage(`"text"`)}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, nil)
			u := p.user()
			tc.send.To = u
			p.store(answer("e0", u, "", "before"), &engine.Entry{ID: "main/e1", Channel: "main", EventID: "e1", At: time.Now(), Sends: []engine.Send{tc.send}}, answer("e2", u, "", "next"))
			p.start()
			p.done()
			if diff := cmp.Diff([]string{"push:before", "push:next"}, p.phone(u)); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
			if got := p.letters(); len(got) != 1 {
				t.Errorf("got %d dead letters, want 1", len(got))
			}
		})
	}
}

// An entry that the store took twice is sent once, when the second copy comes at
// once, when it comes later, and after a restart.
func TestEntryStoredTwice(t *testing.T) {
	for _, way := range []string{"reply", "push"} {
		for _, when := range []string{"at once", "when the first is sent", "read at the next start"} {
			t.Run(way+", "+when, func(t *testing.T) {
				t.Parallel()
				p := newPost(t, nil)
				u := p.user()
				token := ""
				if way == "reply" {
					token = p.token(u)
				}
				e := answer("e1", u, token, "a")
				switch when {
				case "at once":
					p.start()
					p.store(e, e)
				case "when the first is sent":
					p.start()
					p.store(e)
					p.done()
					p.store(e)
				default:
					p.store(e)
					p.store(e)
					p.start()
				}
				p.done()
				if diff := cmp.Diff([]string{way + ":a"}, p.phone(u)); diff != "" {
					t.Errorf("phone (-want +got):\n%s", diff)
				}
			})
		}
	}
}
