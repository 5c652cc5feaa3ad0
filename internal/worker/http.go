package worker

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	headerTimestamp = "Frontdesk-Timestamp"
	headerSignature = "Frontdesk-Signature"

	// maxResponse is the longest answer by HTTP.
	maxResponse = maxEventAnswers
	dialLimit   = 5 * time.Second
	tlsLimit    = 10 * time.Second
	idleLimit   = 90 * time.Second
	// absentWait is how long an event waits for a bot that is not there, or for as
	// long as the bot says, up to maxWait.
	absentWait = time.Second
	maxWait    = 5 * time.Minute
	// maxProbes is how often an event may fail while it tries for all, until that is
	// counted.
	maxProbes = 20
)

// HTTP is a bot at a URL.
type HTTP struct {
	cfg     Config
	metrics botMetrics
	url     string
	client  *http.Client
	room    *room
	breaker breaker
	probes  tally
	ids     atomic.Uint64
}

func newHTTP(url string, cfg Config) *HTTP {
	dialer := &net.Dialer{Timeout: dialLimit}
	m := cfg.Metrics.of(cfg.Name)
	return &HTTP{
		cfg: cfg, metrics: m, url: url, room: &room{most: cfg.InFlight}, breaker: breaker{gauge: m.breaker},
		client: &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: tlsLimit,
				ForceAttemptHTTP2: true, MaxIdleConnsPerHost: cfg.InFlight, IdleConnTimeout: idleLimit,
			},
			// What is redirected would have to be signed for somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

var errSpared = errors.New("the bot is not there or fails everything: events wait until it answers one")

// Handle posts an event to the bot and waits for the answer.
func (h *HTTP) Handle(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	id := strconv.FormatUint(h.ids.Add(1), 10)
	body := newEvent(id, ev, profile(ctx, d, ev))
	if err := h.room.enter(ctx, len(body)); err != nil {
		return frontdesk.Interrupted(errBusy, 0)
	}
	defer h.room.leave(len(body))
	probe, wait := h.breaker.enter(time.Now())
	if wait > 0 {
		return frontdesk.Interrupted(errSpared, wait)
	}
	h.metrics.inFlight.Inc()
	defer h.metrics.inFlight.Dec()
	start := time.Now()
	answers, fault := h.post(ctx, ev, id, body)
	h.metrics.took.Observe(time.Since(start).Seconds())
	outcome, err := h.verdict(ctx, d, ev, answers, fault, probe)
	h.metrics.answers.WithLabelValues(outcome).Inc()
	return err
}

// fault is why there is no answer.
type fault struct {
	err   error
	trial bool          // the bot is to blame, or the event: the breaker decides
	wait  time.Duration // the bot is not there: the event waits so long
}

// verdict returns the handler's error, and the outcome in a word.
func (h *HTTP) verdict(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event, answers []answer, f *fault, probe bool) (string, error) {
	if f == nil || !f.trial && f.wait == 0 { // it is there
		h.breaker.succeeded(probe)
		h.probes.forget(ev)
		if f != nil {
			return outcomeInvalid, f.err
		}
		return verdict(d, answers)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		h.breaker.left(probe)
		return outcomeWaits, frontdesk.Interrupted(errShutdown, 0)
	}
	h.breaker.failedBy(ev.Channel+"/"+ev.Conversation, probe, time.Now())
	switch {
	case f.wait > 0:
		return outcomeWaits, frontdesk.Interrupted(f.err, f.wait)
	case probe && h.probes.add(ev) <= maxProbes:
		return outcomeWaits, frontdesk.Interrupted(f.err, 0)
	case ctx.Err() != nil:
		return outcomeLate, errTooLong
	}
	return outcomeFailed, f.err
}

// post posts an event and reads the answer.
func (h *HTTP) post(ctx context.Context, ev *frontdesk.Event, id string, body []byte) ([]answer, *fault) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return nil, &fault{err: errors.New("the bot's address is not a URL")} // unreachable: it is checked
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "frontdesk")
	// With it net/http repeats what was written to a connection that the bot closed
	// in the same moment.
	req.Header.Set("Idempotency-Key", ev.Channel+"/"+ev.ID+"/"+strconv.Itoa(ev.Attempt))
	if h.cfg.Secret != "" {
		sign(req.Header, h.cfg.Secret, time.Now(), body)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, unreached(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, &fault{err: errors.New("the connection to the bot broke before its answer was whole"), trial: true}
	}
	if f := refusal(resp); f != nil {
		return nil, f
	}
	if len(content) > maxResponse {
		return nil, &fault{err: errFlood}
	}
	answers, err := parseResponse(content, id)
	if err != nil {
		return nil, &fault{err: err}
	}
	return answers, nil
}

// sign adds the headers by which a bot knows that a request comes from here.
func sign(header http.Header, secret string, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, "v1="+hex.EncodeToString(mac.Sum(nil)))
}

// unreached tells a bot that is not there from a connection that broke on the
// way. The error of net/http is not passed on: it holds the URL.
func unreached(err error) *fault {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return &fault{err: fmt.Errorf("the bot cannot be reached: %w", op.Err), wait: absentWait}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return &fault{err: fmt.Errorf("the bot cannot be reached: %s", dns.Err), wait: absentWait}
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault{err: fmt.Errorf("the bot's certificate is not good: %w", cert.Err), wait: absentWait}
	}
	return &fault{err: errors.New("the connection to the bot broke before it answered"), trial: true}
}

// refusal returns what a status other than 2xx means.
func refusal(resp *http.Response) *fault {
	status := resp.StatusCode
	err := fmt.Errorf("the bot answered %d %s", status, http.StatusText(status))
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return &fault{err: err, wait: retryAfter(resp.Header, time.Now())}
	case status >= 500:
		return &fault{err: err, trial: true}
	case status/100 == 3:
		err = fmt.Errorf("%w; redirections are not followed: give the address that they lead to", err)
	}
	return &fault{err: err}
}

// retryAfter reads how long the bot wants to be left alone: seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	wait := absentWait
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, absentWait), maxWait)
}
