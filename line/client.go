package line

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// LINE's two hosts: the API, and the one that serves what users sent
	// (Messaging API reference, Domain name).
	apiURL  = "https://api.line.me"
	dataURL = "https://api-data.line.me"

	// defaultTimeout is far above LINE's usual answer and below the life of a
	// reply token, so that a hanging reply can be tried again with it.
	defaultTimeout = 10 * time.Second
)

// Config says how a [Client] reaches LINE.
type Config struct {
	// BaseURL is where the API is, "" for https://api.line.me. A path is
	// kept and put before LINE's, as in "http://127.0.0.1:8080/sim/line".
	BaseURL string

	// DataURL is where message content is fetched. "" means BaseURL where that
	// is set, else https://api-data.line.me.
	DataURL string

	// Token gives the channel access token. Required.
	Token TokenSource

	// Timeout bounds every call from its start to the last byte of its answer,
	// the token's renewal and a second try after a 401 included. 0 means 10 s.
	// For Content and ContentPreview it bounds each wait for an answer's
	// header; the body is bounded by the caller's context.
	Timeout time.Duration

	// Transport carries the requests. Nil means a transport of the client's
	// own, made for 256 parallel senders, HTTP/2 where the server has it, and
	// the environment's proxy settings. One that does not report to
	// net/http/httptrace makes every failed call's outcome unknown.
	Transport http.RoundTripper
}

// Client calls the Messaging API for one channel. All methods may be called
// concurrently. They return an [*Error] when they fail.
//
// Calls that do not send wait for LINE's rate of their endpoint, as long as
// Timeout or their context allows. Reply, Push, Multicast and Broadcast go at
// once, who sends much paces them, and so does TestWebhook.
type Client struct {
	api     string // base of the API, without a slash at its end
	data    string // base of the content API, likewise
	tokens  TokenSource
	timeout time.Duration
	http    *http.Client
	rates   pacer
}

// NewClient checks cfg and returns a client. It calls nobody.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Token == nil {
		return nil, errors.New("line: Config.Token is missing: give a FixedToken or a stateless one")
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("line: Config.Timeout %v is negative: give 0 for the default of %v", cfg.Timeout, defaultTimeout)
	}
	api, err := baseURL("Config.BaseURL", cfg.BaseURL, apiURL)
	if err != nil {
		return nil, err
	}
	dataDefault := dataURL
	if cfg.BaseURL != "" {
		dataDefault = api
	}
	data, err := baseURL("Config.DataURL", cfg.DataURL, dataDefault)
	if err != nil {
		return nil, err
	}
	c := &Client{api: api, data: data, tokens: cfg.Token, timeout: cfg.Timeout, http: newHTTPClient(cfg.Transport), rates: newPacer()}
	if c.timeout == 0 {
		c.timeout = defaultTimeout
	}
	return c, nil
}

// CloseIdleConnections closes connections that no call uses. The client stays
// usable. A Transport that was given in Config loses its idle connections too.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// baseURL checks the address s of the setting name, or takes the default. Its
// errors don't repeat the address, which may hold a password.
func baseURL(name, s, byDefault string) (string, error) {
	if s == "" {
		return byDefault, nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("line: %s is not an address such as %s", name, apiURL)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", fmt.Errorf("line: %s may hold scheme, host and path only", name)
	}
	return strings.TrimRight(s, "/#"), nil
}
