package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// A killed process with many slow handlers is soon back at work: its successor
// does not wait for each of them in turn.
func TestKilledAmongSlowHandlers(t *testing.T) {
	const slow, hangsAgain = 200, "e20"
	var under, second atomic.Int64
	release := make(chan struct{})
	hang := func(ctx context.Context, n *atomic.Int64) {
		n.Add(1)
		select {
		case <-release:
		case <-ctx.Done():
		}
	}
	var crashed atomic.Bool
	w := newHouse(t, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if !crashed.Load() {
			hang(ctx, &under)
			return ctx.Err()
		}
		if second.Add(1); ev.ID == hangsAgain { // it keeps only itself waiting
			hang(ctx, &under)
			return ctx.Err()
		}
		return echo(ctx, d, ev)
	}, func(cfg *Config) { cfg.MaxConcurrent, cfg.DrainLimit = 2*slow, 10*time.Millisecond })
	w.start()
	var want []string
	for i := range slow {
		id := fmt.Sprint("e", i)
		w.accept(said(fmt.Sprint("U", i), id))
		want = append(want, id)
	}
	w.await("all hang", func() bool { return under.Load() == slow })
	w.crash()
	crashed.Store(true)
	w.start()
	w.left(1)
	close(release)
	w.settled()
	once(t, w.entries(), slices.DeleteFunc(want, func(id string) bool { return id == hangsAgain })...)
}

// How many suspects are under way at most, after how many have ended well.
func TestSuspectsBeginSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s suspects
		conversations := make([]*conversation, 100)
		ends := map[*conversation]func(){}
		var begin func(c *conversation)
		begin = func(c *conversation) {
			if s.enter(c, 1) {
				ends[c] = s.began(begin)
			}
		}
		for i := range conversations {
			conversations[i] = &conversation{}
			begin(conversations[i])
		}
		seen := 0
		for round, want := range []int{1, 2, 4, 8, 16, 32, 37} {
			if len(ends) != want {
				t.Fatalf("round %d: %d under way, want %d", round, len(ends), want)
			}
			now := ends
			ends = map[*conversation]func(){}
			for _, end := range now {
				end()
				seen++
			}
		}
		if seen != len(conversations) || s.under != 0 || len(s.granted) != 0 {
			t.Errorf("%d of %d had their turn, %d are under way", seen, len(conversations), s.under)
		}
	})
}

// An event with one crash left is handled apart from all other suspects, and one
// that hangs holds the others up for a limited time.
func TestLastChanceIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s suspects
		a, b, c := &conversation{}, &conversation{}, &conversation{}
		submitted := make(chan *conversation, 10)
		submit := func(c *conversation) { submitted <- c }
		if !s.enter(a, 1) {
			t.Fatal("the first suspect has to wait")
		}
		endA := s.began(submit)
		if s.enter(b, 2) {
			t.Fatal("one with a crash left runs beside another suspect")
		}
		if s.enter(c, 1) {
			t.Fatal("a suspect goes before one that waits to be alone")
		}
		endA()
		if got := <-submitted; got != b || !s.enter(b, 2) {
			t.Fatal("the one with a crash left has no turn")
		}
		s.began(submit) // hangs
		start := time.Now()
		if got := <-submitted; got != c || !s.enter(c, 1) {
			t.Fatal("the last one has no turn")
		}
		if took := time.Since(start); took != suspectFor {
			t.Errorf("a suspect that hangs held up the others for %v, want %v", took, suspectFor)
		}
	})
}
