package line

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

const (
	endpointLoading    = "loading"
	endpointMarkAsRead = "mark_as_read"
)

// LINE shows a loading animation for a multiple of 5 s up to a minute
// (Messaging API reference, Display a loading animation).
const (
	loadingStep = 5 * time.Second
	loadingMax  = 60 * time.Second
)

// ShowLoading shows the loading animation in the chat with a user until a
// message of the channel arrives there, for at most d. It is rounded up to a
// multiple of 5 s and kept within 5 s and 60 s. Groups have no animation. LINE
// takes 100 calls a second.
func (c *Client) ShowLoading(ctx context.Context, userID string, d time.Duration) error {
	if err := checkUserID(endpointLoading, userID); err != nil {
		return err
	}
	steps := (min(max(d, loadingStep), loadingMax) + loadingStep - 1) / loadingStep
	body := struct {
		ChatID         string `json:"chatId"`
		LoadingSeconds int    `json:"loadingSeconds"`
	}{userID, int(steps * loadingStep / time.Second)}
	return c.post(ctx, endpointLoading, "/v2/bot/chat/loading/start", body, nil)
}

// MarkAsRead marks the message that brought the token, and all before it in
// the same chat, as read. The token does not expire. It needs Chat to be on in
// the channel's response settings.
func (c *Client) MarkAsRead(ctx context.Context, markAsReadToken string) error {
	if markAsReadToken == "" {
		return invalid(endpointMarkAsRead, "mark-as-read token is empty")
	}
	body, err := json.Marshal(map[string]string{"markAsReadToken": markAsReadToken})
	if err != nil { // unreachable: a string
		return invalid(endpointMarkAsRead, "request cannot be encoded")
	}
	return c.call(ctx, request{
		endpoint: endpointMarkAsRead,
		method:   http.MethodPost,
		url:      c.api + "/v2/bot/chat/markAsRead",
		body:     body,
		secret:   markAsReadToken,
	}, nil)
}
