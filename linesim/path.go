package linesim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	// eventRecords is how many events are remembered for their way; the oldest leave.
	eventRecords = 100_000
	// deliveryRecords is how many sends of the bot are remembered for the ways of events; the oldest leave.
	deliveryRecords = 100_000
	// pathTimeout bounds Config.Path.
	pathTimeout = 2 * time.Second
)

// Step is one station on the way of an event.
type Step struct {
	// Step says what happened, in a few words.
	Step string    `json:"step"`
	At   time.Time `json:"at"`
	// RequestID names a call of the Messaging API that this step made; the simulator adds when its
	// messages were on the phone.
	RequestID string `json:"requestId,omitempty"`
	Note      string `json:"note,omitempty"`
}

// eventTrace is what the simulator knows of an event's way.
type eventTrace struct {
	raw      json.RawMessage
	grant    *tokenGrant // nil without a reply token
	steps    []Step
	requests []string // calls that used the event's reply token
}

// sendTrace is when the messages of a call were on how many phones.
type sendTrace struct {
	at     time.Time
	phones int
}

// noteEventLocked remembers an event that is to be sent. One that was sent before keeps its steps, and its
// reply token, which may have been used.
func (s *Simulator) noteEventLocked(id string, raw json.RawMessage, grant *tokenGrant) *tokenGrant {
	t, known := s.events.get(id)
	if !known {
		t = &eventTrace{}
		s.events.put(id, t)
	}
	t.raw = raw
	if t.grant == nil || grant == nil || t.grant.token != grant.token {
		t.grant = grant
	}
	return t.grant
}

// sentLocked notes that a webhook with these events leaves now.
func (s *Simulator) sentLocked(ids []string, at time.Time) {
	for _, id := range ids {
		if t, ok := s.events.get(id); ok {
			t.steps = append(t.steps, Step{Step: "sent by LINE", At: at.UTC()})
		}
	}
}

// answeredLocked notes the bot's answer to a webhook with these events.
func (s *Simulator) answeredLocked(ids []string, out outcome, at time.Time, took time.Duration) {
	step := Step{At: at.UTC(), Note: out.detail}
	ms := strconv.FormatInt(took.Milliseconds(), 10)
	if out.status != 0 {
		step.Step = "LINE got " + strconv.Itoa(out.status) + " (" + ms + " ms)"
	} else {
		step.Step = "LINE got no answer: " + out.reason + " (" + ms + " ms)"
	}
	for _, id := range ids {
		if t, ok := s.events.get(id); ok {
			t.steps = append(t.steps, step)
		}
	}
}

// Event returns the event as it was sent, byte for byte; it must not be changed. The newest 100,000 are
// kept, others are ErrNotFound.
func (s *Simulator) Event(webhookEventID string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.events.get(webhookEventID)
	if !ok {
		return nil, fmt.Errorf("event %s: %w", quoteID(webhookEventID), ErrNotFound)
	}
	return t.raw, nil
}

// EventPath returns the way of an event in the order of time: the simulator's own steps, those of
// Config.Path, and when what was sent for it was on the phone. An event that neither knows is
// ErrNotFound.
func (s *Simulator) EventPath(ctx context.Context, webhookEventID string) ([]Step, error) {
	var theirs []Step
	if s.cfg.Path != nil {
		var err error
		pathCtx, cancel := context.WithTimeout(ctx, pathTimeout)
		theirs, err = s.cfg.Path(pathCtx, webhookEventID)
		cancel()
		if err != nil {
			s.log.Warn("the bot's server did not tell an event's path", "webhookEventId", webhookEventID, "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.events.get(webhookEventID)
	if !ok && len(theirs) == 0 {
		return nil, fmt.Errorf("event %s: %w", quoteID(webhookEventID), ErrNotFound)
	}
	steps := slices.Clone(theirs)
	var requests []string
	if ok {
		steps = append(steps, t.steps...)
		requests = append(requests, t.requests...)
	}
	for _, step := range theirs {
		if step.RequestID != "" && !slices.Contains(requests, step.RequestID) {
			requests = append(requests, step.RequestID)
		}
	}
	steps = append(steps, s.arrivalsLocked(requests)...)
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return steps, nil
}

// arrivalsLocked tells when the messages of these calls were on the phones.
func (s *Simulator) arrivalsLocked(requests []string) []Step {
	var steps []Step
	for _, id := range requests {
		d, ok := s.sends.get(id)
		switch {
		case !ok:
		case d.phones == 0:
			steps = append(steps, Step{Step: "not delivered", At: d.at, RequestID: id, Note: "blocked, or not a friend"})
		case d.phones == 1:
			steps = append(steps, Step{Step: "on the phone", At: d.at, RequestID: id})
		default:
			steps = append(steps, Step{Step: "on the phone", At: d.at, RequestID: id, Note: strconv.Itoa(d.phones) + " phones"})
		}
	}
	slices.SortFunc(steps, func(a, b Step) int { return cmp.Compare(a.RequestID, b.RequestID) })
	return steps
}
