package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine/enginetest"
)

// timerOf is a timer of a conversation of channel main.
func timerOf(conversation, key string) *Timer {
	return &Timer{
		TimerHead: TimerHead{Due: time.Unix(1_800_000_000, 5), Set: newPos(7, 1)},
		TimerOp:   TimerOp{Conversation: conversation, Key: key, Payload: "payload of " + key}, Channel: "main",
	}
}

func putTimers(t testing.TB, s *Timers, timers ...*Timer) {
	t.Helper()
	if err := s.Put(t.Context(), timers...); err != nil {
		t.Fatal(err)
	}
}

// timerKeys lists the timers that match, in order.
func timerKeys(t testing.TB, s *Timers, filter TimerFilter) (keys []string) {
	t.Helper()
	err := s.List(t.Context(), filter, 0, func(timer *Timer) bool {
		keys = append(keys, timer.Channel+" "+timer.Conversation+" "+timer.Key)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// heads returns the Seqs of all timers.
func heads(t testing.TB, s *Timers) (seqs []uint64) {
	t.Helper()
	if err := s.Heads(t.Context(), TimerFilter{}, func(h TimerHead) { seqs = append(seqs, h.Seq) }); err != nil {
		t.Fatal(err)
	}
	return seqs
}

func getTimers(t testing.TB, s *Timers, seqs ...uint64) (keys []string) {
	t.Helper()
	timers, err := s.Get(t.Context(), seqs, func(seq uint64) { keys = append(keys, fmt.Sprint("damaged ", seq)) })
	if err != nil {
		t.Fatal(err)
	}
	for _, timer := range timers {
		if !slices.Contains(seqs, timer.Seq) {
			t.Errorf("timer %s has the sequence %d", timer.Key, timer.Seq)
		}
		keys = append(keys, timer.Key)
	}
	return keys
}

func testTimers(t *testing.T, cfg Config) {
	s := mustOpen(t, cfg).Timers
	if seqs := heads(t, s); len(seqs) != 0 {
		t.Errorf("heads of an empty store: %v", seqs)
	}
	tea, rice, odd := timerOf("U1", "tea"), timerOf("U2", "rice"), timerOf("C 1.*", "お茶 > *")
	other := timerOf("U1", "tea")
	other.Channel = "other"
	putTimers(t, s, tea, rice, odd, other)
	later := timerOf("U1", "tea")
	later.Due = later.Due.Add(time.Hour)
	later.Payload, later.Timed, later.Count = "again", true, 3
	putTimers(t, s, later)

	if got, want := getTimers(t, s, later.Seq, tea.Seq, odd.Seq, 99), []string{"tea", "お茶 > *"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got, err := s.Get(t.Context(), []uint64{later.Seq}, nil)
	if err != nil || len(got) != 1 || got[0].TimerHead != later.TimerHead || got[0].Payload != "again" {
		t.Errorf("got %+v, %v, want %+v", got, err, later)
	}
	if got, want := heads(t, s), []uint64{rice.Seq, odd.Seq, other.Seq, later.Seq}; !slices.Equal(got, want) {
		t.Errorf("heads: got %v, want %v", got, want)
	}
	if err := s.Heads(t.Context(), TimerFilter{Channel: "main", Key: "tea"}, func(h TimerHead) {
		if h != later.TimerHead {
			t.Errorf("heads of tea: got %+v", h)
		}
	}); err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		filter TimerFilter
		want   []string
	}{
		{TimerFilter{}, []string{"main U2 rice", "main C 1.* お茶 > *", "other U1 tea", "main U1 tea"}},
		{TimerFilter{Channel: "main"}, []string{"main U2 rice", "main C 1.* お茶 > *", "main U1 tea"}},
		{TimerFilter{Conversation: "U1"}, []string{"other U1 tea", "main U1 tea"}},
		{TimerFilter{Channel: "main", Conversation: "U1"}, []string{"main U1 tea"}},
		{TimerFilter{Conversation: "C 1.*"}, []string{"main C 1.* お茶 > *"}},
		{TimerFilter{Key: "お茶 > *"}, []string{"main C 1.* お茶 > *"}},
		{TimerFilter{Key: "*"}, nil},
	} {
		if got := timerKeys(t, s, tc.filter); !slices.Equal(got, tc.want) {
			t.Errorf("%+v: got %q, want %q", tc.filter, got, tc.want)
		}
	}
	for _, err := range []error{
		s.Cancel(t.Context(), "main", "C 1.*", "お茶 > *"), s.Cancel(t.Context(), "main", "U1", "never set"),
		s.Delete(t.Context(), rice.Seq, tea.Seq, 99), s.Delete(t.Context()),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if got, want := timerKeys(t, s, TimerFilter{}), []string{"other U1 tea", "main U1 tea"}; !slices.Equal(got, want) {
		t.Errorf("left: got %q, want %q", got, want)
	}
	if st, err := s.State(t.Context()); err != nil || st.Timers != 2 || st.Bytes <= 0 || st.Limit != 1<<30 {
		t.Errorf("state: %+v, %v", st, err)
	}
}

func TestTimersStore(t *testing.T) { testTimers(t, testConfig(t.TempDir())) }

func TestTimersStoreExternal(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.NATSURL = enginetest.StartNATS(t, -1, t.TempDir()).ClientURL()
	testTimers(t, cfg)
}

// What was replaced, deleted and cancelled does not come back, with and without
// the indexes of an orderly end, and no sequence is given twice.
func TestTimersStoreSurvives(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean %v", clean), func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			e := mustOpen(t, cfg)
			var all []*Timer
			for i := range 300 {
				all = append(all, timerOf("U1", fmt.Sprint("k", i)))
			}
			putTimers(t, e.Timers, all...)
			putTimers(t, e.Timers, all[:100]...) // replaced, some of them to be removed
			for _, timer := range slices.Concat(all[:25], all[100:150]) {
				if err := e.Timers.Cancel(t.Context(), "main", "U1", timer.Key); err != nil {
					t.Fatal(err)
				}
			}
			for _, timer := range slices.Concat(all[25:50], all[150:200]) {
				if err := e.Timers.Delete(t.Context(), timer.Seq); err != nil {
					t.Fatal(err)
				}
			}
			want, last := heads(t, e.Timers), all[99].Seq
			if len(want) != 150 {
				t.Fatalf("%d timers, want 150", len(want))
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if !clean {
				if err := os.Remove(filepath.Join(cfg.Dir, cleanMark)); err != nil {
					t.Fatal(err)
				}
			}
			e = mustOpen(t, cfg)
			if got := heads(t, e.Timers); !slices.Equal(got, want) {
				t.Errorf("got %d timers %v, want %d", len(got), got, len(want))
			}
			fresh := timerOf("U1", "fresh")
			putTimers(t, e.Timers, fresh)
			if fresh.Seq <= last {
				t.Errorf("sequence %d after %d", fresh.Seq, last)
			}
		})
	}
}

// A store that is full takes no more, but it does take the next time of what it
// holds.
func TestTimersStoreFull(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.TimersMaxBytes = 1 // and the reserve
	s := mustOpen(t, cfg).Timers
	recurring := timerOf("U1", "recurring")
	recurring.Every, recurring.Payload = time.Second, strings.Repeat("x", 4<<10)
	putTimers(t, s, recurring)
	var err error
	for i := 0; err == nil; i++ {
		timer := timerOf("U1", fmt.Sprint("k", i))
		timer.Payload = strings.Repeat("x", 1<<20)
		err = s.Put(t.Context(), timer)
		if i > 100 {
			t.Fatal("there is no limit")
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want %v", err, ErrFull)
	}
	if strings.Contains(err.Error(), "xxx") {
		t.Error("the error quotes a payload")
	}
	recurring.Count = 1 << 40
	recurring.Due = recurring.Due.Add(1e6 * time.Hour)
	if err := s.Put(t.Context(), recurring); err != nil {
		t.Errorf("its next time: %v", err)
	}
}

// Timers may be deleted while all are read.
func TestTimersHeadsMeanwhile(t *testing.T) {
	s := openTemp(t).Timers
	var all []*Timer
	for i := range 5000 {
		all = append(all, timerOf("U1", fmt.Sprint("k", i)))
	}
	putTimers(t, s, all[:2500]...)
	putTimers(t, s, all[2500:]...)
	var seqs []uint64
	err := s.Heads(t.Context(), TimerFilter{}, func(h TimerHead) {
		if len(seqs) == 0 {
			if err := s.Delete(t.Context(), all[4999].Seq, all[4998].Seq); err != nil {
				t.Error(err)
			}
		}
		seqs = append(seqs, h.Seq)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(seqs, cmp.Compare[uint64]) || len(seqs) < 4998 {
		t.Errorf("%d timers were read", len(seqs))
	}
}

func TestTimerID(t *testing.T) {
	timer := timerOf("U1", "tea")
	timer.Op, timer.Count = 18, 300
	if got, want := timer.ID(), "timer-70001-12-12c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	entry := Entry{ID: timer.EntryID(), Channel: "main"}
	rec, err := entry.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := TimerEntry(rec); !ok || id != timer.ID() {
		t.Errorf("got %s, %v, want %s", id, ok, timer.ID())
	}
	for name, other := range map[string]Entry{
		"of an event":       {ID: "main/E1", Channel: "main"},
		"of the same words": {ID: "main/E1", Channel: "main", EventID: "/timer-1-1-1"},
	} {
		rec, err := other.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := TimerEntry(rec); ok {
			t.Errorf("entry %s: got %s", name, id)
		}
	}
}
