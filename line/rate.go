package line

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
)

// LINE's limits of calls that do not send, per channel and endpoint
// (Messaging API reference, Rate limits).
const (
	usualRate   rate.Limit = 2000
	loadingRate rate.Limit = 100
	webhookRate rate.Limit = 1000.0 / 60
	// burstTime is the time whose calls may go at once, in seconds.
	burstTime = 0.05
)

// pacer lets calls of a client wait for their turn. Its map does not change.
type pacer map[string]*rate.Limiter

// newPacer knows the endpoints that a busy bot calls often. Sends are paced by
// who makes them and knows what may wait; the hourly limit of TestWebhook is for
// people, whom LINE tells.
func newPacer() pacer {
	p := pacer{}
	for _, endpoint := range []string{
		endpointQuota, endpointQuotaConsumption, endpointBotInfo, endpointMarkAsRead, endpointValidate,
		endpointContent, endpointContentPreview, endpointTranscoding,
		endpointProfile, endpointGroupMember, endpointRoomMember, endpointGroupSummary, endpointLeaveGroup, endpointLeaveRoom,
	} {
		p.set(endpoint, usualRate)
	}
	p.set(endpointLoading, loadingRate)
	p.set(endpointWebhook, webhookRate)
	return p
}

func (p pacer) set(endpoint string, limit rate.Limit) {
	p[endpoint] = rate.NewLimiter(limit, max(1, int(float64(limit)*burstTime)))
}

// wait waits for a call's turn, or tells that ctx ends before it.
func (p pacer) wait(ctx context.Context, endpoint string) error {
	limiter := p[endpoint]
	if limiter == nil {
		return nil
	}
	if err := limiter.Wait(ctx); err != nil {
		err = fmt.Errorf("too many calls wait for LINE's rate of this endpoint, %.4g a second: %w", float64(limiter.Limit()), err)
		return &Error{Endpoint: endpoint, Unsent: true, Err: withCause(ctx, err)}
	}
	return nil
}
