package engine

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tornRoundsEnv is how many rounds TestTornTail plays.
const tornRoundsEnv = "FRONTDESK_TORN_ROUNDS"

// tornSeedEnv repeats the rounds of one seed.
const tornSeedEnv = "FRONTDESK_TORN_SEED"

// TestTornTail kills a process that writes, and takes back what it wrote after
// a moment at which everything acknowledged had been flushed: as if the power
// had failed, and no flush after that moment had been. What was acknowledged
// before must be there.
func TestTornTail(t *testing.T) {
	rounds, seed := 10, uint64(time.Now().UnixNano())
	if text := os.Getenv(tornRoundsEnv); text != "" {
		rounds, _ = strconv.Atoi(text)
	}
	if text := os.Getenv(tornSeedEnv); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	for i := range rounds {
		seed := seed + uint64(i)
		t.Run(fmt.Sprint("round", i), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("repeat with %s=%d %s=1", tornSeedEnv, seed, tornRoundsEnv)
				}
			}()
			playTorn(t, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

// tornState is what the survivor must still hold.
type tornState struct {
	records map[int]Pos // acknowledged before the moment
	later   map[int]Pos // acknowledged after it
	floor   Pos         // what is before it may be trimmed
	keys    map[string]string
	letters int
}

func playTorn(t *testing.T, rnd *rand.Rand) {
	dir := t.TempDir()
	order := victimOrder{
		Dir: dir, First: 1, Quiet: rnd.IntN(300), MaxSize: 1 << (5 + rnd.IntN(12)),
		Log: 1 << (20 + rnd.IntN(3)), Buckets: rnd.IntN(2) == 0, Most: 1 << 20,
	}
	order.Quiet = min(order.Quiet, int(order.Log/4)/order.MaxSize)
	if rnd.IntN(2) == 0 {
		order.Trim = 1 + rnd.IntN(200)
	}
	state := tornState{records: map[int]Pos{}, later: map[int]Pos{}, keys: map[string]string{}}
	before := folder{}
	older := rnd.IntN(3) == 0 && order.Quiet > 0 // the moment is in a second life
	if older {
		first := order
		first.Close, first.Most, first.Trim = rnd.IntN(2) == 0, order.Quiet, 0
		v := startVictim(t, first)
		state.untilQuiet(t, v)
		if v.goOn(); first.Close {
			v.cmd.Wait()
		} else {
			state.untilKilled(t, v, rnd.IntN(100))
			for n, at := range state.later { // they were acknowledged, and nothing was taken back
				state.records[n] = at
			}
			clear(state.later)
		}
		order.First = 100_000
	}
	v := startVictim(t, order)
	if order.Quiet > 0 {
		state.untilQuiet(t, v)
		before = readFolder(t, dir)
		v.goOn()
	}
	state.untilKilled(t, v, rnd.IntN(400))

	report := tear(t, rnd, before, dir)
	start := time.Now()
	cfg := testConfig(dir)
	cfg.InboxMaxBytes = order.Log
	e, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%+v\n%s\nopen after the power failure: %v", order, report, err)
	}
	defer e.Close()
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("start took %v", took)
	}
	if state.check(t, e); t.Failed() {
		t.Logf("%+v\n%s", order, report)
	}
}

// untilQuiet reads what the victim says until nothing is under way.
func (s *tornState) untilQuiet(t *testing.T, v *victim) {
	t.Helper()
	for {
		word, rest, ok := v.next()
		if !ok || word == "fatal" {
			t.Fatalf("victim ended early: %s", rest)
		}
		switch word {
		case "ack":
			s.ack(t, s.records, rest)
		case "key":
			key, value, _ := strings.Cut(rest, " ")
			s.keys[key] = value
		case "letter":
			n, _ := strconv.Atoi(rest)
			s.letters += n
		case "quiet":
			return
		}
	}
}

// untilKilled kills the victim after so many acknowledgements, or when it is
// full, and reads what it had said until then.
func (s *tornState) untilKilled(t *testing.T, v *victim, acks int) {
	t.Helper()
	for {
		word, rest, ok := v.next()
		if !ok {
			break
		}
		switch word {
		case "ack":
			s.ack(t, s.later, rest)
			if acks--; acks < 0 {
				v.cmd.Process.Kill() // what it said before is still in the pipe
			}
		case "floor":
			n, _ := strconv.ParseUint(rest, 10, 64)
			s.floor = max(s.floor, Pos(n))
		case "quiet":
			v.cmd.Process.Kill()
		case "touched":
			delete(s.keys, rest)
		case "fatal":
			if !strings.Contains(rest, ErrFull.Error()) {
				t.Fatalf("victim: %s", rest)
			}
			v.cmd.Process.Kill()
		}
	}
	v.kill()
}

func (s *tornState) ack(t *testing.T, into map[int]Pos, text string) {
	t.Helper()
	var n int
	var at uint64
	if _, err := fmt.Sscan(text, &n, &at); err != nil {
		return // its last line was cut off by the kill
	}
	into[n] = Pos(at)
}

// check compares the store with what it must hold, and uses it.
func (s *tornState) check(t *testing.T, e *Engine) {
	t.Helper()
	at, records := scanAll(t, e.Inbox, 0)
	found := map[int]Pos{}
	var last Pos
	for i, rec := range records {
		n, err := number(rec)
		if err != nil {
			t.Errorf("at %v: %v", at[i], err)
		}
		if at[i] <= last {
			t.Errorf("place %v comes after %v", at[i], last)
		}
		found[n], last = at[i], at[i]
	}
	missing := 0
	var highest Pos
	for n, want := range s.records {
		highest = max(highest, want)
		if got, ok := found[n]; want >= s.floor && got != want {
			if missing++; missing < 4 {
				t.Errorf("record %d was acknowledged at %v and flushed; got %v (%v) after the power failure", n, want, got, ok)
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d acknowledged records are missing", missing, len(s.records))
	}
	for key, want := range s.keys {
		value, _, err := e.Control.Get(t.Context(), key)
		if err != nil || string(value) != want {
			t.Errorf("key %s: got %q, %v, want %q", key, value, err, want)
		}
	}
	letters := 0
	err := e.Dead.List(t.Context(), 0, func(l Letter) bool {
		letters++
		return true
	})
	if err != nil || letters < s.letters {
		t.Errorf("got %d dead letters, %v, want %d", letters, err, s.letters)
	}
	next, _ := mustAppend(t, e.Inbox, content(1<<29, 500))
	if next <= highest {
		t.Errorf("a new record got place %v, which is not behind %v: readers that have seen that would skip it", next, highest)
	}
	if rec, err := readRecord(t.Context(), e.Inbox, next); err != nil || !bytes.Equal(rec, content(1<<29, 500)) {
		t.Errorf("new record cannot be read back: %v", err)
	}
	if err := e.Dead.Put(t.Context(), Letter{Kind: DeadEvent, Channel: "c"}); err != nil {
		t.Errorf("dead letters after a power failure: %v", err)
	}
	if err := e.Directory.Put(t.Context(), "a.b", []byte("c")); err != nil {
		t.Errorf("bucket after a power failure: %v", err)
	}
}

// folder is the files of a data folder, by path.
type folder map[string][]byte

func readFolder(t *testing.T, dir string) folder {
	t.Helper()
	files := folder{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tear makes of the folder what a power failure may leave of it when nothing
// was flushed since before. It returns what it did.
//
// Of a file that only grew, any part of the growth may be there, or garbage.
// A new file may be whole, cut, garbage, or missing. A file that was replaced
// is there in its old or its new form: the server renames a finished file onto
// the old one, and ext4 and btrfs write the content before such a rename. A
// file that was removed may be back. Directories stay as they are.
func tear(t *testing.T, rnd *rand.Rand, before folder, dir string) string {
	t.Helper()
	var report strings.Builder
	note := func(path, what string) { fmt.Fprintf(&report, "%s: %s\n", strings.TrimPrefix(path, dir), what) }
	now := readFolder(t, dir)
	for path, data := range now {
		old, existed := before[path]
		grew := existed && len(data) > len(old) && bytes.Equal(data[:len(old)], old)
		switch {
		case filepath.Base(path) == "lock" || bytes.Equal(old, data):
			continue
		case existed && !grew:
			if rnd.IntN(2) == 0 {
				write(t, path, old)
				note(path, "old form")
			}
			continue
		case !existed && rnd.IntN(4) == 0:
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			note(path, "missing")
			continue
		}
		torn, what := tearGrowth(rnd, data, len(old))
		write(t, path, torn)
		note(path, fmt.Sprintf("%s of %d, %d flushed", what, len(data), len(old)))
	}
	for path, old := range before {
		if _, ok := now[path]; ok || rnd.IntN(2) == 0 {
			continue
		}
		if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
			write(t, path, old)
			note(path, "back again")
		}
	}
	return report.String()
}

// tearGrowth damages what of data comes after the first kept bytes.
func tearGrowth(rnd *rand.Rand, data []byte, kept int) ([]byte, string) {
	data = bytes.Clone(data)
	from := kept + rnd.IntN(len(data)-kept+1)
	switch rnd.IntN(5) {
	case 0:
		return data, "whole"
	case 1:
		return data[:kept], "cut to what was flushed"
	case 2:
		return data[:from], fmt.Sprintf("cut at %d", from)
	case 3:
		for i := from; i < len(data); i++ {
			data[i] = byte(rnd.Uint32())
		}
		return data, fmt.Sprintf("garbage from %d", from)
	default:
		to := min(len(data), from+1+rnd.IntN(4096)) // a page that was not written between some that were
		clear(data[from:to])
		return data, fmt.Sprintf("zeros from %d to %d", from, to)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
