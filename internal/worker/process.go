package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one of the processes of a pipe: a row of lives, one at a time.
type process struct {
	pipe  *Pipe
	n     int
	lg    *slog.Logger
	room  *room
	court court
	ids   atomic.Uint64

	mu      sync.Mutex
	current *life         // takes events; nil for none
	changed chan struct{} // closed and replaced when current changes
}

func newProcess(b *Pipe, n int) *process {
	return &process{
		pipe: b, n: n, lg: b.lg.With("process", n), room: &room{most: b.cfg.InFlight}, court: newCourt(),
		changed: make(chan struct{}),
	}
}

// nextID returns an ID that no other attempt at this process has.
func (p *process) nextID() string { return strconv.FormatUint(p.ids.Add(1), 10) }

// hand gives an event to the life that there is, or the next one, until ctx ends.
func (p *process) hand(ctx context.Context, id string, line []byte) (*life, *job, error) {
	for {
		p.mu.Lock()
		l, changed := p.current, p.changed
		p.mu.Unlock()
		if l != nil {
			if j := l.hand(id, line); j != nil {
				return l, j, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// publish lets events come to a life.
func (p *process) publish(l *life) { p.become(l, l) }

// unpublish keeps events from a life.
func (p *process) unpublish(l *life) { p.become(l, nil) }

func (p *process) become(l, current *life) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current == nil && p.current != l || current == p.current {
		return
	}
	p.current = current
	close(p.changed)
	p.changed = make(chan struct{})
}

// run starts the process again and again until ctx ends.
//
// One that answered something, or lived for long, is started again soon. Else
// there are pauses, and it gets events only when it has lived for longer than the
// last time: what ends at its start must not take them with it.
func (p *process) run(ctx context.Context) {
	runtime.LockOSThread() // the process ends with the thread that started it, see attributes
	t := p.pipe.times
	pause, settle := t.restMin, time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		answered, err := p.live(ctx, settle)
		if ctx.Err() != nil {
			return
		}
		useful := answered || time.Since(began) > t.restMax
		if useful {
			pause, settle = t.restMin, 0
		} else {
			settle = min(time.Since(began)+t.settle, t.restMax)
		}
		p.lg.Warn("a bot's process ended; it is started again", "error", err, "lived", time.Since(began).Round(time.Millisecond), "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		if !useful {
			pause = min(2*pause, t.restMax)
		}
	}
}

// live starts the process, and returns when it and all that belongs to it has
// ended, with the reason.
func (p *process) live(ctx context.Context, settle time.Duration) (answered bool, why error) {
	t := p.pipe.times
	p.room.resize(p.pipe.cfg.InFlight)
	l := newLife(p)
	cmd, err := l.start()
	if err != nil {
		return false, fmt.Errorf("it cannot be started: %w", err)
	}
	p.pipe.metrics.starts.Inc()
	p.pipe.metrics.processes.Inc()
	defer p.pipe.metrics.processes.Dec()
	p.lg.Info("a bot's process runs", "pid", cmd.Process.Pid)

	settled := time.AfterFunc(settle, func() { p.publish(l) })
	var reading, others sync.WaitGroup
	reading.Go(l.read)
	reading.Go(l.readErrors)
	others.Go(l.write)
	others.Go(l.ping)
	others.Go(func() { l.guard(ctx, cmd.Process.Pid) })
	status, err := cmd.Process.Wait() // cmd.Wait would close the files before all is read
	settled.Stop()
	close(l.exited)
	signalGroup(cmd.Process.Pid, syscall.SIGKILL) // the children that it left
	late := time.AfterFunc(t.outGrace, l.closeFiles)
	reading.Wait() // its last answers count
	late.Stop()
	l.end(errDied)
	l.closeFiles()
	others.Wait()
	return l.summary(status, err)
}

// summary tells how the life was.
func (l *life) summary(status *os.ProcessState, err error) (answered bool, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p.pipe.metrics.ends.WithLabelValues(endWord(l.err)).Inc()
	if err != nil { // unreachable: nobody else waits for it
		return l.answered > 0, err
	}
	return l.answered > 0, fmt.Errorf("%w (%v)", l.err, status)
}

// endWord names the end of a process in one word.
func endWord(why error) string {
	switch {
	case errors.Is(why, errHung):
		return "hung"
	case errors.Is(why, errNoise):
		return "flood"
	case errors.Is(why, errDeaf):
		return "deaf"
	case errors.Is(why, errVersion):
		return "version"
	case errors.Is(why, errShutdown):
		return "shutdown"
	}
	return "exit"
}

// start starts the process with our ends of its files.
func (l *life) start() (*exec.Cmd, error) {
	b := l.p.pipe
	cmd := exec.Command(b.words[0], b.words[1:]...)
	cmd.Env = environ(b.cfg.Environ, b.cfg.Secrets, l.p.n)
	cmd.SysProcAttr = attributes()
	var failed [3]error
	l.in, failed[0] = cmd.StdinPipe()
	l.out, failed[1] = cmd.StdoutPipe()
	l.errs, failed[2] = cmd.StderrPipe()
	if err := errors.Join(failed[:]...); err != nil {
		l.closeFiles()
		return nil, err
	}
	return cmd, cmd.Start() // which closes the files when it fails
}

// closeFiles closes our ends of the process's files. What reads or writes
// them returns.
func (l *life) closeFiles() {
	for _, f := range []io.Closer{l.in, l.out, l.errs} {
		if f != nil {
			f.Close() // nothing is lost: the process is over
		}
	}
}
