package worker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
)

const (
	endsTotal    = "frontdesk_worker_ends_total"
	answersTotal = "frontdesk_worker_answers_total"
)

func TestPipeAnswers(t *testing.T) {
	s := newStage(t, "", nil)
	desk, err := s.handle(event("U1", strings.Join([]string{
		`{"t":"send","id":"$","text":"one"}`,
		`{"t":"push","id":"$","to":"U2","messages":[{"type":"text","text":"two"}]}`,
		`{"t":"timer","id":"$","key":"tea","after":60,"payload":"green"}`,
		`{"t":"timer","id":"$","key":"old","cancel":true}`,
		`{"t":"done","id":"$","messages":[{"type":"sticker","packageId":"446","stickerId":"1988"}]}`,
	}, "\n")), soon)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "[sticker]"}, desk.Texts("")); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"two"}, desk.Texts("U2")); diff != "" {
		t.Errorf("pushed (-want +got):\n%s", diff)
	}
	if timers := desk.SetTimers(); len(timers) != 1 || timers[0].Key != "tea" || timers[0].After != time.Minute || timers[0].Payload != "green" {
		t.Errorf("timers: %+v", timers)
	}
}

// What a bot says last is the handler's verdict.
func TestPipeVerdicts(t *testing.T) {
	s := newStage(t, "", nil)
	type verdict struct {
		Text    string
		Drop    bool
		Retry   time.Duration
		Counted bool // when it failed
	}
	for _, tc := range []struct {
		name, order string
		want        verdict
	}{
		{"done", `{"t":"done","id":"$"}`, verdict{}},
		{"retry", `{"t":"retry","id":"$","after":30,"reason":"no"}`, verdict{"the bot wants to try again: no", false, 30 * time.Second, true}},
		{"retry at once", `{"t":"retry","id":"$","after":0}`, verdict{"the bot wants to try again", false, 0, true}},
		{"retry as usual", `{"t":"retry","id":"$"}`, verdict{"the bot wants to try again", false, -1, true}},
		{"drop", `{"t":"drop","id":"$","reason":"` + strings.Repeat("花", 200) + `"}`,
			verdict{"the bot dropped it: " + strings.Repeat("花", 166) + "…", true, -1, true}},
		{"not valid", `{"t":"done","id":"$","txt":"a"}`, verdict{`the bot's answer is not valid: "txt" is not a field of any answer`, false, -1, true}},
		{"no kind", `{"t":"dne","id":"$"}`, verdict{`the bot's answer is not valid: "t" is none of send, push, timer, done, retry, drop, hello and pong`, false, -1, true}},
		{"not valid before the last word", "{\"t\":\"send\",\"id\":\"$\"}\n{\"t\":\"done\",\"id\":\"$\"}",
			verdict{`the bot's answer is not valid: send needs "text" or "messages"`, false, -1, true}},
		{"timer without a time", "{\"t\":\"timer\",\"id\":\"$\",\"key\":\"k\"}\n{\"t\":\"done\",\"id\":\"$\"}",
			verdict{`timer of the bot: timer "k": it needs one of After, At, Every and Cron`, true, -1, true}},
		{"timer at no time", "{\"t\":\"timer\",\"id\":\"$\",\"at\":\"noon\"}\n{\"t\":\"done\",\"id\":\"$\"}",
			verdict{`timer of the bot: "at" of a timer is not a time such as 2026-11-21T14:22:18+09:00`, false, -1, true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			desk, err := s.handle(event("U1", tc.order), soon)
			got := verdict{}
			if err != nil {
				got = verdict{Text: err.Error(), Drop: isDrop(err), Retry: -1, Counted: !interrupted(err)}
				if retry, ok := errors.AsType[*frontdesk.RetryError](err); ok {
					got.Retry = retry.After
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if sent := desk.Sent(); len(sent) != 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func isDrop(err error) bool {
	_, ok := errors.AsType[*frontdesk.DropError](err)
	return ok
}

func interrupted(err error) bool {
	_, ok := errors.AsType[*frontdesk.InterruptedError](err)
	return ok
}

func TestPipeInterleaves(t *testing.T) {
	s := newStage(t, "", nil)
	const n = 500
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			ev := event(fmt.Sprint("U", i), fmt.Sprint("say ", i))
			desk, err := s.handle(ev, soon)
			if got := desk.Texts(""); err != nil || len(got) != 1 || got[0] != fmt.Sprint(i) {
				t.Errorf("%d: got %q, %v", i, got, err)
			}
		})
	}
	wg.Wait()
}

// A process keeps its conversations.
func TestPipeSpreads(t *testing.T) {
	s := newStage(t, "", func(b *Pipe) {
		for n := 1; n < 3; n++ {
			b.processes = append(b.processes, newProcess(b, n))
		}
	})
	pids := map[string]int{}
	for i := range 60 {
		user := fmt.Sprint("U", i)
		pid := s.says(user, "pid")
		if again := s.says(user, "pid"); again != pid {
			t.Errorf("%s went to process %s, then to %s", user, pid, again)
		}
		pids[pid]++
	}
	if len(pids) != 3 {
		t.Errorf("got %v, want 3 processes", pids)
	}
}

// A process that ends is started again, and what it had is tried again and not
// counted, until it was there at three ends.
func TestPipeProcessDies(t *testing.T) {
	for _, order := range []string{"exit 3", "kill", "deaf\nhang", "half\nkill"} {
		t.Run(order, func(t *testing.T) {
			s := newStage(t, "", nil)
			killer := event("U1", order)
			for n := 1; n <= 4; n++ {
				if got := s.says("U2", "say hello"); got != "hello" {
					t.Fatalf("got %q", got)
				}
				_, err := s.handle(killer, soon)
				if err == nil || interrupted(err) != (n <= innocentDeaths) {
					t.Errorf("time %d: got %v", n, err)
				}
			}
			if got := s.counted(answersTotal, outcomeDied); got != 2 {
				t.Errorf("%d deaths are counted, want 2", got)
			}
			other := event("U1", "kill")
			if _, err := s.handle(other, soon); !interrupted(err) {
				t.Errorf("another event: got %v", err)
			}
		})
	}
}

// One event that kills its process again and again must not be the end of those
// that were next to it: in the end they are handed apart.
func TestPipeTellsTheKiller(t *testing.T) {
	s := newStage(t, "", nil)
	const innocents = 30
	events := []*frontdesk.Event{event("K", "sleep 2ms\nkill")}
	for i := range innocents {
		events = append(events, event(fmt.Sprint("U", i), "sleep 1ms\nsay good"))
	}
	var mu sync.Mutex
	counted := map[string]int{}
	var wg sync.WaitGroup
	for _, ev := range events {
		wg.Go(func() {
			for {
				_, err := s.handle(ev, soon)
				if err != nil && !interrupted(err) {
					mu.Lock()
					counted[ev.Conversation]++
					mu.Unlock()
				}
				if err == nil || counted["K"] == 5 && ev.Conversation == "K" {
					return
				}
			}
		})
	}
	wg.Wait()
	if counted["K"] != 5 {
		t.Errorf("the killer was counted %d times, want 5", counted["K"])
	}
	delete(counted, "K")
	for user, n := range counted {
		if n > 2 {
			t.Errorf("%s did nothing and was counted %d times", user, n)
		}
	}
}

// On trial, an event is not handed to a process that has another one on trial.
// One that is answered is free of suspicion.
func TestPipeTrial(t *testing.T) {
	s := newStage(t, "", nil)
	killer, innocent := event("K", "sleep 50ms\nkill"), event("U1", "say good")
	for range innocentDeaths {
		s.bot.deaths.add(killer)
		s.bot.deaths.add(innocent)
	}
	killed := make(chan error)
	go func() {
		_, err := s.handle(killer, soon)
		killed <- err
	}()
	await(t, "the killer in hand", func() bool { return s.bot.processes[0].room.held() == 1 })
	if _, err := s.handle(innocent, soon); err != nil {
		t.Errorf("the innocent: got %v", err)
	}
	if err := <-killed; err == nil || interrupted(err) {
		t.Errorf("the killer: got %v", err)
	}
	if n := s.bot.deaths.of(innocent); n != 0 {
		t.Errorf("%d ends are held against an event that was answered", n)
	}
}

// A process that cannot even start takes no event with it.
func TestPipeCannotStart(t *testing.T) {
	s := newStage(t, "sleep 5ms\nexit 1", nil)
	ev := event("U1", "say hello")
	for range 5 {
		if _, err := s.handle(ev, 100*time.Millisecond); !interrupted(err) {
			t.Fatalf("got %v\n%s", err, s.log)
		}
	}
	if n := s.bot.deaths.of(ev); n > 1 {
		t.Errorf("%d ends are held against the event", n)
	}
	if s.log.count("exit status 1") == 0 {
		t.Errorf("the log does not tell:\n%s", s.log)
	}
}

func TestPipeHangs(t *testing.T) {
	s := newStage(t, "", nil)
	first := s.says("U1", "pid")
	_, err := s.handle(event("U1", "hang"), 300*time.Millisecond)
	if !errors.Is(err, errTooLong) || interrupted(err) {
		t.Errorf("got %v", err)
	}
	if second := s.says("U1", "pid"); second == first {
		t.Error("the process that hung goes on")
	}
	if got := s.counted(endsTotal, "hung"); got != 1 {
		t.Errorf("%d ends by hanging are counted, want 1", got)
	}
}

// Who waits behind an event that hangs is not to blame, and neither is who waits
// behind many that are only slow.
func TestPipeBlamesTheOldest(t *testing.T) {
	s := newStage(t, "", nil)
	s.says("U0", "say ready")
	hangs := make(chan error)
	go func() {
		_, err := s.handle(event("U1", "hang"), 300*time.Millisecond)
		hangs <- err
	}()
	await(t, "the event in hand", func() bool { return s.bot.processes[0].room.held() == 1 })
	_, err := s.handle(event("U2", "say hello"), 290*time.Millisecond)
	if !interrupted(err) {
		t.Errorf("the one behind: got %v", err)
	}
	if err := <-hangs; !errors.Is(err, errTooLong) {
		t.Errorf("the one that hangs: got %v", err)
	}

	pid := s.says("U1", "pid")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := s.handle(event(fmt.Sprint("S", i), "sleep 30ms\nsay done"), 300*time.Millisecond); err != nil && !interrupted(err) {
				t.Errorf("a slow bot: got %v", err)
			}
		})
	}
	wg.Wait()
	if got := s.says("U1", "pid"); got != pid {
		t.Error("a process that was only slow was ended")
	}
}

// An event that the bot forgets is counted, and the bot goes on.
func TestPipeForgets(t *testing.T) {
	s := newStage(t, "", nil)
	pid := s.says("U2", "pid")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.says("U2", "sleep 1ms\nsay busy")
			}
		}
	})
	_, err := s.handle(event("U1", "err forgotten"), 300*time.Millisecond)
	if !errors.Is(err, errTooLong) || interrupted(err) {
		t.Errorf("got %v", err)
	}
	close(stop)
	wg.Wait()
	if got := s.says("U2", "pid"); got != pid {
		t.Error("the process was ended")
	}
}

func TestPipePings(t *testing.T) {
	pongs := newStage(t, `{"t":"hello","v":1,"ping":true,"cancel":true}`, func(b *Pipe) { b.cfg.Environ = append(b.cfg.Environ, "PUPPET_PONG=1") })
	pid := pongs.says("U1", "pid")
	await(t, "three pings", func() bool { return pongs.log.count("pinged") >= 3 })
	if got := pongs.says("U1", "pid"); got != pid {
		t.Error("a process that answers pings was ended")
	}
	// It keeps the time of each event by itself, and hears that it came too late.
	if _, err := pongs.handle(event("U1", "err forgotten"), 100*time.Millisecond); !errors.Is(err, errTooLong) || interrupted(err) {
		t.Errorf("got %v", err)
	}
	await(t, "the word that it is too late", func() bool { return pongs.log.count("cancelled") == 1 })
	if got := pongs.says("U1", "pid"); got != pid {
		t.Error("a process that answers pings was ended")
	}

	silent := newStage(t, `{"t":"hello","v":1,"ping":true}`, nil)
	_, err := silent.handle(event("U1", "hang"), soon)
	if !interrupted(err) {
		t.Errorf("got %v", err)
	}
	await(t, "the end of a process that answers no ping", func() bool { return silent.counted(endsTotal, "hung") > 0 })
}

func TestPipeHello(t *testing.T) {
	s := newStage(t, `{"t":"hello","v":1,"max":3}`, nil)
	s.says("U1", "say ready")
	room := s.bot.processes[0].room
	room.mu.Lock()
	most := room.most
	room.mu.Unlock()
	if most != 3 {
		t.Errorf("it gets %d events at once, want 3", most)
	}
	later := newStage(t, `{"t":"hello","v":2}`+"\nhang", nil)
	await(t, "two ends", func() bool { return later.counted(endsTotal, "version") >= 2 })
}

// Lines that are no answers are ignored, and never end up in the log.
func TestPipeIgnoresBadLines(t *testing.T) {
	const secret = "he said it"
	s := newStage(t, "", nil)
	got := s.says("U1", strings.Join([]string{
		secret, "[]", "", `{"t":"done","id":"999","text":"` + secret + `"}`, `{"t":"send"`, `{"t":"hello","v":"` + secret + `"}`,
		"long " + strconv.Itoa(maxLine+10), "long 200000", "say hello",
	}, "\n"))
	if got != "hello" {
		t.Errorf("got %q", got)
	}
	if s.log.count(secret) > 0 {
		t.Errorf("the log tells what was said:\n%s", s.log)
	}
	if s.log.count("is ignored") != 8 {
		t.Errorf("got %d lines, want 8:\n%s", s.log.count("is ignored"), s.log)
	}
}

func TestPipeFloods(t *testing.T) {
	s := newStage(t, "", nil)
	if got := s.says("U1", "flood 9999\nsay hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
	if n := s.log.count("is ignored"); n > 20 {
		t.Errorf("%d lines in the log", n)
	}
	if _, err := s.handle(event("U1", "flood 10000\nhang"), soon); !interrupted(err) {
		t.Errorf("got %v", err)
	}
	await(t, "the end of the process", func() bool { return s.counted(endsTotal, "flood") == 1 })
	if _, err := s.handle(event("U1", strings.Repeat("{\"t\":\"send\",\"id\":\"$\",\"text\":\"a\"}\n", maxAnswers+1)), soon); !errors.Is(err, errFlood) {
		t.Errorf("got %v", err)
	}
	if got := s.says("U1", "say hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestPipeLogsStandardError(t *testing.T) {
	s := newStage(t, "", nil)
	s.says("U1", "err "+strings.Repeat("a", 100_000)+"\nerr short\nsay hello")
	await(t, "the log", func() bool { return s.log.count("text=short") == 1 })
	if s.log.count(strings.Repeat("a", maxSaid+1)) != 0 || s.log.count(strings.Repeat("a", maxSaid)) != 1 {
		t.Error("the long line is not cut")
	}
	s.says("U1", strings.Repeat("err again\n", 3000)+"say hello")
	if n := s.log.count("text=again"); n > 2000 {
		t.Errorf("%d of 3000 lines are logged", n)
	}
}
