package timer

import (
	"errors"
	"time"
)

// Bounds of what can be asked for.
const (
	MinWait  = time.Second
	MaxWait  = 366 * 24 * time.Hour
	MaxLabel = 100 // characters; a longer label is cut
)

// Action is what a user wants.
type Action int

// The actions.
const (
	Set    Action = iota + 1 // a timer
	List                     // the timers that are set
	Cancel                   // one timer or all
)

// Request is what a text asks for.
type Request struct {
	Action Action

	// At is when a timer that is set shall ring, in the location that Read was
	// given; it is from MinWait to MaxWait away.
	At time.Time
	// Wait is the time from now to At where that was asked for ("3分"); zero
	// where a time of day was ("18:30").
	Wait time.Duration
	// Label is what the timer is for, or which timer to cancel; "" if the text
	// does not say. It is one line, as the user wrote it.
	Label string
	// Number is the Label of a Cancel where that is a number, else zero: it may
	// count timers of a list, or be a label all the same.
	Number int
	// All is set by a Cancel of all timers.
	All bool

	// Language is that of the text, frontdesk.Japanese or frontdesk.English; ""
	// where it could be either, as "180".
	Language string
}

// What Read finds wrong. The bot says it in the user's words.
var (
	ErrUnknown    = errors.New("not a request for a timer")
	ErrNoTime     = errors.New("a day without a time of day")
	ErrNoSuchTime = errors.New("no such day or time of day")
	ErrPast       = errors.New("the time has passed")
	ErrTooSoon    = errors.New("sooner than the shortest timer")
	ErrTooFar     = errors.New("later than the longest timer")
)
