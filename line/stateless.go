package line

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// The life of a stateless token. LINE gives it 15 minutes and takes any number
// of them (Messaging API reference, Issue stateless channel access token).
const (
	// A token is renewed after renewAfter tenths of its life, three minutes
	// before its end, which leaves time for many failed renewals.
	renewAfter = 8

	// expiryMargin ends a token early: a call that starts with it must still
	// be good when it reaches LINE. Short lives lose a tenth at most.
	expiryMargin = 30 * time.Second

	// renewLimit is how long a renewal may hold up the one caller that does
	// it while the old token still works, and renewPause the time between such
	// renewals when they fail.
	renewLimit = 2 * time.Second
	renewPause = 10 * time.Second

	// issueLimit bounds the issue of a token that callers wait for.
	issueLimit = 10 * time.Second
)

var errUnfinished = errors.New("issue of the token was not finished")

// StatelessConfig says for which channel tokens are issued.
type StatelessConfig struct {
	BaseURL       string            // where the API is; "" = https://api.line.me, a path is kept
	ChannelID     string            // required
	ChannelSecret string            // required
	Transport     http.RoundTripper // nil = an own one, as in Config
}

// StatelessToken is a [TokenSource] of stateless channel access tokens. It
// holds one token, issues it when first asked and renews it in good time. It
// needs no closing: the work is done by the callers of Token.
type StatelessToken struct {
	url  string
	form string // the body of the request: holds the secret
	key  string // the secret, to keep it out of errors
	http *http.Client

	mu      sync.Mutex
	token   string
	renewAt time.Time // from then on the next caller renews
	endsAt  time.Time // from then on the token is not given out
	flight  *issue    // the issue under way, or nil
}

// issue is one request for a token that many callers may wait for.
type issue struct {
	done chan struct{} // closed when the fields below are set
	err  error
	left bool // the caller that made it went away: its failure says nothing
}

// NewStatelessToken checks cfg and returns a source. It calls nobody.
func NewStatelessToken(cfg StatelessConfig) (*StatelessToken, error) {
	base, err := baseURL("StatelessConfig.BaseURL", cfg.BaseURL, apiURL)
	if err != nil {
		return nil, err
	}
	if cfg.ChannelID == "" || cfg.ChannelSecret == "" {
		return nil, errors.New("line: a stateless token needs StatelessConfig.ChannelID and ChannelSecret")
	}
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {cfg.ChannelID},
		"client_secret": {cfg.ChannelSecret},
	}
	return &StatelessToken{
		url:  base + "/oauth2/v3/token",
		form: form.Encode(),
		key:  cfg.ChannelSecret,
		http: newHTTPClient(cfg.Transport),
	}, nil
}

// String names the source without its secrets.
func (*StatelessToken) String() string { return "stateless channel access token" }

// GoString names the source without its secrets.
func (s *StatelessToken) GoString() string { return s.String() }

// Token returns a token that LINE will still take for half a minute at least.
// While there is none it blocks until one is issued, ctx ends or 10 s have
// passed; however many callers wait, one request is made. When a living token
// is due for renewal one caller renews it, held up by 2 s at most, and all
// others get the old one, as that caller does when the renewal fails. The
// error is an [*Error] of endpoint "token", or ctx's.
func (s *StatelessToken) Token(ctx context.Context) (string, error) {
	for {
		token, flight, mine := s.board()
		if flight == nil {
			return token, nil
		}
		if mine {
			limit := issueLimit
			if token != "" {
				limit = renewLimit
			}
			err := s.fly(ctx, flight, limit)
			if err != nil && token == "" {
				return "", err
			}
			if err != nil {
				return token, nil
			}
			continue
		}
		select {
		case <-flight.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if flight.err != nil && !flight.left {
			return "", flight.err
		}
	}
}

// board returns the token while it lives, and the issue that the caller is to
// make itself or wait for, if any.
func (s *StatelessToken) board() (token string, flight *issue, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Before(s.endsAt) {
		token = s.token
	}
	if token != "" && (now.Before(s.renewAt) || s.flight != nil) {
		return token, nil, false
	}
	if s.flight != nil {
		return "", s.flight, false
	}
	s.flight = &issue{done: make(chan struct{})}
	return token, s.flight, true
}

// Forget drops token if it is the one that is held, so that the next call of
// Token issues another.
func (s *StatelessToken) Forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

// fly issues a token for all who wait for f, and ends f.
func (s *StatelessToken) fly(ctx context.Context, f *issue, limit time.Duration) error {
	f.err, f.left = errUnfinished, true // what the others see if the transport panics
	defer s.land(f)
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	token, life, err := s.issue(limited)
	f.err, f.left = err, err != nil && ctx.Err() != nil

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.token = token
		s.renewAt = start.Add(life / 10 * renewAfter)
		s.endsAt = start.Add(life - min(expiryMargin, life/10))
	case !f.left:
		s.renewAt = time.Now().Add(renewPause)
	}
	return err
}

// land lets those who wait for f go on.
func (s *StatelessToken) land(f *issue) {
	s.mu.Lock()
	s.flight = nil
	s.mu.Unlock()
	close(f.done)
}

// issue asks LINE for a token and returns it with its life.
func (s *StatelessToken) issue(ctx context.Context) (token string, life time.Duration, err error) {
	var trace sendTrace
	req, err := http.NewRequestWithContext(trace.watch(ctx), http.MethodPost, s.url, strings.NewReader(s.form))
	if err != nil {
		return "", 0, invalid(endpointToken, "request cannot be built: check the base URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", userAgent)
	resp, err := s.http.Do(req)
	if err != nil {
		return "", 0, &Error{Endpoint: endpointToken, Unsent: trace.unsent(), Err: withoutURL(err)}
	}
	if resp.StatusCode != http.StatusOK {
		return "", 0, readRefusal(endpointToken, resp, s.key, url.QueryEscape(s.key))
	}
	r := request{endpoint: endpointToken}
	body, err := readAnswer(resp)
	if err != nil {
		return "", 0, r.answered(resp, err)
	}
	var a struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int32  `json:"expires_in"` // seconds
	}
	if err := decodeAnswer(body, &a); err != nil {
		return "", 0, r.answered(resp, err)
	}
	if checkToken(a.AccessToken) != nil || a.ExpiresIn <= 0 {
		return "", 0, r.answered(resp, errNotJSON)
	}
	return a.AccessToken, time.Duration(a.ExpiresIn) * time.Second, nil
}
