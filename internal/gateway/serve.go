package gateway

import (
	"errors"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/line/rule"
)

// profile answers GET /v2/bot/profile/{userId}, from the directory.
func (g *Gateway) profile(c *call) (answer, error) {
	id := c.r.PathValue("userId")
	if !rule.ChatID(id, "U") {
		return answer{}, rule.Refuse(http.StatusBadRequest, "The value for the 'userId' parameter is invalid")
	}
	p, err := g.cfg.Profile(c.r.Context(), c.ch.Name, frontdesk.Source{Type: "user", UserID: id}, id)
	if errors.Is(err, frontdesk.ErrNoProfile) {
		return answer{}, rule.Refuse(http.StatusNotFound, "Not found")
	}
	return answer{body: p}, err
}

// loading answers POST /v2/bot/chat/loading/start: it waits for LINE's rate.
func (g *Gateway) loading(c *call) (answer, error) {
	var req rule.Loading
	if err := rule.Decode(c.body, &req); err != nil {
		return answer{}, err
	}
	seconds, err := req.Seconds()
	if err != nil {
		return answer{}, err
	}
	err = c.ch.Client.ShowLoading(c.r.Context(), req.ChatID, time.Duration(seconds)*time.Second)
	return answer{status: http.StatusAccepted, body: empty{}}, err
}

// keepWebhook answers PUT /v2/bot/channel/webhook/endpoint: a bot that sets its
// own address at LINE would take the channel away from Frontdesk.
func (g *Gateway) keepWebhook(c *call) (answer, error) {
	g.lg.Warn("a bot wanted to set the channel's webhook URL; it stays as it is, because Frontdesk takes the webhooks", "channel", c.ch.Name)
	return answer{}, rule.Refuse(http.StatusBadRequest, "Invalid webhook endpoint URL")
}
