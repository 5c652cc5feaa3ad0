package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	// pipeBotEnv makes this test binary the bot of the chaos run in a process of its
	// own; its value is the JSON of pipeBot. A name that begins with FRONTDESK_ would
	// not reach it.
	pipeBotEnv = "CHAOS_PIPE_BOT"
	// pipeBotWorkers is how many such processes there are.
	pipeBotWorkers = 2
)

// pipeBot does as planned, like world.handler, but by pipe and until a random
// moment at which it is killed.
type pipeBot struct {
	Seed  uint64
	Kills string // file to which a byte is added for each kill; "" for none
	world *world

	mu  sync.Mutex // guards what follows
	out *bufio.Writer
}

// runPipeBot answers events until its standard input ends.
func runPipeBot(env string) error {
	b := &pipeBot{out: bufio.NewWriter(os.Stdout)}
	if err := json.Unmarshal([]byte(env), b); err != nil {
		return err
	}
	b.world = newWorld(b.Seed)
	if b.Kills != "" {
		go b.die() // ends with the process
	}
	b.write(map[string]any{"t": "hello", "v": 1, "max": 500, "ping": true})
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var got struct {
			T, ID, Conversation string
			Attempt             int
			Event               json.RawMessage
		}
		if err := json.Unmarshal(line, &got); err != nil {
			return err
		}
		if got.T == "ping" {
			b.write(map[string]any{"t": "pong"})
			continue
		}
		ev, err := frontdesk.ParseEvent(got.Event)
		if err != nil {
			return err
		}
		ev.Attempt = got.Attempt
		b.answer(got.ID, ev)
	}
}

// die kills the process after 20 ms to 2 s, half of the times within 200 ms: a short run
// must see some die before their server does.
func (b *pipeBot) die() {
	<-time.After(time.Duration(20*math.Pow(100, rand.Float64())) * time.Millisecond)
	if f, err := os.OpenFile(b.Kills, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		f.Write([]byte{'x'})
		f.Close()
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// answer does what is planned for an event. A slow one holds up no other.
func (b *pipeBot) answer(id string, ev *frontdesk.Event) {
	n, ok := numberOf(ev)
	if !ok {
		b.write(map[string]any{"t": "done", "id": id})
		return
	}
	p := b.world.plan(n)
	act := func() {
		switch {
		case ev.Attempt <= p.fails && p.panics:
			b.write(map[string]any{"t": "done", "id": id, "as": "planned"}) // which is not valid
			return
		case ev.Attempt <= p.fails:
			b.write(map[string]any{"t": "retry", "id": id, "reason": "as planned"})
			return
		}
		var answers []map[string]any
		for _, s := range p.sends {
			answers = append(answers, s.lines(id)...)
		}
		b.write(append(answers, map[string]any{"t": "done", "id": id})...)
	}
	if p.slow == 0 {
		act()
		return
	}
	time.AfterFunc(p.slow, act)
}

// lines are the objects that send as planned.
func (s *plannedSend) lines(id string) []map[string]any {
	var messages []map[string]any
	for _, text := range s.texts {
		messages = append(messages, map[string]any{"type": "text", "text": text})
	}
	if s.to == "" {
		return []map[string]any{{"t": "send", "id": id, "messages": messages}}
	}
	return []map[string]any{{"t": "push", "id": id, "to": s.to, "messages": messages}}
}

// write writes the objects one after the other, with none of another event in
// between, or not all of them when the process is killed.
func (b *pipeBot) write(objects ...map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	encoder := json.NewEncoder(b.out)
	for _, o := range objects {
		if err := encoder.Encode(o); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	b.out.Flush() // when it fails the server is gone, and standard input ends
}

// TestChaosPipe is the chaos run with a bot in processes of its own, which are
// killed at random beside the server.
func TestChaosPipe(t *testing.T) {
	c := prepareChaos(t, chaosDuration/2)
	c.cfg.PipeKills = t.TempDir() + "/kills"
	c.run()
	info, err := os.Stat(c.cfg.PipeKills)
	if err != nil || info.Size() == 0 {
		t.Errorf("the bot was never killed: %v", err)
	}
}

// botKills tells how often the processes of the bot were killed.
func (c *chaos) botKills() string {
	if c.cfg.PipeKills == "" {
		return "in the server"
	}
	info, err := os.Stat(c.cfg.PipeKills)
	if err != nil {
		return err.Error()
	}
	return strconv.FormatInt(info.Size(), 10) + " of its processes, by pipe"
}
