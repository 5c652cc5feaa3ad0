package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// WorkerOptions say what to measure of bots in other languages.
type WorkerOptions struct {
	Dir      string        // data goes to a temporary folder in it; "" for the system's
	Events   int           // in each backlog
	Duration time.Duration // of each measurement of the latency; up to 8s, whose events the server traces
	Rounds   int           // of which the median counts
	Only     []string      // names of ways, which are measured beside the Go handler; empty for all
	Echo     []string      // command of a process that runs Echo

	// sendRate is how many answers are sent in a second. They are stored all the
	// same; to send them is no part of a way. 0 for one.
	sendRate float64
}

// displayName is that of every user.
const displayName = "花子"

// Worker measures how many events a second go to a bot by each way, and how much
// longer they take than to a handler in Go. It prints to w.
func Worker(ctx context.Context, w io.Writer, opt WorkerOptions) (err error) {
	for _, name := range opt.Only {
		if !slices.Contains(WorkerWays(), name) {
			return fmt.Errorf("there is no way %q: take some of %q", name, WorkerWays())
		}
	}
	b, err := newWorkerBench(ctx, opt)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	measured := map[string]*figures{}
	for range opt.Rounds {
		for _, way := range b.ways() {
			if way.missing() || len(opt.Only) > 0 && way.name != goHandler && !slices.Contains(opt.Only, way.name) {
				continue
			}
			if measured[way.name] == nil {
				measured[way.name] = &figures{}
			}
			if err := b.measure(ctx, way, measured[way.name]); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
		}
	}
	return b.print(w, measured)
}

// workerBench is what all measurements share.
type workerBench struct {
	opt      WorkerOptions
	dir      string
	prepared string // data folder with a backlog
	events   string // file of as many events for processes alone
	line     *site  // stands in for LINE
}

func newWorkerBench(ctx context.Context, opt WorkerOptions) (*workerBench, error) {
	dir, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return nil, err
	}
	b := &workerBench{opt: opt, dir: dir, prepared: filepath.Join(dir, "prepared"), events: filepath.Join(dir, "events")}
	if b.line, err = newSite(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b.line.serve(http.HandlerFunc(standIn))
	if err := errors.Join(b.writeEchoes(), writeEvents(b.events, opt.Events), b.prepare(ctx)); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *workerBench) close() error { return errors.Join(b.line.stop(), os.RemoveAll(b.dir)) }

// standIn is LINE as far as it is needed here: everybody has a profile, and all is
// taken.
func standIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"userId":%q,"displayName":%q}`, path.Base(r.URL.Path), displayName)
}

// prepare makes a data folder with a backlog. The directory in it knows nearly all
// users, as that of a server does which has run for a while: to ask LINE for them is
// no part of a way.
func (b *workerBench) prepare(ctx context.Context) error {
	visits := min(5*users, b.opt.Events)
	if err := fill(ctx, b.prepared, visits); err != nil {
		return err
	}
	h := &handled{handler: frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		_, err := d.Profile(ctx, ev.Source.UserID)
		return err
	})}
	r, err := b.serve(b.prepared, &bot{}, h)
	if err != nil {
		return err
	}
	err = until(ctx, time.Minute, func() bool { return h.count() == visits })
	return errors.Join(err, r.stop(), fill(ctx, b.prepared, b.opt.Events))
}

// missing reports whether the program that a way needs is not on the machine.
func (w *way) missing() bool {
	_, err := exec.LookPath(w.needs)
	return w.needs != "" && err != nil
}

// print prints the medians.
func (b *workerBench) print(w io.Writer, measured map[string]*figures) error {
	fmt.Fprintf(w, "Events of %d bytes to a bot that says what it was sent: a backlog of %d, and %d a second for %v; medians of %d rounds\n\n",
		len(newWebhook("").event()), b.opt.Events, perSecond, b.opt.Duration, b.opt.Rounds)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "way\tevents/s\tof Go handler\tprocess alone\taccept → handled p50\tp99\tadded p50\tadded p99\t")
	us := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	reference := measured[goHandler]
	for _, way := range b.ways() {
		f := measured[way.name]
		if f == nil {
			if way.missing() {
				fmt.Fprintf(tab, "%s\tthere is no %s here\t\t\t\t\t\t\t\n", way.name, way.needs)
			}
			continue
		}
		process := ""
		if len(f.alone) > 0 {
			process = fmt.Sprintf("%.0f", median(f.alone))
		}
		p50, p99 := median(f.p50), median(f.p99)
		fmt.Fprintf(tab, "%s\t%.0f\t%.2f\t%s\t%v\t%v\t%v\t%v\t\n", way.name, median(f.perSecond), median(f.perSecond)/median(reference.perSecond), process,
			us(p50), us(p99), us(p50-median(reference.p50)), us(p99-median(reference.p99)))
	}
	return tab.Flush()
}
