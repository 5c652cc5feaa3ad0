package worker

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func ignoreTerm() { signal.Ignore(syscall.SIGTERM) }

// soon bounds what a test waits for.
const soon = 20 * time.Second

// testTimes are short where a test waits for them, and long where it must not.
func testTimes() times {
	return times{
		pingAfter: 50 * time.Millisecond, pongWithin: 100 * time.Millisecond,
		closeGrace: 5 * time.Second, termGrace: 5 * time.Second, outGrace: 100 * time.Millisecond,
		restMin: time.Millisecond, restMax: 500 * time.Millisecond, settle: 50 * time.Millisecond,
	}
}

// stage is a pipe bot of puppets that runs.
type stage struct {
	t    *testing.T
	bot  *Pipe
	log  *logs
	reg  *prometheus.Registry
	stop func()
}

// newStage starts puppets, which do start first. change may change the bot before.
func newStage(t *testing.T, start string, change func(*Pipe)) *stage {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, log: &logs{}, reg: prometheus.NewRegistry()}
	bot, err := New("exec:'"+program+"'", Config{
		Name: "test", Environ: append(os.Environ(), puppetEnv+"="+start, "GORACE=atexit_sleep_ms=0"),
		Logger: slog.New(slog.NewTextHandler(s.log, nil)), Metrics: NewMetrics(s.reg),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.bot = bot.(*Pipe)
	s.bot.times = testTimes()
	if change != nil {
		change(s.bot)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.bot.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(soon):
			t.Errorf("the bot does not end:\n%s", s.log)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// event returns an event of a user that has the puppet obey.
func event(user, order string) *frontdesk.Event { return desktest.TextEvent(user, order) }

// handle hands the bot an event, which has a limit, and returns what it sent.
func (s *stage) handle(ev *frontdesk.Event, limit time.Duration) (desk *desktest.Desk, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	desk = desktest.New()
	return desk, s.bot.Handle(ctx, desk, ev)
}

// says hands the bot an event of a user and returns its answer, which must be
// one text.
func (s *stage) says(user, order string) string {
	s.t.Helper()
	desk, err := s.handle(event(user, order), soon)
	texts := desk.Texts("")
	if err != nil || len(texts) != 1 {
		s.t.Fatalf("%s: got %q, %v\n%s", order, texts, err, s.log)
	}
	return texts[0]
}

// counted returns the counter of a family whose second label has a value.
func (s *stage) counted(family, label string) int { return counted(s.t, s.reg, family, label) }

func counted(t *testing.T, reg *prometheus.Registry, family, label string) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if labels := m.GetLabel(); f.GetName() == family && len(labels) == 2 && labels[1].GetValue() == label {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// logs is a log that can be read while it is written.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) count(words string) int { return strings.Count(l.String(), words) }

// await waits until something is so.
func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !reached(); <-time.After(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come to be", what)
		}
	}
}
