package line

import (
	"errors"
	"net/http"
	"strings"
)

// The words by which LINE's 400 and 429 answers are told apart. LINE does not
// promise its texts, but gives nothing else to go by.
const (
	invalidReplyTokenWords = "invalid reply token"
	monthlyLimitWords      = "monthly limit"
)

// NotSent reports whether the request certainly never left this process: a bad
// argument, no access token, no connection (refused, unknown host, failed TLS
// handshake, time-out before there was one). LINE has not accepted it.
func NotSent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Unsent
}

// OutcomeUnknown reports whether LINE may have accepted the request although
// the call failed: a time-out or a broken connection after it may have left, a
// 5xx, or an answer that is not LINE's. Such a call is only repeated with its
// retry key or its reply token (Messaging API reference, Retrying an API
// request: retry on 500 and time-outs). For every other error of a call LINE
// has certainly not accepted the request. An error that is not an [*Error] is
// unknown, nil is not.
func OutcomeUnknown(err error) bool {
	if err == nil {
		return false
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return true
	case e.Status == 0:
		return !e.Unsent
	}
	return e.Status/100 == 2 || e.Status >= 500 || e.Status == http.StatusRequestTimeout
}

// Temporary reports whether the same call is worth trying again, later and
// within what [OutcomeUnknown] allows: no connection, no answer, 5xx, or a rate
// limit. LINE's other refusals stay what they are.
func Temporary(err error) bool {
	if err == nil {
		return false
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return true
	}
	if e.Unsent {
		return temporaryCause(e.Err)
	}
	return OutcomeUnknown(err) && !errors.Is(err, ErrNotPrepared) || RateLimited(err)
}

// temporaryCause reports whether what kept a request from being sent may pass.
func temporaryCause(cause error) bool {
	if errors.Is(cause, ErrInvalid) {
		return false
	}
	if _, ok := errors.AsType[*Error](cause); ok {
		return Temporary(cause)
	}
	_, bad := errors.AsType[tokenError](cause)
	return !bad
}

// RateLimited reports whether LINE refused the call because too many came in
// a short time, over all or to one user (429). It may be repeated, slower: see
// Error.RetryAfter (Messaging API reference, Rate limits).
func RateLimited(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusTooManyRequests && !MonthlyLimit(err)
}

// MonthlyLimit reports whether LINE refused the call because the channel's
// messages of this month are used up (429 "You have reached your monthly
// limit."). It is not to be repeated; replies still work, they are free.
func MonthlyLimit(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusTooManyRequests && hasWords(e.Message, monthlyLimitWords)
}

// InvalidReplyToken reports whether LINE refused a reply because its token was
// used before, has run out or never was one (400 "Invalid reply token"). After
// a try whose outcome was unknown it may mean that the try arrived.
func InvalidReplyToken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusBadRequest && e.Endpoint == endpointReply && hasWords(e.Message, invalidReplyTokenWords)
}

// Unauthorized reports whether LINE did not take the channel access token
// (401), or would not issue one for the channel's ID and secret.
func Unauthorized(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	if e.Status == http.StatusUnauthorized {
		return true
	}
	if e.Endpoint == endpointToken {
		return e.Status == http.StatusBadRequest || e.Status == http.StatusForbidden
	}
	return e.Unsent && Unauthorized(e.Err)
}

func hasWords(text, words string) bool { return strings.Contains(strings.ToLower(text), words) }
