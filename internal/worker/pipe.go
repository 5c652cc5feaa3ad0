package worker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// Pipe is a bot behind the standard input and output of processes. It is a
// [frontdesk.Handler] while it runs: before and after, its events wait.
type Pipe struct {
	cfg       Config
	metrics   botMetrics
	words     []string // of the command line
	times     times
	lg        *slog.Logger
	processes []*process
	deaths    tally // of their process, while they were there
}

// times are the limits of a process. Tests have shorter ones.
type times struct {
	pingAfter  time.Duration // of silence, until a bot is asked whether it lives
	pongWithin time.Duration // what it has to answer
	closeGrace time.Duration // to end after its standard input has
	termGrace  time.Duration // to end after SIGTERM
	outGrace   time.Duration // for what is left of the output of one that ended, and to end for one that closed it
	restMin    time.Duration // between an end and the next start
	restMax    time.Duration
	settle     time.Duration // how much longer one must live than one before it that was of no use
}

func defaultTimes() times {
	return times{
		pingAfter: 10 * time.Second, pongWithin: 10 * time.Second,
		closeGrace: 5 * time.Second, termGrace: 2 * time.Second, outGrace: time.Second,
		restMin: 100 * time.Millisecond, restMax: 30 * time.Second, settle: time.Second,
	}
}

func newPipe(words []string, cfg Config) *Pipe {
	b := &Pipe{cfg: cfg, metrics: cfg.Metrics.of(cfg.Name), words: words, times: defaultTimes(), lg: cfg.Logger.With("bot", cfg.Name)}
	for n := range cfg.Processes {
		b.processes = append(b.processes, newProcess(b, n))
	}
	return b
}

// Run runs the processes until ctx ends, then ends them. No handler should be
// under way by then: the events they have would have to be tried again.
func (b *Pipe) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, p := range b.processes {
		wg.Go(func() { p.run(ctx) })
	}
	wg.Wait()
	return nil
}

// of returns the process of the event's conversation.
func (b *Pipe) of(ev *frontdesk.Event) *process {
	h := fnv.New64a()
	h.Write([]byte(ev.Channel))
	h.Write([]byte{0})
	h.Write([]byte(ev.Conversation))
	return b.processes[h.Sum64()%uint64(len(b.processes))]
}

// errBusy says that an event did not get its turn within its time.
var errBusy = errors.New("the bot had no room for it in its time, or no process")

// Handle hands an event to the process of its conversation and waits for the
// answer.
func (b *Pipe) Handle(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	start := time.Now()
	p := b.of(ev)
	id := p.nextID()
	line := append(newEvent(id, ev, profile(ctx, d, ev)), '\n')
	if b.deaths.of(ev) >= innocentDeaths {
		leave, err := p.court.enter(ctx)
		if err != nil {
			return frontdesk.Interrupted(errBusy, 0)
		}
		defer leave()
	}
	if err := p.room.enter(ctx, len(line)); err != nil {
		return frontdesk.Interrupted(errBusy, 0)
	}
	defer p.room.leave(len(line))
	b.metrics.inFlight.Inc()
	defer b.metrics.inFlight.Dec()
	l, j, err := p.hand(ctx, id, line)
	if err != nil {
		return frontdesk.Interrupted(errBusy, 0)
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		deadline, _ := ctx.Deadline()
		l.giveUp(ctx, j, deadline.Sub(start))
	}
	b.metrics.took.Observe(time.Since(j.handed).Seconds())
	outcome, err := b.verdict(d, ev, j)
	b.metrics.answers.WithLabelValues(outcome).Inc()
	return err
}

// verdict returns the handler's error for an event that is out of its process's
// hands, and the outcome in a word.
func (b *Pipe) verdict(d frontdesk.Desk, ev *frontdesk.Event, j *job) (outcome string, err error) {
	switch {
	case j.err == nil:
		b.deaths.forget(ev)
		answers, err := parseLines(j.lines)
		if err != nil {
			return outcomeInvalid, err
		}
		return verdict(d, answers)
	case errors.Is(j.err, errTooLong):
		return outcomeLate, j.err
	case errors.Is(j.err, errFlood):
		return outcomeInvalid, j.err
	case errors.Is(j.err, errDied):
		if deaths := b.deaths.add(ev); deaths > innocentDeaths {
			return outcomeDied, fmt.Errorf("%w, for the %d. time while it had this event", j.err, deaths)
		}
	}
	return outcomeWaits, frontdesk.Interrupted(j.err, 0)
}
