package engine

import (
	"bytes"
	"context"
	"encoding"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine/enginetest"
)

// TestEmbedded and TestExternal run the same tests on both kinds of store.
func TestEmbedded(t *testing.T) {
	testStore(t, func(t *testing.T) Config { return testConfig(t.TempDir()) })
}

func TestExternal(t *testing.T) {
	testStore(t, func(t *testing.T) Config {
		cfg := testConfig(t.TempDir())
		cfg.NATSURL = enginetest.StartNATS(t, -1, t.TempDir()).ClientURL()
		return cfg
	})
}

// testStore is what every store has to keep to. config returns that of an
// empty one.
func testStore(t *testing.T, config func(*testing.T) Config) {
	tests := []struct {
		name string
		run  func(*testing.T, Config)
	}{
		{"order", testOrder},
		{"concurrent appends", testConcurrentAppends},
		{"chunks", testChunks},
		{"limits of an append", testAppendLimits},
		{"closed", testClosed},
		{"reopened", testReopened},
		{"follow", testFollow},
		{"since", testSince},
		{"trim", testTrim},
		{"full", testFull},
		{"scan leaves nothing behind", testScanCleansUp},
		{"bucket", testBucket},
		{"bucket race", testBucketRace},
		{"dead letters", testDead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, config(t)) })
	}
}

func testOrder(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	var want []Pos
	for n := range 200 {
		at, _ := mustAppend(t, e.Inbox, content(n, n*37%900))
		want = append(want, at)
	}
	got, records := scanAll(t, e.Inbox, 0)
	if !slices.Equal(got, want) || !slices.IsSorted(got) {
		t.Errorf("places: got %v, want %v", got, want)
	}
	for i, rec := range records {
		if n, err := number(rec); n != i || err != nil {
			t.Errorf("record %d: got %d, %v", i, n, err)
		}
	}
	if at, _ := scanAll(t, e.Inbox, want[150]); !slices.Equal(at, want[150:]) {
		t.Errorf("from the middle: got %v, want %v", at, want[150:])
	}
	if at, _ := scanAll(t, e.Outbox, 0); len(at) != 0 {
		t.Errorf("the other log: got %v", at)
	}
	end, err := e.Inbox.End(t.Context())
	if err != nil || end <= want[199] {
		t.Errorf("end: got %v, %v, want behind %v", end, err, want[199])
	}
	if at, _ := scanAll(t, e.Inbox, end); len(at) != 0 {
		t.Errorf("from the end: got %v", at)
	}
	if _, err := e.Inbox.Get(t.Context(), end); !errors.Is(err, ErrNotFound) {
		t.Errorf("get at the end: got %v, want %v", err, ErrNotFound)
	}
}

func testConcurrentAppends(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	const writers, each = 32, 40
	places := make([][each]Pos, writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				n := w*each + i
				first, last, err := e.Inbox.Append(rawRecord(content(n, 300)), rawRecord(content(n, 200)))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				if last != first+1 {
					t.Errorf("two records of one append: got %v and %v", first, last)
				}
				places[w][i] = first
			}
		})
	}
	group.Wait()
	seen := map[Pos]bool{}
	for w := range writers {
		for i, at := range places[w] {
			n := w*each + i
			if seen[at] {
				t.Errorf("place %v was given twice", at)
			}
			seen[at] = true
			if i > 0 && at <= places[w][i-1] {
				t.Errorf("writer %d: place %v comes after %v", w, at, places[w][i-1])
			}
			for k, size := range []int{300, 200} {
				rec, err := readRecord(t.Context(), e.Inbox, at+Pos(k))
				if err != nil || !bytes.Equal(rec, content(n, size)) {
					t.Errorf("record %d at %v is not what was appended: %v", n, at+Pos(k), err)
				}
			}
		}
	}
	if at, _ := scanAll(t, e.Inbox, 0); len(at) != 2*writers*each {
		t.Errorf("got %d records, want %d", len(at), 2*writers*each)
	}
}

// testChunks appends more at once than one message holds.
func testChunks(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	var records []encoding.BinaryAppender
	for n := range 40 {
		records = append(records, rawRecord(content(n, 20<<10)))
	}
	first, last, err := e.Inbox.Append(records...)
	if err != nil {
		t.Fatal(err)
	}
	if first.Seq() == last.Seq() {
		t.Errorf("%d bytes became one message", 40*20<<10)
	}
	at, got := scanAll(t, e.Inbox, 0)
	if len(at) != len(records) || at[0] != first || at[len(at)-1] != last {
		t.Errorf("got %d records from %v to %v, want %d from %v to %v", len(at), at[0], at[len(at)-1], len(records), first, last)
	}
	for i, rec := range got {
		if n, err := number(rec); n != i || err != nil {
			t.Errorf("record %d: got %d, %v", i, n, err)
		}
	}
}

var errEncode = errors.New("cannot be encoded")

type badRecord struct{}

func (badRecord) AppendBinary(b []byte) ([]byte, error) { return append(b, "half"...), errEncode }

func testAppendLimits(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	largest := make([]byte, e.MaxRecord())
	tests := []struct {
		name    string
		records []encoding.BinaryAppender
		want    error
	}{
		{"empty record", []encoding.BinaryAppender{rawRecord{}}, nil},
		{"the largest record", []encoding.BinaryAppender{rawRecord(largest)}, nil},
		{"one byte more", []encoding.BinaryAppender{rawRecord(append(largest, 0))}, ErrTooLarge},
		{"too large behind a good one", []encoding.BinaryAppender{rawRecord("good"), rawRecord(append(largest, 0))}, ErrTooLarge},
		{"not to be encoded", []encoding.BinaryAppender{rawRecord("good"), badRecord{}}, errEncode},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, _ := scanAll(t, e.Inbox, 0)
			_, last, err := e.Inbox.Append(tt.records...)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			want := len(before)
			if err == nil {
				want += len(tt.records)
				if rec, err := readRecord(t.Context(), e.Inbox, last); err != nil || !bytes.Equal(rec, tt.records[0].(rawRecord)) {
					t.Errorf("read back %d bytes, %v", len(rec), err)
				}
			}
			if at, _ := scanAll(t, e.Inbox, 0); len(at) != want {
				t.Errorf("got %d records, want %d", len(at), want)
			}
		})
	}
	if _, _, err := e.Inbox.Append(); err == nil {
		t.Error("appending nothing is no error")
	}
}

func testClosed(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	var group sync.WaitGroup
	stored := make(chan Pos, 1<<16)
	for n := range 8 {
		group.Go(func() { // ends when the engine is closed
			for {
				at, _, err := tryAppend(e.Inbox, content(n, 100))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("while closing: %v", err)
					return
				}
				stored <- at
			}
		})
	}
	for range 20 {
		<-stored
	}
	if err := e.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	group.Wait()
	if _, _, err := tryAppend(e.Inbox, content(1, 10)); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: got %v, want %v", err, ErrClosed)
	}
	close(stored)
	again := mustOpen(t, cfg)
	for at := range stored {
		if _, err := readRecord(t.Context(), again.Inbox, at); err != nil {
			t.Errorf("acknowledged while closing: %v", err)
		}
	}
}

func testReopened(t *testing.T, cfg Config) {
	var want []Pos
	for life := range 3 {
		e := mustOpen(t, cfg)
		for n := range 20 {
			at, _ := mustAppend(t, e.Inbox, content(life*20+n, 200))
			want = append(want, at)
		}
		if at, _ := scanAll(t, e.Inbox, 0); !slices.Equal(at, want) {
			t.Errorf("life %d: got %v, want %v", life, at, want)
		}
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if !slices.IsSorted(want) {
		t.Errorf("places do not grow: %v", want)
	}
}

func testFollow(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n := range 50 {
		mustAppend(t, e.Inbox, content(n, 100))
	}
	const end = 400
	done := make(chan error, 1)
	stop := errors.New("seen enough")
	next := 0
	go func() { // ends with the last record, or ctx
		done <- e.Inbox.Follow(ctx, 0, func(b Batch) error {
			for p, rec := range b.Records() {
				if n, err := number(rec); n != next || err != nil {
					return fmt.Errorf("at %v: got %d, %w, want %d", p, n, err, next)
				}
				if next++; next == end {
					return stop
				}
			}
			return nil
		})
	}()
	for n := 50; n < end; n++ {
		mustAppend(t, e.Inbox, content(n, 100))
	}
	if err := <-done; !errors.Is(err, stop) {
		t.Fatalf("got %v, want %v", err, stop)
	}

	ended, endFollow := context.WithCancel(ctx)
	endFollow()
	if err := e.Inbox.Follow(ended, 0, func(Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: got %v, want %v", err, context.Canceled)
	}
}

func testSince(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	if at, err := e.Inbox.Since(t.Context(), time.Now()); err != nil || at > newPos(1, 0) {
		t.Errorf("of an empty log: got %v, %v", at, err)
	}
	var places []Pos
	var times []time.Time
	for n := range 30 {
		at, _ := mustAppend(t, e.Inbox, content(n, 100))
		b, err := e.Inbox.Get(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		places, times = append(places, at), append(times, b.Stored)
	}
	check := func(what string, when time.Time, want Pos) {
		t.Helper()
		if got, err := e.Inbox.Since(t.Context(), when); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
		}
	}
	check("before all", times[0].Add(-time.Hour), places[0])
	check("the middle", times[17], places[17])
	check("just before the middle", times[17].Add(-1), places[17])
	check("the last", times[29], places[29])
	check("after all", times[29].Add(1), newPos(places[29].Seq()+1, 0))
	if _, err := e.Inbox.Trim(t.Context(), TrimRule{Floor: places[20]}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	check("before what is left", times[3], places[20])
}

func testScanCleansUp(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	for n := range 10 {
		mustAppend(t, e.Inbox, content(n, 100))
	}
	for range 100 {
		err := e.Inbox.Scan(t.Context(), 0, func(Batch) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		info, err := e.Inbox.stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Consumers < 50 { // they are removed in the background
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("100 scans left %d consumers in the store", info.State.Consumers)
		}
	}
}
