package linesim

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// statelessLife is the life of a stateless channel access token.
	statelessLife = 15 * time.Minute
	// issuedTokens bounds how many of them are kept; LINE has no limit, here the oldest becomes invalid.
	issuedTokens = 10_000
)

// issuedToken is a channel access token.
type issuedToken struct{ until time.Time }

// webhookEndpoint answers GET /v2/bot/channel/webhook/endpoint.
func (s *Simulator) webhookEndpoint(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.webhookURL == "" {
		return answer{}, fail(http.StatusNotFound, "Webhook endpoint not found")
	}
	return success(map[string]any{"endpoint": s.webhookURL, "active": true})
}

// setWebhookEndpoint answers PUT /v2/bot/channel/webhook/endpoint. The new URL is used at once; LINE takes
// up to a minute.
func (s *Simulator) setWebhookEndpoint(c *call) (answer, error) {
	req := struct {
		Endpoint string `json:"endpoint"`
	}{}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if req.Endpoint == "" || s.SetWebhookURL(req.Endpoint) != nil {
		return answer{}, fail(http.StatusBadRequest, "Invalid webhook endpoint URL")
	}
	return success(empty{})
}

// webhookTest is the answer to POST /v2/bot/channel/webhook/test.
type webhookTest struct {
	Success    bool      `json:"success"`
	Timestamp  time.Time `json:"timestamp"`
	StatusCode int       `json:"statusCode"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail"`
}

// testWebhook answers POST /v2/bot/channel/webhook/test: it sends a webhook without events. LINE does not
// count these, so they are not recorded.
func (s *Simulator) testWebhook(c *call) (answer, error) {
	req := struct {
		Endpoint string `json:"endpoint"`
	}{}
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	if req.Endpoint == "" {
		s.mu.Lock()
		req.Endpoint = s.webhookURL
		s.mu.Unlock()
		if req.Endpoint == "" {
			return answer{}, fail(http.StatusNotFound, "Webhook endpoint not found")
		}
	}
	if checkWebhookURL(req.Endpoint) != nil {
		return answer{}, fail(http.StatusBadRequest, "Invalid webhook endpoint URL")
	}
	s.mu.Lock()
	client := s.clients[s.faults.faults.Webhooks.HTTP]
	s.mu.Unlock()
	at := time.Now().UTC()
	out := s.post(c.r.Context(), client, req.Endpoint, s.wrapEvents(), "")
	res := webhookTest{Success: out.reason == "", Timestamp: at, StatusCode: out.status, Reason: "OK", Detail: out.detail}
	if out.reason == "" {
		res.Detail = "200"
	} else {
		res.Reason = strings.ToUpper(out.reason)
	}
	return success(res)
}

// oauthError is the error form of the channel access token API (channel-access-token.yml).
func oauthError(code, description string) (answer, error) {
	return answer{
		status: http.StatusBadRequest, body: map[string]string{"error": code, "error_description": description},
	}, nil
}

// issueToken answers POST /oauth2/v3/token with channel id and secret. Assertions (JWT) are not known.
func (s *Simulator) issueToken(c *call) (answer, error) {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return oauthError("invalid_request", "the form cannot be parsed")
	}
	switch {
	case form.Get("grant_type") != "client_credentials":
		return oauthError("unsupported_grant_type", "grant_type must be client_credentials")
	case form.Get("client_id") != s.cfg.ChannelID, form.Get("client_secret") != s.cfg.ChannelSecret:
		return oauthError("invalid_client", "invalid client_id or client_secret")
	}
	token := randomToken(96)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued.expire(func(t issuedToken) bool { return !now.Before(t.until) })
	s.issued.put(token, issuedToken{until: now.Add(statelessLife)})
	return success(map[string]any{
		"token_type": "Bearer", "access_token": token, "expires_in": int(statelessLife / time.Second),
	})
}
