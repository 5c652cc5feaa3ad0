package worker

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// puppetEnv makes this test binary a bot in a process of its own. Its value is
// what the bot does when it starts, in the words of obey.
const puppetEnv = "PUPPET"

func TestMain(m *testing.M) {
	if start, ok := os.LookupEnv(puppetEnv); ok {
		puppet(start)
		return
	}
	os.Exit(m.Run())
}

// puppet is a bot that does what the texts of its events say, one event after the
// other. When its standard input ends, it ends.
func puppet(start string) {
	obey(start, "")
	in := bufio.NewReaderSize(os.Stdin, 2<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			obey(os.Getenv("PUPPET_END"), "")
			return
		}
		var got struct {
			T, ID string
			Event struct{ Message struct{ Text string } }
		}
		if err := json.Unmarshal(line, &got); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(9)
		}
		switch got.T {
		case "event":
			obey(got.Event.Message.Text, got.ID)
		case "cancel":
			fmt.Fprintln(os.Stderr, "cancelled", got.ID)
		case "ping":
			fmt.Fprintln(os.Stderr, "pinged")
			if os.Getenv("PUPPET_PONG") != "" {
				fmt.Println(`{"t":"pong"}`)
			}
		}
	}
}

// obey does what the lines of an order say. A line is a command and what it
// takes, or an object to write, with the ID of the event in place of $.
func obey(order, id string) {
	for line := range strings.Lines(order) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "exit":
			code, _ := strconv.Atoi(rest)
			os.Exit(code)
		case "kill":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		case "hang":
			select {}
		case "sleep":
			d, _ := time.ParseDuration(rest)
			time.Sleep(d) // a slow bot
		case "err":
			fmt.Fprintln(os.Stderr, rest)
		case "say":
			text, _ := json.Marshal(rest)
			fmt.Printf("{\"t\":\"done\",\"id\":%q,\"text\":%s}\n", id, text)
		case "env":
			text, _ := json.Marshal(rest + "=" + os.Getenv(rest))
			fmt.Printf("{\"t\":\"done\",\"id\":%q,\"text\":%s}\n", id, text)
		case "pid":
			fmt.Printf("{\"t\":\"done\",\"id\":%q,\"text\":\"%d\"}\n", id, os.Getpid())
		case "child": // that holds our files, says its ID and lives long
			child := exec.Command("sleep", "100")
			child.Stdout, child.Stderr = os.Stdout, os.Stderr
			if err := child.Start(); err != nil {
				os.Exit(9)
			}
			fmt.Printf("{\"t\":\"done\",\"id\":%q,\"text\":\"%d\"}\n", id, child.Process.Pid)
		case "flood":
			n, _ := strconv.Atoi(rest)
			w := bufio.NewWriter(os.Stdout)
			for range n {
				fmt.Fprintln(w, "of no use")
			}
			w.Flush()
		case "long":
			n, _ := strconv.Atoi(rest)
			fmt.Println(strings.Repeat("x", n))
		case "deaf":
			os.Stdout.Close()
		case "ignore": // SIGTERM
			ignoreTerm()
		case "half":
			fmt.Printf("{\"t\":\"done\",\"id\":%q,\"text\":\"ha", id)
		default:
			fmt.Println(strings.ReplaceAll(line, "$", id))
		}
	}
}
