package bench

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/dispatch"
	desk "github.com/line-frontdesk/frontdesk/internal/webhook"
	"github.com/line-frontdesk/frontdesk/server"
)

// figures are what was measured of a way, one of each for each round.
type figures struct {
	perSecond []float64
	alone     []float64 // of a process by pipe without a server
	p50, p99  []time.Duration
}

func median[T cmp.Ordered](rounds []T) T {
	sorted := slices.Sorted(slices.Values(rounds))
	return sorted[len(sorted)/2]
}

// measure adds a round to the figures of a way.
func (b *workerBench) measure(ctx context.Context, w way, f *figures) error {
	data := filepath.Join(b.dir, "data")
	defer os.RemoveAll(data)
	if err := os.CopyFS(data, os.DirFS(b.prepared)); err != nil {
		return err
	}
	h := &handled{}
	r, err := b.start(data, w, h)
	if err != nil {
		return err
	}
	err = until(ctx, 2*time.Minute, func() bool { return h.count() == b.opt.Events })
	if err == nil {
		f.perSecond = append(f.perSecond, h.perSecond())
		_, err = load(ctx, r.srv.Addr().String(), 16, b.opt.Duration, perSecond)
	}
	took := r.took(h.since(b.opt.Events))
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	if len(took) == 0 {
		return errors.New("no event was handled")
	}
	f.p50, f.p99 = append(f.p50, took[len(took)/2]), append(f.p99, took[len(took)*99/100])
	if w.command == nil {
		return nil
	}
	perSecond, err := alone(ctx, w.command, b.events)
	f.alone = append(f.alone, perSecond)
	return err
}

// handled counts the events that a bot is done with.
type handled struct {
	handler frontdesk.Handler // nil for a LINE bot, which calls note

	mu          sync.Mutex
	ids         []string
	first, last time.Time
}

func (h *handled) Handle(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	err := h.handler.Handle(ctx, d, ev)
	if err == nil {
		h.note(ev.ID)
	}
	return err
}

func (h *handled) note(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Now()
	if len(h.ids) == 0 {
		h.first = h.last // the bot's start is over
	}
	h.ids = append(h.ids, id)
}

func (h *handled) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ids)
}

// since returns the events after the first n.
func (h *handled) since(n int) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ids[min(n, len(h.ids)):])
}

func (h *handled) perSecond() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(len(h.ids)-1) / h.last.Sub(h.first).Seconds()
}

// working is a server with a bot.
type working struct {
	*running
	bot *bot
}

func (r *working) stop() error { return errors.Join(r.running.stop(), r.bot.stop()) }

// start starts a server with a bot by some way; h counts its events.
func (b *workerBench) start(data string, w way, h *handled) (*working, error) {
	bot, err := w.start(h)
	if err != nil {
		return nil, err
	}
	r, err := b.serve(data, bot, h)
	if err != nil {
		return nil, errors.Join(err, bot.stop())
	}
	return r, nil
}

func (b *workerBench) serve(data string, bot *bot, h *handled) (*working, error) {
	r, err := startServer(data, h, func(cfg *server.Config) {
		cfg.LINE.API = b.line.url
		cfg.BotAPI.Listen = "127.0.0.1:0"
		ch := &cfg.Channels[0]
		ch.Bot = bot.address
		ch.ReplyRate = cmp.Or(b.opt.sendRate, 1)
		ch.PushRate = ch.ReplyRate
	})
	if err != nil {
		return nil, err
	}
	if bot.connect != nil {
		err = bot.connect("http://" + r.srv.BotAPIAddr().String())
	}
	if err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return &working{r, bot}, nil
}

// took returns how long events took from their acceptance until the bot was done
// with them, in ascending order.
func (r *working) took(ids []string) (took []time.Duration) {
	for _, id := range ids {
		var received, done time.Time
		for _, step := range r.srv.Path(id) {
			switch step.Step {
			case desk.StepReceived:
				received = step.At
			case dispatch.StepHandled:
				done = step.At
			}
		}
		if !received.IsZero() && !done.IsZero() {
			took = append(took, done.Sub(received))
		}
	}
	slices.Sort(took)
	return took
}

// alone measures a bot by pipe without a server: it gets events from a file, and
// its answers are read and thrown away. More it cannot do.
func alone(ctx context.Context, command []string, events string) (perSecond float64, err error) {
	in, err := os.Open(events)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = in
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var h handled
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		h.note("")
	}
	return h.perSecond(), errors.Join(lines.Err(), cmd.Wait())
}
