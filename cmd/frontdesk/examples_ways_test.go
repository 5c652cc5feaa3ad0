package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// itself runs an example that is a server of its own.
func itself(s *stage) {
	s.serve(nil, s.build("main.go"))
}

// byPipe runs an example whose process belongs to Frontdesk.
func byPipe(bot string) func(*stage) {
	return func(s *stage) {
		desk := s.frontdesk(bot)
		s.crash = func(t *testing.T) {
			if err := desk.child(t).Kill(); err != nil {
				t.Error(err)
			}
		}
	}
}

// byHTTP runs an example that is posted to.
func byHTTP(command ...string) func(*stage) {
	return func(s *stage) {
		const secret = "a secret of both"
		port := freePort(s.t)
		s.restarted(port, command, "WORKER_SECRET="+secret, "PORT="+port)
		s.frontdesk("http://127.0.0.1:"+port+"/", "FRONTDESK_WORKER_SECRET="+secret)
	}
}

// restarted runs a process that is started again after each crash.
func (s *stage) restarted(port string, command []string, env ...string) {
	bot := s.run(env, command[0], command[1:]...)
	bot.awaitPort(port)
	s.crash = func(*testing.T) {
		bot.kill()
		bot = s.run(env, command[0], command[1:]...)
	}
}

// frontdesk runs Frontdesk before a bot.
func (s *stage) frontdesk(bot string, env ...string) *program {
	file, err := exec.LookPath("frontdesk") // testscript has put it there
	if err != nil {
		s.t.Fatal(err)
	}
	return s.serve(env, file, "serve", "--bot", bot)
}

// asItIs runs a LINE bot behind Frontdesk. The variable LINE_API tells it where to
// call.
func (s *stage) asItIs(command []string, env ...string) {
	port, apiPort := freePort(s.t), freePort(s.t)
	s.restarted(port, command, append(env, "PORT="+port, "LINE_API=http://127.0.0.1:"+apiPort)...)
	s.frontdesk("line:http://127.0.0.1:"+port+"/callback", "FRONTDESK_BOT_API_LISTEN=127.0.0.1:"+apiPort)
}

// nodeAsItIs runs the example with the official SDK for Node.js.
func nodeAsItIs(s *stage) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	install.Dir = s.folder
	if out, err := install.CombinedOutput(); err != nil {
		s.t.Skipf("SKIPPED: npm cannot install what this example needs: %v\n%s", err, out)
	}
	s.asItIs([]string{"node", "index.js"},
		"CHANNEL_SECRET="+s.sim.ChannelSecret(), "CHANNEL_ACCESS_TOKEN="+s.sim.ChannelAccessToken())
}

// goAsItIs runs the echo of the official SDK for Go as it stands in its module, but
// for the address of the API.
func goAsItIs(s *stage) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/line/line-bot-sdk-go/v8/examples/echo_bot").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	code, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "server.go"))
	if err != nil {
		s.t.Fatal(err)
	}
	const token = `os.Getenv("LINE_CHANNEL_TOKEN"),`
	if strings.Count(string(code), token) != 1 {
		s.t.Fatalf("the SDK's example has not %s once", token)
	}
	code = []byte(strings.Replace(string(code), token, token+` messaging_api.WithEndpoint(os.Getenv("LINE_API")),`, 1))
	if err := os.WriteFile(filepath.Join(s.folder, "server.go"), code, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.asItIs([]string{s.build("server.go")},
		"LINE_CHANNEL_SECRET="+s.sim.ChannelSecret(), "LINE_CHANNEL_TOKEN="+s.sim.ChannelAccessToken())
}
