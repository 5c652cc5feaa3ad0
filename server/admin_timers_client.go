package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TimerQuery chooses timers that wait. Zero fields choose all.
type TimerQuery struct {
	Channel, Conversation, Key string
	Before                     time.Time // due before it
	After                      string    // Next of the page before
	Limit                      int       // rows, at most 10,000; 0 for 20
}

func (q TimerQuery) values() url.Values {
	v := url.Values{}
	setText(v, "channel", q.Channel)
	setText(v, "conversation", q.Conversation)
	setText(v, "key", q.Key)
	if !q.Before.IsZero() {
		v.Set("before", q.Before.Format(time.RFC3339Nano))
	}
	setText(v, "after", q.After)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	return v
}

// TimerPage is timers that wait, the one that is due next first.
type TimerPage struct {
	Timers []TimerRow `json:"timers"`
	Next   string     `json:"next,omitempty"` // After of the next query; "" at the end
	Total  int        `json:"total"`          // of all that match, before After and behind Next as well
}

// TimerRow is a timer that waits, without its payload and messages.
type TimerRow struct {
	ID           uint64    `json:"id"` // of this time; one that comes again has another one then
	Channel      string    `json:"channel"`
	Conversation string    `json:"conversation"`
	Key          string    `json:"key"`
	Due          time.Time `json:"due"`
	Set          time.Time `json:"set"`
	EventID      string    `json:"eventId,omitempty"` // of the event whose handler set it
	Every        string    `json:"every,omitempty"`   // as "1h30m"
	Cron         string    `json:"cron,omitempty"`
	Zone         string    `json:"zone,omitempty"`
	Fired        int       `json:"fired,omitempty"` // how often it was due before
	Sends        int       `json:"sends,omitempty"` // messages that are pushed; 0 when the handler is called
}

// TimerDetail is a whole timer.
type TimerDetail struct {
	TimerRow
	Payload  string            `json:"payload,omitempty"`
	Source   json.RawMessage   `json:"source,omitempty"` // of the event whose handler set it
	Messages []json.RawMessage `json:"messages,omitempty"`
}

// NewTimer is a timer that an operator sets; see frontdesk.Timer for what its
// fields may be. With Messages they are pushed, else the handler is called.
type NewTimer struct {
	Channel      string            `json:"channel,omitempty"` // "" for the only one
	Conversation string            `json:"conversation"`      // ID of a user, group or room
	Key          string            `json:"key,omitempty"`     // "" makes one up
	After        string            `json:"after,omitempty"`   // as "1h30m"
	At           time.Time         `json:"at,omitzero"`
	Every        string            `json:"every,omitempty"` // as "1h30m"
	Cron         string            `json:"cron,omitempty"`
	Zone         string            `json:"zone,omitempty"`
	Payload      string            `json:"payload,omitempty"`
	Messages     []json.RawMessage `json:"messages,omitempty"` // message objects, as LINE takes them
}

// Timers returns a page of timers.
func (a *Admin) Timers(ctx context.Context, q TimerQuery) (page TimerPage, err error) {
	err = a.call(ctx, http.MethodGet, "/timers", q.values(), &page)
	return page, err
}

// Timer returns a timer; ErrNotFound when there is none, or not any more.
func (a *Admin) Timer(ctx context.Context, id uint64) (detail TimerDetail, err error) {
	err = a.call(ctx, http.MethodGet, timerPath(id), nil, &detail)
	return detail, err
}

// CancelTimer cancels a timer and returns what it was; ErrNotFound when there is
// none, or not any more.
func (a *Admin) CancelTimer(ctx context.Context, id uint64) (was TimerRow, err error) {
	err = a.call(ctx, http.MethodDelete, timerPath(id), nil, &was)
	return was, err
}

// SetTimer sets a timer, in the place of one with its channel, conversation and
// key. Without a server it waits for the next one.
func (a *Admin) SetTimer(ctx context.Context, t NewTimer) (row TimerRow, err error) {
	data, err := json.Marshal(t)
	if err != nil {
		return row, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, adminURL+"/timers", bytes.NewReader(data))
	if err != nil {
		return row, err
	}
	err = do(a.http, req, &row)
	return row, err
}

func timerPath(id uint64) string { return "/timers/" + strconv.FormatUint(id, 10) }
