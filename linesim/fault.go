package linesim

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"strings"
	"time"
)

// How a fault treated the call that it answered.
const (
	// FaultRefused: nothing of the call was done.
	FaultRefused = "refused"
	// FaultAccepted: the call was done as usual (messages delivered, token used, retry key kept), only
	// the answer was replaced.
	FaultAccepted = "accepted"
)

// anyEndpoint stands for all endpoints that Faults does not name.
const anyEndpoint = "*"

// maxFaultLatency bounds EndpointFaults.LatencyMS.
const maxFaultLatency = 60_000

// Faults makes the API fail on purpose. The zero value: nothing fails. Faults of the webhooks will stand
// beside those of the endpoints.
type Faults struct {
	// Seed makes the same calls fail in the next run: whether the n-th call of an endpoint fails depends
	// on the seed, the endpoint and n alone.
	Seed uint64 `json:"seed,omitempty"`
	// Endpoints maps short names (see Endpoints), or "*" for all others, to their faults.
	Endpoints map[string]EndpointFaults `json:"endpoints,omitempty"`
}

// EndpointFaults describes how the calls of one endpoint fail.
type EndpointFaults struct {
	// ErrorShare is the share of calls that fail, 0 to 1.
	ErrorShare float64 `json:"errorShare"`
	// AcceptedBeforeError is the share of the failing calls that were accepted before, 0 to 1: the bot
	// sees the error, the messages are on the phone.
	AcceptedBeforeError float64 `json:"acceptedBeforeError"`
	// Status is the HTTP status of failing calls, 400 to 599. 0: no answer at all, the connection is cut
	// after the request was read.
	Status int `json:"status"`
	// LatencyMS holds back the answer of every call, failing or not: milliseconds, up to 60,000.
	LatencyMS int64 `json:"latencyMs"`
}

// faultState holds the faults and the dice of each endpoint; Simulator.mu guards it.
type faultState struct {
	faults Faults
	dice   map[string]*rand.Rand
}

// verdict is what the faults do to one call.
type verdict struct {
	fails, accepted bool
	status          int
	latency         time.Duration
}

// SetFaults replaces all faults and begins the count of calls anew. The zero Faults ends them.
// Unknown endpoints and values out of range are ErrInvalid.
func (s *Simulator) SetFaults(f Faults) error {
	for name, e := range f.Endpoints {
		if name != anyEndpoint && !s.isEndpoint(name) {
			return fmt.Errorf("%w faults: there is no endpoint %s, want * or one of %s",
				ErrInvalid, quoteID(name), strings.Join(Endpoints(), ", "))
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("%w faults of %s: %s", ErrInvalid, name, err.Error())
		}
	}
	f.Endpoints = maps.Clone(f.Endpoints)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faultState{faults: f, dice: make(map[string]*rand.Rand)}
	return nil
}

// Faults returns the faults as they were set.
func (s *Simulator) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults.faults
	f.Endpoints = maps.Clone(f.Endpoints)
	return f
}

// check tells which value is out of range.
func (e EndpointFaults) check() error {
	switch {
	case !(e.ErrorShare >= 0 && e.ErrorShare <= 1):
		return fmt.Errorf("errorShare is %v, want 0 to 1", e.ErrorShare)
	case !(e.AcceptedBeforeError >= 0 && e.AcceptedBeforeError <= 1):
		return fmt.Errorf("acceptedBeforeError is %v, want 0 to 1", e.AcceptedBeforeError)
	case e.Status != 0 && (e.Status < 400 || e.Status > 599):
		return fmt.Errorf("status is %d, want 400 to 599, or 0 for no answer", e.Status)
	case e.LatencyMS < 0 || e.LatencyMS > maxFaultLatency:
		return fmt.Errorf("latencyMs is %d, want 0 to %d", e.LatencyMS, maxFaultLatency)
	}
	return nil
}

// judge decides about the next call of an endpoint.
func (s *Simulator) judge(endpoint string) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.faults.faults.Endpoints[endpoint]
	if !ok {
		if e, ok = s.faults.faults.Endpoints[anyEndpoint]; !ok {
			return verdict{}
		}
	}
	dice := s.faults.dice[endpoint]
	if dice == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(endpoint))
		dice = rand.New(rand.NewPCG(s.faults.faults.Seed, h.Sum64()))
		s.faults.dice[endpoint] = dice
	}
	// Both dice are thrown for every call, so that a share that changes does not shift the others.
	fails, accepted := dice.Float64() < e.ErrorShare, dice.Float64() < e.AcceptedBeforeError
	return verdict{
		fails: fails, accepted: fails && accepted, status: e.Status,
		latency: time.Duration(e.LatencyMS) * time.Millisecond,
	}
}
