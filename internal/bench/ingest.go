package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	desk "github.com/line-frontdesk/frontdesk/internal/webhook"
	"github.com/line-frontdesk/frontdesk/server"
)

// Options say how long and how often to measure.
type Options struct {
	Dir      string        // data goes to a temporary folder in it; "" for the system's
	Duration time.Duration // of each measurement
	Together time.Duration // of accepting and handling together
	Rounds   int           // of which the median counts
	Backlog  int           // events
	Conns    []int
}

// Ingest measures how fast webhooks are answered durably, beside a handler
// that does nothing and one that appends to a file, and how fast events are
// handled. It prints to w.
func Ingest(ctx context.Context, w io.Writer, opt Options) error {
	dir, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, part := range []func(context.Context, io.Writer, Options, string) error{answers, together, paced, stuck, backlog, transcripts} {
		if err := part(ctx, w, opt, dir); err != nil {
			return err
		}
	}
	return nil
}

// subject is one handler that is measured.
type subject struct {
	name  string
	start func(dir string) (handler http.Handler, stop func() error, err error)
}

var subjects = []subject{
	{"bare", func(string) (http.Handler, func() error, error) {
		return http.HandlerFunc(bare), func() error { return nil }, nil
	}},
	{"file", func(dir string) (http.Handler, func() error, error) {
		l, err := newFileLog(filepath.Join(dir, "file"))
		if err != nil {
			return nil, nil, err
		}
		return l, l.close, nil
	}},
	{"frontdesk", frontDesk},
}

// frontDesk is the real front desk on the real store, without a dispatcher.
func frontDesk(dir string) (http.Handler, func() error, error) {
	data := filepath.Join(dir, "frontdesk")
	eng, err := engine.Open(context.Background(), engine.Config{Dir: data, InboxMaxBytes: 16 << 30})
	if err != nil {
		return nil, nil, err
	}
	h := desk.New(desk.Config{
		Channels: []desk.Channel{{Name: "main", Secrets: []string{secret}}},
		Inbox:    eng.Inbox, Dead: eng.Dead,
		Metrics: desk.NewMetrics(prometheus.NewRegistry()), Logger: slog.New(slog.DiscardHandler),
	})
	return h, func() error { return errors.Join(eng.Close(), os.RemoveAll(data)) }, nil
}

// answers compares durable answers per second.
func answers(ctx context.Context, w io.Writer, opt Options, dir string) error {
	fmt.Fprintf(w, "Webhooks of one text event, %d bytes, %d users, answered durably (%d rounds of %v, median)\n\n",
		len(template), users, opt.Rounds, opt.Duration)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tab, "connections\thandler\tper second\tp50\tp99\tof file\tof bare\t")
	for _, conns := range opt.Conns {
		medians, err := compare(ctx, opt, dir, conns)
		if err != nil {
			return err
		}
		for _, s := range subjects {
			m := medians[s.name]
			fmt.Fprintf(tab, "%d\t%s\t%.0f\t%v\t%v\t%.2f\t%.2f\t\n", conns, s.name, m.PerSecond,
				m.P50.Round(time.Microsecond), m.P99.Round(time.Microsecond),
				m.PerSecond/medians["file"].PerSecond, m.PerSecond/medians["bare"].PerSecond)
		}
	}
	return tab.Flush()
}

// compare measures all subjects in turn, round by round.
func compare(ctx context.Context, opt Options, dir string, conns int) (map[string]result, error) {
	rounds := map[string][]result{}
	for range opt.Rounds {
		for _, s := range subjects {
			r, err := measure(ctx, opt, dir, conns, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[s.name] = append(rounds[s.name], r)
		}
	}
	medians := map[string]result{}
	for name, results := range rounds {
		slices.SortFunc(results, func(a, b result) int { return int(a.PerSecond - b.PerSecond) })
		medians[name] = results[len(results)/2]
	}
	return medians, nil
}

func measure(ctx context.Context, opt Options, dir string, conns int, s subject) (result, error) {
	handler, stop, err := s.start(dir)
	if err != nil {
		return result{}, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return result{}, errors.Join(err, stop())
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { srv.Serve(l) })                                  // ends with Close below
	_, err = load(ctx, l.Addr().String(), conns, opt.Duration/4, 0) // warm up
	var r result
	if err == nil {
		r, err = load(ctx, l.Addr().String(), conns, opt.Duration, 0)
	}
	srv.Close()
	wg.Wait()
	return r, errors.Join(err, stop())
}

// waits collects how long events waited for their handler.
type waits struct {
	mu    sync.Mutex
	all   []time.Duration
	count atomic.Int64
}

// Handle is a handler without work.
func (h *waits) Handle(_ context.Context, _ frontdesk.Desk, ev *frontdesk.Event) error {
	wait := time.Since(ev.Accepted)
	h.count.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, wait)
	return nil
}

func (h *waits) percentiles() (p50, p99, longest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(h.all)
	return h.all[len(h.all)/2], h.all[len(h.all)*99/100], h.all[len(h.all)-1]
}

// running is a whole server.
type running struct {
	srv    *server.Server
	cancel context.CancelFunc
	ended  chan error
}

// startServer runs a server; options change its configuration.
func startServer(data string, h frontdesk.Handler, options ...func(*server.Config)) (*running, error) {
	cfg := server.Config{
		Listen: "127.0.0.1:0", Data: data, Drain: time.Second, Logger: slog.New(slog.DiscardHandler), Inbox: server.Store{MaxBytes: 16 << 30},
		LINE:     server.LINE{API: "http://127.0.0.1:1"}, // nothing is sent
		Channels: []server.Channel{{Name: "main", Secrets: []string{secret}, AccessToken: token}},
	}
	for _, change := range options {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, cfg, h)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &running{srv, cancel, make(chan error, 1)}
	go func() { r.ended <- srv.Run(ctx) }() // awaited by stop
	return r, nil
}

func (r *running) stop() error {
	r.cancel()
	return <-r.ended
}

// together measures a whole server that accepts and handles at once.
func together(ctx context.Context, w io.Writer, opt Options, dir string) error {
	data := filepath.Join(dir, "together")
	defer os.RemoveAll(data)
	h := &waits{}
	r, err := startServer(data, h)
	if err != nil {
		return err
	}
	const conns = 64
	res, err := load(ctx, r.srv.Addr().String(), conns, opt.Together, 0)
	handled := h.count.Load()
	p50, p99, longest := h.percentiles()
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAccepted and handled together, %d connections, %v: %.0f/s accepted, %.0f/s handled, accept → handler p50 %v, p99 %v, max %v\n",
		conns, opt.Together, res.PerSecond, float64(handled)/opt.Together.Seconds(), p50.Round(time.Microsecond), p99.Round(time.Microsecond), longest.Round(time.Microsecond))
	return nil
}

// perSecond is a load that leaves the server idle most of the time.
const perSecond = 500

// paced measures how soon an event is handled on a quiet server.
func paced(ctx context.Context, w io.Writer, opt Options, dir string) error {
	h := &waits{}
	return pacedWith(ctx, w, opt, dir, fmt.Sprintf("Accept → handler at %d/s", perSecond), h, h)
}

// stuck measures the same while the handlers of some users hang or fail.
func stuck(ctx context.Context, w io.Writer, opt Options, dir string) error {
	h := &waits{}
	troubled := frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		switch user := ev.Source.UserID; user[len(user)-2:] { // 39 users of 10,000 each
		case "00":
			<-ctx.Done()
			return ctx.Err()
		case "01":
			return errors.New("fails")
		}
		return h.Handle(ctx, d, ev)
	})
	return pacedWith(ctx, w, opt, dir, "The same, 1 user in 256 hanging and 1 failing, for the others", troubled, h)
}

func pacedWith(ctx context.Context, w io.Writer, opt Options, dir, title string, handler frontdesk.Handler, h *waits) error {
	data := filepath.Join(dir, "paced")
	defer os.RemoveAll(data)
	r, err := startServer(data, handler)
	if err != nil {
		return err
	}
	_, err = load(ctx, r.srv.Addr().String(), 16, max(opt.Duration, 5*time.Second), perSecond)
	p50, p99, longest := h.percentiles()
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: p50 %v, p99 %v, max %v\n", title,
		p50.Round(time.Microsecond), p99.Round(time.Microsecond), longest.Round(time.Microsecond))
	return nil
}

// backlog measures how fast a server works off what waited for its start.
func backlog(ctx context.Context, w io.Writer, opt Options, dir string) error {
	data := filepath.Join(dir, "backlog")
	defer os.RemoveAll(data)
	if err := fill(ctx, data, opt.Backlog); err != nil {
		return err
	}
	h := &waits{}
	start := time.Now()
	r, err := startServer(data, h)
	if err != nil {
		return err
	}
	opened := time.Since(start)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	start = time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for h.count.Load() < int64(opt.Backlog) && ctx.Err() == nil {
		<-tick.C
	}
	took := time.Since(start)
	if err := errors.Join(ctx.Err(), r.stop()); err != nil {
		return err
	}
	fmt.Fprintf(w, "Backlog of %d events: %.0f/s handled (store opened in %v)\n", opt.Backlog,
		float64(opt.Backlog)/took.Seconds(), opened.Round(time.Millisecond))
	return nil
}

// fill stores events in the inbox of a server that does not run.
func fill(ctx context.Context, data string, n int) error {
	eng, err := engine.Open(ctx, engine.Config{Dir: data, InboxMaxBytes: 16 << 30})
	if err != nil {
		return err
	}
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wg.Go(func() {
			hook := newWebhook("")
			for left.Add(-1) >= 0 && errs[i] == nil {
				hook.next()
				_, _, errs[i] = eng.Inbox.Append(&engine.Event{
					ID: string(hook.body[idAt : idAt+26]), Channel: "main", Conversation: string(hook.body[userAt : userAt+33]),
					Accepted: time.Now(), Raw: hook.event(),
				})
			}
		})
	}
	wg.Wait()
	return errors.Join(errors.Join(errs...), eng.Close())
}
