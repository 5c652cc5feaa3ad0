package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

func TestPlan(t *testing.T) {
	o := newOffice(t, 100)
	users := o.users(20)
	o.friends = users[:12]
	c := o.create(toList("other"), users[:5]) // keeps five of the quota
	group := "C" + strings.Repeat("0", 32)
	limited := func(left int64) *Quota { return &Quota{Limited: true, Limit: 100, Reserved: 5, Left: left} }
	for _, tc := range []struct {
		name string
		spec Spec
		list []string
		want Plan
	}{
		{"a list", Spec{Audience: AudienceUsers}, append(users, users[:3]...), Plan{Users: 20, Duplicates: 3, Calls: 1, Cost: 20, Fits: true}},
		{"a long list", Spec{Audience: AudienceUsers}, strangers(1001), Plan{Users: 1001, Calls: 3, Cost: 1001}},
		{"what is left", Spec{Audience: AudienceUsers}, strangers(95), Plan{Users: 95, Calls: 1, Cost: 95, Fits: true}},
		{"one more than is left", Spec{Audience: AudienceUsers}, strangers(96), Plan{Users: 96, Calls: 1, Cost: 96}},
		{"receivers", Spec{Audience: AudienceUsers, To: []string{users[0], group, users[0], group, users[1]}}, nil, Plan{Users: 2, Groups: 1, Duplicates: 2, Calls: 2, Cost: 3, AtLeast: true, Fits: true}},
		{"all", Spec{Audience: AudienceAll}, nil, Plan{Users: 12, Calls: 1, Cost: 12, Fits: true}},
		{"broadcast", Spec{Audience: AudienceBroadcast}, nil, Plan{Users: 12, Calls: 1, Cost: 12, AtLeast: true, Fits: true}},
		{"five messages cost as one", Spec{Audience: AudienceAll, Messages: append(append(text("a"), text("b")...), text("c")...)}, nil, Plan{Users: 12, Calls: 1, Cost: 12, Fits: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.spec.Channel = "main"
			if tc.spec.Messages == nil {
				tc.spec.Messages = text("sale")
			}
			var from io.Reader
			if tc.list != nil {
				from = list(tc.list)
			}
			got, err := o.r.Plan(t.Context(), tc.spec, from)
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Checked, tc.want.Quota = true, limited(95)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
	if keys := o.keys("chunk.>"); len(keys) != 1 || len(o.r.List()) != 1 || len(o.entries()) != 0 {
		t.Errorf("plans left something: chunks %v, campaigns %v", keys, o.r.List())
	}
	if _, err := o.r.Cancel(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if q := o.r.quota(t.Context(), "main", "", time.Time{}); q.Reserved != 0 || q.Left != 100 {
		t.Errorf("a cancelled campaign keeps some of the quota: %+v", q)
	}
	o.r.cfg.Used = func(string) int64 { return 30 }
	if q := o.r.quota(t.Context(), "main", "", time.Time{}); q.Used != 30 || q.Left != 70 {
		t.Errorf("what LINE does not know of yet is not counted: %+v", q)
	}
}

// LINE cannot be asked: the plan says so and the campaign is not held up.
func TestPlanWithoutLINE(t *testing.T) {
	o := newOffice(t, 0)
	if err := o.sim.SetFaults(linesim.Faults{Endpoints: map[string]linesim.EndpointFaults{"*": {ErrorShare: 1, Status: 503}}}); err != nil {
		t.Fatal(err)
	}
	plan, err := o.r.Plan(t.Context(), toList(""), list(strangers(2)))
	if err != nil || plan.Checked || plan.Unchecked == "" || plan.Quota != nil || !plan.Fits {
		t.Errorf("got %+v, %v", plan, err)
	}
	o.create(toList("sale"), strangers(2))
}

func TestRefusals(t *testing.T) {
	o := newOffice(t, 10)
	good := strangers(2)
	with := func(change func(*Spec)) Spec {
		s := toList("c1")
		s.OverQuota = false
		change(&s)
		return s
	}
	same := func(*Spec) {}
	object := func(text string) []json.RawMessage { return []json.RawMessage{json.RawMessage(text)} }
	for _, tc := range []struct {
		name string
		spec Spec
		list string // "-" for none
		kind error
		want string // in the error
	}{
		{"id", with(func(s *Spec) { s.ID = "a/b" }), good[0], ErrInvalid, "id:"},
		{"long id", with(func(s *Spec) { s.ID = strings.Repeat("a", 65) }), good[0], ErrInvalid, "id:"},
		{"name", with(func(s *Spec) { s.Name = strings.Repeat("a", 201) }), good[0], ErrInvalid, "name:"},
		{"channel", with(func(s *Spec) { s.Channel = "shop" }), good[0], ErrInvalid, `channel: "shop" is not`},
		{"audience", with(func(s *Spec) { s.Audience = "most" }), good[0], ErrInvalid, "audience:"},
		{"list and receivers", with(func(s *Spec) { s.To = good }), good[0], ErrInvalid, "either"},
		{"neither", with(same), "-", ErrInvalid, "either"},
		{"list to all", with(func(s *Spec) { s.Audience = AudienceAll }), good[0], ErrInvalid, "no list"},
		{"receivers of a broadcast", with(func(s *Spec) { s.Audience, s.To = AudienceBroadcast, good }), "-", ErrInvalid, "no list"},
		{"receiver", with(func(s *Spec) { s.To = []string{"Uxyz"} }), "-", ErrInvalid, `"Uxyz" is no ID`},
		{"too many receivers", with(func(s *Spec) { s.To = strangers(501) }), "-", ErrInvalid, "501 receivers"},
		{"no messages", with(func(s *Spec) { s.Messages = nil }), good[0], ErrInvalid, "there are 0"},
		{"six messages", with(func(s *Spec) { s.Messages = append(text("1"), make([]json.RawMessage, 5)...) }), good[0], ErrInvalid, "there are 6"},
		{"a message that is a text", with(func(s *Spec) { s.Messages = object(`"hi"`) }), good[0], ErrInvalid, "messages[0]"},
		{"a message without type", with(func(s *Spec) { s.Messages = object(`{"text":"hi"}`) }), good[0], ErrInvalid, "messages[0]"},
		{"a large message", with(func(s *Spec) { s.Messages = text(strings.Repeat("a", maxContent)) }), good[0], ErrInvalid, "bytes"},
		{"what LINE does not take", with(func(s *Spec) { s.Messages = object(`{"type":"text"}`) }), good[0], ErrInvalid, "messages[0].text"},
		{"nobody", with(same), "# nobody\n\n", ErrInvalid, "nobody"},
		{"all of nobody", with(func(s *Spec) { s.Audience = AudienceAll }), "-", ErrInvalid, "nobody"},
		{"faulty list", with(same), good[0] + "\nme\n", ErrInvalid, `line 2: "me" is no user ID`},
		{"more than the quota", with(same), strings.Join(strangers(11), "\n"), ErrOverQuota, "11 messages of the quota and 10 are left of 10"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var from io.Reader
			if tc.list != "-" {
				from = strings.NewReader(tc.list)
			}
			_, err := o.r.Create(t.Context(), tc.spec, from)
			if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "sale") {
				t.Errorf("the error repeats a message: %v", err)
			}
		})
	}
	if keys := o.keys(">"); len(keys) != 0 || len(o.r.List()) != 0 {
		t.Errorf("what was refused left %v", keys)
	}
	if _, err := New(t.Context(), Config{Engine: o.eng}); err != nil {
		t.Fatal(err)
	}
	o.r.cfg.Clients = nil
	if _, err := o.r.Create(t.Context(), toList("c1"), list(good)); !errors.Is(err, ErrNoServer) {
		t.Errorf("without channels: got error %v", err)
	}
}

// Who creates a campaign twice has one.
func TestCreateAgain(t *testing.T) {
	o := newOffice(t, 0)
	ids := strangers(3)
	first := o.create(toList("sale"), ids)
	if again := o.create(toList("sale"), ids); !cmp.Equal(again, first) || len(o.r.List()) != 1 {
		t.Errorf("created again: got %+v, want %+v", again, first)
	}
	o.crash()
	if again := o.create(toList("sale"), ids); !again.Created.Equal(first.Created) {
		t.Errorf("created again after a crash: got %+v, want %+v", again, first)
	}
	other := toList("sale")
	other.Messages = text("another")
	for name, err := range map[string]error{
		"with other users":    errorOf(o.r.Create(t.Context(), toList("sale"), list(ids[1:]))),
		"with other messages": errorOf(o.r.Create(t.Context(), other, list(ids))),
	} {
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%s: got error %v, want a conflict", name, err)
		}
	}
	// Two at a time: one is created, the other one is told.
	var inner error
	reading := readerFunc(func([]byte) (int, error) {
		_, inner = o.r.Create(t.Context(), toList("slow"), list(ids))
		return 0, io.ErrUnexpectedEOF
	})
	if _, err := o.r.Create(t.Context(), toList("slow"), reading); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a list that breaks off: got error %v", err)
	}
	if !errors.Is(inner, ErrConflict) {
		t.Errorf("while it is created: got error %v, want a conflict", inner)
	}
	o.create(toList("slow"), ids) // what broke off is not in the way
	if a, b := o.create(toList(""), ids).ID, o.create(toList(""), ids).ID; a == b || !idForm.MatchString(a) {
		t.Errorf("made up the names %q and %q", a, b)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func errorOf[T any](_ T, err error) error { return err }

func TestActiveCampaignsAreBounded(t *testing.T) {
	o := newOffice(t, 0)
	for i := range maxActive {
		o.create(toList(fmt.Sprint("c", i)), strangers(1))
	}
	_, err := o.r.Create(t.Context(), toList("more"), list(strangers(1)))
	if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "100 campaigns") {
		t.Errorf("one more: got error %v", err)
	}
	o.r.campaigns["c0"].Ended = time.Now()
	o.create(toList("more"), strangers(1))
}

// An ID can be used again when its campaign is forgotten: what the outbox
// remembers of the first one does not stand for the second.
func TestIDUsedAgain(t *testing.T) {
	o := newOffice(t, 0)
	o.start()
	users := o.users(2)
	o.create(toList("sale"), users)
	o.await("sale", "its receivers are forgotten", func(Campaign) bool { return len(o.keys("chunk.>")) == 0 })
	o.r.prune(t.Context(), time.Now().Add(keepFor+time.Minute))
	o.create(toList("sale"), users)
	o.await("sale", "the second one ends", ended)
	for _, u := range users {
		if got := o.got(u); len(got) != 2 {
			t.Errorf("user %s got %q, want it of both", u, got)
		}
	}
}

func TestUsersAreBounded(t *testing.T) {
	g := &gatherer{tally: tally{users: maxUsers}, seen: map[userID]struct{}{}}
	if err := g.add(userID{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("one more: got error %v", err)
	}
}

// What ended long ago is forgotten, so are the oldest of too many, and receivers
// that belong to no campaign.
func TestForgotten(t *testing.T) {
	o := newOffice(t, 0)
	now := time.Now()
	end := func(id string, at time.Time) {
		rec := record{ID: id, State: StateDone, Created: at, Ended: at}
		data, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(o.eng.Campaigns.Put(t.Context(), recordKey(id), data), o.eng.Campaigns.Put(t.Context(), contentKey(id), data)); err != nil {
			t.Fatal(err)
		}
	}
	end("old", now.Add(-keepFor-time.Minute))
	end("young", now.Add(-keepFor+time.Minute))
	o.load(nil)
	o.r.prune(t.Context(), now)
	if left := o.r.List(); len(left) != 1 || left[0].ID != "young" || len(o.keys("*.old")) != 0 {
		t.Errorf("by their age are left %+v", left)
	}
	for i := range maxEnded {
		end(fmt.Sprint("c", i), now.Add(-time.Duration(i)*time.Minute))
	}
	o.load(nil)
	o.create(toList("running"), strangers(1))
	for _, key := range []string{chunkKey("c0", 0), chunkKey("gone", 0), chunkKey("gone", 1)} {
		if err := o.eng.Campaigns.Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	o.load(nil)
	o.r.prune(t.Context(), now)
	if keys := o.keys("chunk.>"); len(keys) != 1 || keys[0] != chunkKey("running", 0) {
		t.Errorf("left are the receivers %v", keys)
	}
	left := o.r.List()
	if len(left) != maxEnded+1 || left[0].ID != "running" || left[1].ID != "c0" || left[maxEnded].ID != "c999" {
		t.Errorf("%d campaigns are left, the last is %s", len(left), left[len(left)-1].ID)
	}
	if keys := o.keys("*.young"); len(keys) != 0 {
		t.Errorf("of a forgotten campaign %v is left", keys)
	}
	for _, id := range []string{"old", "young"} {
		if _, err := o.r.Get(t.Context(), id); !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("%s: got error %v, want that it is not found", id, err)
		}
	}
}

// A damaged record does not keep the others from running.
func TestDamaged(t *testing.T) {
	o := newOffice(t, 0)
	ids := strangers(600)
	o.create(toList("good"), ids)
	o.create(toList("chunk"), ids)
	o.create(toList("content"), ids)
	for key, value := range map[string]string{
		recordKey("record"): "{", chunkKey("chunk", 1): "\x01abc", contentKey("content"): "{}",
	} {
		if err := o.eng.Campaigns.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	o.load(nil)
	o.start()
	o.await("good", "it ends", ended)
	o.await("chunk", "it pauses", func(c Campaign) bool { return c.State == StatePaused && strings.Contains(c.Reason, "damaged") })
	o.r.mu.Lock()
	defer o.r.mu.Unlock()
	if c := o.r.campaigns["content"]; c.State != StatePaused || !strings.Contains(c.Reason, "damaged") {
		t.Errorf("without content it is %s: %s", c.State, c.Reason)
	}
}

// 100,000 users are read, stored and durable in about a second; the bound is
// generous, for slow machines.
func TestLongList(t *testing.T) {
	o := newOffice(t, 0)
	text := strings.Join(strangers(100_000), "\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	c, err := o.r.Create(t.Context(), toList("sale"), strings.NewReader(text))
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || c.Users != 100_000 || c.Calls != 200 {
		t.Fatalf("got %+v, %v", c, err)
	}
	mib := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("100,000 users in %v, %d MiB allocated", took, mib)
	if took > 10*time.Second || mib > 200 {
		t.Errorf("took %v and allocated %d MiB", took, mib)
	}
}
