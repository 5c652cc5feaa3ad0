package linesim

import (
	"net/http"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// webhookEndpoint answers GET /v2/bot/channel/webhook/endpoint.
func (s *Simulator) webhookEndpoint(*call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.webhookURL == "" {
		return answer{}, rule.Refuse(http.StatusNotFound, "Webhook endpoint not found")
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
		return answer{}, rule.Refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
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
			return answer{}, rule.Refuse(http.StatusNotFound, "Webhook endpoint not found")
		}
	}
	if checkWebhookURL(req.Endpoint) != nil {
		return answer{}, rule.Refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
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
