package line

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// The limits of the own transport.
const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second

	// parallelSenders is how many idle connections are kept, so that as many
	// senders at once over HTTP/1.1 don't dial anew for each message.
	parallelSenders = 256
	idleTimeout     = 90 * time.Second

	// An HTTP/2 connection that carries everything and has died unnoticed
	// would cost each call its whole time-out: ask after this much silence.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second

	headerLimit = 64 << 10 // bytes of an answer's header
)

// newHTTPClient wraps t, or the own transport where t is nil. Redirects are
// not followed: LINE has none, and the token is for LINE alone.
func newHTTPClient(t http.RoundTripper) *http.Client {
	if t == nil {
		t = newTransport()
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           2 * parallelSenders,
		MaxIdleConnsPerHost:    parallelSenders,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerLimit,
		DisableCompression:     true, // JSON answers are small, and content is to have its length
	}
}

// sendTrace watches how far a request gets. Its hooks run on the transport's
// goroutines.
type sendTrace struct {
	looked atomic.Bool // the transport looked for a connection: it reports
	wrote  atomic.Bool // a whole request header was written or buffered
}

// watch returns a context under which a request reports to the trace.
func (t *sendTrace) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { t.looked.Store(true) },
		WroteHeaders: func() { t.wrote.Store(true) },
	})
}

// unsent reports whether a request that failed has certainly not been sent.
// A server can only act on a complete header, and the transport reports that
// one is complete before it lets go of its last byte. A transport that reports
// nothing gives no certainty. The mark stays when the transport tries again
// by itself on another connection: it errs towards "may have been sent".
func (t *sendTrace) unsent() bool { return t.looked.Load() && !t.wrote.Load() }
