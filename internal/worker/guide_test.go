package worker

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

// python returns the interpreter and the files of the guide, in its order. The
// test is skipped where there is none.
func python(t *testing.T) (interpreter string, files []string) {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the bots of docs/bots-in-any-language.md are not tried")
	}
	page, err := os.ReadFile("../../docs/bots-in-any-language.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(page), "```python\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		file := filepath.Join(t.TempDir(), "bot.py")
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) != 3 {
		t.Fatalf("the guide has %d bots in Python, want 3", len(files))
	}
	return interpreter, files
}

// newGuideBot starts a bot of the guide.
func newGuideBot(t *testing.T, file string) *stage {
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	return newStage(t, "", func(b *Pipe) { b.words = []string{interpreter, file} })
}

// ask hands the bot an event of 花子 and returns what it said and which timers it set.
func (s *stage) ask(ev *frontdesk.Event) (said []string, timers []frontdesk.Timer) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	desk := desktest.New(desktest.WithProfile(frontdesk.Profile{UserID: "U1", DisplayName: "花子"}))
	if err := s.bot.Handle(ctx, desk, ev); err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	return desk.Texts(""), desk.SetTimers()
}

// The bots of the guide do what it says, as they stand there.
func TestGuide(t *testing.T) {
	interpreter, files := python(t)
	t.Run("parrot", func(t *testing.T) {
		s := newGuideBot(t, files[0])
		said, _ := s.ask(event("U1", "やあ"))
		nothing, _ := s.ask(desktest.FollowEvent("U1", false))
		if diff := cmp.Diff([]string{"やあ"}, append(said, nothing...)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("memory", func(t *testing.T) {
		s := newGuideBot(t, files[1])
		var all []string
		for _, text := range []string{"one", "two", "tea in 180"} {
			said, timers := s.ask(event("U1", text))
			all = append(all, said...)
			for _, timer := range timers {
				all = append(all, timer.Key+" after "+timer.After.String())
				said, _ := s.ask(desktest.TimerEvent("U1", timer))
				all = append(all, said...)
			}
		}
		if diff := cmp.Diff([]string{
			"花子 says 'one', and before: None", "花子 says 'two', and before: 'one'", "I will tell you.", "tea after 3m0s", "花子, it is time: tea",
		}, all); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("http", func(t *testing.T) {
		cmd := exec.Command(interpreter, files[2])
		cmd.Env = append(os.Environ(), "BOT_SECRET="+testSecret, "PORT=0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		b, _, _ := newHTTPBot(t, nil)
		b.url = "http://127.0.0.1:" + strings.TrimSpace(strings.TrimPrefix(line, "listens on "))
		desk, err := ask(t, b, event("U1", "やあ"))
		if got := desk.Texts(""); err != nil || len(got) != 1 || got[0] != "やあ" {
			t.Errorf("got %q, %v", got, err)
		}
		b.cfg.Secret = "another"
		if _, err := ask(t, b, event("U1", "やあ")); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("a request that is signed by somebody else: got %v", err)
		}
	})
}
