package server_test

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// judge prints the report and tells what is against the promises.
func (r *timerRun) judge(v timerVerdict) {
	calls := judgeCalls(r.calls, nil)
	letters := r.letters()
	r.t.Log(r.report(v, calls.broken, len(letters)))
	var notes []string
	for _, letter := range letters {
		notes = append(notes, fmt.Sprintf("dead letter of event %s: %s", letter.EventID, letter.Reason))
	}
	for _, f := range []fault{v.lost, v.doubled, v.early, v.inVain, v.outOfOrder, v.wrong} {
		notes = append(notes, f.notes...)
	}
	if notes = append(notes, calls.notes...); len(notes) > 0 {
		r.t.Errorf("against the promises:\n%s", strings.Join(notes, "\n"))
		r.keep()
	}
	if v.events == 0 || v.sends == 0 || v.recurring == 0 || len(v.up) == 0 || len(v.after) == 0 || v.replaced == 0 || v.cancelled == 0 {
		r.t.Error("something was not tested")
	}
}

// report is the run as a table.
func (r *timerRun) report(v timerVerdict, broken, letters int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("\nseed", "%d", r.world.seed)
	row("kills", "%d, and %d ends in order, in %v", r.kills, len(r.spans)-1-r.kills, r.spans[len(r.spans)-1].from.Sub(r.spans[0].from).Round(time.Second))
	row("users", "%d", r.users)
	row("timers set", "%d, of these %d while it was killed", v.set, v.set-r.users*timersPerUser)
	row("pending", "at least %d at each kill", v.pending)
	row("replaced", "%d", v.replaced)
	row("cancelled", "%d; of both %d too late", v.cancelled, v.tooLate)
	row("fired", "%d: events %d, of these again %d, sends %d", v.events+v.sends, v.events, v.recurring, v.sends)
	row("lateness while up", "%s", spread(v.up))
	row("lateness at a start", "%s", spread(v.after))
	row("lost", "%d", v.lost.n)
	row("doubled", "%d", v.doubled.n)
	row("early", "%d", v.early.n)
	row("fired in vain", "%d", v.inVain.n)
	row("out of order", "%d", v.outOfOrder.n)
	row("due at a wrong time", "%d", v.wrong.n)
	row("dead letters", "%d", letters)
	row("rules of LINE broken", "%d", broken)
	w.Flush()
	return b.String()
}

// spread tells of many durations how they are spread.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d: p50 %v, p99 %v, max %v", len(all), at(.5), at(.99), at(1))
}
