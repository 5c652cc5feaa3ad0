package line

import (
	"context"
	"net/http"
	"time"
)

const (
	endpointQuota            = "quota"
	endpointQuotaConsumption = "quota_consumption"
	endpointBotInfo          = "bot_info"
	endpointWebhook          = "webhook_endpoint"
	endpointWebhookTest      = "webhook_test"
	endpointToken            = "token"
)

// webhookURLLimit is the longest webhook address that LINE takes, in bytes.
const webhookURLLimit = 500

// Quota is how many messages the channel may send this month. Replies are free
// and not counted; others count once for each recipient.
type Quota struct {
	Limited bool
	Value   int64 // messages a month; 0 unless Limited
}

// BotInfo is what LINE tells about the channel's own account.
type BotInfo struct {
	UserID         string `json:"userId"` // the "destination" of webhooks
	BasicID        string `json:"basicId"`
	PremiumID      string `json:"premiumId"` // "" for none
	DisplayName    string `json:"displayName"`
	PictureURL     string `json:"pictureUrl"`     // "" for none
	ChatMode       string `json:"chatMode"`       // "chat" (on) or "bot" (off)
	MarkAsReadMode string `json:"markAsReadMode"` // "auto" or "manual"
}

// WebhookEndpoint is where LINE sends the channel's webhooks.
type WebhookEndpoint struct {
	Endpoint string `json:"endpoint"`
	Active   bool   `json:"active"` // whether webhooks are switched on
}

// WebhookTest is the outcome of a webhook that LINE sent as a test.
type WebhookTest struct {
	Success    bool      `json:"success"`
	Timestamp  time.Time `json:"timestamp"`
	StatusCode int       `json:"statusCode"` // of our answer; 0 or less when LINE got none
	Reason     string    `json:"reason"`     // OK, COULD_NOT_CONNECT, REQUEST_TIMEOUT, ERROR_STATUS_CODE or UNCLASSIFIED
	Detail     string    `json:"detail"`
}

// Quota returns the channel's limit of messages for this month.
func (c *Client) Quota(ctx context.Context) (Quota, error) {
	var a struct {
		Type  string
		Value int64
	}
	if err := c.get(ctx, endpointQuota, "/v2/bot/message/quota", &a); err != nil {
		return Quota{}, err
	}
	if a.Type != "limited" {
		return Quota{}, nil
	}
	return Quota{Limited: true, Value: a.Value}, nil
}

// QuotaConsumption returns about how many messages the channel has sent this
// month. LINE calls the number approximate.
func (c *Client) QuotaConsumption(ctx context.Context) (int64, error) {
	var a struct{ TotalUsage int64 }
	if err := c.get(ctx, endpointQuotaConsumption, "/v2/bot/message/quota/consumption", &a); err != nil {
		return 0, err
	}
	return a.TotalUsage, nil
}

// BotInfo returns the channel's own account. It is a cheap way to check a
// channel access token.
func (c *Client) BotInfo(ctx context.Context) (*BotInfo, error) {
	var b BotInfo
	if err := c.get(ctx, endpointBotInfo, "/v2/bot/info", &b); err != nil {
		return nil, err
	}
	return &b, nil
}

// WebhookEndpoint returns where LINE sends webhooks. The error matches
// [ErrNotFound] when none is set.
func (c *Client) WebhookEndpoint(ctx context.Context) (*WebhookEndpoint, error) {
	var w WebhookEndpoint
	if err := c.get(ctx, endpointWebhook, "/v2/bot/channel/webhook/endpoint", &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// SetWebhookEndpoint sets where LINE sends webhooks: an https address of at
// most 500 bytes. LINE takes up to a minute to use it.
func (c *Client) SetWebhookEndpoint(ctx context.Context, endpoint string) error {
	if endpoint == "" || len(endpoint) > webhookURLLimit {
		return invalid(endpointWebhook, "address has %d bytes: LINE takes 1 to %d", len(endpoint), webhookURLLimit)
	}
	body := map[string]string{"endpoint": endpoint}
	return c.write(ctx, http.MethodPut, endpointWebhook, "/v2/bot/channel/webhook/endpoint", body, nil)
}

// TestWebhook has LINE send a webhook without events to endpoint, or to the
// one that is set where endpoint is "", and returns how that went. LINE takes
// 60 tests an hour.
func (c *Client) TestWebhook(ctx context.Context, endpoint string) (*WebhookTest, error) {
	body := map[string]string{}
	if endpoint != "" {
		body["endpoint"] = endpoint
	}
	var t WebhookTest
	if err := c.post(ctx, endpointWebhookTest, "/v2/bot/channel/webhook/test", body, &t); err != nil {
		return nil, err
	}
	return &t, nil
}
