package outbox

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// finished is what an outbox told of entries.
type finished struct {
	mu   sync.Mutex
	told map[string][2]int
}

func (f *finished) tell(_, entry string, sent, dead int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = map[string][2]int{}
	}
	f.told[entry] = [2]int{sent, dead}
}

func (f *finished) get() map[string][2]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told
}

// campaign is an entry for many users, or with none for all friends.
func campaign(id string, users []string, text string) *engine.Entry {
	return &engine.Entry{
		ID: "main/campaign/" + id, Channel: "main", At: time.Now(), Bulk: true,
		Sends: []engine.Send{{Users: users, Broadcast: users == nil, Messages: texts(text)}},
	}
}

// Entries for many users are multicasts or broadcasts, and are told of when they
// are done.
func TestEntriesForMany(t *testing.T) {
	var f finished
	p := newPost(t, func(cfg *Config, _ *linesim.Config) { cfg.Finished = f.tell })
	var users []string
	for range 20 {
		users = append(users, p.user())
	}
	p.start()
	p.store(campaign("some", users[:15], "some"))
	p.done()
	p.store(campaign("all", nil, "all"))
	p.done()
	for i, u := range users {
		want := []string{"multicast:some", "broadcast:all"}
		if i >= 15 {
			want = want[1:]
		}
		if diff := cmp.Diff(want, p.phone(u)); diff != "" {
			t.Errorf("phone of user %d (-want +got):\n%s", i, diff)
		}
	}
	if diff := cmp.Diff(map[string][2]int{"main/campaign/some": {15, 0}, "main/campaign/all": {1, 0}}, f.get()); diff != "" {
		t.Errorf("finished (-want +got):\n%s", diff)
	}
	if p.o.Open("main", "main/campaign/all") {
		t.Error("the entry is said to be open")
	}
}

// LINE refuses a multicast of an entry: each user gets a push, once, also when
// the process ends on the way.
func TestDividedMulticast(t *testing.T) {
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash %v", crash), func(t *testing.T) {
			t.Parallel()
			var f finished
			p := newPost(t, func(cfg *Config, _ *linesim.Config) { cfg.Finished = f.tell })
			var users []string
			for range 60 {
				users = append(users, p.user())
			}
			var pushes atomic.Int64
			p.gate.set(func(endpoint string, body []byte) (int, string) {
				if endpoint == "push" && pushes.Add(1)%5 == 0 {
					return 500, `{"message":"Internal server error"}`
				}
				if endpoint == "multicast" || to(body) == users[7] {
					return 400, `{"message":"The property, to[7], in the request body is invalid (line: -, column: -)"}`
				}
				return 0, ""
			})
			p.start()
			p.store(campaign("c", users, "hello"))
			if crash {
				p.await("some are pushed", func() bool { return pushes.Load() > 10 })
				p.crash()
				p.start()
			}
			p.done()
			for i, u := range users {
				want := []string{"push:hello"}
				if i == 7 {
					want = nil
				}
				if diff := cmp.Diff(want, p.phone(u)); diff != "" {
					t.Errorf("phone of user %d (-want +got):\n%s", i, diff)
				}
			}
			if letters := p.letters(); len(letters) == 0 || len(letters) > 1 && !crash || letters[0].Conversation != users[7] {
				t.Errorf("got dead letters %+v, want one of user 7", letters)
			}
			if diff := cmp.Diff(map[string][2]int{"main/campaign/c": {59, 1}}, f.get()); diff != "" {
				t.Errorf("finished (-want +got):\n%s", diff)
			}
		})
	}
}

// What people are answered goes before campaigns in the same lane.
func TestAnswersGoBeforeCampaigns(t *testing.T) {
	p := newPost(t, nil)
	p.cfg.Channels[0].Rates.Multicast = 20
	var users []string
	for range 30 {
		users = append(users, p.user())
	}
	for i := range 20 {
		p.store(campaign(fmt.Sprint(i), users[:2], fmt.Sprint("campaign", i)))
	}
	p.start()
	p.await("the campaign is under way", func() bool { return len(p.phone(users[0])) > 0 })
	for i, u := range users[2:] {
		p.store(answer(fmt.Sprint("e", i), u, "", "same"))
	}
	p.await("the notices are out", func() bool { return len(p.phone(users[29])) > 0 })
	if got := len(p.phone(users[0])); got > 10 {
		t.Errorf("%d of 20 campaign calls went before", got)
	}
	p.done()
	if got := len(p.phone(users[0])); got != 20 {
		t.Errorf("%d campaign messages, want 20", got)
	}
}

// A campaign's message that waits for somebody gives way to what they are
// answered.
func TestAnswerGivenWayByCampaign(t *testing.T) {
	p := newPost(t, nil)
	p.cfg.Channels[0].Rates.Push = 20
	u := p.user()
	single := func(id, to, text string) *engine.Entry {
		return &engine.Entry{
			ID: "main/campaign/" + id, Channel: "main", At: time.Now(), Bulk: true,
			Sends: []engine.Send{{To: to, Messages: texts(numbered(text, 5)...)}},
		}
	}
	for i := range 20 {
		p.store(single(fmt.Sprint("before", i), p.user(), "x"))
	}
	p.store(single("c1", u, "c"), single("c2", u, "d"))
	p.start()
	p.await("the campaign is under way", func() bool { return len(p.calls("push")) > 2 })
	p.store(answer("e1", u, "", "first"), answer("e2", u, "", "second"))
	p.await("the answers arrived", func() bool { return len(p.phone(u)) > 1 })
	if got := len(p.calls("push")); got > 12 {
		t.Errorf("%d calls were made by then", got)
	}
	p.done()
	want := []string{"push:first", "push:second"}
	for _, name := range append(numbered("c", 5), numbered("d", 5)...) {
		want = append(want, "push:"+name)
	}
	if diff := cmp.Diff(want, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}

// An answer does not overtake a campaign's message that is under way, nor make
// it come twice.
func TestAnswerDuringCampaignCall(t *testing.T) {
	p := newPost(t, nil)
	u := p.user()
	under, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	p.gate.set(func(string, []byte) (int, string) {
		once.Do(func() {
			close(under)
			<-release
		})
		return 0, ""
	})
	p.start()
	p.store(&engine.Entry{
		ID: "main/campaign/c", Channel: "main", At: time.Now(), Bulk: true,
		Sends: []engine.Send{{To: u, Messages: texts("campaign")}},
	})
	<-under
	p.store(answer("e1", u, "", "answer"))
	end, err := p.eng.Outbox.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.await("the answer waits", func() bool { return engine.Pos(p.o.read.Load()) >= end })
	close(release)
	p.done()
	if diff := cmp.Diff([]string{"push:campaign", "push:answer"}, p.phone(u)); diff != "" {
		t.Errorf("phone (-want +got):\n%s", diff)
	}
}
