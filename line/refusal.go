package line

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How much of LINE's error texts is kept, in bytes and items.
const (
	messageLimit = 300
	detailLimit  = 200
	idLimit      = 100
	detailsLimit = 20
)

// retryAfterLimit keeps a mistaken header from stopping a lane for good.
const retryAfterLimit = time.Hour

// readRefusal reads an answer that is no success, closes it and returns it as
// an error. The secrets are taken out of its texts.
func readRefusal(endpoint string, resp *http.Response, secrets ...string) *Error {
	e := &Error{
		Endpoint:          endpoint,
		Status:            resp.StatusCode,
		RequestID:         requestID(resp),
		AcceptedRequestID: acceptedRequestID(resp),
		RetryAfter:        parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	body, err := readAnswer(resp)
	if err != nil {
		return e
	}
	e.Message, e.Details = parseRefusal(body, secrets...)
	return e
}

// parseRefusal takes the texts out of an error body: LINE's
// {"message","details":[{"message","property"}]}, or {"error",
// "error_description"} as the token endpoint has it. Any other body gives
// none: it is not LINE's, or may quote what was sent.
func parseRefusal(body []byte, secrets ...string) (message string, details []Detail) {
	var b struct {
		Message          string
		Error            string
		ErrorDescription string `json:"error_description"`
		Details          []struct{ Message, Property string }
	}
	if !isObject(body) || json.Unmarshal(body, &b) != nil {
		return "", nil
	}
	clean := func(s string, limit int) string { return cleanText(redact(s, secrets), limit) }
	message = b.Message
	if message == "" && b.Error != "" {
		message = strings.TrimSuffix(b.Error+": "+b.ErrorDescription, ": ")
	}
	for _, d := range b.Details[:min(len(b.Details), detailsLimit)] {
		details = append(details, Detail{Property: clean(d.Property, detailLimit), Message: clean(d.Message, detailLimit)})
	}
	return clean(message, messageLimit), details
}

// redact takes the secrets out of s.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return s
}

// parseRetryAfter reads a Retry-After header, in seconds or as a date. What
// cannot be read or has passed is 0.
func parseRetryAfter(header string, now time.Time) time.Duration {
	var d time.Duration
	if s, err := strconv.ParseUint(header, 10, 31); err == nil {
		d = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), retryAfterLimit)
}
