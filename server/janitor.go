package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// cleanEvery is how often the logs are trimmed. In that time a log grows by
// less than the room that Trim leaves, up to about 30 MiB/s.
const cleanEvery = 10 * time.Second

// clean trims the logs until ctx ends.
func (s *Server) clean(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.trim(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.lg.Error("logs could not be trimmed; trying again", "error", err)
		}
	}
}

const (
	healthEvery = time.Second
	// sickLimit is how long the store may be out of order before the server
	// ends, so that whatever runs it starts it anew: what a failed write leaves
	// is only mended by opening the store again.
	sickLimit = 5 * time.Second
)

// watch returns an error when the embedded store stays out of order. An
// external one is waited for.
func (s *Server) watch(ctx context.Context) error {
	return watchStore(ctx, s.eng.Healthy, s.eng.Embedded(), s.lg)
}

func watchStore(ctx context.Context, healthy func() error, embedded bool, lg *slog.Logger) error {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := healthy()
		switch {
		case err == nil:
			since = time.Time{}
		case since.IsZero():
			lg.Error("store is out of order", "error", err)
			since = time.Now()
		case embedded && time.Since(since) >= sickLimit:
			return err
		}
	}
}

// trim takes away what nobody needs: neither a restart of the dispatcher, of the
// outbox, of the timers or of the campaigns, nor anybody who looks within the
// time that it is kept. What transcripts lack goes only in the way of new records.
func (s *Server) trim(ctx context.Context, now time.Time) error {
	inboxFloor, outboxFloor := s.disp.Floors()
	timersInbox, timersOutbox := s.timers.Floors()
	inboxFloor = min(inboxFloor, timersInbox)
	wantedInbox, wantedOutbox := s.wantedByTranscripts()
	first, err := s.eng.Inbox.Trim(ctx, engine.TrimRule{Floor: inboxFloor, Wanted: wantedInbox, KeepFor: s.cfg.Inbox.Keep}, now)
	if err != nil {
		return err
	}
	s.disp.Trimmed(first, now)
	outboxFloor = min(outboxFloor, s.out.Floor(), timersOutbox, s.campaigns.Floor())
	first, err = s.eng.Outbox.Trim(ctx, engine.TrimRule{Floor: outboxFloor, Wanted: wantedOutbox, KeepFor: s.cfg.Outbox.Keep}, now)
	if err == nil && s.gateway != nil {
		s.gateway.Trimmed(first)
	}
	return err
}

// observeDead registers the gauge and the counters of dead letters.
func (s *Server) observeDead() {
	for _, kind := range []string{engine.DeadEvent, engine.DeadMalformed, engine.DeadSend} {
		s.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "frontdesk_dead_letters_total", Help: "Dead letters made, by kind.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, func() float64 { return float64(s.eng.Dead.Since(kind)) }))
	}
	s.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "frontdesk_dead_letters", Help: "Dead letters that nobody retried or dropped.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		n, err := s.eng.Dead.Count(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	}))
}
