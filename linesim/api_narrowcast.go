package linesim

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
	"github.com/tidwall/gjson"
)

// narrowcasts is how many narrowcasts are remembered for their progress; the oldest leave.
const narrowcasts = 10_000

// narrowcastRequest is the body of narrowcast.
type narrowcastRequest struct {
	Messages  []json.RawMessage `json:"messages"`
	Recipient json.RawMessage   `json:"recipient"`
	Filter    json.RawMessage   `json:"filter"`
	Limit     struct {
		Max *int `json:"max"`
	} `json:"limit"`
}

// narrowcastProgress is the answer to GET /v2/bot/message/progress/narrowcast.
type narrowcastProgress struct {
	Phase         string    `json:"phase"`
	SuccessCount  int       `json:"successCount"`
	FailureCount  int       `json:"failureCount"`
	TargetCount   int       `json:"targetCount"`
	AcceptedTime  time.Time `json:"acceptedTime"`
	CompletedTime time.Time `json:"completedTime"`
	to            []string
}

// narrowcast answers POST /v2/bot/message/narrowcast. It is sent at once. The simulator knows no audiences and
// no one's age or place: an audience is all friends, a filter leaves nobody out, and only a recipient of type
// redelivery, which is those of an earlier narrowcast, and limit.max make it smaller.
func (s *Simulator) narrowcast(c *call) (answer, error) {
	var req narrowcastRequest
	if err := c.decode(&req); err != nil {
		return answer{}, err
	}
	details := append(s.checker.messages.Details(req.Messages), checkAudience(req)...)
	if details == nil {
		details = rule.Mentions(req.Messages)
	}
	if details != nil {
		return answer{}, rule.InBody(details)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if first, ok := s.acceptedLocked(c.retryKey, now); ok {
		return acceptedBefore(first), nil
	}
	to := s.friendsLocked()
	if id := gjson.GetBytes(req.Recipient, "requestId").Str; id != "" {
		earlier, ok := s.narrow.get(id)
		if !ok {
			return answer{}, rule.BadProperty("recipient.requestId")
		}
		to = earlier.to
	}
	if req.Limit.Max != nil {
		to = to[:min(len(to), *req.Limit.Max)]
	}
	if _, err := s.paidLocked(c, ViaNarrowcast, to, req.Messages, now); err != nil {
		return answer{}, err
	}
	at := now.UTC().Truncate(time.Millisecond)
	s.narrow.put(c.requestID, narrowcastProgress{
		Phase: "succeeded", SuccessCount: c.phones, FailureCount: len(to) - c.phones, TargetCount: len(to),
		AcceptedTime: at, CompletedTime: at, to: to,
	})
	s.keepKeyLocked(c.retryKey, accepted{requestID: c.requestID, at: now})
	return answer{status: http.StatusAccepted, body: empty{}}, nil
}

// checkAudience reports what is wrong with the recipients of a narrowcast.
func checkAudience(req narrowcastRequest) []rule.Detail {
	var r rule.Report
	if req.Recipient != nil {
		r.Under(rule.Step{Name: "recipient"}, rule.ByType(map[string]rule.Rule{
			"operator": rule.Object(), "audience": rule.Object(rule.Must("audienceGroupId", rule.Integer(1, math.MaxInt64))),
			"redelivery": rule.Object(rule.Must("requestId", nil)),
		}), gjson.ParseBytes(req.Recipient))
	}
	if req.Filter != nil {
		r.Under(rule.Step{Name: "filter"}, rule.Object(rule.May("demographic", rule.ByType(map[string]rule.Rule{
			"age": rule.Object(), "appType": rule.Object(), "area": rule.Object(), "gender": rule.Object(), "operator": rule.Object(),
			"subscriptionPeriod": rule.Object(),
		}))), gjson.ParseBytes(req.Filter))
	}
	if req.Limit.Max != nil && *req.Limit.Max < 1 {
		r.Details = append(r.Details, rule.Detail{Message: "Must be greater than or equal to 1", Property: "limit.max"})
	}
	return r.Details
}

// progressOfNarrowcast answers GET /v2/bot/message/progress/narrowcast.
func (s *Simulator) progressOfNarrowcast(c *call) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.narrow.get(c.r.URL.Query().Get("requestId"))
	if !ok {
		return answer{}, notFound()
	}
	return success(p)
}
