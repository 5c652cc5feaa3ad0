package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// phoneLimit bounds the wait for what must come to a phone. Bots that have died
// meanwhile get their pauses.
const phoneLimit = time.Minute

// examples are the bots of the folder of that name, and the echo of LINE's own SDK
// for Go.
var examples = []struct {
	name  string
	needs []string // programs
	echo  []string // what comes behind an echo
	start func(*stage)
}{
	{name: "go", start: itself},
	{name: "python", needs: []string{"python3"}, start: byPipe("exec:python3 bot.py")},
	{name: "node", needs: []string{"node"}, start: byPipe("exec:node bot.js")},
	{name: "node-http", needs: []string{"node"}, start: byHTTP("node", "bot.js")},
	{name: "node-line-sdk", needs: []string{"node", "npm"}, start: nodeAsItIs},
	{name: "go-line-sdk", echo: []string{"Hello! {smile}"}, start: goAsItIs},
}

// TestExamples runs the examples as their readers would, with a simulated LINE:
// those whose language is on the machine.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and installs programs")
	}
	for _, ex := range examples {
		t.Run(ex.name, func(t *testing.T) {
			for _, program := range ex.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("SKIPPED: the example %q needs %s, which is not here", ex.name, program)
				}
			}
			t.Parallel()
			s := newStage(t, ex.name)
			ex.start(s)
			if ex.echo == nil {
				t.Run("words", s.words)
			}
			t.Run("order", func(t *testing.T) { s.order(t, ex.echo, nil) })
			if s.crash != nil {
				t.Run("crash", func(t *testing.T) { s.order(t, ex.echo, s.crash) })
			}
		})
	}
}

// words goes through all that the bot knows.
func (s *stage) words(t *testing.T) {
	hanako := s.user(t)
	s.say(t, hanako, "last", "hello", "last", "tea 1")
	want := []string{"You said nothing yet.", "hello", "You said: hello", "Tea in 1 s.", "Your tea is ready."}
	s.hears(t, hanako, want)
	if _, err := s.sim.SendMessage(hanako, linesim.UserMessage{Type: "sticker", PackageID: "446", StickerID: "1988"}); err != nil {
		t.Fatal(err)
	}
	s.say(t, hanako, "last")
	s.hears(t, hanako, append(want, "You said: hello")) // no second tea, and nothing to the sticker
}

// order lets several users write at once, and the bot's process die meanwhile if
// crash does that. Each phone must show every answer once, in order.
func (s *stage) order(t *testing.T, echo []string, crash func(*testing.T)) {
	const users, each = 5, 40
	var ids []string
	for range users {
		ids = append(ids, s.user(t))
	}
	var want []string
	for i := range each {
		text := fmt.Sprint("message ", i)
		want = append(append(want, text), echo...)
		for _, id := range ids {
			s.say(t, id, text)
		}
	}
	for n := each / 4; crash != nil && n < each; n += each / 4 {
		s.hearsSome(t, ids[0], n) // the others are under way
		crash(t)
	}
	for _, id := range ids {
		s.hears(t, id, want)
	}
}

func (s *stage) user(t *testing.T) string {
	t.Helper()
	user, err := s.sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		t.Fatal(err)
	}
	return user.UserID
}

func (s *stage) say(t *testing.T, user string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := s.sim.SendText(user, text); err != nil {
			t.Fatal(err)
		}
	}
}

// hearsSome waits until a user has a number of answers.
func (s *stage) hearsSome(t *testing.T, user string, n int) (texts []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), phoneLimit)
	defer cancel()
	messages, err := s.sim.WaitForMessages(ctx, user, linesim.Query{From: linesim.FromBot}, n)
	for _, m := range messages {
		texts = append(texts, m.Text())
	}
	if err != nil {
		t.Fatalf("waiting for %d answers, got %q: %v", n, texts, err)
	}
	return texts
}

// hears waits for all answers that a user must get, and holds them against what
// they must be.
func (s *stage) hears(t *testing.T, user string, want []string) {
	t.Helper()
	got := s.hearsSome(t, user, len(want))
	if diff := cmp.Diff(slices.Clone(want), got); diff != "" {
		t.Errorf("on the phone of %s (-want +got):\n%s", user, diff)
	}
}
