package campaign

import (
	"encoding"
	"errors"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// What the outbox is done with and did not tell of counts as sent, when the log
// tells nothing else.
func TestAudit(t *testing.T) {
	o := newOffice(t, 0)
	open := true
	o.load(func(string, string) bool { return open })
	o.create(toList("sale"), strangers(700))
	c := o.r.campaigns["sale"]
	if err := o.r.step(t.Context(), c, true); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := o.r.step(t.Context(), c, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.get("sale"); got.InOutbox != 700 || got.Sent != 0 {
		t.Fatalf("while the outbox has it open it is %+v", got)
	}
	open = false
	for i := range 2 {
		if got := o.get("sale"); got.InOutbox != 700 {
			t.Fatalf("after %d audits it is %+v", i, got)
		}
		if err := o.r.step(t.Context(), c, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.get("sale"); got.Sent != 700 || got.InOutbox != 0 || got.State != StateDone {
		t.Errorf("in the end it is %+v", got)
	}
}

// The store is away when an entry is appended: it is stored once all the same.
func TestUnsureAppend(t *testing.T) {
	o := newOffice(t, 0)
	o.load(func(string, string) bool { return true })
	o.create(toList("sale"), strangers(500*12))
	c := o.r.campaigns["sale"]
	if err := o.r.fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	o.r.mu.Lock()
	for _, ch := range c.open { // as if the append had failed although it was stored
		ch.unsure = true
	}
	c.open[window] = &chunk{unsure: true, users: 500} // and one that was not
	c.Next++
	c.recovered = false
	rec := c.snapshot()
	o.r.mu.Unlock()
	if rec.Next != 0 || len(rec.Open) != 0 || rec.Position == 0 {
		t.Errorf("what is not sure would be stored: %+v", rec)
	}
	if err := o.r.fill(t.Context(), c); err != nil || len(o.entries()) != window {
		t.Fatalf("%d entries after an unsure append, %v", len(o.entries()), err)
	}
	o.r.Finished("main", c.entryID(3), 0, 500)
	if err := o.r.recover(t.Context(), []*campaign{c}); err != nil {
		t.Fatal(err)
	}
	if got := o.get("sale"); got.InOutbox != (window-1)*500 || got.CallsDone != 1 || got.Failed != 500 || c.Next != window {
		t.Errorf("looked up it is %+v", got)
	}
	if err := o.r.fill(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	for id, n := range o.entries() {
		if n != 1 {
			t.Errorf("entry %s was stored %d times", id, n)
		}
	}
}

// telling is an entry during whose append something happens.
type telling struct {
	*engine.Entry
	meanwhile func() error
}

func (e telling) AppendBinary(b []byte) ([]byte, error) {
	if err := e.meanwhile(); err != nil {
		return nil, err
	}
	return e.Entry.AppendBinary(b)
}

// The outbox may be done with an entry before its append is answered.
func TestFinishedEarly(t *testing.T) {
	o := newOffice(t, 0)
	o.load(func(string, string) bool { return true })
	o.create(toList("sale"), strangers(1500))
	c := o.r.campaigns["sale"]
	if err := o.r.mark(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	one := func(n int, meanwhile func() error) error {
		entry := &engine.Entry{ID: c.entryID(n), Channel: "main", Bulk: true, Sends: []engine.Send{{Users: strangers(500)}}}
		return o.r.append(c, n, []encoding.BinaryAppender{telling{entry, meanwhile}}, []*chunk{{unsure: true, users: 500}})
	}
	err := one(0, func() error { o.r.Finished("main", c.entryID(0), 300, 200); return nil })
	if got := o.get("sale"); err != nil || got.Sent != 300 || got.Failed != 200 || got.InOutbox != 0 {
		t.Errorf("appended and sent: got %+v, %v", got, err)
	}
	lost := errors.New("lost")
	if err := one(1, func() error { return lost }); !errors.Is(err, lost) || c.recovered {
		t.Errorf("a failed append: got %v, recovered %v", err, c.recovered)
	}
	if err := o.r.recover(t.Context(), []*campaign{c}); err != nil || c.Next != 1 || len(c.open) != 0 {
		t.Errorf("what was not stored is taken for stored: next %d, open %v, %v", c.Next, c.open, err)
	}
	// And before a Runner that starts knows that it was appended.
	if err := one(1, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	o.load(func(string, string) bool { return true })
	c = o.r.campaigns["sale"]
	o.r.Finished("main", c.entryID(1), 400, 100)
	if err := o.r.recover(t.Context(), []*campaign{c}); err != nil {
		t.Fatal(err)
	}
	if got := o.get("sale"); got.CallsDone != 1 || got.Failed != 100 || got.Sent != 400 || got.InOutbox != 500 {
		t.Errorf("looked up: got %+v", got)
	}
	o.r.Finished("main", c.entryID(1), 0, 500) // told twice
	o.r.Finished("main", "main/campaign/sale.0/0", 0, 500)
	o.r.Finished("main", "main/01HXYZ", 0, 1)
	if got := o.get("sale"); got.CallsDone != 1 || got.Failed != 100 {
		t.Errorf("told of what is none of its business: got %+v", got)
	}
}

// What the log holds of a campaign is not trimmed while it is needed.
func TestFloor(t *testing.T) {
	o := newOffice(t, 0)
	o.load(func(string, string) bool { return true })
	if _, _, err := o.eng.Outbox.Append(&engine.Settled{}); err != nil {
		t.Fatal(err)
	}
	o.create(toList("sale"), strangers(1))
	if o.r.Floor() < 1<<60 {
		t.Errorf("before the first entry the floor is %v", o.r.Floor())
	}
	end, err := o.eng.Outbox.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.r.fill(t.Context(), o.r.campaigns["sale"]); err != nil {
		t.Fatal(err)
	}
	if got := o.r.Floor(); got != end {
		t.Errorf("the floor is %v, want %v", got, end)
	}
}
