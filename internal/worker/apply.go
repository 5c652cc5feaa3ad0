package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// maxAnswers is how many objects the answer to one event may have.
const maxAnswers = 1000

// maxReason is how many bytes of a bot's reason are kept.
const maxReason = 500

// profileLimit bounds how long an event waits for the profile of its user. It
// goes without one, and the next may find it.
const profileLimit = 500 * time.Millisecond

// profile returns the profile of the event's user, nil for none.
func profile(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) *frontdesk.Profile {
	if ev.Source.UserID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, profileLimit)
	defer cancel()
	p, err := d.Profile(ctx, ev.Source.UserID)
	if err != nil {
		return nil // also when LINE does not answer: most bots do without
	}
	return &p
}

// last reports whether nothing comes after an object of this kind.
func last(kind string) bool {
	return kind == kindDone || kind == kindRetry || kind == kindDrop
}

// apply does what an answer says. Of the last word it returns the verdict.
func (a *answer) apply(d frontdesk.Desk) error {
	switch a.kind {
	case kindSend, kindDone:
		if content := a.content(); len(content) > 0 {
			return d.Send(content...)
		}
		return nil
	case kindPush:
		return d.Push(a.to, a.content()...)
	case kindTimer:
		return a.applyTimer(d)
	case kindRetry:
		err := a.because("the bot wants to try again")
		if a.paused {
			return frontdesk.Retry(err, a.after)
		}
		return err
	case kindDrop:
		return frontdesk.Drop(a.because("the bot dropped it"))
	}
	return fmt.Errorf("%s is no answer to an event", a.kind)
}

// content returns the messages of an answer.
func (a *answer) content() []frontdesk.Message {
	if a.text != "" {
		return []frontdesk.Message{frontdesk.Text(a.text)}
	}
	var content []frontdesk.Message
	for _, m := range a.messages {
		content = append(content, frontdesk.RawMessage(m))
	}
	return content
}

func (a *answer) because(verdict string) error {
	if a.reason == "" {
		return errors.New(verdict)
	}
	return fmt.Errorf("%s: %s", verdict, clip(a.reason, maxReason))
}

// clip returns the beginning of a text, in whole characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most] + "…"
}

func (a *answer) applyTimer(d frontdesk.Desk) error {
	if a.cancel {
		return d.CancelTimer(a.key)
	}
	t := frontdesk.Timer{
		Key: a.key, After: a.after, Every: a.every, Cron: a.cron, Zone: a.zone, Payload: a.payload, Send: a.content(),
	}
	if a.at != "" {
		at, err := time.Parse(time.RFC3339, a.at)
		if err != nil {
			return errors.New(`"at" of a timer is not a time such as 2026-11-21T14:22:18+09:00`)
		}
		t.At = at
	}
	return d.SetTimer(t)
}
