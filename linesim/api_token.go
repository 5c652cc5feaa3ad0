package linesim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// statelessLife is the life of a stateless channel access token, shortLife that of a short-lived one and
	// the most of one of version 2.1 ("Channel access token").
	statelessLife = 15 * time.Minute
	shortLife     = 30 * 24 * time.Hour
	// assertionLife is the most that an assertion may live.
	assertionLife = 30 * time.Minute
	// keptTokens is how many tokens of one kind can be valid, short-lived ones and those of version 2.1.
	keptTokens = 30
	// issuedTokens bounds how many are kept in all; LINE has no limit for stateless ones, here the oldest
	// becomes invalid.
	issuedTokens = 10_000

	bearerAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// tokenKind is a kind of channel access token.
type tokenKind int

const (
	stateless tokenKind = iota
	shortLived
	version21
)

// issuedToken is a channel access token that was issued. Simulator.mu guards all.
type issuedToken struct {
	kind  tokenKind
	until time.Time
	keyID string // of version 2.1
}

// oauthError is the error form of the channel access token API (channel-access-token.yml).
func oauthError(code, description string) (answer, error) {
	return answer{
		status: http.StatusBadRequest, body: map[string]string{"error": code, "error_description": description},
	}, nil
}

// form reads the body of a call.
func (c *call) form() url.Values {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return url.Values{}
	}
	return form
}

// ours reports whether a form carries the channel's id and secret.
func (s *Simulator) ours(form url.Values) bool {
	return form.Get("client_id") == s.cfg.ChannelID && form.Get("client_secret") == s.cfg.ChannelSecret
}

// issueToken answers POST /oauth2/v3/token, with channel id and secret or with an assertion.
func (s *Simulator) issueToken(c *call) (answer, error) {
	form := c.form()
	switch {
	case form.Get("grant_type") != "client_credentials":
		return oauthError("unsupported_grant_type", "grant_type must be client_credentials")
	case form.Has("client_assertion"):
		if _, problem := s.readAssertion(form); problem != "" {
			return oauthError("invalid_client", problem)
		}
	case !s.ours(form):
		return oauthError("invalid_client", "invalid client_id or client_secret")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return success(s.issueLocked(issuedToken{kind: stateless}, statelessLife, time.Now()))
}

// issueShortLived answers POST /v2/oauth/accessToken. Above 30 of them the oldest ends.
func (s *Simulator) issueShortLived(c *call) (answer, error) {
	form := c.form()
	switch {
	case form.Get("grant_type") != "client_credentials":
		return oauthError("unsupported_grant_type", "grant_type must be client_credentials")
	case !s.ours(form):
		return oauthError("invalid_client", "invalid client_id or client_secret")
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if valid := s.validTokensLocked(shortLived, now); len(valid) >= keptTokens {
		s.issued.remove(valid[0])
	}
	return success(s.issueLocked(issuedToken{kind: shortLived}, shortLife, now))
}

// issue21 answers POST /oauth2/v2.1/token. Above 30 of them no more are issued.
func (s *Simulator) issue21(c *call) (answer, error) {
	form := c.form()
	if form.Get("grant_type") != "client_credentials" {
		return oauthError("unsupported_grant_type", "grant_type must be client_credentials")
	}
	claims, problem := s.readAssertion(form)
	life := time.Duration(claims.TokenExp) * time.Second
	switch {
	case problem != "":
		return oauthError("invalid_client", problem)
	case life <= 0 || life > shortLife:
		return oauthError("invalid_request", "token_exp must be 1 to 2592000 seconds")
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.validTokensLocked(version21, now)) >= keptTokens {
		return oauthError("invalid_request", "the number of valid tokens has reached its limit")
	}
	keyID := randomToken(16)
	body := s.issueLocked(issuedToken{kind: version21, keyID: keyID}, life, now)
	body["key_id"] = keyID
	return success(body)
}

// issueLocked makes a token and returns the answer that carries it.
func (s *Simulator) issueLocked(t issuedToken, life time.Duration, now time.Time) map[string]any {
	token := randomToken(96)
	t.until = now.Add(life)
	s.issued.put(token, t)
	return map[string]any{"token_type": "Bearer", "access_token": token, "expires_in": int(life / time.Second)}
}

// validTokensLocked returns the valid tokens of a kind, the one that ends first first.
func (s *Simulator) validTokensLocked(kind tokenKind, now time.Time) []string {
	var valid []string
	for token, t := range s.issued.vals {
		if t.kind == kind && now.Before(t.until) {
			valid = append(valid, token)
		}
	}
	slices.SortFunc(valid, func(a, b string) int { return s.issued.vals[a].until.Compare(s.issued.vals[b].until) })
	return valid
}

// claims is what an assertion says.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	TokenExp int64  `json:"token_exp"`
}

// readAssertion reads the assertion (a JSON Web Token) in a form and says what is wrong with it, "" for
// nothing. Its signature is not looked at: the simulator has no place to register a key.
func (s *Simulator) readAssertion(form url.Values) (c claims, problem string) {
	var header struct{ Alg, Kid string }
	parts := strings.Split(form.Get("client_assertion"), ".")
	left := time.Duration(0)
	if len(parts) == 3 && decodePart(parts[0], &header) && decodePart(parts[1], &c) {
		left = time.Until(time.Unix(c.Expires, 0))
	}
	switch {
	case form.Get("client_assertion_type") != bearerAssertion:
		return c, "client_assertion_type must be " + bearerAssertion
	case header.Alg != "RS256" || header.Kid == "" || parts[2] == "":
		return c, "client_assertion must be a JWT of algorithm RS256 with a kid"
	case c.Issuer != s.cfg.ChannelID || c.Subject != s.cfg.ChannelID || c.Audience != "https://api.line.me/":
		return c, "iss and sub must be the channel ID, aud must be https://api.line.me/"
	case left <= 0 || left > assertionLife:
		return c, "exp must lie in the next 30 minutes"
	}
	return c, ""
}

// decodePart reads one part of a JSON Web Token.
func decodePart(part string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, v) == nil
}

// keyIDs answers GET /oauth2/v2.1/tokens/kid.
func (s *Simulator) keyIDs(c *call) (answer, error) {
	if _, problem := s.readAssertion(c.r.URL.Query()); problem != "" {
		return oauthError("invalid_client", problem)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := []string{}
	for _, token := range s.validTokensLocked(version21, time.Now()) {
		ids = append(ids, s.issued.vals[token].keyID)
	}
	return success(map[string][]string{"kids": ids})
}

// verify21 answers GET /oauth2/v2.1/verify, verifyToken POST /v2/oauth/verify.
func (s *Simulator) verify21(c *call) (answer, error) {
	return s.verify(c.r.URL.Query().Get("access_token"))
}
func (s *Simulator) verifyToken(c *call) (answer, error) {
	return s.verify(c.form().Get("access_token"))
}

func (s *Simulator) verify(token string) (answer, error) {
	left := shortLife // of the long-lived token, which has no end
	if token != s.cfg.ChannelAccessToken {
		s.mu.Lock()
		t, ok := s.issued.get(token)
		s.mu.Unlock()
		if left = time.Until(t.until); !ok || left <= 0 {
			return oauthError("invalid_request", "access token expired")
		}
	}
	return success(map[string]any{"client_id": s.cfg.ChannelID, "expires_in": int64(left / time.Second), "scope": "profile chat_message.write"})
}

// revoke21 answers POST /oauth2/v2.1/revoke, revokeToken POST /v2/oauth/revoke. Stateless tokens cannot be
// revoked.
func (s *Simulator) revoke21(c *call) (answer, error) {
	form := c.form()
	if !s.ours(form) {
		return oauthError("invalid_client", "invalid client_id or client_secret")
	}
	return s.revoke(form.Get("access_token"))
}
func (s *Simulator) revokeToken(c *call) (answer, error) {
	return s.revoke(c.form().Get("access_token"))
}

func (s *Simulator) revoke(token string) (answer, error) {
	if token == "" {
		return oauthError("invalid_request", "access_token is missing")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.issued.get(token); ok && t.kind != stateless {
		s.issued.remove(token)
	}
	return success(empty{})
}
