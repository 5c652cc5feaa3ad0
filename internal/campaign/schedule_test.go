package campaign

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// wallClock is a wall clock that a test sets.
type wallClock struct {
	mu     sync.Mutex
	offset time.Duration
	looked chan struct{} // gets one when the clock is looked at, if there is room
}

func (w *wallClock) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.looked <- struct{}{}:
	default:
	}
	return time.Now().Add(w.offset).Round(0)
}

func (w *wallClock) jump(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += by
}

// await waits until the clock is looked at, which it is for what is scheduled.
func (w *wallClock) await(t *testing.T) {
	t.Helper()
	select {
	case <-w.looked:
	case <-time.After(patience):
		t.Fatalf("nobody looked at the clock for %v", patience)
	}
}

// at is a campaign to a list that starts at a time.
func at(id string, start time.Time) Spec {
	spec := toList(id)
	spec.StartAt = start
	return spec
}

// The wait for the next start ends at the moment itself, and a wall clock that
// jumps is seen within a round.
func TestStartByTheWallClock(t *testing.T) {
	const ahead = 90*time.Minute + 123*time.Microsecond
	type jump struct{ after, by time.Duration }
	for _, tc := range []struct {
		name  string
		jumps []jump
		want  time.Duration // from now until it begins
		late  time.Duration // at most
	}{
		{"no jump", nil, ahead, 0},
		{"forward, to before the start", []jump{{time.Minute, time.Hour}}, ahead - time.Hour, 0},
		{"forward, beyond the start", []jump{{time.Minute, 24 * time.Hour}}, time.Minute, time.Second},
		{"back", []jump{{time.Minute, -time.Hour}}, ahead + time.Hour, 0},
		{"back, just before the start", []jump{{ahead - time.Millisecond, -time.Minute}}, ahead + time.Minute, 0},
		{"back and forward", []jump{{time.Minute, -time.Hour}, {time.Hour, time.Hour}}, ahead, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock, begun := &wallClock{}, time.Now()
				r := &Runner{lg: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1), now: clock.now, campaigns: map[string]*campaign{
					"sale":  newCampaign(record{ID: "sale", State: StateScheduled, StartAt: begun.Add(ahead)}),
					"later": newCampaign(record{ID: "later", State: StateScheduled, StartAt: begun.Add(1000 * time.Hour)}),
					"now":   newCampaign(record{ID: "now", State: StatePaused, StartAt: begun}),
				}}
				for _, j := range tc.jumps {
					time.AfterFunc(j.after, func() { clock.jump(j.by) })
				}
				tick, alarm := time.NewTicker(roundEvery), time.NewTimer(time.Hour)
				var due []*campaign
				for due = r.begin(); len(due) == 0; due = r.begin() {
					r.idle(t.Context(), tick, alarm, time.Time{})
				}
				took := time.Since(begun)
				if len(due) != 1 || due[0].ID != "sale" || due[0].State != StateRunning {
					t.Errorf("began %v", due)
				}
				if took < tc.want || took > tc.want+tc.late {
					t.Errorf("began after %v, want %v to %v", took, tc.want, tc.want+tc.late)
				}
			})
		})
	}
}

// While the store is given a rest, what is overdue does not keep Run busy.
func TestRestIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Runner{lg: slog.New(slog.DiscardHandler), now: time.Now, campaigns: map[string]*campaign{
			"sale": newCampaign(record{ID: "sale", State: StateScheduled, StartAt: time.Now().Add(-time.Hour)}),
		}}
		begun := time.Now()
		tick, alarm := time.NewTicker(time.Hour), time.NewTimer(time.Hour)
		r.idle(t.Context(), tick, alarm, begun.Add(retryPause))
		if took := time.Since(begun); took != retryPause {
			t.Errorf("rested for %v, want %v", took, retryPause)
		}
	})
}

// Campaigns go out at their times: not before, and soon after.
func TestScheduled(t *testing.T) {
	o := newOffice(t, 0)
	o.start()
	users := o.users(9)
	begin := time.Now().Add(300 * time.Millisecond).Truncate(time.Millisecond)
	starts := map[string]time.Time{}
	for i, user := range users {
		start := begin.Add(time.Duration(i/3) * 150 * time.Millisecond) // three at a time
		c := o.create(at(fmt.Sprintf("c%d", i), start), []string{user})
		if c.State != StateScheduled || !c.StartAt.Equal(start) || c.InOutbox != 0 {
			t.Errorf("created %+v", c)
		}
		starts[user] = start
	}
	for i := range users {
		c := o.await(fmt.Sprintf("c%d", i), "it ends", ended)
		if c.State != StateDone || c.Sent != 1 {
			t.Errorf("ended as %+v", c)
		}
	}
	o.everyoneOnce(users, "push:sale")
	for _, user := range users {
		late := firstMessage(t, o, user).Sub(starts[user])
		t.Log("late by", late)
		if late < 0 || late > 500*time.Millisecond {
			t.Errorf("it was sent %v after its time", late)
		}
	}
}

// firstMessage returns when a user got the first message of the bot.
func firstMessage(t *testing.T, o *office, user string) time.Time {
	t.Helper()
	msgs, err := o.sim.Messages(user, linesim.Query{From: linesim.FromBot})
	if err != nil || len(msgs) == 0 {
		t.Fatalf("%s got %d messages, %v", user, len(msgs), err)
	}
	return msgs[0].At
}

// A scheduled campaign waits through restarts and crashes; when its time came
// meanwhile it starts first thing.
func TestScheduledThroughRestarts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		again func(*office)
	}{
		{"in order", func(o *office) { o.stop(); o.close(); o.open() }},
		{"a crash", (*office).crash},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o, clock := newOffice(t, 0), &wallClock{}
			again := func() {
				tc.again(o)
				o.r.now = clock.now
				o.start()
			}
			o.r.now = clock.now
			o.start()
			users := o.users(2)
			start := time.Now().Add(time.Hour).Round(time.Second)
			o.create(at("sale", start), users)
			again()
			if c := o.get("sale"); c.State != StateScheduled || !c.StartAt.Equal(start) || c.Sent+c.InOutbox != 0 {
				t.Errorf("after a restart it is %+v", c)
			}
			if n := o.counted("sent"); n != 0 || len(o.entries()) != 0 {
				t.Errorf("something was sent: %v", o.entries())
			}
			clock.jump(2 * time.Hour)
			again()
			if c := o.await("sale", "it ends", ended); c.State != StateDone || c.Sent != 2 {
				t.Errorf("ended as %+v", c)
			}
			again()
			o.everyoneOnce(users, "multicast:sale")
			if n := len(o.entries()); n != 1 {
				t.Errorf("%d entries in the outbox, want 1", n)
			}
		})
	}
}

// A scheduled campaign can be paused, resumed and cancelled. Nothing of it is
// sent before its time, also when it is resumed.
func TestScheduledIsChanged(t *testing.T) {
	o, clock := newOffice(t, 0), &wallClock{looked: make(chan struct{})}
	o.r.now = clock.now
	o.start()
	users := o.users(2)
	ctx := t.Context()
	start := time.Now().Add(time.Hour)
	o.create(at("sale", start), users)
	o.create(at("never", start), users)
	o.create(at("later", start.Add(1000*time.Hour)), users) // for which the clock is looked at
	step := func(what string, c Campaign, err error, want string) {
		t.Helper()
		if err != nil || c.State != want || c.Sent+c.InOutbox != 0 {
			t.Fatalf("%s: got %+v, %v; want that it is %s", what, c, err, want)
		}
	}
	c, err := o.r.Resume(ctx, "sale")
	step("resume what waits", c, err, StateScheduled)
	c, err = o.r.Pause(ctx, "sale")
	step("pause", c, err, StatePaused)
	c, err = o.r.Resume(ctx, "sale")
	step("resume before its time", c, err, StateScheduled)
	c, err = o.r.Cancel(ctx, "never")
	step("cancel", c, err, StateCancelled)
	if c := o.await("never", "it ends", ended); c.State != StateCancelled || c.Sent != 0 {
		t.Errorf("cancelled as %+v", c)
	}
	c, err = o.r.Pause(ctx, "sale")
	step("pause again", c, err, StatePaused)
	clock.jump(2 * time.Hour)
	for range 20 { // rounds in which it could start
		clock.await(t)
		o.r.poke()
	}
	step("paused beyond its time", o.get("sale"), nil, StatePaused)
	if _, err := o.r.Resume(ctx, "sale"); err != nil {
		t.Fatal(err)
	}
	if c := o.await("sale", "it ends", ended); c.State != StateDone {
		t.Errorf("ended as %+v", c)
	}
	o.everyoneOnce(users, "multicast:sale")
	o.await("sale", "only the receivers of the later one are kept", func(Campaign) bool { return len(o.keys("chunk.>")) == 1 })
}

// A channel that is missing while a campaign waits is not its business yet.
func TestScheduledWithoutChannel(t *testing.T) {
	o, clock := newOffice(t, 0), &wallClock{looked: make(chan struct{}, 1)}
	o.create(at("sale", time.Now().Add(time.Hour)), o.users(2))
	o.r.now = clock.now
	client := o.r.cfg.Clients["main"]
	delete(o.r.cfg.Clients, "main")
	o.r.cfg.Clients["shop"] = client
	o.start()
	clock.await(t)
	o.r.poke()
	clock.await(t)
	if c := o.get("sale"); c.State != StateScheduled {
		t.Errorf("it is %+v", c)
	}
	clock.jump(2 * time.Hour)
	c := o.await("sale", "it pauses", func(c Campaign) bool { return c.State == StatePaused })
	if !strings.Contains(c.Reason, "channel main is not in the configuration") {
		t.Errorf("paused with the reason %q", c.Reason)
	}
}

func TestStartIsChecked(t *testing.T) {
	o := newOffice(t, 0)
	users := strangers(2)
	now := time.Now()
	for _, tc := range []struct {
		name  string
		start time.Time
		want  string // in the error, or the state
	}{
		{"at once", time.Time{}, StateRunning},
		{"now", now, StateRunning},
		{"just passed", now.Add(-30 * time.Second), StateRunning},
		{"passed", now.Add(-61 * time.Second), "has passed"},
		{"soon", now.Add(time.Minute), StateScheduled},
		{"366 days", now.Add(maxAhead), StateScheduled},
		{"more", now.Add(maxAhead + time.Minute), "more than 366 days ahead"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec := at("", tc.start)
			plan, planErr := o.r.Plan(t.Context(), spec, list(users))
			c, err := o.r.Create(t.Context(), spec, list(users))
			if err != nil {
				if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tc.want) || planErr == nil {
					t.Errorf("got error %v, and of the plan %v; want %q", err, planErr, tc.want)
				}
				return
			}
			if c.State != tc.want || planErr != nil || !plan.StartAt.Equal(tc.start) {
				t.Errorf("got %+v, plan %+v, %v; want that it is %s", c, plan, planErr, tc.want)
			}
		})
	}
	if keys := o.keys("record.>"); len(keys) != 5 {
		t.Errorf("stored are %v", keys)
	}
}

// Who schedules a campaign again has one, also when its time has passed; another
// time is another campaign.
func TestScheduleAgain(t *testing.T) {
	o, clock := newOffice(t, 0), &wallClock{}
	o.r.now = clock.now
	users := strangers(2)
	start := time.Now().Add(time.Hour)
	first := o.create(at("sale", start), users)
	if again := o.create(at("sale", start.In(time.FixedZone("", 3600))), users); again.Created != first.Created {
		t.Errorf("created again: got %+v", again)
	}
	for name, other := range map[string]time.Time{"another time": start.Add(time.Minute), "at once": {}} {
		if _, err := o.r.Create(t.Context(), at("sale", other), list(users)); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "which starts") {
			t.Errorf("%s: got error %v, want a conflict", name, err)
		}
	}
	clock.jump(2 * time.Hour)
	if again := o.create(at("sale", start), users); again.Created != first.Created {
		t.Errorf("created again after its time: got %+v", again)
	}
}

// The quota of a campaign is that of the month in which it starts.
func TestQuotaOfTheMonth(t *testing.T) {
	o, clock := newOffice(t, 100), &wallClock{}
	o.r.now = clock.now
	o.r.cfg.Used = func(string) int64 { return 30 }
	middle := time.Date(2027, 3, 15, 12, 0, 0, 0, time.UTC)
	clock.jump(time.Until(middle))
	inApril := time.Date(2027, 3, 31, 15, 0, 0, 0, time.UTC) // the 1st in Japan
	users := strangers(100)
	o.create(toList("now"), users[:5])
	o.create(at("march", inApril.Add(-time.Second)), users[:10])
	o.create(at("april", inApril), users[:20])
	paused := o.create(at("paused", inApril.Add(time.Hour)), users[:1])
	if _, err := o.r.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		start time.Time
		want  Quota
	}{
		{"now", time.Time{}, Quota{"", true, 100, 30, 15, 55}},
		{"this month", middle.Add(time.Hour), Quota{"", true, 100, 30, 15, 55}},
		{"next month", inApril.Add(time.Hour), Quota{"2027-04", true, 100, 0, 21, 79}},
		{"a later one", inApril.AddDate(0, 2, 0), Quota{"2027-06", true, 100, 0, 0, 100}},
	} {
		if got := o.r.quota(t.Context(), "main", "", tc.start); got == nil || *got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
	spec := at("", inApril)
	spec.OverQuota = false
	if _, err := o.r.Create(t.Context(), spec, list(users[:80])); !errors.Is(err, ErrOverQuota) || !strings.Contains(err.Error(), "79 are left of 100 in 2027-04") {
		t.Errorf("over the quota: got error %v", err)
	}
	o.create(spec, users[:79])
}

// Records from before there were start times are read, and run.
func TestRecordWithoutStart(t *testing.T) {
	o := newOffice(t, 0)
	users := o.users(2)
	o.create(toList("sale"), users)
	old := map[string]any{}
	data, _, err := o.eng.Campaigns.Get(t.Context(), recordKey("sale"))
	if err != nil || json.Unmarshal(data, &old) != nil {
		t.Fatal(string(data), err)
	}
	var fields []string
	for name := range old {
		fields = append(fields, name)
	}
	slices.Sort(fields)
	want := "audience channel chunks created digest failed id next sent state users"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("without a start the record has the fields %s, want %s as before", got, want)
	}
	o.crash()
	o.start()
	if c := o.await("sale", "it ends", ended); !c.StartAt.IsZero() || c.Sent != 2 {
		t.Errorf("ended as %+v", c)
	}
}

// Those whose time came while nothing ran go out in the order of their times.
func TestOverdueInOrder(t *testing.T) {
	o, clock := newOffice(t, 0), &wallClock{}
	o.r.now = clock.now
	user := o.users(1)
	begin := time.Now().Add(time.Hour)
	for _, i := range []int{3, 0, 4, 2, 1} {
		spec := at(fmt.Sprintf("c%d", i), begin.Add(time.Duration(i)*time.Minute))
		spec.Messages = text(spec.ID)
		o.create(spec, user)
	}
	clock.jump(24 * time.Hour)
	o.start()
	for i := range 5 {
		o.await(fmt.Sprintf("c%d", i), "it ends", ended)
	}
	want := []string{"push:c0", "push:c1", "push:c2", "push:c3", "push:c4"}
	if got := o.got(user[0]); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What has begun waits no more, also when the wall clock is set back.
func TestWaits(t *testing.T) {
	now := time.Now()
	later := now.Add(time.Hour)
	for _, tc := range []struct {
		name string
		rec  record
		want bool
	}{
		{"without a start", record{}, false},
		{"before its time", record{StartAt: later}, true},
		{"at its time", record{StartAt: now}, false},
		{"after its time", record{StartAt: now.Add(-time.Hour)}, false},
		{"the log was marked for it", record{StartAt: later, Position: 7}, false},
		{"a chunk is in the outbox", record{StartAt: later, Position: 7, Next: 1, Open: []int{0}}, false},
		{"a chunk was sent", record{StartAt: later, Next: 1}, false},
	} {
		if got := newCampaign(tc.rec).waits(now); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
