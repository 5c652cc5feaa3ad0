package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
)

// ChatOptions say how long and how often to measure the chat.
type ChatOptions struct {
	Dir      string          // data goes to a temporary folder in it; "" for the system's
	Loader   chatload.Loader // makes the members; best in a process of its own
	Duration time.Duration   // of each measurement of a rate, after a quarter of it to warm up
	Rounds   int             // of which the median counts
	Members  int             // of the one room, and how many come back
	Bytes    int             // of a message as its receivers get it, 200 or more
	Rate     float64         // messages per second to the one room, where they are paced
	Rooms    int             // of two members
	Idle     int             // connections
	Missed   int             // messages that each who comes back has missed
	Only     []string        // names of parts; empty for all
}

// ChatParts are the names of what Chat measures, in order.
func ChatParts() []string {
	names := make([]string, 0, len(chatParts))
	for _, p := range chatParts {
		names = append(names, p.name)
	}
	return names
}

// Chat measures the chat beside others. It prints to w.
func Chat(ctx context.Context, w io.Writer, opt ChatOptions) error {
	for _, name := range opt.Only {
		if !slices.Contains(ChatParts(), name) {
			return fmt.Errorf("there is no part %q: take some of %q", name, ChatParts())
		}
	}
	for _, part := range chatParts {
		if len(opt.Only) > 0 && !slices.Contains(opt.Only, part.name) {
			continue
		}
		if err := part.run(ctx, w, opt); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// chatResult is what one round of one subject has shown.
type chatResult struct {
	chatload.Result
	clients  int
	memory   int64 // bytes that the runtime of the server's process has in use for them
	resident int64 // bytes by which the process has grown with them
}

// compare measures all subjects in turn, round by round, and returns the medians.
func (p *chatPart) compare(ctx context.Context, opt ChatOptions) (map[string]chatResult, error) {
	rounds := map[string][]chatResult{}
	for range opt.Rounds {
		for _, s := range chatSubjects {
			r, err := p.measure(ctx, opt, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[s.name] = append(rounds[s.name], r)
		}
	}
	medians := map[string]chatResult{}
	for name, results := range rounds {
		slices.SortFunc(results, func(a, b chatResult) int { return cmp.Compare(p.figure(a), p.figure(b)) })
		medians[name] = results[len(results)/2]
	}
	return medians, nil
}

func (p *chatPart) measure(ctx context.Context, opt ChatOptions, s chatSubject) (r chatResult, err error) {
	dir, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	srv, err := s.start(dir)
	if err != nil {
		return r, err
	}
	job := p.job(opt, srv)
	before, rss := memory(), resident()
	err = opt.Loader(ctx, job, func(res chatload.Result) error {
		r = chatResult{res, len(job.Clients), memory() - before, resident() - rss}
		return nil
	})
	return r, errors.Join(err, srv.stop())
}

// run prints the part's table.
func (p *chatPart) run(ctx context.Context, w io.Writer, opt ChatOptions) error {
	medians, err := p.compare(ctx, opt)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s (%d rounds, median)\n\n", p.title(opt), opt.Rounds)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tab, "chat\t%s\tof bare\t\n", p.heads)
	for _, s := range chatSubjects {
		m := medians[s.name]
		fmt.Fprintf(tab, "%s\t%s\t%.2f\t\n", s.name, p.cells(m), p.figure(m)/p.figure(medians["bare"]))
	}
	fmt.Fprintln(tab)
	return tab.Flush()
}
