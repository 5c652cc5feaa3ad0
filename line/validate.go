package line

import (
	"context"
	"encoding/json"
)

const endpointValidate = "validate"

// Validate asks LINE whether it would take 1 to 5 messages in a call of a kind:
// "reply", "push", "multicast" or "broadcast". Nothing is sent and nothing
// counted. The error of a refusal has status 400 and names what is wrong
// (Messaging API reference, Validate message objects).
func (c *Client) Validate(ctx context.Context, kind string, msgs []json.RawMessage) error {
	switch kind {
	case endpointReply, endpointPush, endpointMulticast, endpointBroadcast:
	default:
		return invalid(endpointValidate, "no such kind of call: it is reply, push, multicast or broadcast")
	}
	body, err := encodeSend(endpointValidate, sendBody{Messages: msgs})
	if err != nil {
		return err
	}
	return c.post(ctx, endpointValidate, "/v2/bot/message/validate/"+kind, json.RawMessage(body), nil)
}
