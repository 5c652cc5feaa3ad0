package line

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

var (
	// ErrInvalid is in the chain of an error about an argument that was
	// refused before anything was sent. The same call will always fail.
	ErrInvalid = errors.New("invalid argument")

	// ErrGone matches LINE's 410: the sender took the message back, its content
	// cannot be had any more.
	ErrGone = errors.New("content is gone")

	// ErrNotFound matches LINE's 404. A profile is not found when the user is no
	// friend, has blocked the channel, gave no consent, or does not exist;
	// content when it has been deleted.
	ErrNotFound = errors.New("not found")

	// ErrNotPrepared is in the chain of the error of Content when LINE could not
	// prepare a video or audio for download.
	ErrNotPrepared = errors.New("content could not be prepared")

	errStillPreparing = errors.New("content is still being prepared")
	errBrokenOff      = errors.New("answer broke off")
	errTooLong        = errors.New("answer is too long")
	errNotJSON        = errors.New("answer is not what LINE sends: check the base URL")
)

// Error is the failure of one call.
//
// Its text names the call, the status, LINE's request ID, LINE's own summary and
// the faulty properties, and never a token, a message text or a URL. Details may
// quote what was sent: show them only to those who may read the messages.
type Error struct {
	// Endpoint is the short name of the call: reply, push, multicast,
	// broadcast, profile, group_member, room_member, group_summary, leave_group,
	// leave_room, content, content_preview, transcoding, loading, mark_as_read,
	// quota, quota_consumption, validate, bot_info, webhook_endpoint, webhook_test
	// or token.
	Endpoint string

	// Status is the HTTP status of the answer, 0 when none came.
	Status int

	// Unsent is set when the request certainly never left this process: a bad
	// argument, no token, no connection. It goes with Status 0.
	Unsent bool

	RequestID         string        // LINE's x-line-request-id, or ""
	AcceptedRequestID string        // x-line-accepted-request-id of a 409, or ""
	Message           string        // LINE's "message" on one line, at most 300 bytes, or ""
	Details           []Detail      // LINE's "details", at most 20
	RetryAfter        time.Duration // from a Retry-After header, which LINE does not document; 0 for none, at most 1 h

	// Err is the cause on our side: of the transport, the token source or an
	// argument. Nil where LINE refused the call. Its text is not for logs.
	Err error
}

// Detail is one fault that LINE found in a request.
type Detail struct {
	Property string // where, such as "messages[0].text"; at most 200 bytes
	Message  string // what, such as "May not be empty"; at most 200 bytes
}

// Error describes the failure on one line. See [Error] for what it leaves out.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("line: " + e.Endpoint + ": ")
	switch {
	case e.Status != 0:
		fmt.Fprintf(&b, "status %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	case e.Unsent:
		b.WriteString("not sent")
	default:
		b.WriteString("no answer")
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	b.WriteString(describeDetails(e.Details))
	if e.Err != nil {
		b.WriteString(": " + describeCause(e.Err))
	}
	if e.RequestID != "" {
		b.WriteString(" [request " + e.RequestID + "]")
	}
	return b.String()
}

// Unwrap returns the cause on our side, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Is makes a 404 match [ErrNotFound] and a 410 match [ErrGone].
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrGone:
		return e.Status == http.StatusGone
	}
	return false
}

// invalid is the error of a call whose argument was refused here.
func invalid(endpoint, format string, args ...any) *Error {
	return &Error{Endpoint: endpoint, Unsent: true, Err: invalidArgument(fmt.Sprintf(format, args...))}
}

// invalidArgument says what is wrong with an argument. It is an ErrInvalid.
type invalidArgument string

func (e invalidArgument) Error() string   { return string(e) }
func (invalidArgument) Is(err error) bool { return err == ErrInvalid }
