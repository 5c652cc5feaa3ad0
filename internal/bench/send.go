package bench

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/outbox"
	"github.com/line-frontdesk/frontdesk/line"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// SendOptions say how long and how often to measure sending.
type SendOptions struct {
	Dir      string        // data goes to a temporary folder in it; "" for the system's
	Duration time.Duration // of each measurement of a rate, and of the mixed load
	Rounds   int           // of which the median counts
	Same     int           // identical pushes
	Outage   time.Duration // of the simulated LINE
	Only     []string      // names of parts; empty for all
}

// SendParts are the names of what Send measures, in order.
func SendParts() []string {
	names := make([]string, 0, len(sendParts))
	for _, p := range sendParts {
		names = append(names, p.name)
	}
	return names
}

var sendParts = []struct {
	name string
	run  func(context.Context, io.Writer, SendOptions) error
}{
	{"rate", sendRate}, {"half", sendHalf}, {"same", sendSame}, {"mixed", sendMixed}, {"outage", sendOutage},
}

// latency is how long the simulated LINE takes for a call.
const latency = 20 * time.Millisecond

// Send measures the outbox against the simulated LINE with its limits on. It
// prints to w.
func Send(ctx context.Context, w io.Writer, opt SendOptions) error {
	for _, name := range opt.Only {
		if !slices.Contains(SendParts(), name) {
			return fmt.Errorf("there is no part %q: take some of %q", name, SendParts())
		}
	}
	for _, part := range sendParts {
		if len(opt.Only) > 0 && !slices.Contains(opt.Only, part.name) {
			continue
		}
		if err := part.run(ctx, w, opt); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// platform is a simulated LINE on a loopback port.
type platform struct {
	sim    *linesim.Simulator
	url    string // of its API
	client *line.Client
	srv    *http.Server
	served chan error
}

func newPlatform(cfg linesim.Config) (*platform, error) {
	sim, err := linesim.New(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &platform{
		sim: sim, url: "http://" + l.Addr().String() + "/sim/line",
		srv: &http.Server{Handler: sim, ReadHeaderTimeout: 5 * time.Second}, served: make(chan error, 1),
	}
	go func() { p.served <- p.srv.Serve(l) }() // awaited by stop
	p.client, err = line.NewClient(line.Config{BaseURL: p.url, Token: line.FixedToken(sim.ChannelAccessToken())})
	if err == nil {
		err = sim.SetFaults(slow(linesim.Faults{}))
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// slow gives every call LINE's latency.
func slow(f linesim.Faults) linesim.Faults {
	f.Endpoints = map[string]linesim.EndpointFaults{"*": {LatencyMS: latency.Milliseconds()}}
	return f
}

func (p *platform) stop() error {
	err := errors.Join(p.srv.Close(), p.sim.Close(context.Background()))
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	p.client.CloseIdleConnections()
	return err
}

// addUsers adds friends and returns their IDs.
func (p *platform) addUsers(n int) (ids []string, err error) {
	for range n {
		u, err := p.sim.AddUser(linesim.NewUser{DisplayName: "user"})
		if err != nil {
			return nil, err
		}
		ids = append(ids, u.UserID)
	}
	return ids, nil
}

// sent counts calls by their status.
func (p *platform) sent(endpoint string) (taken, limited int64) {
	calls := p.sim.Stats().Calls[endpoint]
	return calls["200"], calls["429"]
}

// sending is an outbox on a store of its own.
type sending struct {
	*platform
	dir    string
	eng    *engine.Engine
	out    *outbox.Outbox
	cancel context.CancelFunc
	ended  chan error
}

func newSending(dir string, cfg linesim.Config) (*sending, error) {
	dir, err := os.MkdirTemp(dir, "frontdesk-bench-")
	if err != nil {
		return nil, err
	}
	p, err := newPlatform(cfg)
	if err != nil {
		return nil, err
	}
	s := &sending{platform: p, dir: dir}
	if s.eng, err = engine.Open(context.Background(), engine.Config{Dir: dir, OutboxMaxBytes: 16 << 30}); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return s, nil
}

// store appends n entries with one push each; text makes what it says.
func (s *sending) store(n int, users []string, text func(i int) string) error {
	const batch = 500
	entries := make([]encoding.BinaryAppender, 0, batch)
	for i := range n {
		msg, err := json.Marshal(map[string]string{"type": "text", "text": text(i)})
		if err != nil {
			return err
		}
		entries = append(entries, &engine.Entry{
			ID: fmt.Sprintf("main/bench-%d", i), Channel: "main", At: time.Now(),
			Sends: []engine.Send{{To: users[i%len(users)], Messages: []json.RawMessage{msg}}},
		})
		if len(entries) == batch || i == n-1 {
			if _, _, err := s.eng.Outbox.Append(entries...); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	return nil
}

func (s *sending) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan error, 1)
	s.out = outbox.New(outbox.Config{
		Engine: s.eng, Channels: []outbox.Channel{{Name: "main", Client: s.client}}, DrainLimit: time.Millisecond,
		Metrics: outbox.NewMetrics(prometheus.NewRegistry()), Logger: slog.New(slog.DiscardHandler),
	})
	go func() { s.ended <- s.out.Run(ctx) }() // awaited by stop
}

func (s *sending) stop() error {
	var err error
	if s.cancel != nil {
		s.cancel()
		err = <-s.ended
	}
	return errors.Join(err, s.eng.Close(), s.platform.stop(), os.RemoveAll(s.dir))
}

// until asks every few milliseconds whether something is reached.
func until(ctx context.Context, limit time.Duration, reached func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not reached in %v: %w", limit, ctx.Err())
		}
	}
	return nil
}
