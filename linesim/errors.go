package linesim

import "errors"

// What the methods and the control API refuse. The errors that are returned wrap one of these and
// say which user, group or field it was about. In HTTP answers of the control API ErrInvalid is 400,
// ErrNotFound 404, ErrConflict 409, ErrQueueFull and ErrClosed 503.
var (
	// ErrInvalid: an argument is not what it should be; correct it.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: there is no such user, group, message or event.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state forbids it, for example a user who blocked the bot cannot write to it.
	ErrConflict = errors.New("conflict")
	// ErrQueueFull: Config.WebhookQueue webhooks are waiting for the bot; wait and try again.
	ErrQueueFull = errors.New("the queue of webhooks is full, wait until the bot has taken some")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the simulator is closed")
)
