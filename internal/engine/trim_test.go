package engine

import (
	"errors"
	"testing"
	"time"
)

func testTrim(t *testing.T, cfg Config) {
	const records = 10
	cfg.InboxMaxBytes = 4 << 20
	large := int(cfg.InboxMaxBytes) * 8 / 100 // ten of them are in the way
	tests := []struct {
		name      string
		floor     int // record from which on all is needed; records for none
		keepFor   time.Duration
		later     time.Duration
		size      int
		firstLeft int
		wanted    int // record; 0 for nobody's
	}{
		{"nothing is done", 0, 0, time.Hour, 100, 0, 0},
		{"half is done", 5, 0, time.Hour, 100, 5, 0},
		{"done but kept", 5, time.Hour, time.Minute, 100, 0, 0},
		{"kept long enough", 5, time.Hour, 2 * time.Hour, 100, 5, 0},
		{"all is done: the newest stays", records, 0, time.Hour, 100, records - 1, 0},
		{"kept but in the way", records, time.Hour, 0, large, 1, 0},
		{"in the way but not done", 0, time.Hour, 0, large, 0, 0},
		{"done but wanted", records, time.Hour, 2 * time.Hour, 100, 3, 3},
		{"wanted but in the way", records, time.Hour, 0, large, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := cfg
			if cfg.NATSURL == "" {
				cfg.Dir = t.TempDir()
			}
			e := mustOpen(t, cfg)
			defer e.Close()
			if err := e.Inbox.stream.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			var places []Pos
			for n := range records {
				at, _ := mustAppend(t, e.Inbox, content(n, tt.size))
				places = append(places, at)
			}
			end, err := e.Inbox.End(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rule := TrimRule{Floor: append(places, end)[tt.floor], KeepFor: tt.keepFor}
			if tt.wanted > 0 {
				rule.Wanted = places[tt.wanted]
			}
			first, err := e.Inbox.Trim(t.Context(), rule, time.Now().Add(tt.later))
			if err != nil {
				t.Fatal(err)
			}
			left, _ := scanAll(t, e.Inbox, 0)
			if want := places[tt.firstLeft]; first != want.Seq() || len(left) == 0 || left[0] != want {
				t.Errorf("got first %d and %v, want %v", first, left, want)
			}
			if again, err := e.Inbox.Trim(t.Context(), rule, time.Now().Add(tt.later)); again != first || err != nil {
				t.Errorf("again: got %d, %v, want %d", again, err, first)
			}
		})
	}
}

// testFull fills a log: it takes no more, loses nothing, and goes on when Trim
// has made room.
func testFull(t *testing.T, cfg Config) {
	cfg.InboxMaxBytes = 512 << 10
	e := mustOpen(t, cfg)
	var places []Pos
	var err error
	for n := range 1000 {
		var at Pos
		if at, _, err = tryAppend(e.Inbox, content(n, 8<<10)); err != nil {
			break
		}
		places = append(places, at)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d records: got %v, want %v", len(places), err, ErrFull)
	}
	if n := len(places); n < 32 || n > 64 {
		t.Errorf("512 KiB took %d records of 8 KiB", n)
	}
	later := time.Now().Add(time.Hour)
	if _, err := e.Inbox.Trim(t.Context(), TrimRule{Floor: places[0]}, later); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tryAppend(e.Inbox, content(5000, 8<<10)); !errors.Is(err, ErrFull) {
		t.Errorf("nothing is done: got %v, want %v", err, ErrFull)
	}
	at, records := scanAll(t, e.Inbox, 0)
	if len(at) != len(places) {
		t.Errorf("the full log holds %d records, want %d", len(at), len(places))
	}
	for i, rec := range records {
		if n, err := number(rec); n != i || err != nil {
			t.Errorf("record %d: got %d, %v", i, n, err)
		}
	}
	if _, _, err := tryAppend(e.Outbox, content(1, 8<<10)); err != nil {
		t.Errorf("the other log is not full: %v", err)
	}

	if _, err := e.Inbox.Trim(t.Context(), TrimRule{Floor: places[len(places)/2]}, later); err != nil {
		t.Fatal(err)
	}
	next, _ := mustAppend(t, e.Inbox, content(6000, 8<<10))
	if next <= places[len(places)-1] {
		t.Errorf("place %v is not behind %v", next, places[len(places)-1])
	}
	if left, _ := scanAll(t, e.Inbox, 0); left[0] != places[len(places)/2] {
		t.Errorf("first record left: got %v, want %v", left[0], places[len(places)/2])
	}
}
