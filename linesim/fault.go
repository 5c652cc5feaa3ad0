package linesim

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"
)

// anyEndpoint stands for all endpoints that Faults does not name.
const anyEndpoint = "*"

// maxFaultTime bounds every time in Faults, in milliseconds, but that of an outage.
const maxFaultTime = 60_000

// maxOutage bounds Faults.OutageMS.
const maxOutage = 24 * time.Hour

// Faults lets the simulator fail on purpose. The zero value: nothing fails.
type Faults struct {
	// Seed makes the same things fail in the next run. Whether the n-th call of an endpoint fails depends
	// on the seed, the endpoint and n alone; what happens to the n-th event on the seed and n.
	Seed uint64 `json:"seed,omitempty"`
	// OutageMS lets every call of the API end without an answer and without effect for so many
	// milliseconds from SetFaults on, up to a day. Webhooks go on.
	OutageMS int64 `json:"outageMs,omitempty"`
	// Endpoints maps short names (see Endpoints), or "*" for all others, to their faults.
	Endpoints map[string]EndpointFaults `json:"endpoints,omitempty"`
	// Webhooks is what goes wrong on the way to the bot.
	Webhooks WebhookFaults `json:"webhooks,omitzero"`
}

// EndpointFaults describes how the calls of one endpoint fail. A call that has no valid token or is above
// its rate gets that answer and throws no dice.
type EndpointFaults struct {
	// ErrorShare is the share of calls that fail, 0 to 1.
	ErrorShare float64 `json:"errorShare"`
	// AcceptedBeforeError is the share of the failing calls that were accepted before, 0 to 1: the bot
	// sees the error, the messages are on the phone.
	AcceptedBeforeError float64 `json:"acceptedBeforeError"`
	// Status is the HTTP status of failing calls, 400 to 599. 0: no answer at all, the connection is cut
	// after the request was read.
	Status int `json:"status"`
	// Reset cuts connections by a reset instead of an ordinary end, where Status is 0. Over HTTP/2 the
	// call's stream is reset in any case.
	Reset bool `json:"reset,omitempty"`
	// Hang leaves connections open, without an answer, until the client gives up, for a minute at most,
	// where Status is 0: the client's time-out decides.
	Hang bool `json:"hang,omitempty"`
	// LatencyMS holds back the answer of every call, failing or not: milliseconds, up to 60,000.
	LatencyMS int64 `json:"latencyMs"`
}

// WebhookFaults describes the way of the webhooks. Every share is of the events, 0 to 1; every time is in
// milliseconds, up to 60,000.
type WebhookFaults struct {
	// Redelivery is the switch "Webhook redelivery" of a channel, off by default as with LINE.
	Redelivery Redelivery `json:"redelivery,omitzero"`
	// Duplicates sends events once more although the bot took them, with the same webhookEventId and
	// isRedelivery false.
	Duplicates Duplicates `json:"duplicates,omitzero"`
	// Reorder holds events back until the next one of their chat is on its way.
	Reorder Reorder `json:"reorder,omitzero"`
	// Late lets events leave late, and those behind them in their chat with them.
	Late Late `json:"late,omitzero"`
	// Batch puts events of several chats into one request, as LINE does in a rush.
	Batch Batch `json:"batch,omitzero"`
	// HTTP is the version of the requests: "1.1"; "2", which over http needs a server that speaks it
	// without TLS; or empty for HTTP/2 where https agrees on it and HTTP/1.1 else. Not together with
	// Config.Transport.
	HTTP string `json:"http,omitempty"`
}

// Redelivery sends a webhook that got no 2xx again, with isRedelivery true: the same events together,
// behind what their chats wait for by then. Its reply tokens live another minute, up to 20 minutes after
// their events, unless they were used. LINE does not publish count and interval.
type Redelivery struct {
	// Count is how many times a webhook is sent again, up to 100; 0 = off.
	Count int `json:"count"`
	// IntervalMS lies between two tries.
	IntervalMS int64 `json:"intervalMs,omitempty"`
}

// Duplicates makes LINE deliver some events twice; see WebhookFaults.
type Duplicates struct {
	Share float64 `json:"share"`
	// AfterMS is when the second one leaves, at the earliest. Zero: right behind the first.
	AfterMS int64 `json:"afterMs,omitempty"`
}

// Reorder lets some events be passed by later ones; see WebhookFaults.
type Reorder struct {
	Share float64 `json:"share"`
	// HoldMS is how long an event waits for one that passes it. Zero: 1,000.
	HoldMS int64 `json:"holdMs,omitempty"`
}

// Late holds some events back; see WebhookFaults.
type Late struct {
	Share float64 `json:"share"`
	ByMS  int64   `json:"byMs"`
}

// Batch puts events of several chats into one request; see WebhookFaults. The order within each chat stays; when
// batches are switched on or off while webhooks wait, it may not.
type Batch struct {
	// Size is how many events one request carries at most, up to 1,000; 0 and 1 = no batches.
	Size int `json:"size"`
	// WindowMS is how long a request that is not full waits for more. Zero: events share a request only
	// while an earlier one is under way.
	WindowMS int64 `json:"windowMs,omitempty"`
}

// faultState holds the faults and their dice; Simulator.mu guards it.
type faultState struct {
	faults      Faults
	outageUntil time.Time
	dice        map[string]*rand.Rand // by endpoint
	webhookDice *rand.Rand
}

// SetFaults replaces all faults and begins the count of calls and events anew. The zero Faults ends them.
// Unknown endpoints and values out of range are ErrInvalid.
func (s *Simulator) SetFaults(f Faults) error {
	if f.OutageMS < 0 || f.OutageMS > maxOutage.Milliseconds() {
		return fmt.Errorf("%w faults: outageMs is %d, want 0 to %d", ErrInvalid, f.OutageMS, maxOutage.Milliseconds())
	}
	for name, e := range f.Endpoints {
		if name != anyEndpoint && !isEndpoint(name) {
			return fmt.Errorf("%w faults: there is no endpoint %s, want * or one of %s",
				ErrInvalid, quoteID(name), strings.Join(Endpoints(), ", "))
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("%w faults of %s: %s", ErrInvalid, name, err.Error())
		}
	}
	if err := f.Webhooks.check(); err != nil {
		return fmt.Errorf("%w faults of webhooks: %s", ErrInvalid, err.Error())
	}
	if f.Webhooks.HTTP != "" && s.cfg.Transport != nil {
		return fmt.Errorf("%w faults of webhooks: http is %s, but Config.Transport carries the webhooks", ErrInvalid, f.Webhooks.HTTP)
	}
	f.Endpoints = maps.Clone(f.Endpoints)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = newFaultState(f)
	if f.OutageMS > 0 {
		s.faults.outageUntil = time.Now().Add(time.Duration(f.OutageMS) * time.Millisecond)
	}
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
	if e.Status != 0 && (e.Status < 400 || e.Status > 599) {
		return fmt.Errorf("status is %d, want 400 to 599, or 0 for no answer", e.Status)
	}
	return errors.Join(
		inRange("errorShare", e.ErrorShare, 1), inRange("acceptedBeforeError", e.AcceptedBeforeError, 1),
		inRange("latencyMs", e.LatencyMS, maxFaultTime),
	)
}

// check tells which value is out of range.
func (w WebhookFaults) check() error {
	if w.HTTP != "" && w.HTTP != "1.1" && w.HTTP != "2" {
		return fmt.Errorf("http is %s, want 1.1 or 2", quoteID(w.HTTP))
	}
	return errors.Join(
		inRange("redelivery.count", w.Redelivery.Count, 100), inRange("redelivery.intervalMs", w.Redelivery.IntervalMS, maxFaultTime),
		inRange("duplicates.share", w.Duplicates.Share, 1), inRange("duplicates.afterMs", w.Duplicates.AfterMS, maxFaultTime),
		inRange("reorder.share", w.Reorder.Share, 1), inRange("reorder.holdMs", w.Reorder.HoldMS, maxFaultTime),
		inRange("late.share", w.Late.Share, 1), inRange("late.byMs", w.Late.ByMS, maxFaultTime),
		inRange("batch.size", w.Batch.Size, 1000), inRange("batch.windowMs", w.Batch.WindowMS, maxFaultTime),
	)
}

// inRange reports a value that is not between 0 and most.
func inRange[T int | int64 | float64](name string, v, most T) error {
	if v >= 0 && v <= most {
		return nil
	}
	return fmt.Errorf("%s is %v, want 0 to %v", name, v, most)
}
