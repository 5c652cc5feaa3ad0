package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A victim is a child process that works on a store until it is killed. It
// speaks in lines on its output and is told to go on by lines on its input:
//
//	ack N POS     record N was acknowledged at POS
//	floor POS     from here on everything before POS may be trimmed
//	key K V       key K has had the value V since a flush
//	letter N      so many dead letters have been put
//	touched K     key K is about to be set to something else
//	quiet         all of the above is acknowledged, nothing is under way
//	fatal TEXT    the store did not do what it should
type victim struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	in    io.WriteCloser
}

// victimOrder says what a victim does.
type victimOrder struct {
	Dir     string
	First   int   // number of its first record
	Quiet   int   // records until it is quiet once; 0 for never
	MaxSize int   // of a record
	Most    int   // records of the second part; then it waits to be killed
	Trim    int   // trims after so many records of the second part; 0 for never
	Log     int64 // MaxBytes of the inbox; a quarter of it is a block file
	Buckets bool
	Close   bool // closes properly when it is told to go on, and ends
}

func startVictim(t *testing.T, order victimOrder) *victim {
	t.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd, bufio.NewScanner(out), in}
	t.Cleanup(v.kill)
	return v
}

// next returns the next line's first word and the rest.
func (v *victim) next() (word, rest string, ok bool) {
	if !v.lines.Scan() {
		return "", "", false
	}
	word, rest, _ = strings.Cut(v.lines.Text(), " ")
	return word, rest, true
}

func (v *victim) goOn() { fmt.Fprintln(v.in, "go") }

// kill is SIGKILL, and waits for the end.
func (v *victim) kill() {
	v.cmd.Process.Kill()
	v.cmd.Wait() // it was killed: that is no news
}

// runChild is the child's main. It returns the exit code.
func runChild(text string) int {
	var order victimOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		fmt.Println("fatal", err)
		return 1
	}
	cfg := testConfig(order.Dir)
	cfg.InboxMaxBytes = order.Log
	e, err := Open(context.Background(), cfg)
	if err != nil {
		fmt.Println("fatal", err)
		return 1
	}
	w := &childWork{order: order, e: e}
	if err := w.run(); err != nil {
		w.say("fatal %v", err)
		return 1
	}
	return 0
}

// childAppenders write at the same time, so that messages hold several
// records and a flush serves several writers.
const childAppenders = 4

type childWork struct {
	order victimOrder
	e     *Engine
	next  atomic.Int64

	mu   sync.Mutex
	last Pos // of what was acknowledged
}

func (w *childWork) say(format string, v ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Printf(format+"\n", v...)
}

func (w *childWork) run() error {
	w.next.Store(int64(w.order.First))
	input := bufio.NewReader(os.Stdin)
	if w.order.Quiet > 0 {
		if err := w.quietPart(); err != nil {
			return err
		}
		w.say("quiet")
		if _, err := input.ReadString('\n'); err != nil {
			return err
		}
	}
	if w.order.Close {
		return w.e.Close()
	}
	if err := w.appendAll(int(w.next.Load())+w.order.Most, w.order.Trim); err != nil {
		return err
	}
	w.say("quiet")
	_, err := input.ReadString('\n')
	return err
}

func (w *childWork) quietPart() error {
	if err := w.appendAll(w.order.First+w.order.Quiet, 0); err != nil {
		return err
	}
	if !w.order.Buckets {
		return nil
	}
	for k := range 8 {
		if err := w.e.Control.Put(context.Background(), fmt.Sprint("k", k), []byte("before")); err != nil {
			return err
		}
	}
	if err := w.e.Flush(); err != nil {
		return err
	}
	for k := range 8 {
		w.say("key k%d before", k)
	}
	return w.bury(3)
}

// bury puts n dead letters.
func (w *childWork) bury(n int) error {
	letters := make([]Letter, n)
	for i := range letters {
		letters[i] = Letter{Kind: DeadEvent, Channel: "c", Body: content(i, 500)}
	}
	if err := w.e.Dead.Put(context.Background(), letters...); err != nil {
		return err
	}
	w.say("letter %d", n)
	return nil
}

// appendAll appends records up to number end, and trims after every so many.
func (w *childWork) appendAll(end, trim int) error {
	errs := make(chan error, childAppenders)
	for range childAppenders {
		go func() { errs <- w.appendSome(end, trim) }() // all are awaited below
	}
	var first error
	for range childAppenders {
		if err := <-errs; err != nil && first == nil {
			first = err
			w.say("fatal %v", err)
		}
	}
	return first
}

func (w *childWork) appendSome(end, trim int) error {
	for {
		n := int(w.next.Add(1) - 1)
		if n >= end {
			w.next.Add(-1)
			return nil
		}
		_, at, err := w.e.Inbox.Append(rawRecord(content(n, n*7919%w.order.MaxSize)))
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.last = max(w.last, at)
		fmt.Printf("ack %d %d\n", n, uint64(at))
		w.mu.Unlock()
		if trim > 0 && n%trim == trim-1 {
			if err := w.trim(); err != nil {
				return err
			}
		}
	}
}

// trim takes away everything so far and changes some keys.
func (w *childWork) trim() error {
	ctx := context.Background()
	w.mu.Lock()
	floor := newPos(w.last.Seq()+1, 0)
	fmt.Printf("floor %d\n", uint64(floor))
	w.mu.Unlock()
	if _, err := w.e.Inbox.Trim(ctx, TrimRule{Floor: floor}, time.Now().Add(time.Hour)); err != nil {
		return err
	}
	if !w.order.Buckets {
		return nil
	}
	for k := range 2 {
		w.say("touched k%d", k)
		if err := w.e.Control.Put(ctx, fmt.Sprint("k", k), []byte("after")); err != nil {
			return err
		}
	}
	return w.bury(1)
}
