package systrace

import (
	"fmt"
	"strings"
)

// Call is one system call. It begins and ends at a line of the trace.
type Call struct {
	Name, Text string // the text is as strace prints it, with its result
	Start, End int
}

// Trace is the calls of a process, in the order in which they began.
type Trace []Call

// parse joins the calls that strace -f prints in two parts.
func parse(text string) Trace {
	var calls Trace
	open := map[string]int{} // by thread: index in calls
	for i, line := range strings.Split(text, "\n") {
		thread, text, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		text = strings.TrimSpace(text)
		if _, rest, ok := strings.Cut(text, " resumed>"); ok && strings.HasPrefix(text, "<... ") {
			if c, ok := open[thread]; ok {
				calls[c].Text += rest
				calls[c].End = i
			}
			continue
		}
		name, _, ok := strings.Cut(text, "(")
		if !ok {
			continue
		}
		begun, unfinished := strings.CutSuffix(text, " <unfinished ...>")
		if unfinished {
			open[thread] = len(calls)
		}
		calls = append(calls, Call{name, begun, i, i})
	}
	return calls
}

// Find returns the index of the first call from from on for which ok holds,
// or -1.
func (tr Trace) Find(from int, ok func(Call) bool) int {
	for i := from; i < len(tr); i++ {
		if ok(tr[i]) {
			return i
		}
	}
	return -1
}

// Stored returns the index of the first write of text to the store's files in the
// data folder dir, or -1.
func (tr Trace) Stored(dir, text string) int {
	return tr.Find(0, func(c Call) bool {
		return strings.Contains(c.Name, "write") && strings.Contains(c.Text, "<"+dir+"/jetstream/") && strings.Contains(c.Text, text)
	})
}

// FlushedBetween returns an error unless the data folder was flushed after one
// call had ended and before the other began, by the indices of both.
func (tr Trace) FlushedBetween(dir string, stored, told int) error {
	flushed := tr.Find(0, func(c Call) bool {
		return c.Name == "syncfs" && strings.Contains(c.Text, "<"+dir+">") && strings.HasSuffix(c.Text, "= 0") &&
			c.Start > tr[stored].End && c.End < tr[told].Start
	})
	if flushed >= 0 {
		return nil
	}
	between := tr[min(stored, told) : max(stored, told)+1]
	return fmt.Errorf("no flush between the write (ends at %d) and what was told (begins at %d):\n%v", tr[stored].End, tr[told].Start, between)
}
