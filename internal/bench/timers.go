package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// TimersOptions say what to measure of timers.
type TimersOptions struct {
	Dir     string        // data goes to a temporary folder in it; "" for the system's
	Pending []int         // timers that wait for months meanwhile; one measurement each
	Near    int           // timers that are due within Spread
	Spread  time.Duration // at least a second
	Burst   int           // timers that are due in the same second; 0 leaves that out
}

// Timers measures how late timers are, what many of them cost, and what webhooks
// see of many that are due at once, with a whole server. It prints to w.
func Timers(ctx context.Context, w io.Writer, opt TimersOptions) error {
	fmt.Fprintf(w, "%d timers over %v, set by handlers, due → handler, beside timers that wait for months\n\n", opt.Near, opt.Spread)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "waiting\tstore\tstart\tmemory\tp50\tp99\tmax\tearly\ttwice or never\t")
	for _, n := range opt.Pending {
		line, err := lateness(ctx, opt, n)
		if err != nil {
			return fmt.Errorf("%d waiting: %w", n, err)
		}
		fmt.Fprintln(tab, line)
	}
	if err := tab.Flush(); err != nil || opt.Burst == 0 {
		return err
	}
	return burst(ctx, w, opt)
}

// alarms is a bot that notes when its timers come. A text of "set" lets it set a
// part of them.
type alarms struct {
	opt   TimersOptions
	first time.Time // when the first one is due
	parts atomic.Int64
	count atomic.Int64 // of timers that came

	mu   sync.Mutex
	late map[string]time.Duration // by key
	more int                      // that came again
}

func (a *alarms) Handle(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	if ev.Type != frontdesk.TypeTimer {
		return a.set(d)
	}
	late := time.Since(ev.Timer.Due)
	a.mu.Lock()
	if _, again := a.late[ev.Timer.Key]; again {
		a.more++
	}
	a.late[ev.Timer.Key] = late
	a.mu.Unlock()
	a.count.Add(1)
	return nil
}

// set sets the next hundred timers, in turn by duration and by time.
func (a *alarms) set(d frontdesk.Desk) error {
	part := int(a.parts.Add(1)) - 1
	for i := part * frontdesk.MaxTimers; i < min((part+1)*frontdesk.MaxTimers, a.opt.Near); i++ {
		due := a.first.Add(a.opt.Spread * time.Duration(i*7919%a.opt.Near) / time.Duration(a.opt.Near))
		t := frontdesk.Timer{Key: fmt.Sprint(i), At: due, Payload: "the tea is ready"}
		if i%2 == 0 {
			t.At, t.After = time.Time{}, time.Until(due)
		}
		if err := d.SetTimer(t); err != nil {
			return err
		}
	}
	return nil
}

// setLead is how long it may take to set all timers.
const setLead = 5 * time.Second

// lateness measures beside n timers that wait for months, and returns a line of
// the table.
func lateness(ctx context.Context, opt TimersOptions, n int) (line string, err error) {
	dir, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	overdue := time.Now()
	if err := fillTimers(ctx, data, n, overdue.Add(100*24*time.Hour), overdue); err != nil {
		return "", err
	}
	before := memory()
	a := &alarms{opt: opt, late: map[string]time.Duration{}}
	began := time.Now()
	r, err := startServer(data, a)
	if err != nil {
		return "", err
	}
	opened := time.Since(began)
	err = until(ctx, 5*time.Minute, func() bool { return a.count.Load() == 1 }) // the one that is overdue
	started := time.Since(began)
	used := memory() - before
	if err == nil {
		err = a.measure(ctx, r)
	}
	if err := errors.Join(err, r.stop()); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d\t%v\t%v\t%d MiB\t%s", n, opened.Round(time.Millisecond), started.Round(time.Millisecond), used>>20, a.figures()), nil
}

// measure lets handlers set the timers and waits for all.
func (a *alarms) measure(ctx context.Context, r *running) error {
	a.mu.Lock()
	clear(a.late)
	a.mu.Unlock()
	a.count.Store(0)
	a.first = time.Now().Add(setLead)
	parts := (a.opt.Near + frontdesk.MaxTimers - 1) / frontdesk.MaxTimers
	conn := 0
	if _, err := converse(r.srv.Addr().String(), func() bool { conn++; return conn <= parts }); err != nil {
		return err
	}
	limit := setLead + a.opt.Spread + 30*time.Second
	return until(ctx, limit, func() bool { return a.count.Load() >= int64(a.opt.Near) })
}

// figures returns the rest of a line.
func (a *alarms) figures() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var late []time.Duration
	early := 0
	for _, d := range a.late {
		late = append(late, d)
		if d < 0 {
			early++
		}
	}
	slices.Sort(late)
	if len(late) == 0 {
		return ""
	}
	us := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("%v\t%v\t%v\t%d\t%d\t", us(late[len(late)/2]), us(late[len(late)*99/100]), us(late[len(late)-1]), early, a.more+a.opt.Near-len(late))
}

// fillTimers stores n timers of as many users in the store of a server that does
// not run, all due in the second that begins at first, and one that is due at
// another time.
func fillTimers(ctx context.Context, data string, n int, first, another time.Time) error {
	eng, err := engine.Open(ctx, engine.Config{Dir: data, TimersMaxBytes: 8 << 30})
	if err != nil {
		return err
	}
	const batch = 1000
	timers := make([]*engine.Timer, 0, batch)
	for i := 0; i <= n && err == nil; i++ {
		due := first.Add(time.Second * time.Duration(i) / time.Duration(n+1))
		if i == n {
			due = another
		}
		timers = append(timers, &engine.Timer{
			TimerHead: engine.TimerHead{Due: due, Op: i}, Channel: "main", SetAt: another,
			TimerOp: engine.TimerOp{Conversation: fmt.Sprintf("U%032x", i), Key: fmt.Sprint("far", i), Payload: strings.Repeat("x", 64)},
		})
		if len(timers) == batch || i == n {
			err = eng.Timers.Put(ctx, timers...)
			timers = timers[:0]
		}
	}
	return errors.Join(err, eng.Close())
}

// memory returns how much memory the process has in use, in bytes.
func memory() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64())
}

// burstLead is when the burst begins, from the start of the server.
const burstLead = 10 * time.Second

// burst measures webhooks before and while many timers are due in one second.
func burst(ctx context.Context, w io.Writer, opt TimersOptions) error {
	dir, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	// The time to fill is not known before: about a tenth of what this allows.
	first := time.Now().Add(burstLead + time.Duration(opt.Burst)*100*time.Microsecond)
	if err := fillTimers(ctx, data, opt.Burst, first, time.Now()); err != nil {
		return err
	}
	a := &alarms{late: map[string]time.Duration{}}
	r, err := startServer(data, a)
	if err != nil {
		return err
	}
	addr := r.srv.Addr().String()
	quiet, err := load(ctx, addr, 16, time.Until(first)-time.Second, perSecond)
	var during result
	if err == nil {
		<-time.After(time.Until(first))
		during, err = load(ctx, addr, 16, 10*time.Second, perSecond)
	}
	if err == nil {
		err = until(ctx, 2*time.Minute, func() bool { return a.count.Load() > int64(opt.Burst) })
	}
	took := time.Since(first)
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d timers due in one second, handled within %v (%.0f/s); webhooks at %d/s answered p50 %v, p99 %v before, p50 %v, p99 %v in the first 10 s\n",
		opt.Burst, took.Round(100*time.Millisecond), float64(opt.Burst)/took.Seconds(), perSecond,
		quiet.P50.Round(time.Microsecond), quiet.P99.Round(time.Microsecond), during.P50.Round(time.Microsecond), during.P99.Round(time.Microsecond))
	return nil
}
