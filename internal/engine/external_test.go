package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine/enginetest"
)

// TestServerLostAndBack takes an external server away and gives it back.
func TestServerLostAndBack(t *testing.T) {
	dir := t.TempDir()
	srv := enginetest.StartNATS(t, -1, dir)
	cfg := testConfig(t.TempDir())
	cfg.NATSURL, cfg.AppendLimit = srv.ClientURL(), time.Second
	e := mustOpen(t, cfg)
	if e.Embedded() {
		t.Fatal("embedded all the same")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	seen := make(chan int, 1<<12)
	followed := make(chan error, 1)
	go func() { // ends with ctx
		followed <- e.Inbox.Follow(ctx, 0, func(b Batch) error {
			for p, rec := range b.Records() {
				n, err := number(rec)
				if err != nil {
					return fmt.Errorf("at %v: %w", p, err)
				}
				seen <- n
			}
			return nil
		})
	}()
	acknowledged := []int{}
	for n := range 20 {
		mustAppend(t, e.Inbox, content(n, 100))
		acknowledged = append(acknowledged, n)
	}

	port := srv.Addr().(*net.TCPAddr).Port
	enginetest.StopNATS(srv)
	testBusy(t, e)
	if err := e.Healthy(); err == nil {
		t.Error("healthy without a server")
	}

	enginetest.StartNATS(t, port, dir)
	for n := 100; ; n++ {
		_, _, err := tryAppend(e.Inbox, content(n, 100))
		if err == nil {
			acknowledged = append(acknowledged, n)
			break
		}
		if !errors.Is(err, ErrBusy) || ctx.Err() != nil {
			t.Fatalf("server is back: %v", err)
		}
	}
	if err := e.Healthy(); err != nil {
		t.Errorf("server is back: %v", err)
	}
	for n := 200; n < 220; n++ {
		mustAppend(t, e.Inbox, content(n, 100))
		acknowledged = append(acknowledged, n)
	}
	for next := 0; next < len(acknowledged); {
		select {
		case n := <-seen:
			if n == acknowledged[next] {
				next++
			} else if n < 100 || n >= 200 && n != 1000 {
				t.Fatalf("follow: got %d, want %d", n, acknowledged[next])
			} // else one that was refused and stored all the same, as Append warns
		case err := <-followed:
			t.Fatalf("follow ended: %v", err)
		}
	}
	cancel()
	if err := <-followed; !errors.Is(err, context.Canceled) {
		t.Errorf("follow: got %v, want %v", err, context.Canceled)
	}
}

// testBusy appends while the server is away: every append fails with ErrBusy,
// in time.
func testBusy(t *testing.T, e *Engine) {
	t.Helper()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			start := time.Now()
			if _, _, err := tryAppend(e.Outbox, content(1000, 1000<<10)); !errors.Is(err, ErrBusy) {
				t.Errorf("got %v, want %v", err, ErrBusy)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("answered after %v", took)
			}
		})
	}
	group.Wait()
}
