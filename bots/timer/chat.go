package timer

import (
	"context"
	"errors"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk"
)

// lateness is what a notice apologizes for: it was due while the server was down.
const lateness = 10 * time.Second

// chat is the answer to one event.
type chat struct {
	frontdesk.Desk
	language string
	now      time.Time // in the users' time zone
}

// set sets a timer and says so.
func (c chat) set(ctx context.Context, key string, req Request) error {
	entries, err := c.waiting(ctx)
	if err != nil {
		return err
	}
	if len(entries) == MaxTimers {
		return c.say(full, MaxTimers)
	}
	n := note{Label: req.Label, Language: c.language, Asked: c.now, Wait: req.Wait}
	t := frontdesk.Timer{Key: key, Payload: n.payload()}
	switch left := time.Until(req.At); {
	case req.Wait > 0:
		t.After = req.Wait
	case left < 2*frontdesk.MinTimer: // soon it is too near for At
		t.After = max(left, frontdesk.MinTimer)
	default:
		t.At = req.At
	}
	err = c.SetTimer(t)
	if errors.Is(err, frontdesk.ErrTimersFull) {
		return c.say(noRoom)
	}
	if err != nil {
		return err
	}
	wait := req.Wait
	if wait == 0 {
		wait = coarse(req.At.Sub(c.now))
	}
	e := entry{note: n, key: key, due: req.At}
	text := n.titled(c.in(promised, c.clock(req.At), span(wait, c.language), req.At.Format("MST")))
	return c.send(text, c.cancelButton(c.in(cancelIt), e), c.textButton(listIt))
}

// ring sends the notice of a timer.
func (c chat) ring(n note, due time.Time) error {
	clock := c.clock(due.In(c.now.Location()))
	switch {
	case c.now.Sub(due) > lateness:
		return c.send(n.titled(c.in(late, clock)))
	case n.Wait > 0:
		return c.send(n.titled(c.in(passed, span(n.Wait, c.language))))
	case n.Asked.IsZero(): // not set by this bot
		return c.send(n.titled(c.in(reached, clock)))
	}
	return c.send(n.titled(c.in(reached, clock) + c.in(asked, span(coarse(due.Sub(n.Asked)), c.language))))
}

// refuse says what is wrong with a request, and how it is done.
func (c chat) refuse(err error) error {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return c.say(r.phrase)
		}
	}
	return c.help(notUnderstood)
}

// help shows examples behind an introduction.
func (c chat) help(introduction phrase) error {
	return c.send(c.in(introduction)+c.in(examples), c.textButton(example), c.textButton(listIt))
}

// send sends a text, with buttons if there are any.
func (c chat) send(text string, buttons ...messaging_api.QuickReplyItem) error {
	m := frontdesk.Text(frontdesk.Clip(text))
	if len(buttons) > 0 {
		m.QuickReply = &messaging_api.QuickReply{Items: buttons}
	}
	return c.Send(m)
}

// say sends a phrase.
func (c chat) say(p phrase, args ...any) error { return c.send(c.in(p, args...)) }
