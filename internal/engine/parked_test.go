package engine

import (
	"encoding/json"
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

func answerTo(event, text string) Answer {
	return Answer{
		Key: "main/" + event, Channel: "main", Conversation: "U1", EventID: event,
		Messages: []json.RawMessage{json.RawMessage(`"` + text + `"`)},
	}
}

func park(t *testing.T, p *Parked, answers ...Answer) {
	t.Helper()
	for _, a := range answers {
		if err := p.Put(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

// parkedTexts lists what is parked, in order.
func parkedTexts(t *testing.T, p *Parked, most int) (texts []string) {
	t.Helper()
	err := p.List(t.Context(), func(a Answer) bool {
		texts = append(texts, a.EventID+" "+string(a.Messages[0])+" "+a.TakenBy)
		return len(texts) < most
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func testParked(t *testing.T, cfg Config) {
	p := mustOpen(t, cfg).Parked
	if _, err := p.Get(t.Context(), "main/E1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("missing: got %v, want %v", err, ErrNotFound)
	}
	if err := p.Delete(t.Context(), "main/E1"); err != nil {
		t.Errorf("delete missing: %v", err)
	}
	before := time.Now()
	park(t, p, answerTo("E1", "one"), answerTo("E2", "two"), answerTo("E3", "three"), answerTo("E1", "again"))
	if got, want := parkedTexts(t, p, 9), []string{`E2 "two" `, `E3 "three" `, `E1 "again" `}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if got := parkedTexts(t, p, 1); len(got) != 1 {
		t.Errorf("stopped listing: got %q", got)
	}
	two, err := p.Get(t.Context(), "main/E2")
	if err != nil || two.Key != "main/E2" || two.At.Before(before.Add(-time.Second)) || time.Since(two.At) < 0 {
		t.Errorf("got %+v, %v", two, err)
	}
	if err := p.Take(t.Context(), two, "T1"); err != nil {
		t.Fatal(err)
	}
	if two, err = p.Get(t.Context(), "main/E2"); err != nil || two.TakenBy != "T1" || string(two.Messages[0]) != `"two"` {
		t.Errorf("taken: got %+v, %v", two, err)
	}
	if err := p.Delete(t.Context(), "main/E3"); err != nil {
		t.Error(err)
	}
	if got, want := parkedTexts(t, p, 9), []string{`E1 "again" `, `E2 "two" T1`}; !slices.Equal(got, want) {
		t.Errorf("after a deletion: got %q, want %q", got, want)
	}
	if n, err := p.Count(t.Context()); err != nil || n != 2 {
		t.Errorf("got %d, %v, want 2", n, err)
	}
}

func TestParked(t *testing.T) { testParked(t, testConfig(t.TempDir())) }

func TestParkedExternal(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.NATSURL = enginetest.StartNATS(t, -1, t.TempDir()).ClientURL()
	testParked(t, cfg)
}

// When there is no room for further answers, those that are there can still be
// taken.
func TestParkedFull(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.ParkedMaxBytes = 1000
	p := mustOpen(t, cfg).Parked
	park(t, p, answerTo("E1", strings.Repeat("x", 1000)))
	for _, event := range []string{"E1", "E2"} {
		if err := p.Put(t.Context(), answerTo(event, "more")); !errors.Is(err, ErrFull) {
			t.Errorf("%s: got %v, want %v", event, err, ErrFull)
		}
	}
	a, err := p.Get(t.Context(), "main/E1")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Take(t.Context(), a, "T1"); err != nil {
		t.Errorf("take: %v", err)
	}
	if err := p.Delete(t.Context(), "main/E1"); err != nil {
		t.Error(err)
	}
	park(t, p, answerTo("E2", "more"))
	if err := p.Put(t.Context(), answerTo("E3", strings.Repeat("x", maxPayload))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: got %v, want %v", err, ErrTooLarge)
	}
}

// What is parked, and what is not any more, outlives the process, with and without
// an orderly end.
func TestParkedSurvives(t *testing.T) {
	for _, clean := range []bool{true, false} {
		t.Run(fmt.Sprintf("clean %v", clean), func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			e := mustOpen(t, cfg)
			one, two, three := answerTo("E1", "one"), answerTo("E2", "two"), answerTo("E3", "three")
			park(t, e.Parked, one, two, three)
			for _, taken := range []Answer{one, two} {
				if err := e.Parked.Take(t.Context(), taken, "tap"); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.Parked.Delete(t.Context(), one.Key); err != nil {
				t.Fatal(err)
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
			if got, want := parkedTexts(t, e.Parked, 9), []string{`E3 "three" `, `E2 "two" tap`}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Answers that were replaced do not come back, also when processes were killed while
// they replaced one, before they could delete the earlier.
func TestParkedReplacedAfterKills(t *testing.T) {
	cfg := testConfig(t.TempDir())
	reopen := func(e *Engine) *Engine {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(cfg.Dir, cleanMark)); err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, cfg)
	}
	e := mustOpen(t, cfg)
	park(t, e.Parked, answerTo("E0", "keeps its block"))
	for _, text := range []string{"one", "two"} {
		data, err := json.Marshal(answerTo("E1", text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Parked.js.Publish(t.Context(), parkedSubject("main/E1"), data); err != nil {
			t.Fatal(err)
		}
		e = reopen(e)
	}
	park(t, e.Parked, answerTo("E1", "three"))
	e = reopen(e)
	if got, want := parkedTexts(t, e.Parked, 9), []string{`E0 "keeps its block" `, `E1 "three" `}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if err := e.Parked.Delete(t.Context(), "main/E1"); err != nil {
		t.Fatal(err)
	}
	e = reopen(e)
	if a, err := e.Parked.Get(t.Context(), "main/E1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: got %+v, %v", a, err)
	}
}
