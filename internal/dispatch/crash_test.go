package dispatch

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// childFolder names the data folder to a child process: the test binary runs
// itself to be killed.
const childFolder = "FRONTDESK_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child is a process with a dispatcher. Its bot ends the process with status 3
// at events of the conversation Upoison. It ends itself with 0 when all is done,
// and whenever its standard input is closed.
func child(dir string) int {
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(9)
	}()
	eng, err := engine.Open(context.Background(), engine.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	log, err := os.OpenFile(filepath.Join(dir, "diary"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bot := frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if _, err := fmt.Fprintln(log, ev.ID); err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(ev.Conversation, "Upoison"):
			os.Exit(3)
		case strings.HasPrefix(ev.Conversation, "Uslow"):
			<-time.After(20 * time.Millisecond)
		case strings.HasPrefix(ev.Conversation, "Uquiet"):
			return nil
		}
		return echo(ctx, d, ev)
	})
	d, err := New(Config{
		Engine: eng, Handler: map[string]frontdesk.Handler{"main": bot},
		Note: func(context.Context, *frontdesk.Event) error { return nil }, ReplyLife: time.Minute,
		BackoffMin: time.Millisecond, Metrics: newTestMetrics(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }() // ends with cancel
	end, err := eng.Inbox.End(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for engine.Pos(d.read.Load()) < end || d.Backlog().Events > 0 {
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := eng.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// run runs a child to its end, or kills it after a time, 0 for never. It returns
// its status, -1 when it was killed.
func run(t *testing.T, dir string, killAfter time.Duration) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	stdin, err := cmd.StdinPipe() // closed when this process dies, which ends the child
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := patience
	if killAfter > 0 {
		limit = killAfter
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	err = cmd.Wait()
	if !timer.Stop() && killAfter == 0 {
		t.Fatalf("the child did not end within %v", limit)
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// diaryOf returns how often children began to handle each event.
func diaryOf(t *testing.T, dir string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "diary"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, id := range strings.Fields(string(data)) {
		times[id]++
	}
	return times
}

// uniqueLetters leaves one letter of each event.
func uniqueLetters(letters []engine.Letter) []engine.Letter {
	seen := map[string]bool{}
	return slices.DeleteFunc(letters, func(l engine.Letter) bool {
		again := seen[l.EventID]
		seen[l.EventID] = true
		return again
	})
}

// An event that ends its process three times becomes a dead letter; all others
// are handled, and sent once.
func TestPoisonousEventBecomesADeadLetter(t *testing.T) {
	for _, tc := range []struct {
		name     string
		poisons  int
		innocent int // others that may be blamed with them
	}{{"one", 1, 0}, {"two at once", 2, 5}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newHouse(t, echo, nil)
			var want, quiet []string
			for i := range 200 {
				id := fmt.Sprint("e", i)
				switch {
				case i == 100 || i == 110 && tc.poisons == 2:
					w.accept(said(fmt.Sprint("Upoison", i), id))
					continue
				case i%10 == 3:
					w.accept(said(fmt.Sprint("Uslow", i), id))
				case i%10 == 4:
					quiet = append(quiet, id)
					w.accept(said(fmt.Sprint("Uquiet", i), id))
					continue
				default:
					w.accept(said(fmt.Sprint("U", i%17), id))
				}
				want = append(want, id)
			}
			w.close()
			ends := 0
			for status := run(t, w.store.Dir, 0); status != 0; status = run(t, w.store.Dir, 0) {
				if ends++; status != 3 || ends > 3*tc.poisons {
					t.Fatalf("end %d with status %d, want at most %d with status 3", ends, status, 3*tc.poisons)
				}
			}
			w.open()
			// A letter that no checkpoint told of is written again.
			letters, innocent := uniqueLetters(w.letters()), 0
			for _, l := range letters {
				if !strings.HasPrefix(l.Conversation, "Upoison") {
					innocent++ // was handled three times beside a poisonous one
					want = slices.DeleteFunc(want, func(id string) bool { return id == l.EventID })
				}
			}
			if innocent > tc.innocent {
				t.Errorf("%d other events became dead letters, want at most %d", innocent, tc.innocent)
			}
			once(t, w.entries(), want...)
			times := diaryOf(t, w.store.Dir)
			for _, id := range quiet {
				if times[id] == 0 {
					t.Errorf("event %s was never handled", id)
				}
			}
			if len(letters)-innocent != tc.poisons {
				t.Fatalf("got %d dead letters of poisonous events, want %d", len(letters)-innocent, tc.poisons)
			}
			for _, l := range letters {
				if l.Attempts != 3 || !strings.Contains(l.Reason, "ended 3 times") || times[l.EventID] > 3 {
					t.Errorf("event %s died after %d tries, %d counted, want 3: %s", l.EventID, times[l.EventID], l.Attempts, l.Reason)
				}
			}
		})
	}
}

// Processes are killed at random moments: what sends is sent once, in order.
func TestKilledProcesses(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dice := newDice(seed)
	w := newHouse(t, echo, nil)
	var want []string
	for n := range 40 {
		var batch []engine.Event
		for c := range 25 {
			id := fmt.Sprintf("U%d-%d", c, n)
			want = append(want, id)
			batch = append(batch, said(fmt.Sprint([]string{"U", "Uslow"}[c%2], c), id))
		}
		w.accept(batch...)
	}
	w.close()
	kills := 0
	for status := -1; status != 0; {
		var after time.Duration
		if kills < 6 {
			after = time.Duration(20+dice.IntN(400)) * time.Millisecond
		}
		if status = run(t, w.store.Dir, after); status == -1 {
			kills++
		} else if status != 0 {
			t.Fatalf("status %d", status)
		}
	}
	t.Logf("%d kills", kills)
	w.open()
	got := w.entries()
	inOrder(t, got)
	letters := uniqueLetters(w.letters()) // of events that were being handled at three of the kills
	for _, l := range letters {
		if !strings.Contains(l.Reason, "ended 3 times") {
			t.Errorf("event %s became a dead letter: %s", l.EventID, l.Reason)
		}
		want = slices.DeleteFunc(want, func(id string) bool { return id == l.EventID })
	}
	once(t, got, want...)
	if len(letters) > 5 {
		t.Errorf("%d of %d events were blamed for the kills", len(letters), len(want))
	}
}
