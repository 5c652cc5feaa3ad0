package dispatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const (
	// maxCrashes is how often an event may end the process.
	maxCrashes = 3
	// storeRetryMin and storeRetryMax pace what waits for the store.
	storeRetryMin = 50 * time.Millisecond
	storeRetryMax = 2 * time.Second
	// interruptedMin is the least pause after an attempt that does not count:
	// nothing else ends a row of them.
	interruptedMin = 10 * time.Millisecond
)

var (
	// errInterrupted ends an attempt that says nothing about its event.
	errInterrupted = errors.New("interrupted")
	// errWaits ends an attempt before it began: another event goes first.
	errWaits = errors.New("waits for another event")
)

// work handles the first event of a conversation. It reports whether the
// conversation can go on at once.
func (d *Dispatcher) work(ctx context.Context, c *conversation) (again bool) {
	t := c.head()
	err := d.handle(ctx, c, t)
	if err == nil {
		more := c.finish()
		t.appending.end() // after the mark above, so that no checkpoint misses both
		return more
	}
	if errors.Is(err, errWaits) {
		return false // suspects submits the conversation
	}
	if errors.Is(err, errInterrupted) {
		if ctx.Err() == nil {
			d.later(c, storeRetryMax)
		}
		return false
	}
	if interrupted := (*frontdesk.InterruptedError)(nil); errors.As(err, &interrupted) {
		d.later(c, max(interrupted.After, interruptedMin))
		return false
	}
	d.later(c, d.pause(t.Attempts, err))
	return false
}

// later submits the conversation again after a pause.
func (d *Dispatcher) later(c *conversation, pause time.Duration) {
	time.AfterFunc(pause, func() { d.pool.submit(c) }) // a stopped pool takes nothing
}

// pause returns how long to wait after the nth failed attempt.
func (d *Dispatcher) pause(n int, err error) time.Duration {
	var retry *frontdesk.RetryError
	if errors.As(err, &retry) {
		return max(retry.After, 0)
	}
	pause := d.cfg.BackoffMax
	if 0 < n && n < 30 {
		pause = min(d.cfg.BackoffMin<<(n-1), d.cfg.BackoffMax)
	}
	return time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))
}

// handle makes one attempt at an event. nil means that the event is over:
// its entry or its dead letter is stored, or it needs none.
func (d *Dispatcher) handle(ctx context.Context, c *conversation, t *task) error {
	rec, err := d.cache.Record(ctx, t.pos)
	if err != nil {
		d.lg.Error("event cannot be read from the inbox", "position", t.pos.String(), "error", err)
		return errInterrupted
	}
	stored, err := engine.ParseEvent(rec)
	if err != nil {
		return nil // unreachable: it was read before
	}
	stored.Raw = append([]byte(nil), stored.Raw...) // handlers may keep it; the batch must not be
	if t.recheck {
		duplicate, err := d.index.recheck(ctx, idOf(&stored), t.pos)
		if err != nil {
			return errInterrupted
		}
		if duplicate {
			d.cfg.Metrics.duplicates.Inc()
			return nil
		}
	}
	if d.cfg.Handler[stored.Channel] == nil {
		return d.bury(ctx, &stored, t, "channel "+stored.Channel+" is not in the configuration; retry when it is")
	}
	if t.Crashes >= maxCrashes {
		return d.bury(ctx, &stored, t, fmt.Sprintf("the process ended %d times while this event was handled", t.Crashes))
	}
	ev, err := frontdesk.ParseEvent(stored.Raw)
	if err != nil {
		return d.bury(ctx, &stored, t, err.Error())
	}
	ev.Channel, ev.Accepted, ev.Attempt = stored.Channel, stored.Accepted, t.Attempts+1
	if key, ok := asksFor(ev); ok {
		return d.answerTap(ctx, t, &stored, ev, key)
	}
	if t.Crashes > 0 {
		if !d.suspects.enter(c, t.Crashes) {
			return errWaits
		}
		defer d.suspects.began(d.pool.submit)()
	}
	return d.conclude(ctx, c, t, &stored, ev)
}

// conclude runs the handler and stores what comes of it.
func (d *Dispatcher) conclude(ctx context.Context, c *conversation, t *task, stored *engine.Event, ev *frontdesk.Event) error {
	slot := d.running.enter(t.pos)
	desk := &desk{d: d, ev: ev}
	endButton := d.offerButton(ctx, c, t, stored, ev)
	err := d.call(ctx, desk, ev)
	d.running.leave(slot)
	did := desk.close()
	if unknown := endButton(); unknown != nil {
		err = errInterrupted
	}
	if err == nil {
		return d.complete(ctx, t, stored, did)
	}
	if errors.Is(err, errInterrupted) || ctx.Err() != nil {
		d.cfg.Metrics.handled(stored.Channel, "interrupted")
		return errInterrupted
	}
	if interrupted := (*frontdesk.InterruptedError)(nil); errors.As(err, &interrupted) {
		d.cfg.Metrics.handled(stored.Channel, "interrupted")
		d.lg.Debug("handler was interrupted", "channel", stored.Channel, "event", stored.ID, "error", errorText(err))
		return err
	}
	attempts := c.failed(t)
	d.lg.Warn("handler failed", "channel", stored.Channel, "event", stored.ID, "type", ev.Type, "attempt", attempts, "error", errorText(err))
	if drop := (*frontdesk.DropError)(nil); errors.As(err, &drop) {
		return d.bury(ctx, stored, t, "handler dropped it: "+errorText(err))
	}
	if attempts >= d.cfg.MaxAttempts {
		return d.bury(ctx, stored, t, "handler failed: "+errorText(err))
	}
	d.cfg.Metrics.handled(stored.Channel, "retried")
	return err
}

// maxErrorText bounds what of a handler's error is logged and kept.
const maxErrorText = 500

// errorText returns a handler's error as it is logged and kept. What it says
// is the bot author's choice.
func errorText(err error) string {
	text := err.Error()
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + "…"
	}
	return text
}

// call runs the handler within its time limit.
func (d *Dispatcher) call(ctx context.Context, desk *desk, ev *frontdesk.Event) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.Timeout, fmt.Errorf("handler took longer than %v", d.cfg.Timeout))
	defer cancel()
	if err := d.note(ctx, ev); err != nil {
		return err
	}
	start := time.Now()
	if ev.Attempt == 1 {
		d.cfg.Metrics.waited.Observe(start.Sub(ev.Accepted).Seconds())
	}
	d.cfg.Trace(ev.ID, StepHanded, start)
	defer func() {
		d.cfg.Metrics.took.Observe(time.Since(start).Seconds())
		if p := recover(); p != nil {
			panicked := &frontdesk.PanicError{Value: p, Stack: debug.Stack()}
			d.lg.Error("handler panicked", "channel", ev.Channel, "event", ev.ID, "stack", string(panicked.Stack))
			err = panicked
		}
	}()
	defer d.showLoading(ctx, ev)()
	err = d.cfg.Handler[ev.Channel].Handle(ctx, desk, ev)
	if err == nil {
		d.cfg.Trace(ev.ID, StepHandled, time.Now())
	}
	return err
}

// note tells the directory of an event.
func (d *Dispatcher) note(ctx context.Context, ev *frontdesk.Event) error {
	if err := d.cfg.Note(ctx, ev); err != nil {
		d.lg.Error("directory could not note an event", "channel", ev.Channel, "event", ev.ID, "error", err)
		return errInterrupted
	}
	return nil
}

// complete stores the event's entry, if it sends or parks anything or changes
// timers. The handler is not run again however long the store takes.
func (d *Dispatcher) complete(ctx context.Context, t *task, stored *engine.Event, did gathered) (err error) {
	parked := false
	if t.Button {
		if did.sends, parked, err = d.park(ctx, stored, did.sends); err != nil {
			return err
		}
	}
	if len(did.sends) > 0 || len(did.timers) > 0 || parked {
		entry := &engine.Entry{
			ID: stored.Key(), Channel: stored.Channel, EventID: stored.ID, Sends: did.sends, Timers: did.timers,
		}
		d.cfg.Timers.Stamp(entry)
		t.appending = d.appends.begin()
		err := d.appendOnce(ctx, entry, t.appending.tail, time.Time{})
		if errors.Is(err, engine.ErrTooLarge) {
			return d.bury(ctx, stored, t, "its messages are too large to store together")
		}
		if err != nil {
			return err // the append stays begun: it may have been stored
		}
		d.cfg.Trace(stored.ID, StepOutbox, time.Now())
	}
	d.cfg.Metrics.handled(stored.Channel, "done")
	return nil
}

// appendOnce stores an entry once, behind a place in the outbox. When the store
// did not say whether it took the entry, it looks before it tries again, and
// after a time, if one is given, it does so no more and returns errTooLate.
func (d *Dispatcher) appendOnce(ctx context.Context, entry *engine.Entry, behind engine.Pos, until time.Time) error {
	unsure := false
	return d.untilStored(ctx, func(ctx context.Context) error {
		if unsure {
			pos, err := d.lookup.find(ctx, entry.ID, behind)
			if err != nil {
				return err
			}
			if pos != 0 {
				d.appends.stored(pos)
				return nil
			}
		}
		if !until.IsZero() && time.Now().After(until) {
			return errTooLate
		}
		_, last, err := d.eng.Outbox.Append(entry)
		if err == nil {
			d.appends.stored(last)
		}
		unsure = err != nil
		return err
	})
}

// bury makes a dead letter of an event.
func (d *Dispatcher) bury(ctx context.Context, stored *engine.Event, t *task, reason string) error {
	if t.Button {
		if err := d.unpark(ctx, stored); err != nil {
			return err
		}
	}
	letter := engine.Letter{
		Kind: engine.DeadEvent, Channel: stored.Channel, Conversation: stored.Conversation, EventID: stored.ID,
		Run: stored.Run, Accepted: stored.Accepted, Died: time.Now(),
		Reason: reason, Attempts: t.Attempts + t.Crashes, Body: stored.Raw,
	}
	err := d.untilStored(ctx, func(ctx context.Context) error { return d.eng.Dead.Put(ctx, letter) })
	if err != nil {
		return err
	}
	d.lg.Error("event became a dead letter", "channel", stored.Channel, "event", stored.ID, "reason", reason, "attempts", letter.Attempts)
	d.cfg.Metrics.handled(stored.Channel, "dead")
	return nil
}

// untilStored calls f until it succeeds or ctx ends, then with errInterrupted.
// What cannot come to be stored, errTooLate and engine.ErrTooLarge, is returned.
func (d *Dispatcher) untilStored(ctx context.Context, f func(context.Context) error) error {
	for pause := storeRetryMin; ; pause = min(2*pause, storeRetryMax) {
		err := f(ctx)
		if err == nil || errors.Is(err, engine.ErrTooLarge) || errors.Is(err, errTooLate) {
			return err
		}
		d.lg.Error("store does not take what a handler sent; trying again", "error", err)
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-time.After(pause):
		}
	}
}
