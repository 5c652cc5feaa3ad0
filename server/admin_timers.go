package server

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/dispatch"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/roombot"
	"github.com/line-frontdesk/frontdesk/internal/timer"
)

const (
	// maxTimerRows bounds the rows of one answer. All timers are looked at for each
	// answer, so the pages of a long listing are long.
	maxTimerRows = 10_000
	// maxTimerBody bounds a NewTimer, in bytes.
	maxTimerBody = 1 << 20
)

func (a *adminAPI) listTimers(r *http.Request) (any, error) {
	q, err := readTimerQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	l, err := a.timers.List(r.Context(), q)
	if err != nil {
		return nil, err
	}
	page := TimerPage{Timers: []TimerRow{}, Total: l.Matching}
	for _, t := range l.Timers {
		page.Timers = append(page.Timers, timerRow(t))
	}
	if l.Next != (timer.Place{}) {
		page.Next = formatPlace(l.Next)
	}
	return page, nil
}

func readTimerQuery(v url.Values) (q timer.Query, err error) {
	q.Channel, q.Conversation, q.Key = v.Get("channel"), v.Get("conversation"), v.Get("key")
	q.Limit = defaultRows
	if text := v.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > maxTimerRows {
			return q, badRequest("limit: %q is not a number from 1 to %d", text, maxTimerRows)
		}
	}
	if text := v.Get("before"); text != "" {
		if q.Before, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return q, badRequest("before: %q is not a time such as 2006-01-02T15:04:05Z", text)
		}
	}
	if text := v.Get("after"); text != "" {
		q.After, err = parsePlace(text)
	}
	return q, err
}

// formatPlace writes a place for TimerPage.Next.
func formatPlace(p timer.Place) string { return fmt.Sprintf("%d-%d", p.Due.UnixNano(), p.Seq) }

func parsePlace(text string) (timer.Place, error) {
	due, seq, _ := strings.Cut(text, "-")
	ns, err := strconv.ParseInt(due, 10, 64)
	n, err2 := strconv.ParseUint(seq, 10, 64)
	if err != nil || err2 != nil {
		return timer.Place{}, badRequest("after: %q is not what a listing told", text)
	}
	return timer.Place{Due: time.Unix(0, ns), Seq: n}, nil
}

func timerRow(t *engine.Timer) TimerRow {
	return TimerRow{
		ID: t.Seq, Channel: t.Channel, Conversation: t.Conversation, Key: t.Key, Due: t.Due, Set: t.SetAt, EventID: t.EventID,
		Every: durationText(t.Every), Cron: t.Cron, Zone: t.Zone, Fired: t.Count, Sends: len(t.Messages),
	}
}

// timerByID reads the timer that the request's path names.
func (a *adminAPI) timerByID(r *http.Request) (*engine.Timer, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return nil, badRequest("%q is not the ID of a timer; they are numbers", r.PathValue("id"))
	}
	return a.timers.Find(r.Context(), id)
}

func (a *adminAPI) showTimer(r *http.Request) (any, error) {
	t, err := a.timerByID(r)
	if err != nil {
		return nil, err
	}
	return TimerDetail{TimerRow: timerRow(t), Payload: t.Payload, Source: t.Source, Messages: t.Messages}, nil
}

// cancelTimer cancels by channel, conversation and key, as a handler does: a timer
// that is set again meanwhile goes as well.
func (a *adminAPI) cancelTimer(r *http.Request) (any, error) {
	t, err := a.timerByID(r)
	if err != nil {
		return nil, err
	}
	op := engine.TimerOp{Conversation: t.Conversation, Key: t.Key, Cancel: true}
	return timerRow(t), a.timers.Change(r.Context(), t.Channel, op)
}

func (a *adminAPI) setTimer(r *http.Request) (any, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxTimerBody+1))
	if err != nil || len(data) > maxTimerBody {
		return nil, badRequest("the timer cannot be read, or has more than %d bytes", maxTimerBody)
	}
	var n NewTimer
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&n); err != nil {
		return nil, badRequest("timer: %v", err)
	}
	op, err := a.timerOp(&n)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	if err := a.timers.Room(len(data)); err != nil {
		return nil, &refusedError{http.StatusServiceUnavailable, err.Error()}
	}
	if err := a.timers.Change(r.Context(), n.Channel, op); err != nil {
		return nil, err
	}
	filter := engine.TimerFilter{Channel: n.Channel, Conversation: op.Conversation, Key: op.Key}
	l, err := a.timers.List(r.Context(), timer.Query{TimerFilter: filter})
	if err != nil {
		return nil, err
	}
	if len(l.Timers) == 0 {
		return nil, &refusedError{http.StatusConflict, "the timer was due, or cancelled, at once"}
	}
	return timerRow(l.Timers[0]), nil
}

// lineID is what LINE's IDs of users, groups and rooms look like.
var lineID = regexp.MustCompile(`^[UCR][0-9a-f]{32}$`)

// timerOp returns what sets a timer of an operator, whose channel and key it fills
// in.
func (a *adminAPI) timerOp(n *NewTimer) (op engine.TimerOp, err error) {
	channels := slices.DeleteFunc(slices.Clone(a.timers.Channels()), func(name string) bool { return name == roombot.Channel })
	if n.Channel == "" && len(channels) == 1 {
		n.Channel = channels[0]
	}
	switch {
	case !channelName.MatchString(n.Channel):
		return op, fmt.Errorf("channel: %q is not the name of a channel", n.Channel)
	case len(channels) > 0 && !slices.Contains(channels, n.Channel):
		return op, fmt.Errorf("channel: %q is not in the configuration, which has %s", n.Channel, strings.Join(channels, ", "))
	case !lineID.MatchString(n.Conversation):
		return op, fmt.Errorf("conversation: %q is no ID of LINE, which is U (user), C (group) or R (room) and 32 hexadecimal digits in lower case", n.Conversation)
	case len(n.Messages) > 0 && n.Payload != "":
		return op, errors.New("with messages nobody gets the payload")
	}
	for i, m := range n.Messages {
		var typed struct{ Type string }
		if json.Unmarshal(m, &typed) != nil || typed.Type == "" {
			return op, fmt.Errorf("messages[%d]: it is not a message object of LINE, with a \"type\"", i)
		}
	}
	if len(n.Messages) > frontdesk.MaxMessages {
		return op, fmt.Errorf("messages: there are %d, at most %d", len(n.Messages), frontdesk.MaxMessages)
	}
	if n.Key == "" {
		n.Key = "operator#" + rand.Text()
	}
	t := frontdesk.Timer{Key: n.Key, At: n.At, Cron: n.Cron, Zone: n.Zone, Payload: n.Payload}
	if t.After, err = readDuration("after", n.After); err != nil {
		return op, err
	}
	if t.Every, err = readDuration("every", n.Every); err != nil {
		return op, err
	}
	op, err = dispatch.TimerOp(t, time.Now())
	op.Conversation, op.Messages = n.Conversation, n.Messages
	return op, err
}

// readDuration reads a duration of a request, 0 when it is missing.
func readDuration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not %w", name, text, err)
	}
	return d, nil
}

// durationText writes a duration, "" for 0.
func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return formatDuration(d)
}
