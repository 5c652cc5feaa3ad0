package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"time"
)

const (
	lineAPI     = "https://api.line.me"
	lineDataAPI = "https://api-data.line.me"
	// maxPassed bounds the body of a call that is passed on: a list of users to
	// make an audience of.
	maxPassed = 32 << 20
	// passTimeout bounds the wait for LINE's answer, not its content.
	passTimeout = 30 * time.Second
)

// dataPath matches what LINE serves on its second host (Messaging API reference,
// Domain name).
var dataPath = regexp.MustCompile(`^/v2/bot/(message/[^/]+/content(/.*)?|richmenu/[^/]+/content|audienceGroup/upload/byFile)$`)

// passage passes calls on to LINE, with the channel's own token.
type passage struct {
	g         *Gateway
	api, data *url.URL
	proxy     *httputil.ReverseProxy
}

func newPassage(g *Gateway) (*passage, error) {
	p := &passage{g: g}
	var err error
	if p.api, err = url.Parse(cmp.Or(g.cfg.API, lineAPI)); err != nil {
		return nil, fmt.Errorf("address of LINE's API: %w", err)
	}
	data := cmp.Or(g.cfg.DataAPI, g.cfg.API, lineDataAPI)
	if p.data, err = url.Parse(data); err != nil {
		return nil, fmt.Errorf("address of LINE's data API: %w", err)
	}
	p.proxy = &httputil.ReverseProxy{
		Rewrite: p.rewrite, ErrorHandler: p.failed,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: passTimeout, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: maxCalls, IdleConnTimeout: 90 * time.Second, DisableCompression: true,
		},
	}
	return p, nil
}

// ServeHTTP passes a call on, if it shows the token of a bot.
func (p *passage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := &call{r: r, requestID: newUUID()}
	refuse := func(err error) {
		ans := p.g.errorAnswer("passed", c, err)
		writeAnswer(w, c, ans)
		p.g.cfg.Metrics.called("passed", ans.status, time.Since(start))
	}
	if c.ch = p.g.caller(r); c.ch == nil {
		refuse(errUnauthorized())
		return
	}
	token, err := c.ch.Source.Token(r.Context())
	if err != nil {
		refuse(fmt.Errorf("channel access token: %w", err))
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Body = http.MaxBytesReader(w, r.Body, maxPassed)
	seen := &statusWriter{ResponseWriter: w}
	p.proxy.ServeHTTP(seen, r)
	if source, ok := c.ch.Source.(interface{ Forget(token string) }); ok && seen.status == http.StatusUnauthorized {
		source.Forget(token)
	}
	p.g.cfg.Metrics.called("passed", seen.status, time.Since(start))
}

// rewrite directs a call to LINE. The proxy has taken the headers away that
// belong to the bot's connection.
func (p *passage) rewrite(r *httputil.ProxyRequest) {
	to := p.api
	if dataPath.MatchString(r.In.URL.Path) {
		to = p.data
	}
	r.SetURL(to)
}

// failed answers a call that LINE did not.
func (p *passage) failed(w http.ResponseWriter, r *http.Request, err error) {
	c := &call{r: r, requestID: newUUID()}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		err = errTooLarge()
	} else {
		err = fmt.Errorf("LINE did not answer: %w", err)
	}
	writeAnswer(w, c, p.g.errorAnswer("passed", c, err))
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status; the last one is the answer's.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what the server offers.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
