package frontdesk

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of timers.
const (
	// MinTimer is the shortest and MaxTimer the longest time until a timer is due
	// first, and between two times of one that comes again.
	MinTimer = time.Second
	MaxTimer = 366 * 24 * time.Hour
	// MaxTimerKey and MaxTimerPayload are in bytes.
	MaxTimerKey     = 200
	MaxTimerPayload = 4 << 10
	// MaxTimers is how many timers one event may set or cancel.
	MaxTimers = 100
)

// ErrTimersFull is returned by [Desk.SetTimer] when the server keeps as many
// timers as it may. The bot may tell its user; returned by a handler it lets the
// event be tried again later.
var ErrTimersFull = errors.New("there is no room for more timers (timers.max_bytes)")

// Timer is something to be done in a conversation at a later time: to call the
// handler with an event of type [TypeTimer], or, with Send, to push messages.
//
// Either After, At or Cron says when it is due first, or Every does. Every and
// Cron let it come again until it is cancelled or replaced. Times that pass while
// the server is down are made up for by one, at its start; the next one is the
// first that lies ahead.
//
// After and Every are measured durations: setting the machine's clock does not
// change them while the server runs. At and Cron are times of that clock.
type Timer struct {
	// Key names the timer within its conversation: setting it again replaces it.
	// With "" the timer gets a key that no other has. At most MaxTimerKey bytes.
	Key string

	After time.Duration // from when the handler has returned; MinTimer to MaxTimer
	At    time.Time     // MinTimer to MaxTimer from now
	Every time.Duration // between two times; MinTimer to MaxTimer
	// Cron is five fields (minute, hour, day of the month, month, day of the
	// week), or one of @hourly, @daily, @weekly, @monthly and @yearly. A time
	// that the change to daylight saving time skips is due at the change; one
	// that comes twice at the change back is due once, unless the hour is *.
	Cron string
	Zone string // of Cron, in the words of the time zone database: "Asia/Tokyo"

	// Payload is kept for the handler: Event.Timer has it. At most MaxTimerPayload
	// bytes.
	Payload string
	// Send is pushed to the conversation when the timer is due, without a call of
	// the handler. It counts against the channel's quota.
	Send []Message
}

// FiredTimer is what a timer event tells of its timer.
type FiredTimer struct {
	Key     string    `json:"key"`
	Payload string    `json:"payload"`
	Due     time.Time `json:"due"`   // the event never comes before it
	Count   int       `json:"count"` // 1 for the first time, more for one that comes again
}

// PendingTimer is a timer that waits for its time.
type PendingTimer struct {
	Key     string
	Payload string
	Due     time.Time // next
	Every   time.Duration
	Cron    string
	Zone    string
	Sends   int // messages that are pushed when it is due; 0 when the handler is called
}

// Check returns what is wrong with a timer that is set now, nil for nothing.
func (t Timer) Check(now time.Time) error {
	switch {
	case len(t.Key) > MaxTimerKey || !utf8.ValidString(t.Key):
		return fmt.Errorf("timer: its key must be valid UTF-8 of at most %d bytes", MaxTimerKey)
	case len(t.Payload) > MaxTimerPayload || !utf8.ValidString(t.Payload):
		return fmt.Errorf("timer %q: its payload must be valid UTF-8 of at most %d bytes", t.Key, MaxTimerPayload)
	case len(t.Send) > 0 && t.Payload != "":
		return fmt.Errorf("timer %q: with Send nobody gets its payload", t.Key)
	}
	if err := t.checkTimes(now); err != nil {
		return fmt.Errorf("timer %q: %w", t.Key, err)
	}
	return nil
}

func (t Timer) checkTimes(now time.Time) error {
	given := 0
	for _, is := range []bool{t.After != 0, !t.At.IsZero(), t.Cron != ""} {
		if is {
			given++
		}
	}
	switch {
	case given > 1 || given == 0 && t.Every == 0:
		return errors.New("it needs one of After, At, Every and Cron")
	case t.Cron != "" && t.Every != 0:
		return errors.New("only one of Every and Cron can be given")
	case t.Zone != "" && t.Cron == "":
		return errors.New("a Zone is only of use with Cron")
	}
	for _, d := range []struct {
		name string
		is   bool
		d    time.Duration
	}{{"After", t.After != 0, t.After}, {"Every", t.Every != 0, t.Every}, {"At", !t.At.IsZero(), t.At.Sub(now)}} {
		if d.is && (d.d < MinTimer || d.d > MaxTimer) {
			return fmt.Errorf("%s must be from 1 second to 366 days ahead, not %v", d.name, d.d.Round(time.Millisecond))
		}
	}
	if t.Cron == "" {
		return nil
	}
	c, err := parseCron(t.Cron, t.Zone)
	if err == nil && c.next(now).IsZero() {
		err = fmt.Errorf("cron %q is never due", t.Cron)
	}
	return err
}

// First returns when a timer that is set now and passes Check is due first.
func (t Timer) First(now time.Time) time.Time {
	switch {
	case !t.At.IsZero():
		return t.At
	case t.After != 0:
		return now.Add(t.After)
	}
	return t.Next(now, now)
}

// Next returns when a timer that was due at a time is due again: the first time
// of its row that lies behind now; zero for a timer that does not come again.
func (t Timer) Next(due, now time.Time) time.Time {
	switch {
	case t.Every > 0:
		missed := max(now.Sub(due), 0) / t.Every
		return due.Add((missed + 1) * t.Every)
	case t.Cron != "":
		c, err := parseCron(t.Cron, t.Zone)
		if err != nil {
			return time.Time{}
		}
		if due.After(now) {
			now = due // the clock was set back: no time comes twice
		}
		return c.next(now)
	}
	return time.Time{}
}
