package dispatch

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// ButtonMargin is left of a reply token's life when the button is stored:
	// the outbox begins no reply in the last three seconds.
	ButtonMargin = 5 * time.Second
	// buttonGrace is what a handler gets at least before it counts as slow: one
	// that began late may be about to answer.
	buttonGrace = time.Second
	// buttonSuffix makes the ID of a button's entry from its event's Key.
	buttonSuffix = "#button"
	// answerPrefix begins the data of a button's postback. What follows is the
	// event's Key without its channel.
	answerPrefix = "frontdesk:answer:"
)

// Button says what stands in a chat while an answer is not ready: a text of at
// most 160 characters above a button with a label of at most 20. Source:
// Messaging API reference, Buttons template.
type Button struct{ Text, Label string }

// message returns the button that asks for the answer to an event.
func (b Button) message(stored *engine.Event) *messaging_api.TemplateMessage {
	return &messaging_api.TemplateMessage{
		AltText: b.Text,
		Template: &messaging_api.ButtonsTemplate{
			Text: b.Text,
			Actions: []messaging_api.ActionInterface{&messaging_api.PostbackAction{
				Label: b.Label,
				Data:  answerPrefix + strings.TrimPrefix(stored.Key(), stored.Channel+"/"),
			}},
		},
	}
}

// buttonID names the entry of an event's button.
func buttonID(stored *engine.Event) string { return stored.Key() + buttonSuffix }

// IsButton reports whether an outbox entry is an event's button.
func IsButton(entryID string) bool { return strings.HasSuffix(entryID, buttonSuffix) }

// errTooLate ends the attempts to store an entry that is of no use any more. It
// is not in the store.
var errTooLate = errors.New("too late")

// offerButton has the event's reply token spent on a button if the handler still
// runs shortly before the token ends. The returned function is called once, when
// the handler has returned: whether the token was spent is then known, or it
// returns an error.
func (d *Dispatcher) offerButton(ctx context.Context, c *conversation, t *task, stored *engine.Event, ev *frontdesk.Event) (end func() error) {
	at, ok := d.buttonTime(t, stored, ev)
	if !ok {
		return func() error { return nil }
	}
	over := make(chan struct{})
	var err error
	timer := time.AfterFunc(time.Until(at), func() { // awaited by end
		defer close(over)
		err = d.storeButton(ctx, c, t, stored, ev)
	})
	return func() error {
		if !timer.Stop() {
			<-over
		}
		return err
	}
}

// buttonTime returns when the event gets its button, if it can have one.
func (d *Dispatcher) buttonTime(t *task, stored *engine.Event, ev *frontdesk.Event) (at time.Time, ok bool) {
	_, wanted := d.cfg.Button[ev.Channel]
	if !wanted || t.Button || ev.Mode == modeStandby || ev.Conversation == "" {
		return at, false
	}
	if stored.Run > 0 {
		return at, false // taken back from the dead letters: its token is as old as it is
	}
	at = ev.Accepted.Add(d.cfg.ButtonAfter)
	if soonest := time.Now().Add(min(buttonGrace, d.cfg.ButtonAfter)); at.Before(soonest) {
		at = soonest
	}
	token, until := d.ReplyToken(ev)
	return at, token != "" && at.Before(until.Add(-ButtonMargin))
}

// storeButton stores the button's entry and notes that it is there.
func (d *Dispatcher) storeButton(ctx context.Context, c *conversation, t *task, stored *engine.Event, ev *frontdesk.Event) error {
	messages, err := line.EncodeMessages(d.cfg.Button[ev.Channel].message(stored))
	if err != nil {
		d.lg.Error("button cannot be encoded", "channel", ev.Channel, "error", err) // unreachable: it is texts alone
		return nil
	}
	token, until := d.ReplyToken(ev)
	entry := &engine.Entry{
		ID: buttonID(stored), Channel: stored.Channel, EventID: stored.ID, At: time.Now(),
		Sends: []engine.Send{{To: ev.Conversation, ReplyToken: token, ReplyUntil: until, Messages: messages}},
	}
	appending := d.appends.begin()
	err = d.appendOnce(ctx, entry, appending.tail, until.Add(-ButtonMargin))
	switch {
	case errors.Is(err, errTooLate):
		appending.end()
		return nil // the answer is pushed
	case err != nil:
		return err // the append stays begun: it may have been stored
	}
	c.buttonStored(t)
	appending.end() // after the mark above, so that no checkpoint misses both
	d.cfg.Metrics.slowAnswer(stored.Channel, "button")
	d.cfg.Trace(stored.ID, StepButton, time.Now())
	return nil
}
