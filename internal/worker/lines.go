package worker

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

const (
	readBuffer  = 64 << 10
	writeBuffer = 1 << 20 // kept between two writes
	// maxSaid is how many bytes of a line of standard error are logged.
	maxSaid = 2000
)

// saidLimits are how many lines of standard error are logged, and ignoredLimits
// how many of those on standard output that are of no use.
func saidLimits() *rate.Limiter    { return rate.NewLimiter(100, 500) }
func ignoredLimits() *rate.Limiter { return rate.NewLimiter(1, 10) }

// write writes what is pending to the process's standard input, as much at once
// as there is, until the life is over.
func (l *life) write() {
	var buffer []byte
	for {
		select {
		case <-l.wake:
		case <-l.over:
			return
		}
		l.mu.Lock()
		buffer, l.pending = l.pending, buffer[:0]
		l.mu.Unlock()
		if _, err := l.in.Write(buffer); err != nil {
			l.endsSoon()
			return
		}
		if cap(buffer) > writeBuffer {
			buffer = nil
		}
	}
}

// read takes the lines that the process writes, until its standard output ends.
func (l *life) read() {
	limits := ignoredLimits()
	unsaid := 0
	for line, whole := range lines(l.out, maxLine) {
		if whole && l.line(line) {
			continue
		}
		l.p.pipe.metrics.ignored.Inc()
		if limits.Allow() {
			l.p.lg.Warn("a bot's line is ignored: it answers no event that is waited for, or is no answer",
				"bytes", len(line), "whole", whole, "others", unsaid)
			unsaid = 0
		} else {
			unsaid++
		}
		if l.uselessly() {
			l.end(errNoise)
		}
	}
	l.endsSoon()
}

// endsSoon is called when a standard file of the process has ended: so has the
// process, or it is of no use.
func (l *life) endsSoon() {
	select {
	case <-l.exited:
	case <-l.over:
	case <-time.After(l.p.pipe.times.outGrace):
		l.end(errDeaf)
	}
}

// readErrors logs what the process writes to its standard error.
func (l *life) readErrors() {
	limits := saidLimits()
	unsaid := 0
	for line, whole := range lines(l.errs, maxSaid) {
		if !limits.Allow() {
			unsaid++
			continue
		}
		text := strings.ToValidUTF8(string(line), string(utf8.RuneError))
		if !whole {
			text += "…"
		}
		if unsaid > 0 {
			l.p.lg.Warn("a bot says more than is logged", "lines", unsaid)
			unsaid = 0
		}
		l.p.lg.Info("a bot says", "text", text)
	}
}

// lines yields the lines of r without their ends until r ends; of one that is
// longer than most, or that has no end, what there is, and that it is not whole.
// A line is valid until the next.
func lines(r io.Reader, most int) iter.Seq2[[]byte, bool] {
	return func(yield func(line []byte, whole bool) bool) {
		br := bufio.NewReaderSize(r, min(readBuffer, most+1))
		var begun []byte // of a line that is longer than the buffer
		whole := true
		for {
			line, err := br.ReadSlice('\n')
			more := errors.Is(err, bufio.ErrBufferFull)
			line = bytes.TrimSuffix(line, []byte("\n"))
			if room := most - len(begun); len(line) > room {
				line, whole = line[:room], false
			}
			if more || len(begun) > 0 {
				begun = append(begun, line...)
				line = begun
			}
			if more {
				continue
			}
			if err != nil && len(line) == 0 || !yield(bytes.TrimSuffix(line, []byte("\r")), whole && err == nil) || err != nil {
				return
			}
			if begun, whole = begun[:0], true; cap(begun) > readBuffer {
				begun = nil
			}
		}
	}
}
