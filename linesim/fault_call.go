package linesim

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// How a fault treated the call that it answered.
const (
	// FaultRefused: nothing of the call was done.
	FaultRefused = "refused"
	// FaultAccepted: the call was done as usual (messages delivered, token used, retry key kept), only
	// the answer was replaced.
	FaultAccepted = "accepted"
	// FaultOutage: the call fell into an outage of the API.
	FaultOutage = "outage"
)

// What faults do besides, as keys of Stats.Faults.
const (
	faultDelayed     = "delayed"
	faultRedelivered = "redelivered"
	faultDropped     = "redeliveryDropped"
	faultDuplicated  = "duplicated"
	faultReordered   = "reordered"
	faultLate        = "late"
	faultBatched     = "batched"
)

// verdict is what the faults do to one call.
type verdict struct {
	fails, accepted, reset, hang bool
	status                       int
	latency                      time.Duration
}

func newFaultState(f Faults) faultState {
	return faultState{faults: f, dice: make(map[string]*rand.Rand), webhookDice: newDice(f.Seed, "webhooks")}
}

// newDice returns dice that depend on the seed and what they are for.
func newDice(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// judgeLocked decides about the next call of an endpoint.
func (s *Simulator) judgeLocked(endpoint string) verdict {
	e, ok := s.faults.faults.Endpoints[endpoint]
	if !ok {
		if e, ok = s.faults.faults.Endpoints[anyEndpoint]; !ok {
			return verdict{}
		}
	}
	dice := s.faults.dice[endpoint]
	if dice == nil {
		dice = newDice(s.faults.faults.Seed, endpoint)
		s.faults.dice[endpoint] = dice
	}
	if e.LatencyMS > 0 {
		s.count.faults[faultDelayed]++
	}
	// Both dice are thrown for every call, so that a share that changes does not shift the others.
	fails, accepted := dice.Float64() < e.ErrorShare, dice.Float64() < e.AcceptedBeforeError
	return verdict{
		fails: fails, accepted: fails && accepted, reset: e.Reset, hang: e.Hang, status: e.Status,
		latency: time.Duration(e.LatencyMS) * time.Millisecond,
	}
}

// noteFault records what a fault did to a call.
func (s *Simulator) noteFault(c *call, fault string) {
	c.fault = fault
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.faults[fault]++
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// hang keeps a call without an answer until its client gives up.
func (s *Simulator) hang(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, milli(maxFaultTime))
	defer cancel()
	select {
	case <-ctx.Done():
	case <-s.done:
	}
}

// faultError is the answer of a call that a fault lets fail.
func faultError(status int) error {
	switch status {
	case 0:
		return errCut
	case http.StatusTooManyRequests:
		return rateLimited()
	case http.StatusInternalServerError:
		return rule.Refuse(status, "Internal server error")
	}
	return rule.Refuse(status, http.StatusText(status))
}

// cut closes the connection of a call without an answer. It does not return.
func cut(w http.ResponseWriter, reset bool) {
	if hijacker, ok := w.(http.Hijacker); ok && reset {
		if conn, _, err := hijacker.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // what follows is then a reset
			}
			_ = conn.Close()
		}
	}
	panic(http.ErrAbortHandler) // net/http closes the connection, if it is still its own
}
