package worker

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

const (
	// maxLine is the longest line that a bot may write.
	maxLine = 1 << 20
	// maxEventAnswers is how many bytes the answers to one event may take.
	maxEventAnswers = 4 << 20
	// maxHeldAnswers is how many bytes of answers without a last word are kept of
	// one process.
	maxHeldAnswers = 64 << 20
	// maxIgnored is how many lines in a row a process may write that are of no use.
	maxIgnored = 10_000
)

// Why a process has no more answers to give, or an event none to get.
var (
	errDied    = errors.New("the bot's process ended")
	errHung    = fmt.Errorf("%w: it hung", errDied)
	errNoise   = fmt.Errorf("%w: it wrote thousands of lines that nobody asked for", errDied)
	errDeaf    = fmt.Errorf("%w: it had closed its standard input or output", errDied)
	errVersion = fmt.Errorf("%w: it speaks a version of the protocol that is not known here", errDied)

	errTooLong   = errors.New("the bot did not answer within its time")
	errFlood     = errors.New("the bot's answer is not valid: it is too long")
	errPostponed = errors.New("the bot did not get to it within its time")
	errShutdown  = errors.New("frontdesk shuts down")
)

// job is one event in the hands of a process.
type job struct {
	id     string
	handed time.Time
	place  *list.Element

	// What follows belongs to the life until done is closed.
	turn  time.Time // since when it is the oldest
	lines [][]byte
	bytes int
	err   error // why there is no last word
	done  chan struct{}
}

// life is one process from its start to its end, as far as events and answers
// go. Its methods may be called concurrently.
type life struct {
	p    *process
	wake chan struct{} // holds one: there is something to write
	over chan struct{} // closed when it gets no more events

	in        io.WriteCloser // our ends of its standard files
	out, errs io.ReadCloser
	exited    chan struct{} // closed when it has ended

	mu       sync.Mutex
	err      error           // why it is over
	jobs     map[string]*job // in its hands, by ID
	order    list.List       // the same, the oldest first
	pending  []byte          // to be written
	held     int             // bytes of answers without a last word
	heard    time.Time       // when it wrote last
	replied  time.Time       // when it last had a last word
	answered int             // events
	ignored  int             // lines in a row
	asked    bool            // for pings
	cancels  bool            // it wants to be told
}

func newLife(p *process) *life {
	return &life{
		p: p, wake: make(chan struct{}, 1), over: make(chan struct{}), exited: make(chan struct{}),
		jobs: map[string]*job{}, heard: time.Now(),
	}
}

// hand gives an event to the process; nil when it takes none any more.
func (l *life) hand(id string, line []byte) *job {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil
	}
	now := time.Now()
	j := &job{id: id, handed: now, turn: now, done: make(chan struct{})}
	l.jobs[id] = j
	j.place = l.order.PushBack(j)
	l.writeLocked(line)
	return j
}

// writeLocked has something written.
func (l *life) writeLocked(line []byte) {
	l.pending = append(l.pending, line...)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// finishLocked takes a job out of the process's hands.
func (l *life) finishLocked(j *job, err error) {
	delete(l.jobs, j.id)
	first := l.order.Front() == j.place
	l.order.Remove(j.place)
	if next := l.order.Front(); first && next != nil {
		next.Value.(*job).turn = time.Now()
	}
	l.held -= j.bytes
	j.err = err
	close(j.done)
}

// line takes one line that the process wrote. b is not kept. It reports whether
// the line was of use.
func (l *life) line(b []byte) bool {
	found := gjson.GetManyBytes(b, "t", "id")
	kind, id := found[0].Str, found[1].Str
	if kind == kindHello || kind == kindPong {
		return l.greeted(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	j := l.jobs[id]
	if j == nil {
		return false
	}
	l.ignored = 0
	if j.bytes+len(b) > maxEventAnswers || l.held+len(b) > maxHeldAnswers || len(j.lines) == maxAnswers {
		l.finishLocked(j, errFlood)
		return true
	}
	j.lines = append(j.lines, append([]byte(nil), b...))
	j.bytes += len(b)
	l.held += len(b)
	switch kind {
	case kindSend, kindPush, kindTimer:
	default: // a last word, or what is not valid and need not be waited for
		l.answered++
		l.replied = l.heard
		l.finishLocked(j, nil)
	}
	return true
}

// greeted takes a hello or a pong.
func (l *life) greeted(b []byte) bool {
	a, err := parseAnswer(b)
	if err != nil {
		return false
	}
	l.mu.Lock()
	l.heard = time.Now()
	if a.kind == kindHello {
		l.asked, l.cancels = a.ping, a.cancel
	}
	l.mu.Unlock()
	if a.kind == kindPong {
		return true
	}
	if a.version != Version {
		l.p.lg.Error("a bot's process is ended: it says hello in a version of the protocol that is not known here", "version", a.version, "known", Version)
		l.end(errVersion)
		return true
	}
	if a.max > 0 {
		l.p.room.resize(a.max)
	}
	l.p.publish(l)
	return true
}

// uselessly counts a line that was of no use. It reports whether there were too
// many.
func (l *life) uselessly() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ignored++
	return l.ignored >= maxIgnored
}

// end takes all events out of the process's hands, the first time it is called.
// The process is then ended by its guard.
func (l *life) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(why)
}

func (l *life) endLocked(why error) {
	if l.err != nil {
		return
	}
	l.err = why
	l.p.unpublish(l)
	for front := l.order.Front(); front != nil; front = l.order.Front() {
		l.finishLocked(front.Value.(*job), why)
	}
	close(l.over)
}

// giveUp takes a job back whose handler, which had so much time, has to return.
// Why it did not get done follows from what else the process did in the meantime.
//
// A bot that asked for pings keeps the time of each event by itself. Any other is
// taken for one that does its events one after the other: the time of an event
// begins when it is the oldest, and a process that answers nothing hangs.
func (l *life) giveUp(ctx context.Context, j *job, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-j.done:
		return // in the same moment
	default:
	}
	if l.cancels {
		l.writeLocked(appendCancel(nil, j.id))
	}
	oldest := l.order.Front().Value.(*job)
	late := time.Since(oldest.turn) >= limit/2
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		l.finishLocked(j, errShutdown)
	case l.asked:
		l.finishLocked(j, errTooLong)
	case late && time.Since(l.replied) >= limit/2:
		if l.answered == 0 {
			l.p.lg.Warn("a bot's process never answered anything: does it flush its standard output after each answer?")
		}
		l.finishLocked(oldest, errTooLong)
		l.endLocked(errHung)
	case late && oldest == j:
		l.finishLocked(j, errTooLong)
	default:
		l.finishLocked(j, errPostponed)
	}
}
