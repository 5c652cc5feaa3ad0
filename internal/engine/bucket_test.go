package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func testBucket(t *testing.T, cfg Config) {
	b := mustOpen(t, cfg).Directory
	ctx := t.Context()
	if _, _, err := b.Get(ctx, "main.user.U1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing: got %v, want %v", err, ErrNotFound)
	}
	if err := b.Delete(ctx, "main.user.U1"); err != nil {
		t.Errorf("delete missing: %v", err)
	}
	for _, key := range []string{"main.user.U1", "main.user.U2", "main.group.C1", "other.user.U1"} {
		if err := b.Put(ctx, key, []byte("value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	value, first, err := b.Get(ctx, "main.user.U1")
	if err != nil || string(value) != "value of main.user.U1" || first == 0 {
		t.Errorf("got %q at %d, %v", value, first, err)
	}
	keys := func(pattern string, most int) (got []string) {
		t.Helper()
		err := b.Keys(ctx, pattern, func(key string) bool {
			got = append(got, key)
			return len(got) < most
		})
		if err != nil {
			t.Errorf("keys: %v", err)
		}
		slices.Sort(got)
		return got
	}
	if got, want := keys("main.user.*", 99), []string{"main.user.U1", "main.user.U2"}; !slices.Equal(got, want) {
		t.Errorf("keys: got %v, want %v", got, want)
	}
	if got := keys("main.>", 1); len(got) != 1 {
		t.Errorf("stopped listing: got %v", got)
	}
	if got := keys("nobody.*", 99); len(got) != 0 {
		t.Errorf("no such keys: got %v", got)
	}

	if err := b.Swap(ctx, "main.user.U1", []byte("two"), first); err != nil {
		t.Errorf("swap: %v", err)
	}
	if err := b.Swap(ctx, "main.user.U1", []byte("three"), first); !errors.Is(err, ErrExists) {
		t.Errorf("swap with an old revision: got %v, want %v", err, ErrExists)
	}
	if err := b.Swap(ctx, "main.user.U1", []byte("three"), 0); !errors.Is(err, ErrExists) {
		t.Errorf("create what exists: got %v, want %v", err, ErrExists)
	}
	if value, _, _ := b.Get(ctx, "main.user.U1"); string(value) != "two" {
		t.Errorf("got %q, want two", value)
	}

	if err := b.Delete(ctx, "main.user.U1"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, _, err := b.Get(ctx, "main.user.U1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: got %v, want %v", err, ErrNotFound)
	}
	if got, want := keys("main.user.*", 99), []string{"main.user.U2"}; !slices.Equal(got, want) {
		t.Errorf("keys: got %v, want %v", got, want)
	}
	if err := b.Swap(ctx, "main.user.U1", []byte("again"), 0); err != nil {
		t.Errorf("create what was deleted: %v", err)
	}

	if err := b.DeleteAll(ctx, "main.>"); err != nil {
		t.Errorf("delete all: %v", err)
	}
	if got, want := keys(">", 99), []string{"other.user.U1"}; !slices.Equal(got, want) {
		t.Errorf("keys after delete all: got %v, want %v", got, want)
	}
	if err := b.DeleteAll(ctx, "main.>"); err != nil {
		t.Errorf("delete all of nothing: %v", err)
	}
	if err := b.Swap(ctx, "main.user.U2", []byte("again"), 0); err != nil {
		t.Errorf("create what was deleted with all: %v", err)
	}
}

// TestListWhileDeleting lists keys while others are taken away: the listing ends.
func TestListWhileDeleting(t *testing.T) {
	b := openTemp(t).Campaigns
	for round := range 100 {
		for i := range 20 {
			if err := b.Put(t.Context(), fmt.Sprintf("chunk.%d.%d", round, i), nil); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		group.Go(func() {
			if err := b.DeleteAll(t.Context(), fmt.Sprintf("chunk.%d.*", round)); err != nil {
				t.Error(err)
			}
		})
		if err := b.Keys(t.Context(), "chunk.>", func(string) bool { return true }); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		group.Wait()
	}
}

// testBucketRace lets many count up one key: no count is lost.
func testBucketRace(t *testing.T, cfg Config) {
	b := mustOpen(t, cfg).Control
	ctx := t.Context()
	var clashes atomic.Int64
	var group sync.WaitGroup
	const writers, each = 8, 10
	for range writers {
		group.Go(func() {
			for range each {
				for {
					value, revision, err := b.Get(ctx, "count")
					if err != nil && !errors.Is(err, ErrNotFound) {
						t.Errorf("get: %v", err)
						return
					}
					err = b.Swap(ctx, "count", append(value, 'x'), revision)
					if err == nil {
						break
					}
					if !errors.Is(err, ErrExists) {
						t.Errorf("swap: %v", err)
						return
					}
					clashes.Add(1)
				}
			}
		})
	}
	group.Wait()
	if value, _, err := b.Get(ctx, "count"); string(value) != strings.Repeat("x", writers*each) {
		t.Errorf("got %d, %v, want %d (%d clashes)", len(value), err, writers*each, clashes.Load())
	}
}

func testDead(t *testing.T, cfg Config) {
	e := mustOpen(t, cfg)
	d, ctx := e.Dead, t.Context()
	raw := []byte("not \x00 JSON \xff at all")
	want := []Letter{
		{Kind: DeadEvent, Channel: "main", Conversation: "U1", EventID: "E1", Reason: "it failed", Attempts: 3, Body: raw},
		{Kind: DeadMalformed, Channel: "a.b *>", Reason: "no type", Body: []byte("null")},
		{Kind: DeadSend, Channel: "", Conversation: "U2", Reason: "refused"},
	}
	if err := d.Put(ctx, want...); err != nil {
		t.Fatal(err)
	}
	list := func(after uint64, most int) (got []Letter) {
		t.Helper()
		err := d.List(ctx, after, func(l Letter) bool {
			got = append(got, l)
			return len(got) < most
		})
		if err != nil {
			t.Errorf("list: %v", err)
		}
		return got
	}
	got := list(0, 99)
	if len(got) != len(want) {
		t.Fatalf("got %d letters, want %d", len(got), len(want))
	}
	for i := range want {
		same := want[i]
		same.ID = got[i].ID
		if fmt.Sprint(got[i]) != fmt.Sprint(same) {
			t.Errorf("got %+v, want %+v", got[i], same)
		}
		if one, err := d.Get(ctx, got[i].ID); err != nil || fmt.Sprint(one) != fmt.Sprint(same) {
			t.Errorf("get: got %+v, %v", one, err)
		}
	}
	if n, err := d.Count(ctx); n != 3 || err != nil {
		t.Errorf("count: got %d, %v", n, err)
	}
	if rest := list(got[0].ID, 1); len(rest) != 1 || rest[0].ID != got[1].ID {
		t.Errorf("behind the first: got %v", rest)
	}
	if err := d.Delete(ctx, got[1].ID); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := d.Delete(ctx, got[1].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete again: got %v, want %v", err, ErrNotFound)
	}
	if _, err := d.Get(ctx, got[1].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("get deleted: got %v, want %v", err, ErrNotFound)
	}
	if err := d.Delete(ctx, 4711); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete what never was: got %v, want %v", err, ErrNotFound)
	}
	if left := list(0, 99); len(left) != 2 || left[0].ID != got[0].ID || left[1].ID != got[2].ID {
		t.Errorf("left: got %v", left)
	}
}
