package linesim

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"
)

const (
	// webhookRecords is how many webhooks are remembered; the oldest leave.
	webhookRecords = 100_000
	// maxWebhookAnswer is how much of a bot's answer is read so that the connection can be used again.
	maxWebhookAnswer = 64 << 10
	// webhookUserAgent is what others have seen from LINE; LINE does not document it.
	webhookUserAgent = "LineBotWebhook/2.0"
	// noURL is the detail of a webhook that had nowhere to go.
	noURL = "No webhook URL"
)

// Why a webhook was not taken, in the words of LINE's "Check webhook error statistics".
const (
	ReasonCouldNotConnect = "could_not_connect"
	ReasonRequestTimeout  = "request_timeout"
	ReasonErrorStatus     = "error_status_code"
	ReasonUnclassified    = "unclassified"
)

// Webhook is the record of one webhook request and its answer.
type Webhook struct {
	// Seq numbers the webhooks from 1 in the order of their answers.
	Seq             int64    `json:"seq"`
	WebhookEventIDs []string `json:"webhookEventIds"`
	// Status is the bot's HTTP status, 0 where there was no answer.
	Status int `json:"status"`
	// MS is the time from sending to the complete answer in milliseconds.
	MS float64 `json:"ms"`
	// Attempt is 1 for the first delivery; redeliveries count on.
	Attempt int `json:"attempt"`
	// At is when the request was sent.
	At time.Time `json:"at"`
	// Reason and Detail are empty when the bot took the webhook (2xx).
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Proto is the version of HTTP in the bot's answer, such as "HTTP/1.1".
	Proto string `json:"proto,omitempty"`
}

// outcome is how a webhook request ended.
type outcome struct {
	status         int
	reason, detail string
	proto          string
}

// newWebhookClients makes the clients that carry webhooks, by WebhookFaults.HTTP: keep-alive, no redirects
// (LINE takes a 3xx for an error), no proxy.
func newWebhookClients(cfg Config) map[string]*http.Client {
	clients := make(map[string]*http.Client)
	for _, version := range []string{"", "1.1", "2"} {
		rt := cfg.Transport
		if rt == nil {
			rt = newTransport(cfg, version)
		}
		clients[version] = &http.Client{
			Transport:     rt,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return clients
}

// newTransport makes the transport for one version of HTTP; "" takes what the bot's server offers.
func newTransport(cfg Config, version string) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(version != "2")
	protocols.SetHTTP2(version != "1.1")
	protocols.SetUnencryptedHTTP2(version == "2")
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: cfg.WebhookTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: cfg.WebhookInsecureTLS},
		TLSHandshakeTimeout: cfg.WebhookTimeout,
		Protocols:           &protocols,
		MaxIdleConnsPerHost: cfg.WebhookParallel,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}
}

// sign returns the value of x-line-signature for body: base64 of HMAC-SHA256 under the channel secret.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// post sends one webhook and reads the answer, all within the limit.
func (s *Simulator) post(ctx context.Context, client *http.Client, url string, body []byte, signature string) outcome {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WebhookTimeout)
	defer cancel()
	connected := false
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return outcome{reason: ReasonUnclassified, detail: "Unclassified webhook dispatch error"}
	}
	if signature == "" {
		signature = sign(s.cfg.ChannelSecret, body)
	}
	// LINE sends this header in lower case; the map is written directly to keep it so over HTTP/1.1.
	req.Header["x-line-signature"] = []string{signature}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", webhookUserAgent)
	resp, err := client.Do(req)
	if err != nil {
		return failure(err, connected)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.CopyN(io.Discard, resp.Body, maxWebhookAnswer); err != nil && !errors.Is(err, io.EOF) {
		return failure(err, true)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return outcome{resp.StatusCode, ReasonErrorStatus, strconv.Itoa(resp.StatusCode), resp.Proto}
	}
	return outcome{status: resp.StatusCode, proto: resp.Proto}
}

// failure puts an error of the HTTP client into LINE's words.
func failure(err error, connected bool) outcome {
	var (
		dns     *net.DNSError
		op      *net.OpError
		netErr  net.Error
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
	)
	timeout := errors.As(err, &netErr) && netErr.Timeout() || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.As(err, &dns) && !timeout:
		return outcome{reason: ReasonCouldNotConnect, detail: "Unknown host"}
	case errors.As(err, &dns):
		return outcome{reason: ReasonCouldNotConnect, detail: "DNS Query timeout"}
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert), errors.As(err, &unknown):
		return outcome{reason: ReasonCouldNotConnect, detail: "TLS handshake failure"}
	case timeout && connected:
		return outcome{reason: ReasonRequestTimeout, detail: "Request timeout"}
	case timeout:
		return outcome{reason: ReasonCouldNotConnect, detail: "Connection timeout"}
	case errors.As(err, &op) && op.Op == "dial":
		return outcome{reason: ReasonCouldNotConnect, detail: "Connection failed"}
	}
	return outcome{reason: ReasonUnclassified, detail: "Session closed unexpectedly"}
}

// noteWebhookLocked records the outcome of a webhook and puts it on the stream.
func (s *Simulator) noteWebhookLocked(ids []string, attempt int, out outcome, at time.Time, took time.Duration) {
	w := Webhook{
		Seq: s.webhooks.last + 1, WebhookEventIDs: ids, Status: out.status, MS: milliseconds(took),
		Attempt: attempt, At: at.UTC(), Reason: out.reason, Detail: out.detail, Proto: out.proto,
	}
	s.webhooks.add(w)
	s.answeredLocked(ids, out, at.Add(took), took)
	s.publishLocked(streamWebhook, w)
	name := out.reason
	if name == "" {
		name = "ok"
	} else {
		s.log.Info("webhook not taken", "webhookEventIds", ids, "reason", out.reason, "detail", out.detail)
	}
	s.count.webhooks[name]++
}

// Webhooks returns up to limit records with a Seq above after, oldest first. The newest 100,000 are
// kept. A limit of 0 means all.
func (s *Simulator) Webhooks(after int64, limit int) []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.webhooks.after(after, orAll(limit, webhookRecords), nil)
}

// SetWebhookURL changes where webhooks go; requests under way are not affected. Empty: nowhere.
func (s *Simulator) SetWebhookURL(url string) error {
	if url != "" {
		if err := checkWebhookURL(url); err != nil {
			return errors.Join(ErrInvalid, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhookURL = url
	return nil
}

// milliseconds returns d in milliseconds with three decimals.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// orAll returns limit, or all where limit is not positive.
func orAll(limit, all int) int {
	if limit <= 0 {
		return all
	}
	return min(limit, all)
}
