package frontdesk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Handler is a bot's code: it answers events.
//
// Handle is called with one event at a time of each conversation, and with
// events of many conversations at once. It answers through d, whose messages
// set out when it has returned nil. The returned error decides:
//
//   - nil: the event is done, its messages are stored and will be sent.
//   - an error from [Drop]: the event becomes a dead letter now.
//   - an error from [Retry]: the event is tried again after the given time.
//   - an error from [Interrupted]: the same, but the attempt does not count.
//   - any other error, and a panic: the event is tried again with growing
//     pauses, and becomes a dead letter after too many tries.
//
// In all cases but the first, nothing of this attempt is sent.
//
// ctx ends when the server wants the handler to stop: the time limit of one
// attempt has run out, or the server shuts down. A handler must return soon
// after; one that ignores ctx holds up its own conversation and, at shutdown,
// the process until the drain limit. An attempt that a shutdown interrupts is
// not counted as a try.
type Handler interface {
	Handle(ctx context.Context, d Desk, ev *Event) error
}

// HandlerFunc makes a [Handler] of a function.
type HandlerFunc func(ctx context.Context, d Desk, ev *Event) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, d Desk, ev *Event) error { return f(ctx, d, ev) }

// Middleware wraps a handler, to act before or after it or in its place.
type Middleware func(Handler) Handler

// Chain wraps h so that the first middleware is the outermost.
func Chain(h Handler, mw ...Middleware) Handler {
	for i := len(mw) - 1; i >= 0; i-- {
		h = mw[i](h)
	}
	return h
}

// DropError is a handler's verdict that trying again is of no use.
type DropError struct{ Err error }

// Drop marks err so that its event becomes a dead letter at once.
// Drop(nil) is nil.
func Drop(err error) error {
	if err == nil {
		return nil
	}
	return &DropError{err}
}

func (e *DropError) Error() string { return e.Err.Error() }

// Unwrap returns the error that was given to Drop.
func (e *DropError) Unwrap() error { return e.Err }

// RetryError is a handler's wish for when to be tried again.
type RetryError struct {
	Err   error
	After time.Duration // from the end of the attempt
}

// Retry marks err so that its event is tried again after the given time
// instead of the usual back-off. The attempt counts like any other.
// Retry(nil, d) is nil.
func Retry(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &RetryError{err, after}
}

func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the error that was given to Retry.
func (e *RetryError) Unwrap() error { return e.Err }

// InterruptedError is a handler's word that it could not get to its event.
type InterruptedError struct {
	Err   error
	After time.Duration // from the end of the attempt
}

// Interrupted marks err as not the event's fault, such as a bot's process that
// is not there: the event is tried again after the given time, as often as it
// takes, and the attempt does not count. Nobody gives such an event up, so mark
// only what passes by itself or what somebody will look after.
// Interrupted(nil, d) is nil.
func Interrupted(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &InterruptedError{err, after}
}

func (e *InterruptedError) Error() string { return e.Err.Error() }

// Unwrap returns the error that was given to Interrupted.
func (e *InterruptedError) Unwrap() error { return e.Err }

// ErrNoProfile is returned by [Desk.Profile] when LINE has no profile to give:
// the user is not a friend, blocked the bot, or did not consent.
var ErrNoProfile = errors.New("the user has no profile that this channel may see")

// ErrGone is returned by [Desk.Content] when the sender took the message back
// or LINE no longer keeps it.
var ErrGone = errors.New("the content is gone")

// ErrStandby is returned by a desk's sends for an event in standby mode:
// LINE forbids a bot to send then.
var ErrStandby = Drop(errors.New("the channel is in standby mode: another module answers"))

// PanicError is what an attempt ends with when its handler panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names the kind of value only: a panic's text may quote a message.
func (e *PanicError) Error() string {
	if err, ok := e.Value.(error); ok {
		return fmt.Sprintf("handler panicked with %T", err)
	}
	return "handler panicked"
}
