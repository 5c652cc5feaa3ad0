package linesim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// callRecords is how many calls of the API are remembered; the oldest leave.
const callRecords = 100_000

// Call is the record of one call of the Messaging API.
type Call struct {
	// Seq numbers the calls from 1 in the order of their answers.
	Seq int64 `json:"seq"`
	// Endpoint is the short name, see Endpoints.
	Endpoint string `json:"endpoint"`
	// Status is the HTTP status of the answer, 0 where the connection was cut instead.
	Status int `json:"status"`
	// MS is the time from the request's header to the answer in milliseconds.
	MS        float64   `json:"ms"`
	RetryKey  string    `json:"retryKey,omitempty"`
	At        time.Time `json:"at"`
	RequestID string    `json:"requestId"`
	// To is the number of phones that an accepted send reached.
	To int `json:"to,omitempty"`
	// Messages is how many message objects the request carries, Recipients how many ids its property "to"
	// names; both whatever became of the call.
	Messages   int `json:"messages,omitempty"`
	Recipients int `json:"recipients,omitempty"`
	// ReplyToken is the token that the request names, its first 64 characters.
	ReplyToken string `json:"replyToken,omitempty"`
	// BodySHA256 is the hash of a JSON request, in hexadecimal digits, or empty where it did not arrive
	// whole: LINE wants the same body with every use of a retry key.
	BodySHA256 string `json:"bodySha256,omitempty"`
	// Fault is set when a fault (see Faults) made the answer: FaultRefused, FaultAccepted or FaultOutage.
	Fault string `json:"fault,omitempty"`
}

// Stats counts what happened since New.
type Stats struct {
	Users  int `json:"users"`
	Groups int `json:"groups"`
	// Webhooks counts by outcome: "ok", or a reason such as "request_timeout".
	Webhooks map[string]int64 `json:"webhooks"`
	// PendingWebhooks are waiting, held back by a fault, or under way; of a batch every event counts.
	PendingWebhooks int `json:"pendingWebhooks"`
	// Calls counts by endpoint and status; "0" is a connection that was cut.
	Calls map[string]map[string]int64 `json:"calls"`
	// Messages counts what came onto phones by its way ("user", "reply", "push", …), once a message
	// and phone.
	Messages map[string]int64 `json:"messages"`
	// QuotaUsed is this month's number of counted recipients.
	QuotaUsed int64 `json:"quotaUsed"`
	// Limited counts the 429 that the limits gave, by kind: "rate", "sameUser" and "monthly".
	Limited map[string]int64 `json:"limited"`
	// Faults counts what the faults did. To calls: "refused", "accepted", "outage" and "delayed"; to
	// webhooks: "redelivered", "redeliveryDropped" (the queue was full), "duplicated", "reordered",
	// "late" and "batched" (events that shared a request with others before them).
	Faults map[string]int64 `json:"faults"`
}

// Why a call was above a limit, as keys of Stats.Limited.
const (
	limitedRate     = "rate"
	limitedSameUser = "sameUser"
	limitedMonthly  = "monthly"
)

// counters are the running numbers behind Stats; Simulator.mu guards them.
type counters struct {
	webhooks map[string]int64
	calls    map[string]map[string]int64
	messages map[string]int64
	limited  map[string]int64
	faults   map[string]int64
}

func newCounters() counters {
	return counters{
		webhooks: map[string]int64{}, calls: map[string]map[string]int64{}, messages: map[string]int64{},
		limited: map[string]int64{}, faults: map[string]int64{},
	}
}

// maxTokenRecord is how much of a reply token is kept; LINE's have half of it.
const maxTokenRecord = 64

// describe adds what the body of a call tells.
func (c *Call) describe(body []byte) {
	sum := sha256.Sum256(body)
	c.BodySHA256 = hex.EncodeToString(sum[:])
	fields := gjson.GetManyBytes(body, "messages.#", "to", "replyToken")
	c.Messages = int(fields[0].Int())
	switch to := fields[1]; {
	case to.IsArray():
		c.Recipients = len(to.Array())
	case to.Type == gjson.String:
		c.Recipients = 1
	}
	token := fields[2].Str
	c.ReplyToken = strings.Clone(token[:min(len(token), maxTokenRecord)])
}

// noteCallLocked records a call and puts it on the stream.
func (s *Simulator) noteCallLocked(c Call) {
	c.Seq = s.calls.last + 1
	s.calls.add(c)
	byStatus := s.count.calls[c.Endpoint]
	if byStatus == nil {
		byStatus = map[string]int64{}
		s.count.calls[c.Endpoint] = byStatus
	}
	byStatus[fmt.Sprint(c.Status)]++
	s.publishLocked(streamCall, c)
}

// CallQuery selects records of calls. The zero value selects all that are kept.
type CallQuery struct {
	// Endpoint is a short name such as "push"; empty = all.
	Endpoint string
	// After leaves out records up to this Seq.
	After int64
	// Limit is how many are returned at most; 0 = all.
	Limit int
}

// Calls returns records of calls, oldest first. The newest 100,000 are kept.
func (s *Simulator) Calls(q CallQuery) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.after(q.After, orAll(q.Limit, callRecords), func(c *Call) bool {
		return q.Endpoint == "" || c.Endpoint == q.Endpoint
	})
}

// Stats returns the counts as of now.
func (s *Simulator) Stats() Stats {
	pending := s.sender.waiting()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quota.roll(time.Now())
	st := Stats{
		Users: len(s.users), Groups: len(s.groups), PendingWebhooks: pending, QuotaUsed: s.quota.used,
		Webhooks: maps.Clone(s.count.webhooks), Messages: maps.Clone(s.count.messages),
		Limited: maps.Clone(s.count.limited), Faults: maps.Clone(s.count.faults),
		Calls: make(map[string]map[string]int64, len(s.count.calls)),
	}
	for endpoint, byStatus := range s.count.calls {
		st.Calls[endpoint] = maps.Clone(byStatus)
	}
	return st
}
