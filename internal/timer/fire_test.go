package timer

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func TestFires(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	stop := h.run(s)
	began := h.now()
	group := json.RawMessage(`{"type":"group","groupId":"C1","userId":"U1"}`)
	h.store(s,
		engine.TimerOp{Key: "after", After: 200 * time.Millisecond, Payload: "茶", Source: json.RawMessage(`{"type":"user","userId":"U1"}`)},
		engine.TimerOp{Key: "at", At: began.Add(300 * time.Millisecond), Conversation: "C1", Source: group},
		engine.TimerOp{Key: "bare", At: began.Add(400 * time.Millisecond), Conversation: "C2"},
		engine.TimerOp{Key: "send", At: began.Add(100 * time.Millisecond), Messages: []json.RawMessage{json.RawMessage(`{"type":"text"}`)}},
		engine.TimerOp{Key: "later", After: time.Hour},
	)
	events := h.events(3)
	if got, want := keys(t, events), []string{"after", "at", "bare"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i, ev := range events {
		f := firedBy(t, ev)
		if f.Timer.Due.After(ev.Accepted) || ev.Accepted.Before(began) {
			t.Errorf("%s was due at %v and fired at %v", f.Timer.Key, f.Timer.Due, ev.Accepted)
		}
		if f.Type != frontdesk.TypeTimer || f.Timer.Count != 1 || f.Timestamp != f.Timer.Due.UnixMilli() || ev.Channel != "main" {
			t.Errorf("event %d: %+v in %s", i, f, ev.Channel)
		}
		parsed, err := frontdesk.ParseEvent(ev.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.ID != ev.ID || parsed.Conversation != ev.Conversation || parsed.Mode != "active" || parsed.ReplyToken != "" {
			t.Errorf("event %d: %+v", i, parsed)
		}
	}
	if f := firedBy(t, events[0]); f.Timer.Payload != "茶" || f.Source.UserID != "U1" || events[0].Conversation != "U1" {
		t.Errorf("after: %+v", f)
	}
	if f := firedBy(t, events[1]); f.Source.GroupID != "C1" || f.Source.UserID != "U1" || events[1].Conversation != "C1" {
		t.Errorf("at: %+v", f)
	}
	if f := firedBy(t, events[2]); f.Source.GroupID != "C2" || f.Source.Type != "group" {
		t.Errorf("bare: %+v", f)
	}
	stop()
	if got, want := h.waiting(), []string{"later 0"}; !slices.Equal(got, want) {
		t.Errorf("waiting: %q, want %q", got, want)
	}
	sent := h.sent()
	if len(sent) != 1 {
		t.Fatalf("%d entries", len(sent))
	}
	want := []engine.Send{{To: "U1", Messages: []json.RawMessage{json.RawMessage(`{"type":"text"}`)}}}
	if diff := cmp.Diff(want, sent[0].Sends); diff != "" || sent[0].EventID != "E1" || sent[0].Channel != "main" {
		t.Errorf("entry %+v:\n%s", sent[0], diff)
	}
}

func TestReplaceAndCancel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	h.store(s, soon(s, "replaced", 150*time.Millisecond), soon(s, "cancelled", 150*time.Millisecond), soon(s, "moved", 50*time.Second))
	h.store(s,
		soon(s, "replaced", time.Hour), engine.TimerOp{Key: "cancelled", Cancel: true}, soon(s, "moved", 200*time.Millisecond),
		soon(s, "both", 200*time.Millisecond), engine.TimerOp{Key: "both", Cancel: true}, soon(s, "both", 250*time.Millisecond),
		engine.TimerOp{Key: "never set", Cancel: true},
	)
	h.store(s, engine.TimerOp{Key: "moved", Cancel: true, Conversation: "U2"}) // another's
	h.store(s, soon(s, "last", 300*time.Millisecond))
	if got, want := keys(t, h.events(3)), []string{"moved", "both", "last"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A timer whose cancellation was stored before it was due does not fire, however
// close that was.
func TestCancelJustBefore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	const n = 40
	first := h.now().Add(300 * time.Millisecond)
	dueOf := func(i int) time.Time { return first.Add(time.Duration(i) * 10 * time.Millisecond) }
	for i := range n {
		h.store(s, engine.TimerOp{Key: fmt.Sprint(i), At: dueOf(i)})
	}
	inTime := map[string]bool{}
	for i := range n {
		time.Sleep(time.Until(dueOf(i)) - 3*time.Millisecond) // to try it, not to wait for a state
		h.store(s, engine.TimerOp{Key: fmt.Sprint(i), Cancel: true})
		inTime[fmt.Sprint(i)] = h.now().Before(dueOf(i))
	}
	h.store(s, soon(s, "last", 10*time.Millisecond))
	for got := []string(nil); !slices.Contains(got, "last"); {
		got = keys(t, h.events(len(got)+1))
		if key := got[len(got)-1]; inTime[key] {
			t.Errorf("timer %s was cancelled before it was due and fired", key)
		}
	}
}

func TestRecurring(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	stop := h.run(s)
	first := h.now().Add(100 * time.Millisecond)
	h.store(s,
		engine.TimerOp{Key: "every", After: 100 * time.Millisecond, Every: 150 * time.Millisecond},
		engine.TimerOp{Key: "from", At: first, Every: 200 * time.Millisecond},
		engine.TimerOp{Key: "send", At: first, Every: 250 * time.Millisecond, Messages: []json.RawMessage{json.RawMessage(`{}`)}},
		engine.TimerOp{Key: "cron", At: first, Cron: "@yearly", Zone: "UTC"},
	)
	events := h.events(10)
	h.store(s, engine.TimerOp{Key: "every", Cancel: true}, engine.TimerOp{Key: "from", Cancel: true})
	if err := s.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	last := map[string]fired{}
	ids := map[string]bool{}
	for _, ev := range events {
		f := firedBy(t, ev)
		if ids[ev.ID] {
			t.Errorf("two events are called %s", ev.ID)
		}
		ids[ev.ID] = true
		before, again := last[f.Timer.Key]
		last[f.Timer.Key] = f
		interval := map[string]time.Duration{"every": 150 * time.Millisecond, "from": 200 * time.Millisecond}[f.Timer.Key]
		// A busy machine may miss some, but the row does not drift.
		if gap := f.Timer.Due.Sub(before.Timer.Due); again && (interval == 0 || gap%interval != 0 || f.Timer.Count != before.Timer.Count+1) {
			t.Errorf("%s: time %d is due %v behind the one before, want %v", f.Timer.Key, f.Timer.Count, gap, interval)
		}
		if f.Timer.Due.After(ev.Accepted) {
			t.Errorf("%s fired early", f.Timer.Key)
		}
	}
	if last["from"].Timer.Count < 2 || last["every"].Timer.Count < 2 || last["cron"].Timer.Count != 1 || len(h.sent()) < 2 {
		t.Errorf("fired: %+v, sent %d", last, len(h.sent()))
	}
	var left []string
	for _, timer := range h.waiting() {
		if timer != "cron 1" && !slices.Contains([]string{"send 1", "send 2", "send 3", "send 4", "send 5", "send 6"}, timer) {
			left = append(left, timer)
		}
	}
	if len(left) > 0 {
		t.Errorf("cancelled and left: %q", left)
	}
}

// Timers that were due while nobody ran fire at once, in the order of their times,
// and those that come again fire once.
func TestOverdue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	var want []string
	for i := range 300 {
		n := i * 7 % 300
		h.store(s, soon(s, fmt.Sprintf("%03d", n), time.Duration(n-400)*10*time.Second))
		want = append(want, fmt.Sprintf("%03d", i))
	}
	h.store(s, engine.TimerOp{Key: "zzz", At: h.now().Add(-50 * time.Second), Every: 20 * time.Second})
	want = append(want, "zzz")
	h.run(s)
	events := h.events(301)
	if diff := cmp.Diff(want, keys(t, events)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if err := s.takeCheckpoint(t.Context()); err != nil { // behind what fires
		t.Fatal(err)
	}
	due := firedBy(t, events[300]).Timer.Due
	timers, err := s.Pending(t.Context(), "main", "U1")
	if err != nil || len(timers) != 1 || !timers[0].Due.Equal(due.Add(60*time.Second)) || timers[0].Count != 1 {
		t.Errorf("its next time: got %+v, %v, want %v", timers, err, due.Add(60*time.Second))
	}
}

// No timer fires before a checkpoint tells that its entry is applied: a crash
// would set it again.
func TestFiresBehindItsCheckpoint(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	for i := range 20 {
		h.store(s, soon(s, fmt.Sprint(i), 0))
		ev := h.events(i + 1)[i]
		cp, err := s.loadCheckpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var set uint64
		if _, err := fmt.Sscanf(ev.ID, engine.TimerID+"%x-", &set); err != nil {
			t.Fatal(err)
		}
		if cp.Outbox <= engine.Pos(set) {
			t.Errorf("set at %v, fired with the checkpoint at %v", engine.Pos(set), cp.Outbox)
		}
	}
}

// TestMany: thousands of timers over two seconds fire once each, none early.
func TestMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.run(s)
	const n = 4000
	first := h.now().Add(500 * time.Millisecond)
	for i := 0; i < n; i += frontdesk.MaxTimers {
		var ops []engine.TimerOp
		for j := i; j < i+frontdesk.MaxTimers; j++ {
			op := engine.TimerOp{Key: fmt.Sprint(j), At: first.Add(time.Duration(j*7919%n) * 2 * time.Second / n)}
			if j%2 == 0 {
				op.After, op.At = time.Until(op.At), time.Time{}
			}
			ops = append(ops, op)
		}
		h.store(s, ops...)
	}
	seen := map[string]bool{}
	for _, ev := range h.events(n) {
		f := firedBy(t, ev)
		if seen[f.Timer.Key] || f.Timer.Due.After(ev.Accepted) {
			t.Errorf("timer %s: twice %v, due %v, fired %v", f.Timer.Key, seen[f.Timer.Key], f.Timer.Due, ev.Accepted)
		}
		seen[f.Timer.Key] = true
	}
	if len(seen) != n {
		t.Errorf("%d fired, want %d", len(seen), n)
	}
}

// A timer that cannot be read is skipped, and holds up nobody.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	bad := &engine.Timer{Channel: "main", TimerOp: engine.TimerOp{Conversation: "U1", Key: "bad", Cron: "no cron"}}
	bad.Due = h.now()
	if err := h.eng.Timers.Put(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	h.store(s, soon(s, "good", 50*time.Millisecond))
	stop := h.run(s)
	if got := keys(t, h.events(2)); got[1] != "good" {
		t.Errorf("got %v", got)
	}
	stop()
	if left := h.waiting(); len(left) != 0 {
		t.Errorf("a timer whose next time cannot be told stays: %q", left)
	}
}

// Timers of a channel that is no longer configured stay, and fire when it is back.
func TestFormerChannel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service()
	h.store(s, soon(s, "kept", 0), engine.TimerOp{Key: "again", At: h.now(), Every: time.Second})
	s.cfg.Channels = []string{"other"}
	stop := h.run(s)
	e := &engine.Entry{ID: "other/E", Channel: "other", Timers: []engine.TimerOp{{Conversation: "U1", Key: "fires", At: h.now()}}}
	s.Stamp(e)
	if _, _, err := h.eng.Outbox.Append(e); err != nil {
		t.Fatal(err)
	}
	if got := keys(t, h.events(1)); got[0] != "fires" {
		t.Errorf("got %q", got)
	}
	stop()
	if got, want := h.waiting(), []string{"kept 0", "again 0"}; !slices.Equal(got, want) {
		t.Errorf("waiting: %q, want %q", got, want)
	}
	h.run(h.service())
	if got, want := keys(t, h.events(3))[1:], []string{"kept", "again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
