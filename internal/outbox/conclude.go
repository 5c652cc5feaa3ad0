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
	// After a 429 a conversation waits this long, doubled while they go on.
	limitedMin = 250 * time.Millisecond
	limitedMax = 30 * time.Second
	// replyPauseMax is the longest pause between tries of a reply, whose token
	// lives for a minute.
	replyPauseMax = 8 * time.Second
)

// conclude acts on what LINE answered to a call that began at a time.
func (s *sender) conclude(ctx context.Context, k *call, from *lane, began time.Time, result *line.SendResult, err error) {
	from.heard(began, err)
	switch {
	case err == nil:
		s.tellQuota(k)
		s.settle(k, result.RequestID)
	case errors.Is(err, line.ErrInvalid):
		s.concludeRefused(ctx, k, err)
	case line.InvalidReplyToken(err) && k.way == wayReply:
		s.concludeToken(k)
	case line.MonthlyLimit(err):
		s.concludeQuota(ctx, k, from, err)
	case line.RateLimited(err):
		s.concludeRate(k, from, began, err)
	case line.OutcomeUnknown(err):
		k.attempts++
		if !k.undecided() {
			k.triedAt = time.Now()
		}
		s.o.cfg.Metrics.sent(s.name, k.way, "unknown")
		s.lg.Warn("outcome of a call is not known; trying again", "way", k.way, "entry", k.id().Entry, "attempt", k.attempts, "error", err)
		s.retry(k, s.pause(k))
	case line.Temporary(err), line.NotSent(err), line.Unauthorized(err):
		k.attempts++
		s.lg.Warn("call failed; trying again", "way", k.way, "entry", k.id().Entry, "attempt", k.attempts, "error", err)
		s.postpone(k, s.pause(k))
	default:
		s.concludeRefused(ctx, k, err)
	}
}

// concludeToken takes "Invalid reply token". After an undecided try it means
// that this one arrived, as long as the token lives.
func (s *sender) concludeToken(k *call) {
	switch {
	case k.undecided() && time.Now().Before(k.token.replyUntil):
		s.settle(k, "")
	case k.undecided():
		s.retry(k, 0) // it may also have run out: step gives the call up
	default:
		k.token.noReply = true
		s.noteRefused(k, wayReply)
		s.part(k, false)
	}
}

// concludeQuota takes "You have reached your monthly limit". One that refuses a
// multicast may still take some of its pushes.
func (s *sender) concludeQuota(ctx context.Context, k *call, from *lane, err error) {
	s.channel.Quota.Exceeded()
	switch {
	case s.channel.DropOverQuota && len(k.conversations) > 1:
		s.concludeRefused(ctx, k, err)
	case s.channel.DropOverQuota:
		s.bury(ctx, k, "the monthly quota is used up: "+err.Error())
	default:
		from.hold(time.Now())
		s.lg.Error("monthly quota is used up; calls wait, replies go on", "way", k.way, "again in", quotaPause)
		s.postpone(k, 0)
	}
}

// concludeRate takes a 429: this conversation got too much, or all of them.
func (s *sender) concludeRate(k *call, from *lane, began time.Time, err error) {
	s.o.cfg.Metrics.sent(s.name, k.way, "limited")
	pause := limitedMin << min(from.refuse(k, began), 10)
	pause = min(pause, limitedMax)
	if e := (*line.Error)(nil); errors.As(err, &e) {
		pause = max(pause, e.RetryAfter)
	}
	s.postpone(k, jitter(pause))
}

// concludeRefused takes what LINE will never take as it is: of a call that says
// several things or goes to several users, maybe only one is at fault.
func (s *sender) concludeRefused(ctx context.Context, k *call, err error) {
	switch {
	case len(k.parts) > 1:
		s.lg.Warn("LINE refused a shared call; its sends go alone", "way", k.way, "entry", k.id().Entry, "sends", len(k.parts), "error", err)
		way := ""
		if k.way == wayMulticast {
			way = wayMulticast
		}
		s.noteRefused(k, way)
		s.part(k, true)
	case len(k.parts[0].users) > 1:
		s.lg.Warn("LINE refused a multicast; each of its users gets a push", "entry", k.id().Entry, "users", len(k.parts[0].users), "error", err)
		s.noteRefused(k, wayMulticast)
		s.divide(k)
	case errors.Is(err, line.ErrInvalid):
		s.bury(ctx, k, "it cannot be a call to LINE: "+err.Error())
	default:
		s.bury(ctx, k, "LINE refused it: "+err.Error())
	}
}

// postpone tries a call again that LINE did certainly not take this time.
func (s *sender) postpone(k *call, pause time.Duration) {
	s.o.cfg.Metrics.sent(s.name, k.way, "postponed")
	if !k.undecided() {
		s.noteRefused(k, "")
	}
	s.retry(k, pause)
}

// noteRefused notes that a try did not reach LINE, so that a restart need not
// fear that it did. Without the note it errs on the safe side. way is reply if
// the token is spent, multicast if the sends go alone, else "".
func (s *sender) noteRefused(k *call, way string) {
	note := &engine.Settled{CallID: k.id(), Outcome: engine.OutcomeRefused, Way: way, At: time.Now()}
	if _, _, err := s.o.eng.Outbox.Append(note); err != nil {
		s.lg.Warn("a refusal could not be noted", "entry", k.id().Entry, "error", err)
	}
}

// settle notes that a call arrived and goes on with the next one.
func (s *sender) settle(k *call, requestID string) {
	now := time.Now()
	s.o.cfg.Metrics.sent(s.name, k.way, engine.OutcomeSent)
	s.o.cfg.Metrics.shared(s.name, k)
	for _, snd := range k.parts {
		s.o.cfg.Metrics.arrived(now.Sub(snd.entry.at))
		s.o.cfg.Trace(snd.entry.eventID, "sent by "+k.way, now, requestID)
	}
	note := &engine.Settled{CallID: k.id(), Outcome: engine.OutcomeSent, Last: k.last(), Way: k.way, RequestID: requestID, At: now}
	if _, _, err := s.o.eng.Outbox.Append(note); err != nil {
		// The note of the try stands: a restart asks LINE once more.
		s.lg.Warn("a success could not be noted", "entry", k.id().Entry, "error", err)
	}
	k.triedAt, k.attempts = time.Time{}, 0
	s.advance(k, false)
}

// bury makes dead letters of what is left of the sends of a call.
func (s *sender) bury(ctx context.Context, k *call, reason string) {
	var err error
	for _, snd := range k.parts {
		if err = s.buryOne(ctx, snd, k.attempts+1, reason); err != nil {
			break
		}
	}
	if err == nil {
		note := &engine.Settled{CallID: k.id(), Outcome: engine.OutcomeDead, At: time.Now()}
		_, _, err = s.o.eng.Outbox.Append(note)
	}
	if err != nil {
		s.lg.Error("send could not become a dead letter; trying again", "entry", k.id().Entry, "error", err)
		s.retry(k, storePause)
		return
	}
	s.o.cfg.Metrics.sent(s.name, k.way, engine.OutcomeDead)
	s.lg.Error("call became a dead letter", "entry", k.id().Entry, "sends", len(k.parts), "reason", reason)
	s.advance(k, true)
}

func (s *sender) buryOne(ctx context.Context, snd *send, attempts int, reason string) error {
	stored, err := s.read(ctx, snd)
	if err != nil {
		return err
	}
	left := *stored
	left.Messages = stored.Messages[min(snd.next*maxPerCall, len(stored.Messages)):]
	left.ReplyToken, left.ReplyUntil = "", time.Time{}
	if snd.user > 0 {
		left.To, left.Users = snd.to, nil
	}
	id := snd.callID()
	body, err := json.Marshal(engine.Entry{
		ID: fmt.Sprintf("%s#%d.%d", id.Entry, id.Send, id.Call), Channel: s.name,
		EventID: snd.entry.eventID, At: snd.entry.at, Sends: []engine.Send{left}, Bulk: snd.entry.bulk,
	})
	if err != nil {
		return err
	}
	return s.o.eng.Dead.Put(ctx, engine.Letter{
		Kind: engine.DeadSend, Channel: s.name, Conversation: left.To, EventID: snd.entry.eventID,
		Accepted: snd.entry.at, Died: time.Now(), Reason: reason, Attempts: attempts, Body: body,
	})
}

// pause returns how long to wait after a failed try.
func (s *sender) pause(k *call) time.Duration {
	limit := s.o.cfg.BackoffMax
	if k.way == wayReply {
		limit = min(limit, replyPauseMax)
	}
	pause := limit
	if 0 < k.attempts && k.attempts < 30 {
		pause = min(s.o.cfg.BackoffMin<<(k.attempts-1), limit)
	}
	return jitter(pause)
}

// jitter spreads a pause, so that calls that failed together do not come back
// together.
func jitter(pause time.Duration) time.Duration {
	return time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))
}
