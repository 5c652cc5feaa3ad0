package webhook

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxBody caps a webhook's body. LINE documents no limit; the largest
	// events known are a few KiB, and a request holds few of them.
	maxBody = 1 << 20
	// maxInFlight bounds the requests being read or stored at once. More are
	// answered 503.
	maxInFlight = 4096
	// maxLarge bounds those among them with a body beyond keepBuffer, and so
	// the memory that senders who need no signature for it can take: about
	// 0.5 GiB in all. More are answered 503; LINE's are smaller.
	maxLarge = 64
	// deadLimit bounds storing the malformed events of a request.
	deadLimit = 500 * time.Millisecond
	// keepBuffer is the largest body buffer that is kept for later requests.
	keepBuffer = 64 << 10
)

// Channel is a LINE channel whose webhooks are taken in.
type Channel struct {
	Name string
	// Secrets are the channel secrets that a signature may be made with: two
	// while the secret is being replaced.
	Secrets []string
}

// Inbox stores events. It returns when they are durable.
type Inbox interface {
	Append(records ...encoding.BinaryAppender) (first, last engine.Pos, err error)
}

// DeadLetters stores what cannot be read. It returns when it is durable.
type DeadLetters interface {
	Put(ctx context.Context, letters ...engine.Letter) error
}

// Config is what a Handler needs. All fields but Trace are required.
type Config struct {
	Channels []Channel // the first one also answers on /callback
	Inbox    Inbox
	Dead     DeadLetters
	Metrics  *Metrics
	Logger   *slog.Logger
	// Trace is told when an event passed a step; nil for nobody.
	Trace func(eventID, step string, at time.Time)
}

// Steps that Trace is told of.
const (
	StepReceived = "received"
	StepStored   = "stored"
	StepAnswered = "answered 200"
)

// Handler serves POST /callback and POST /callback/{channel}.
type Handler struct {
	cfg      Config
	channels map[string]*channel
	inFlight chan struct{}
	large    chan struct{}
	bodies   sync.Pool // of *bytes.Buffer
	mux      *http.ServeMux
}

type channel struct {
	name     string
	verifier *verifier
}

// New returns a handler for the configured channels.
func New(cfg Config) *Handler {
	h := &Handler{
		cfg:      cfg,
		channels: map[string]*channel{},
		inFlight: make(chan struct{}, maxInFlight),
		large:    make(chan struct{}, maxLarge),
		bodies:   sync.Pool{New: func() any { return new(bytes.Buffer) }},
		mux:      http.NewServeMux(),
	}
	for i, c := range cfg.Channels {
		ch := &channel{c.Name, newVerifier(c.Secrets)}
		h.channels[c.Name] = ch
		if i == 0 {
			h.channels[""] = ch
		}
	}
	h.mux.HandleFunc("POST /callback", h.serve)
	h.mux.HandleFunc("POST /callback/{channel}", h.serve)
	return h
}

// ServeHTTP answers one webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// refusal is an answer other than 200.
type refusal struct {
	status int
	text   string // what is wrong and what to do; goes to the sender
}

func (e *refusal) Error() string { return e.text }

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	status := http.StatusOK
	events, err := h.take(w, r, start)
	if err != nil {
		status = h.refuse(w, r, err)
	} else {
		w.WriteHeader(http.StatusOK)
	}
	h.cfg.Metrics.request(status, time.Since(start))
	if h.cfg.Trace != nil && err == nil {
		answered := time.Now()
		for _, ev := range events {
			h.cfg.Trace(ev.ID, StepAnswered, answered)
		}
	}
}

// refuse answers and notes a request that was not taken in.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) int {
	no := &refusal{http.StatusServiceUnavailable, "the events could not be stored in time; deliver them again"}
	if !errors.As(err, &no) {
		w.Header().Set("Retry-After", "1")
	}
	h.cfg.Logger.Warn("webhook refused", "status", no.status, "path", r.URL.Path, "error", err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	json.NewEncoder(w).Encode(map[string]string{"error": no.text}) // the sender may be gone
	return no.status
}

// take reads, checks and stores one request. It returns the events that were
// stored.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, start time.Time) ([]engine.Event, error) {
	select {
	case h.inFlight <- struct{}{}:
		defer func() { <-h.inFlight }()
	default:
		return nil, fmt.Errorf("more than %d webhooks at once", maxInFlight)
	}
	ch := h.channels[r.PathValue("channel")]
	if ch == nil {
		return nil, &refusal{http.StatusNotFound, "no such channel; the webhook URL must end in /callback/ and a channel's name in the configuration"}
	}
	body := h.bodies.Get().(*bytes.Buffer)
	defer h.release(body)
	isLarge, err := h.readBody(body, w, r)
	if isLarge {
		defer func() { <-h.large }()
	}
	if err != nil {
		return nil, err
	}
	if !ch.verifier.valid(body.Bytes(), r.Header.Get("X-Line-Signature")) {
		return nil, &refusal{http.StatusUnauthorized, "signature is missing or wrong; check the secret of channel " + ch.name}
	}
	request, err := split(body.Bytes())
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	for i := range request.events {
		request.events[i].Channel, request.events[i].Accepted = ch.name, start
	}
	if err := h.store(r.Context(), ch, request, start); err != nil {
		return nil, err
	}
	return request.events, nil
}

func (h *Handler) release(body *bytes.Buffer) {
	if body.Cap() > keepBuffer {
		return
	}
	body.Reset()
	h.bodies.Put(body)
}

// readBody reads a request's body. One that is large holds a place among the
// large ones from then on; the caller gives it back.
func (h *Handler) readBody(into *bytes.Buffer, w http.ResponseWriter, r *http.Request) (large bool, err error) {
	if r.ContentLength > maxBody {
		return false, errBodyTooLarge
	}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	n, err := into.ReadFrom(io.LimitReader(body, keepBuffer))
	if err == nil && n == keepBuffer {
		select {
		case h.large <- struct{}{}:
			large = true
		default:
			return false, fmt.Errorf("more than %d large webhooks at once", maxLarge)
		}
		_, err = into.ReadFrom(body)
	}
	return large, bodyError(err)
}

var errBodyTooLarge = &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("body is larger than %d bytes", maxBody)}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &refusal{http.StatusBadRequest, "body ended early"}
	}
	return &refusal{http.StatusRequestTimeout, "body did not arrive in time"}
}

// store makes everything in the request durable. Events come first: delivered
// again after a failure they are known, and dead letters would be doubled.
func (h *Handler) store(ctx context.Context, ch *channel, request request, start time.Time) error {
	if len(request.events) > 0 {
		if err := h.accept(ch, request.events, start); err != nil {
			return err
		}
	}
	if len(request.malformed) > 0 {
		return h.bury(ctx, ch, request.malformed, start)
	}
	return nil // neither is LINE's connectivity check
}

// accept puts the events into the inbox.
func (h *Handler) accept(ch *channel, events []engine.Event, start time.Time) error {
	var few [4]encoding.BinaryAppender // most requests hold one event
	records := few[:0]
	for i := range events {
		records = append(records, &events[i])
	}
	if _, _, err := h.cfg.Inbox.Append(records...); err != nil {
		return err
	}
	h.cfg.Metrics.accepted(ch.name, len(events))
	if h.cfg.Trace != nil {
		stored := time.Now()
		for _, ev := range events {
			h.cfg.Trace(ev.ID, StepReceived, start)
			h.cfg.Trace(ev.ID, StepStored, stored)
		}
	}
	return nil
}

// bury makes dead letters of the events that cannot be read.
func (h *Handler) bury(ctx context.Context, ch *channel, bad []malformed, start time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, deadLimit)
	defer cancel()
	letters := make([]engine.Letter, len(bad))
	for i, m := range bad {
		letters[i] = engine.Letter{
			Kind: engine.DeadMalformed, Channel: ch.name, EventID: m.id,
			Accepted: start, Died: time.Now(), Reason: m.reason, Body: m.raw,
		}
		h.cfg.Logger.Warn("malformed event became a dead letter", "channel", ch.name, "reason", m.reason)
	}
	if err := h.cfg.Dead.Put(ctx, letters...); err != nil {
		return err
	}
	h.cfg.Metrics.malformed(ch.name, len(bad))
	return nil
}
