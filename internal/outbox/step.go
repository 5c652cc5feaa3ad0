package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// maxPerCall is how many messages LINE takes in a call.
	maxPerCall = 5
	// retryKeyLife is how long a push may be tried with its key: LINE keeps
	// keys for 24 hours, less what clocks may differ.
	retryKeyLife = 23 * time.Hour
	// replyMargin is left of a reply token's minute for the call to arrive.
	replyMargin = 3 * time.Second
	// storePause is the wait before a store that does not answer is asked again.
	storePause = time.Second
)

// call is what step is about to send.
type call struct {
	id       engine.CallID
	eventID  string
	send     *send
	stored   engine.Send
	messages []json.RawMessage
	last     bool // of its send
	way      string
}

// step makes one call for a conversation and decides what comes next.
func (s *sender) step(ctx context.Context, c *conversation, from *lane) {
	s.mu.Lock()
	snd := c.queue[0]
	s.mu.Unlock()
	k, err := s.load(ctx, snd)
	if err != nil {
		s.lg.Error("entry cannot be read from the outbox", "entry", snd.entry.id, "error", err)
		s.later(c, storePause)
		return
	}
	way, reason := snd.way(k.stored, time.Now())
	if reason != "" {
		s.o.cfg.Metrics.sent(s.name, snd.tried, "undecided")
		if snd.tried == wayReply && s.channel.PreferDelivered {
			snd.tried, snd.noReply = "", true
			way, reason = wayPush, ""
		}
	}
	if s.client == nil {
		reason = "channel " + s.name + " is not in the configuration; retry when it is"
	}
	if reason != "" {
		s.bury(ctx, c, k, reason)
		return
	}
	k.way = way
	if way != from.way {
		snd.noReply = way == wayPush
		s.reroute(c, way) // its token ran out in line: the other lane paces it
		return
	}
	if err := s.noteTried(k); err != nil {
		s.lg.Error("a try could not be noted, so it is not made yet", "entry", k.id.Entry, "error", err)
		s.later(c, storePause)
		return
	}
	start := time.Now()
	s.o.cfg.Trace(k.eventID, StepStored, start, "") // the note's flush made its entry durable, too
	result, err := s.transmit(ctx, k)
	s.o.cfg.Metrics.called(way, time.Since(start))
	s.conclude(ctx, c, k, from, result, err)
}

// load reads the next call of a send from the log.
func (s *sender) load(ctx context.Context, snd *send) (call, error) {
	rec, err := s.o.cache.Record(ctx, snd.entry.pos)
	if err != nil {
		return call{}, err
	}
	v, err := engine.ParseOutbox(rec)
	if err != nil {
		return call{}, err
	}
	stored, ok := v.(*engine.Entry)
	if !ok || snd.index >= len(stored.Sends) {
		return call{}, errors.New("the record is not the entry that it was") // unreachable unless corrupt
	}
	one := stored.Sends[snd.index]
	from := min(snd.call*maxPerCall, len(one.Messages))
	to := min(from+maxPerCall, len(one.Messages))
	return call{
		id:      engine.CallID{Entry: snd.entry.id, Send: snd.index, Call: snd.call},
		eventID: stored.EventID, send: snd, stored: one,
		messages: one.Messages[from:to], last: to == len(one.Messages),
	}, nil
}

// way decides how the next call goes, or why it must not go at all.
func (snd *send) way(stored engine.Send, now time.Time) (way, deadReason string) {
	switch {
	case snd.tried == wayReply && !now.Before(stored.ReplyUntil.Add(-replyMargin)):
		return "", "it is not known whether the reply arrived, and its token no longer tells"
	case snd.tried == wayReply:
		return wayReply, ""
	case snd.tried == wayPush && now.Sub(snd.triedAt) > retryKeyLife:
		return "", "it is not known whether the push arrived, and its retry key no longer tells"
	case snd.tried == wayPush:
		return wayPush, ""
	case snd.call == 0 && !snd.noReply && stored.ReplyToken != "" && now.Before(stored.ReplyUntil.Add(-replyMargin)):
		return wayReply, ""
	}
	return wayPush, ""
}

// noteTried stores that the call may reach LINE, unless that is known already.
func (s *sender) noteTried(k call) error {
	if k.send.tried != "" {
		return nil
	}
	note := &engine.Tried{CallID: k.id, Way: k.way, At: time.Now()}
	_, _, err := s.o.eng.Outbox.Append(note)
	return err
}

func (s *sender) transmit(ctx context.Context, k call) (*line.SendResult, error) {
	if k.way == wayReply {
		return s.client.Reply(ctx, k.stored.ReplyToken, k.messages)
	}
	return s.client.Push(ctx, k.stored.To, k.messages, retryKey(k.id))
}

// conclude acts on what LINE answered.
func (s *sender) conclude(ctx context.Context, c *conversation, k call, from *lane, result *line.SendResult, err error) {
	snd := k.send
	unknownBefore := snd.tried != ""
	switch {
	case err == nil:
		from.passed()
		s.settle(c, k, result.RequestID)
	case line.InvalidReplyToken(err) && k.way == wayReply && unknownBefore && time.Now().Before(k.stored.ReplyUntil):
		s.settle(c, k, "") // the token still lives, so an earlier try spent it
	case line.InvalidReplyToken(err) && k.way == wayReply && unknownBefore:
		s.later(c, 0) // it may also have run out: way gives the send up
	case line.InvalidReplyToken(err) && k.way == wayReply:
		snd.noReply = true
		s.refused(k, err)
		s.resubmit(c)
	case line.MonthlyLimit(err) && s.channel.DropOverQuota:
		s.bury(ctx, c, k, "the monthly quota is used up: "+err.Error())
	case line.MonthlyLimit(err):
		from.hold(quotaPause)
		s.lg.Error("monthly quota is used up; pushes wait, replies go on", "again in", quotaPause)
		s.postpone(c, k, err, unknownBefore, 0)
	case line.RateLimited(err):
		from.rest(retryAfter(err))
		s.postpone(c, k, err, unknownBefore, 0)
	case line.OutcomeUnknown(err):
		snd.attempts++
		if !unknownBefore {
			snd.tried, snd.triedAt = k.way, time.Now()
		}
		s.o.cfg.Metrics.sent(s.name, k.way, "unknown")
		s.lg.Warn("outcome of a call is not known; trying again", "way", k.way, "entry", k.id.Entry, "attempt", snd.attempts, "error", err)
		s.later(c, s.pause(snd.attempts, k.way))
	case errors.Is(err, line.ErrInvalid):
		s.bury(ctx, c, k, "it cannot be a call to LINE: "+err.Error())
	case line.Temporary(err), line.NotSent(err), line.Unauthorized(err):
		snd.attempts++
		s.lg.Warn("call failed; trying again", "way", k.way, "entry", k.id.Entry, "attempt", snd.attempts, "error", err)
		s.postpone(c, k, err, unknownBefore, s.pause(snd.attempts, k.way))
	default:
		s.bury(ctx, c, k, "LINE refused it: "+err.Error())
	}
}

// postpone tries a call again that LINE did certainly not take this time.
func (s *sender) postpone(c *conversation, k call, err error, unknownBefore bool, pause time.Duration) {
	s.o.cfg.Metrics.sent(s.name, k.way, "postponed")
	if !unknownBefore {
		s.refused(k, err)
	}
	if pause == 0 {
		s.resubmit(c)
		return
	}
	s.later(c, pause)
}

// refused notes that a try did not reach LINE, so that a restart need not fear
// that it did. Without the note it errs on the safe side.
func (s *sender) refused(k call, cause error) {
	way := k.way
	if way == wayReply && !line.InvalidReplyToken(cause) {
		way = "" // the token may still be used
	}
	note := &engine.Settled{CallID: k.id, Outcome: engine.OutcomeRefused, Way: way, At: time.Now()}
	if _, _, err := s.o.eng.Outbox.Append(note); err != nil {
		s.lg.Warn("a refusal could not be noted", "entry", k.id.Entry, "error", err)
	}
}

// settle notes that a call arrived and goes on with the next one.
func (s *sender) settle(c *conversation, k call, requestID string) {
	now := time.Now()
	s.o.cfg.Metrics.sent(s.name, k.way, engine.OutcomeSent)
	s.o.cfg.Metrics.arrived(now.Sub(k.send.entry.at))
	s.o.cfg.Trace(k.eventID, "sent by "+k.way, now, requestID)
	note := &engine.Settled{CallID: k.id, Outcome: engine.OutcomeSent, Last: k.last, Way: k.way, RequestID: requestID, At: now}
	if _, _, err := s.o.eng.Outbox.Append(note); err != nil {
		// The note of the try stands: a restart asks LINE once more.
		s.lg.Warn("a success could not be noted", "entry", k.id.Entry, "error", err)
	}
	snd := k.send
	snd.tried, snd.attempts = "", 0
	snd.call++
	if k.last {
		s.finish(c)
		return
	}
	s.resubmit(c)
}

// bury makes a dead letter of what is left of a send.
func (s *sender) bury(ctx context.Context, c *conversation, k call, reason string) {
	left := k.stored
	left.Messages = k.stored.Messages[min(k.send.call*maxPerCall, len(k.stored.Messages)):]
	left.ReplyToken, left.ReplyUntil = "", time.Time{}
	body, err := json.Marshal(engine.Entry{
		ID: fmt.Sprintf("%s#%d.%d", k.id.Entry, k.id.Send, k.id.Call), Channel: s.name,
		EventID: k.eventID, At: k.send.entry.at, Sends: []engine.Send{left},
	})
	if err == nil {
		err = s.o.eng.Dead.Put(ctx, engine.Letter{
			Kind: engine.DeadSend, Channel: s.name, Conversation: k.stored.To, EventID: k.eventID,
			Accepted: k.send.entry.at, Died: time.Now(), Reason: reason, Attempts: k.send.attempts + 1, Body: body,
		})
	}
	if err == nil {
		note := &engine.Settled{CallID: k.id, Outcome: engine.OutcomeDead, At: time.Now()}
		_, _, err = s.o.eng.Outbox.Append(note)
	}
	if err != nil {
		s.lg.Error("send could not become a dead letter; trying again", "entry", k.id.Entry, "error", err)
		s.later(c, storePause)
		return
	}
	s.o.cfg.Metrics.sent(s.name, k.way, engine.OutcomeDead)
	s.lg.Error("send became a dead letter", "entry", k.id.Entry, "reason", reason)
	s.finish(c)
}

// pause returns how long to wait after the nth failed try. Replies are tried
// more eagerly: their token lives for a minute.
func (s *sender) pause(n int, way string) time.Duration {
	limit := s.o.cfg.BackoffMax
	if way == wayReply {
		limit = min(limit, 8*time.Second)
	}
	pause := limit
	if 0 < n && n < 30 {
		pause = min(s.o.cfg.BackoffMin<<(n-1), limit)
	}
	return time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))
}

func retryAfter(err error) time.Duration {
	if e := (*line.Error)(nil); errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}
