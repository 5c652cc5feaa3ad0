package dispatch

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// A checkpoint that the store did not take is made up for by the next one, also
// when nothing changed in between.
func TestCheckpointThatFailedIsRepeated(t *testing.T) {
	w := newHouse(t, echo, nil)
	w.accept(said("U1", "e1"))
	d := w.begin(w.cfg)
	d.pool = newPool(1)
	if _, err := d.recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.pool.start(func(c *conversation) bool { return d.work(t.Context(), c) })
	err := w.eng.Inbox.Scan(t.Context(), 0, func(b engine.Batch) bool {
		for pos, rec := range b.Records() {
			ev, err := engine.ParseEvent(rec)
			if err != nil {
				t.Fatal(err)
			}
			d.arrive(pos, &ev)
		}
		d.read.Store(uint64(engine.After(b)))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	w.await("the event is done", func() bool { return d.Backlog().Events == 0 })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.checkpoint(gone); err == nil {
		t.Fatal("a checkpoint was stored after the end")
	}
	if err := d.checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range d.shards {
		cp, err := d.loadCheckpoint(t.Context(), i)
		if err != nil || uint64(cp.Floor) != d.read.Load() {
			t.Errorf("shard %d: floor %v, %v, want %v", i, cp.Floor, err, engine.Pos(d.read.Load()))
		}
	}
	if err := d.running.close(); err != nil {
		t.Error(err)
	}
}

// What a checkpoint is stored as must stay readable.
func TestCheckpointFormat(t *testing.T) {
	const stored = `{"floor":65537,"done":[[65538,65540],[65542,65542]],"tries":{"65541":{"attempts":2,"crashes":1},"65543":{"button":true}},"outbox":131072}`
	var cp checkpoint
	if err := json.Unmarshal([]byte(stored), &cp); err != nil {
		t.Fatal(err)
	}
	if cp.Floor != 65537 || len(cp.Done) != 2 || cp.Tries[65541] != (tries{Attempts: 2, Crashes: 1}) || cp.Tries[65543] != (tries{Button: true}) || cp.Outbox != 131072 {
		t.Errorf("got %+v", cp)
	}
	again, err := json.Marshal(cp)
	if err != nil || string(again) != stored {
		t.Errorf("got %s, %v", again, err)
	}
}

// The file of running events tells what the last process was at, until that is
// in a checkpoint.
func TestRunningFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "running")
	open := func() *runningFile {
		r, err := openRunning(name, 3)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	left := func(want ...engine.Pos) {
		t.Helper()
		r := open()
		got := slices.Clone(r.left)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("left %v, want %v", got, want)
		}
		if err := r.file.Close(); err != nil {
			t.Error(err)
		}
	}
	r := open()
	a, b := r.enter(10), r.enter(20)
	r.leave(a)
	c, d := r.enter(30), r.enter(40)
	if slot := r.enter(50); slot != noSlot {
		t.Errorf("slot %d of 3", slot)
	}
	r.leave(noSlot)
	left(20, 30, 40)
	r.leave(b)
	r.leave(d)
	left(30)

	r = open() // ends before it has told anybody
	if err := r.close(); err != nil {
		t.Error(err)
	}
	left(30)
	r = open()
	if err := r.forget(); err != nil {
		t.Error(err)
	}
	left()
	r.leave(c)
	r.enter(60)
	if err := r.close(); err != nil { // an orderly end blames nobody
		t.Error(err)
	}
	left()
}

// What a desk gathers becomes one send for each conversation, the event's own
// with its reply token while that can work.
func TestDeskGathers(t *testing.T) {
	for _, tc := range []struct {
		name        string
		redelivered bool
		minutes     int // from the event to its acceptance
		token       bool
	}{
		{"at once", false, 0, true},
		{"late, not redelivered", false, 30, true},
		{"redelivered soon", true, 10, true},
		{"redelivered when its token has run out", true, 20, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newHouse(t, echo, nil)
			d := w.begin(w.cfg)
			ev := said("U1", "e1")
			parsed, err := frontdesk.ParseEvent(ev.Raw)
			if err != nil {
				t.Fatal(err)
			}
			parsed.Accepted, parsed.Redelivered = ev.Accepted, tc.redelivered
			parsed.Timestamp = ev.Accepted.Add(-minutes(tc.minutes))
			k := &desk{d: d, ev: parsed}
			for _, err := range []error{
				k.Send(), k.Push("U3"), // nothing to send is no send
				k.Push("U2", frontdesk.Text("a")), k.Send(frontdesk.Text("b")), k.Push("U2", frontdesk.Text("c")), k.Push("U1", frontdesk.Text("d")),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			sends := k.close().sends
			if len(sends) != 2 || sends[0].To != "U2" || len(sends[0].Messages) != 2 || sends[1].To != "U1" || len(sends[1].Messages) != 2 {
				t.Fatalf("got %+v", sends)
			}
			if got := sends[1].ReplyToken != ""; got != tc.token || sends[0].ReplyToken != "" {
				t.Errorf("reply token: %v, want %v", got, tc.token)
			}
			if tc.token && !sends[1].ReplyUntil.Equal(ev.Accepted.Add(w.cfg.ReplyLife)) {
				t.Errorf("token until %v", sends[1].ReplyUntil)
			}
			if err := k.Send(frontdesk.Text("late")); err == nil {
				t.Error("a closed desk took a message")
			}
			if err := d.running.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
