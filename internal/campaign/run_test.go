package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// A list goes out as multicasts of 500, each user gets it once, and what is left
// in the end is the record without the receivers.
func TestListIsSent(t *testing.T) {
	o := newOffice(t, 0)
	o.start()
	users := o.users(1203)
	c := o.create(toList("sale"), append(users, users[:7]...))
	if c.Users != 1203 || c.Duplicates != 7 || c.Calls != 3 || c.State != StateRunning {
		t.Errorf("created %+v", c)
	}
	c = o.await("sale", "it ends", ended)
	if c.State != StateDone || c.Sent != 1203 || c.Failed != 0 || c.InOutbox != 0 || c.CallsDone != 3 || c.Reason != "" {
		t.Errorf("ended as %+v", c)
	}
	o.everyoneOnce(users, "multicast:sale")
	if n := o.counted("sent"); n != 1203 {
		t.Errorf("the metric counts %v receivers, want 1203", n)
	}
	if n := o.accepted("multicast"); n != 3 {
		t.Errorf("%d multicasts, want 3", n)
	}
	for id, n := range o.entries() {
		if n != 1 || !strings.HasPrefix(id, "main/campaign/sale.") {
			t.Errorf("entry %s stands %d times in the outbox", id, n)
		}
	}
	o.await("sale", "its receivers are forgotten", func(Campaign) bool { return len(o.keys("chunk.>")) == 0 })
	if keys := o.keys(">"); len(keys) != 2 {
		t.Errorf("what is left are the keys %v, want its record and its content", keys)
	}
	if o.r.Floor() < 1<<60 {
		t.Errorf("an ended campaign holds the log at %v", o.r.Floor())
	}
}

// Every audience goes its way.
func TestAudiences(t *testing.T) {
	o := newOffice(t, 0)
	o.start()
	users := o.users(3)
	group, err := o.sim.AddGroup(linesim.NewGroup{Name: "Tea", Members: users})
	if err != nil {
		t.Fatal(err)
	}
	o.friends = []string{users[0], "strange ID", users[2]}
	for _, tc := range []struct {
		name    string
		spec    Spec
		list    []string
		want    [3]string // on the phones
		sent    int
		entries int
	}{
		{"one user", Spec{Audience: AudienceUsers, To: users[:1]}, nil, [3]string{"push", "", ""}, 1, 1},
		{"two users and one twice", Spec{Audience: AudienceUsers, To: []string{users[0], users[2], users[0]}}, nil, [3]string{"multicast", "", "multicast"}, 2, 1},
		{"a group", Spec{Audience: AudienceUsers, To: []string{group.GroupID, group.GroupID}}, nil, [3]string{"push", "push", "push"}, 1, 1},
		{"a group and a user", Spec{Audience: AudienceUsers, To: []string{group.GroupID, users[1]}}, nil, [3]string{"push", "push push", "push"}, 2, 2},
		{"a list", Spec{Audience: AudienceUsers}, users[1:], [3]string{"", "multicast", "multicast"}, 2, 1},
		{"all friends", Spec{Audience: AudienceAll}, nil, [3]string{"multicast", "", "multicast"}, 2, 1},
		{"broadcast", Spec{Audience: AudienceBroadcast}, nil, [3]string{"broadcast", "broadcast", "broadcast"}, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := len(o.entries())
			tc.spec.Channel, tc.spec.Messages = "main", text(tc.name)
			c := o.create(tc.spec, tc.list)
			c = o.await(c.ID, "it ends", ended)
			if c.State != StateDone || c.Sent != tc.sent || c.Failed != 0 {
				t.Errorf("ended as %+v, want %d sent", c, tc.sent)
			}
			if n := len(o.entries()) - before; n != tc.entries {
				t.Errorf("%d entries, want %d", n, tc.entries)
			}
			for i, user := range users {
				var ways []string
				for _, got := range o.got(user) {
					if way, ok := strings.CutSuffix(got, ":"+tc.name); ok {
						ways = append(ways, way)
					}
				}
				if got := strings.Join(ways, " "); got != tc.want[i] {
					t.Errorf("user %d got it by %q, want %q", i, got, tc.want[i])
				}
			}
		})
	}
}

// The process ends in its midst, again and again, in order and not: each user
// gets the message once, and the figures are right.
func TestRestarts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	o := newOffice(t, 0)
	o.start()
	const chunks = 60
	unknown := strangers(500*chunks - 400)
	users := o.users(400) // spread over the list
	receivers := slices.Clone(unknown)
	for i, u := range users {
		receivers = slices.Insert(receivers, i*70, u)
	}
	err := o.sim.SetFaults(linesim.Faults{Seed: seed, Endpoints: map[string]linesim.EndpointFaults{
		"multicast": {ErrorShare: 0.2, AcceptedBeforeError: 0.5, Status: 500},
	}})
	if err != nil {
		t.Fatal(err)
	}
	o.create(toList("sale"), receivers)
	for range 8 {
		<-time.After(time.Duration(dice.IntN(40)) * time.Millisecond) // a random moment
		if dice.IntN(3) > 0 {
			o.crash()
			o.start()
		} else {
			o.restart()
		}
	}
	c := o.await("sale", "it ends", ended)
	if c.State != StateDone || c.Sent != len(receivers) || c.Failed != 0 || c.CallsDone != chunks {
		t.Errorf("ended as %+v", c)
	}
	o.everyoneOnce(users, "multicast:sale")
	found := o.entries()
	if len(found) != chunks {
		t.Errorf("%d entries in the outbox, want %d", len(found), chunks)
	}
	for id, n := range found {
		if n != 1 {
			t.Errorf("entry %s was stored %d times", id, n)
		}
	}
}

// A power loss may leave a record that is older than the log.
func TestOldRecord(t *testing.T) {
	for _, tc := range []struct {
		name string
		keep bool // what the record was when the first entry was to be appended
	}{{"from the beginning", true}, {"as it was", false}} {
		t.Run(tc.name, func(t *testing.T) {
			o := newOffice(t, 0)
			o.start()
			users := o.users(20)
			receivers := append(strangers(500*20), users...)
			hold := make(chan struct{})
			o.gate.set(func(endpoint string, body []byte) (int, string) {
				if endpoint == "multicast" && bytes.Contains(body, []byte(users[0])) {
					<-hold
				}
				return 0, ""
			})
			o.create(toList("sale"), receivers)
			marked := record{}
			o.await("sale", "its first place is stored", func(Campaign) bool {
				marked = storedRecord(t, o, "sale")
				return marked.Position > 0
			})
			o.await("sale", "only the last chunk is left", func(c Campaign) bool { return c.CallsDone == 20 })
			close(hold)
			o.gate.set(nil)
			o.await("sale", "it ends", ended)
			o.crash()
			if tc.keep {
				marked.Next, marked.Open, marked.Sent = 0, nil, 0
			}
			data, err := json.Marshal(marked)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.eng.Campaigns.Put(t.Context(), recordKey("sale"), data); err != nil {
				t.Fatal(err)
			}
			o.load(nil)
			o.start()
			c := o.await("sale", "it ends again", ended)
			if c.Sent != len(receivers) || c.Failed != 0 {
				t.Errorf("ended as %+v", c)
			}
			o.everyoneOnce(users, "multicast:sale")
			if n := o.accepted("multicast"); n != 21 {
				t.Errorf("%d multicasts, want 21", n)
			}
		})
	}
}

func storedRecord(t *testing.T, o *office, id string) (rec record) {
	t.Helper()
	data, _, err := o.eng.Campaigns.Get(t.Context(), recordKey(id))
	if err == nil {
		err = json.Unmarshal(data, &rec)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// valve lets a number of multicasts through and holds the others.
func valve(o *office, n int) (release func()) {
	tickets, open := make(chan struct{}, n), make(chan struct{})
	for range n {
		tickets <- struct{}{}
	}
	o.gate.set(func(endpoint string, _ []byte) (int, string) {
		if endpoint == "multicast" {
			select {
			case <-tickets:
			case <-open:
			}
		}
		return 0, ""
	})
	return func() { close(open); o.gate.set(nil) }
}

func TestPauseResumeCancel(t *testing.T) {
	o := newOffice(t, 0)
	o.start()
	users := o.users(20 * 500)
	release := valve(o, 2)
	o.create(toList("sale"), users)
	full := func(c Campaign) bool { return c.CallsDone == 2 && c.InOutbox == window*500 }
	o.await("sale", "two chunks are sent and the window is full", full)
	c, err := o.r.Pause(t.Context(), "sale")
	if err != nil || c.State != StatePaused || c.InOutbox != window*500 {
		t.Fatalf("paused: got %+v, %v", c, err)
	}
	if rec := storedRecord(t, o, "sale"); rec.State != StatePaused {
		t.Errorf("the stored state is %s", rec.State)
	}
	release()
	c = o.await("sale", "the window is sent", func(c Campaign) bool { return c.InOutbox == 0 })
	if want := (2 + window) * 500; c.Sent != want || c.State != StatePaused {
		t.Errorf("paused with %+v, want %d sent", c, want)
	}
	o.crash() // it stays paused
	o.start()
	if n := len(o.entries()); n != 2+window {
		t.Errorf("%d entries of a paused campaign, want %d", n, 2+window)
	}
	release = valve(o, 2)
	if _, err := o.r.Resume(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	o.await("sale", "two more are sent and the window is full", func(c Campaign) bool { return c.CallsDone == 4+window && c.InOutbox == window*500 })
	c, err = o.r.Cancel(t.Context(), "sale")
	if err != nil || c.State != StateCancelled || ended(c) {
		t.Fatalf("cancelled: got %+v, %v", c, err)
	}
	release()
	c = o.await("sale", "it ends", ended)
	if want := (4 + 2*window) * 500; c.Sent != want || c.State != StateCancelled {
		t.Errorf("cancelled with %+v, want %d sent", c, want)
	}
	o.everyoneOnce(users[:c.Sent], "multicast:sale")
	for _, u := range users[c.Sent:] {
		if got := o.got(u); len(got) != 0 {
			t.Fatalf("user %s got %q after the cancellation", u, got)
		}
	}
}

func TestChangesOfState(t *testing.T) {
	o := newOffice(t, 0) // nothing runs
	pause, resume, cancel := o.r.Pause, o.r.Resume, o.r.Cancel
	for i, tc := range []struct {
		name  string
		state string
		act   func(string) (Campaign, error)
		want  string
		fails bool
	}{
		{"pause", StateRunning, func(id string) (Campaign, error) { return pause(t.Context(), id) }, StatePaused, false},
		{"pause again", StatePaused, func(id string) (Campaign, error) { return pause(t.Context(), id) }, StatePaused, false},
		{"resume", StatePaused, func(id string) (Campaign, error) { return resume(t.Context(), id) }, StateRunning, false},
		{"resume what runs", StateRunning, func(id string) (Campaign, error) { return resume(t.Context(), id) }, StateRunning, false},
		{"cancel", StatePaused, func(id string) (Campaign, error) { return cancel(t.Context(), id) }, StateCancelled, false},
		{"cancel again", StateCancelled, func(id string) (Campaign, error) { return cancel(t.Context(), id) }, StateCancelled, false},
		{"resume what is cancelled", StateCancelled, func(id string) (Campaign, error) { return resume(t.Context(), id) }, StateCancelled, true},
		{"pause what is done", StateDone, func(id string) (Campaign, error) { return pause(t.Context(), id) }, StateDone, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := fmt.Sprint("c", i)
			o.create(toList(id), strangers(1))
			o.r.campaigns[id].State = tc.state
			c, err := tc.act(id)
			if tc.fails != (err != nil) {
				t.Errorf("got error %v", err)
			}
			if !tc.fails && c.State != tc.want || o.get(id).State != tc.want {
				t.Errorf("it is %s, want %s", o.get(id).State, tc.want)
			}
		})
	}
	if _, err := pause(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("pause of none: got %v", err)
	}
}

// LINE takes nothing any more, and the channel drops what is over the quota: the
// campaign pauses before all is lost.
func TestPausesItself(t *testing.T) {
	o := newOffice(t, 1000)
	o.drop = true
	o.start()
	users := o.users(40 * 500)
	o.create(toList("sale"), users)
	c := o.await("sale", "it pauses and its window is empty", func(c Campaign) bool { return c.State == StatePaused && c.InOutbox == 0 })
	if c.Sent != 1000 || c.Failed == 0 || c.Failed > 2*window*500 || !strings.Contains(c.Reason, "monthly") {
		t.Errorf("paused as %+v", c)
	}
	o.restart() // the figures are stored
	if again := o.get("sale"); again.Sent != c.Sent || again.Failed != c.Failed || again.State != StatePaused || again.Reason != c.Reason {
		t.Errorf("after a restart it is %+v, was %+v", again, c)
	}
	if _, err := o.r.Cancel(t.Context(), "sale"); err != nil {
		t.Fatal(err)
	}
	o.await("sale", "it ends", ended)
}

// A multicast that LINE refuses for one user is divided; who is at fault is
// counted, also when the process ended before the notes were read.
func TestFailedReceivers(t *testing.T) {
	o := newOffice(t, 0)
	users := o.users(30)
	o.gate.set(func(endpoint string, body []byte) (int, string) {
		if (endpoint == "multicast" || endpoint == "push") && bytes.Contains(body, []byte(users[7])) {
			return 400, `{"message":"The property, to, in the request body is invalid (line: -, column: -)"}`
		}
		return 0, ""
	})
	o.start()
	o.create(toList("sale"), users)
	c := o.await("sale", "it ends", ended)
	if c.Sent != 29 || c.Failed != 1 || c.State != StateDone {
		t.Errorf("ended as %+v", c)
	}
	o.stop()
	c2 := o.r.campaigns["sale"]
	o.r.mu.Lock()
	c2.record = record{
		ID: "sale", Channel: "main", Audience: AudienceUsers, Users: 30, Chunks: 1, State: StateRunning, Position: 1, Created: c2.Created,
	}
	c2.recovered = false
	o.r.mu.Unlock()
	if err := o.r.recover(t.Context(), []*campaign{c2}); err != nil {
		t.Fatal(err)
	}
	if c := o.get("sale"); c.Sent != 29 || c.Failed != 1 || c.CallsDone != 1 {
		t.Errorf("by the log it is %+v", c)
	}
}
