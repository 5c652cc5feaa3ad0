package line

import (
	"context"
	"encoding/json"
	"net/http"
)

// The limits of one sending call (Messaging API reference, Send reply message
// and Send multicast message).
const (
	MaxMessages   = 5   // messages a call
	MaxRecipients = 500 // users a multicast
)

const (
	endpointReply     = "reply"
	endpointPush      = "push"
	endpointMulticast = "multicast"
	endpointBroadcast = "broadcast"
)

// SendResult says that LINE accepted a sending call.
type SendResult struct {
	// RequestID is LINE's x-line-request-id of this try.
	RequestID string

	// AcceptedRequestID is the ID of the earlier try that LINE had accepted
	// under the same retry key when this one came (409). Otherwise "".
	AcceptedRequestID string

	// Sent are the messages in the order of the call. LINE names them for
	// reply and push only. Empty also where LINE's answer broke off after it
	// had accepted the call.
	Sent []SentMessage
}

// SentMessage is a message that LINE accepted.
type SentMessage struct {
	ID         string `json:"id"`
	QuoteToken string `json:"quoteToken"` // to quote the message; "" for types that cannot be quoted
}

// Reply answers an event with 1 to 5 messages. It costs nothing. The token
// works once and for a minute after its webhook; see [InvalidReplyToken]. LINE
// takes no retry key for it.
func (c *Client) Reply(ctx context.Context, replyToken string, msgs []json.RawMessage, opts ...SendOption) (*SendResult, error) {
	if replyToken == "" {
		return nil, invalid(endpointReply, "reply token is empty")
	}
	return c.send(ctx, endpointReply, sendBody{ReplyToken: replyToken, Messages: msgs}, "", replyToken, opts)
}

// Push sends 1 to 5 messages to a user, group or room ID. It counts against
// the channel's monthly quota.
//
// With a retry key, a UUID that the caller makes and keeps for all tries of the
// same call, LINE accepts the call once in 24 hours. With "" it may be sent
// twice when it is repeated.
func (c *Client) Push(ctx context.Context, to string, msgs []json.RawMessage, retryKey string, opts ...SendOption) (*SendResult, error) {
	if to == "" {
		return nil, invalid(endpointPush, "recipient is empty")
	}
	return c.send(ctx, endpointPush, sendBody{To: to, Messages: msgs}, retryKey, "", opts)
}

// Multicast sends 1 to 5 messages to each of 1 to 500 user IDs; groups and
// rooms are refused. Retry keys are as in [Client.Push].
func (c *Client) Multicast(ctx context.Context, to []string, msgs []json.RawMessage, retryKey string, opts ...SendOption) (*SendResult, error) {
	if len(to) == 0 || len(to) > MaxRecipients {
		return nil, invalid(endpointMulticast, "%d recipients: LINE takes 1 to %d", len(to), MaxRecipients)
	}
	return c.send(ctx, endpointMulticast, sendBody{To: to, Messages: msgs}, retryKey, "", opts)
}

// Broadcast sends 1 to 5 messages to all friends of the channel. LINE takes 60
// an hour. Retry keys are as in [Client.Push].
func (c *Client) Broadcast(ctx context.Context, msgs []json.RawMessage, retryKey string, opts ...SendOption) (*SendResult, error) {
	return c.send(ctx, endpointBroadcast, sendBody{Messages: msgs}, retryKey, "", opts)
}

// sendBody is the body of every sending call.
type sendBody struct {
	ReplyToken string            `json:"replyToken,omitempty"`
	To         any               `json:"to,omitempty"` // a string, or strings for a multicast
	Messages   []json.RawMessage `json:"messages"`
	Silent     bool              `json:"notificationDisabled,omitempty"`
	Units      []string          `json:"customAggregationUnits,omitempty"`
}

// SendOption changes how a sending call is delivered.
type SendOption func(*sendBody)

// Silently lets the receivers' phones make no sound or notice.
func Silently() SendOption { return func(b *sendBody) { b.Silent = true } }

// InUnits counts a push or multicast in the named units, for LINE's statistics:
// at most one, of up to 30 letters, digits and underscores. LINE takes none for
// replies and broadcasts.
func InUnits(units ...string) SendOption { return func(b *sendBody) { b.Units = units } }

// send makes a sending call. Once LINE has said 2xx, or that it accepted the
// call before, nothing that goes wrong with the rest of its answer makes the
// call a failure: it would be sent again.
func (c *Client) send(ctx context.Context, endpoint string, b sendBody, retryKey, secret string, opts []SendOption) (*SendResult, error) {
	for _, opt := range opts {
		opt(&b)
	}
	body, err := encodeSend(endpoint, b)
	if err != nil {
		return nil, err
	}
	if err := checkRetryKey(endpoint, retryKey); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r := request{
		endpoint: endpoint,
		method:   http.MethodPost,
		url:      c.api + "/v2/bot/message/" + endpoint,
		body:     body,
		retryKey: retryKey,
		secret:   secret,
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return r.accepted(resp)
}

// accepted reads the answer to a sending call that was accepted. An answer
// that is neither JSON nor has a request ID comes from something between us
// and LINE: what became of the call is unknown.
func (r request) accepted(resp *http.Response) (*SendResult, error) {
	result := &SendResult{RequestID: requestID(resp)}
	if resp.StatusCode == http.StatusConflict {
		result.AcceptedRequestID = acceptedRequestID(resp)
	}
	var a struct{ SentMessages []SentMessage }
	body, err := readAnswer(resp)
	if err == nil {
		err = decodeAnswer(body, &a)
	}
	if err != nil && result.RequestID == "" && result.AcceptedRequestID == "" {
		return nil, r.answered(resp, err)
	}
	if err == nil {
		result.Sent = a.SentMessages
	}
	return result, nil
}

// encodeSend checks and encodes the body of a sending call. Its errors name a
// message by its index.
func encodeSend(endpoint string, b sendBody) ([]byte, error) {
	if n := len(b.Messages); n == 0 || n > MaxMessages {
		return nil, invalid(endpoint, "%d messages: LINE takes 1 to %d a call", n, MaxMessages)
	}
	for i, m := range b.Messages {
		if !isObject(m) {
			return nil, invalid(endpoint, "message %d is not a JSON object: encode it with EncodeMessages", i)
		}
	}
	body, err := json.Marshal(b)
	if err != nil { // unreachable: strings and checked JSON
		return nil, invalid(endpoint, "request cannot be encoded")
	}
	return body, nil
}
