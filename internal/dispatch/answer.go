package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// expireEvery is how often parked answers are looked at that may be too old.
	expireEvery = 10 * time.Minute
	// expireMargin is added to an answer's life before it is given up, so that
	// no tap takes it meanwhile.
	expireMargin = time.Hour
	// maxAnswerID is the longest that may follow answerPrefix: an event's ID
	// and run.
	maxAnswerID = 100
)

// park puts away what an event sends to its own conversation until the button is
// tapped that its reply token was spent on. It returns what goes at once: what
// it sends to others, and when no more can be parked all of it.
func (d *Dispatcher) park(ctx context.Context, stored *engine.Event, sends []engine.Send) (now []engine.Send, parked bool, err error) {
	own := slices.IndexFunc(sends, func(s engine.Send) bool { return s.To == stored.Conversation })
	if own < 0 {
		return sends, false, d.unpark(ctx, stored)
	}
	var refused error
	err = d.untilStored(ctx, func(ctx context.Context) error {
		err := d.eng.Parked.Put(ctx, engine.Answer{
			Key: stored.Key(), Channel: stored.Channel, Conversation: stored.Conversation, EventID: stored.ID,
			Messages: sends[own].Messages,
		})
		if errors.Is(err, engine.ErrFull) || errors.Is(err, engine.ErrTooLarge) {
			refused = err
			return nil
		}
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if refused != nil {
		d.lg.Warn("answer is pushed without a tap", "channel", stored.Channel, "event", stored.ID, "error", refused)
		d.cfg.Metrics.slowAnswer(stored.Channel, "pushed")
		sends[own].ReplyToken, sends[own].ReplyUntil = "", time.Time{}
		return sends, false, d.unpark(ctx, stored)
	}
	d.cfg.Metrics.slowAnswer(stored.Channel, "parked")
	d.cfg.Trace(stored.ID, StepParked, time.Now())
	return slices.Delete(sends, own, own+1), true, nil
}

// unpark removes what an interrupted attempt at the event may have parked.
func (d *Dispatcher) unpark(ctx context.Context, stored *engine.Event) error {
	return d.untilStored(ctx, func(ctx context.Context) error { return d.eng.Parked.Delete(ctx, stored.Key()) })
}

// asksFor returns the Key of the event whose answer a tap on a button asks for.
func asksFor(ev *frontdesk.Event) (key string, ok bool) {
	if ev.Type != frontdesk.TypePostback {
		return "", false
	}
	id, ok := strings.CutPrefix(ev.Postback.Data, answerPrefix)
	return ev.Channel + "/" + id, ok
}

// answerTap sends the parked answer with the tap's reply token. A tap that finds
// none, because it was taken or is too old, is answered with nothing.
func (d *Dispatcher) answerTap(ctx context.Context, t *task, stored *engine.Event, ev *frontdesk.Event, key string) error {
	if err := d.note(ctx, ev); err != nil {
		return err
	}
	answer, err := d.takeAnswer(ctx, stored, ev, key)
	if err != nil {
		return err
	}
	if answer == nil {
		d.cfg.Metrics.slowAnswer(stored.Channel, "nothing")
		return d.complete(ctx, t, stored, gathered{})
	}
	send := engine.Send{To: stored.Conversation, Messages: answer.Messages}
	send.ReplyToken, send.ReplyUntil = d.ReplyToken(ev)
	if err := d.complete(ctx, t, stored, gathered{sends: []engine.Send{send}}); err != nil {
		return err
	}
	if err := d.eng.Parked.Delete(ctx, key); err != nil {
		// It is marked as taken: nobody else gets it, and expire removes it.
		d.lg.Warn("answer stays parked though it was taken", "channel", stored.Channel, "event", answer.EventID, "error", err)
	}
	d.cfg.Metrics.slowAnswer(stored.Channel, "tapped")
	d.cfg.Trace(answer.EventID, StepTapped, time.Now())
	return nil
}

// takeAnswer marks the answer as taken by the tap and returns it, nil for none.
// A tap that is handled again after a crash gets again what it took.
func (d *Dispatcher) takeAnswer(ctx context.Context, tap *engine.Event, ev *frontdesk.Event, key string) (taken *engine.Answer, err error) {
	if ev.Mode == modeStandby || len(key)-len(ev.Channel) > maxAnswerID {
		return nil, nil
	}
	err = d.untilStored(ctx, func(ctx context.Context) error {
		answer, err := d.eng.Parked.Get(ctx, key)
		if errors.Is(err, engine.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case answer.Channel != tap.Channel || answer.Conversation != tap.Conversation:
			return nil // forged, or forwarded into another chat
		case answer.TakenBy == "" && time.Since(answer.At) < d.cfg.AnswerLife:
			err = d.eng.Parked.Take(ctx, answer, tap.ID)
		case answer.TakenBy != tap.ID:
			return nil
		}
		taken = &answer
		return err
	})
	return taken, err
}

// expireAnswers gives up parked answers that nobody asked for, until ctx ends.
func (d *Dispatcher) expireAnswers(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		if err := d.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			d.lg.Error("old parked answers could not be given up; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// expire makes dead letters of the answers that were not asked for in their
// life, and removes those that were.
func (d *Dispatcher) expire(ctx context.Context, now time.Time) error {
	var failed error
	err := d.eng.Parked.List(ctx, func(a engine.Answer) bool {
		if now.Sub(a.At) < d.cfg.AnswerLife+expireMargin {
			return false // what follows is younger
		}
		if a.TakenBy == "" {
			failed = d.buryAnswer(ctx, a, now)
		}
		if failed == nil {
			failed = d.eng.Parked.Delete(ctx, a.Key)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (d *Dispatcher) buryAnswer(ctx context.Context, a engine.Answer, now time.Time) error {
	body, err := json.Marshal(engine.Entry{
		ID: a.Key + "#parked", Channel: a.Channel, EventID: a.EventID, At: a.At,
		Sends: []engine.Send{{To: a.Conversation, Messages: a.Messages}},
	})
	if err != nil {
		return fmt.Errorf("answer to event %s cannot be encoded", a.EventID) // the JSON error may quote a message
	}
	err = d.eng.Dead.Put(ctx, engine.Letter{
		Kind: engine.DeadSend, Channel: a.Channel, Conversation: a.Conversation, EventID: a.EventID,
		Accepted: a.At, Died: now, Body: body,
		Reason: fmt.Sprintf("nobody tapped the button for this answer within %.3g days; a retry pushes it", d.cfg.AnswerLife.Hours()/24),
	})
	if err == nil {
		d.cfg.Metrics.slowAnswer(a.Channel, "expired")
	}
	return err
}
