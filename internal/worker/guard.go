package worker

import (
	"context"
	"syscall"
	"time"
)

// guard ends the process when its life is over, or in order when ctx ends: it
// gets time to end by itself, then SIGTERM, then SIGKILL, and its group with it.
func (l *life) guard(ctx context.Context, pid int) {
	t := l.p.pipe.times
	select {
	case <-l.exited:
		return
	case <-l.over:
	case <-ctx.Done():
		l.end(errShutdown)
		l.in.Close()
		if l.exits(t.closeGrace) {
			return
		}
		l.p.lg.Warn("a bot's process did not end when its standard input did; it gets SIGTERM", "limit", t.closeGrace)
	}
	signalGroup(pid, syscall.SIGTERM)
	if l.exits(t.termGrace) {
		return
	}
	l.p.lg.Warn("a bot's process did not end at SIGTERM; it gets SIGKILL", "limit", t.termGrace)
	signalGroup(pid, syscall.SIGKILL)
}

// exits reports whether the process ends within a time.
func (l *life) exits(within time.Duration) bool {
	select {
	case <-l.exited:
		return true
	case <-time.After(within):
		return false
	}
}

// signalGroup signals a process and its children. That there are none any more
// is no error.
func signalGroup(pid int, signal syscall.Signal) {
	_ = syscall.Kill(-pid, signal)
}

// ping asks a process that wants it whether it lives, when it has been silent for
// long, and ends it when it does not answer.
func (l *life) ping() {
	var asked time.Time
	for wait := l.p.pipe.times.pingAfter; ; {
		select {
		case <-l.over:
			return
		case <-time.After(wait):
		}
		asked, wait = l.silence(asked)
	}
}

// silence looks how long the process has been silent since it was asked, if it
// was, and does what is due. It returns when it was asked and how long to wait
// until the next look.
func (l *life) silence(asked time.Time) (lastAsked time.Time, wait time.Duration) {
	t := l.p.pipe.times
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	switch silent := now.Sub(l.heard); {
	case !l.asked:
		return time.Time{}, t.pingAfter / 10 // its hello may be on its way
	case asked.After(l.heard):
		if wait = t.pongWithin - now.Sub(asked); wait <= 0 {
			l.endLocked(errHung)
		}
		return asked, wait
	case silent < t.pingAfter:
		return time.Time{}, t.pingAfter - silent
	}
	l.writeLocked([]byte(pingLine))
	return now, t.pongWithin
}
