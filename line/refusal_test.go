package line_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/line"
)

// TestClassification tries LINE's documented refusals, in its words, through a
// real call.
func TestClassification(t *testing.T) {
	type class struct{ RateLimited, MonthlyLimit, InvalidReplyToken, OutcomeUnknown, Temporary, Unauthorized bool }
	tests := []struct {
		name     string
		endpoint string
		status   int
		message  string
		want     class
	}{
		{"rate limit", "push", 429, "The API rate limit has been exceeded. Try again later.", class{RateLimited: true, Temporary: true}},
		{"rate limit of a reply", "reply", 429, "The API rate limit has been exceeded. Try again later.", class{RateLimited: true, Temporary: true}},
		{"unknown 429", "push", 429, "Slow down", class{RateLimited: true, Temporary: true}},
		{"monthly limit", "push", 429, "You have reached your monthly limit.", class{MonthlyLimit: true}},
		{"monthly limit, other case", "multicast", 429, "Monthly Limit reached", class{MonthlyLimit: true}},
		{"invalid reply token", "reply", 400, "Invalid reply token", class{InvalidReplyToken: true}},
		{"same words of a push", "push", 400, "Invalid reply token", class{}},
		{"bad body", "reply", 400, "The request body has 1 error(s)", class{}},
		{"unknown recipient", "push", 400, "Failed to send messages", class{}},
		{"unauthorized", "push", 401, "Authentication failed due to the following reason: invalid token", class{Unauthorized: true}},
		{"forbidden", "push", 403, "Access to this API is not available for your account", class{}},
		{"not found", "push", 404, "Not found", class{}},
		{"request time-out", "push", 408, "", class{OutcomeUnknown: true, Temporary: true}},
		{"too large", "push", 413, "", class{}},
		{"server error", "push", 500, "Internal Server Error", class{OutcomeUnknown: true, Temporary: true}},
		{"server error of a reply", "reply", 500, "", class{OutcomeUnknown: true, Temporary: true}},
		{"gateway", "broadcast", 502, "", class{OutcomeUnknown: true, Temporary: true}},
		{"unavailable", "push", 503, "", class{OutcomeUnknown: true, Temporary: true}},
		{"odd status", "push", 700, "", class{OutcomeUnknown: true, Temporary: true}},
		{"redirect", "push", 302, "", class{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(tt.status, fmt.Sprintf(`{"message":%q}`, tt.message)))
			c := newClient(t, p.URL)
			for _, s := range sends {
				if s.name != tt.endpoint {
					continue
				}
				_, err := s.send(t.Context(), c, text, retryKey)
				err = fmt.Errorf("outbox: %w", err) // callers wrap
				got := class{line.RateLimited(err), line.MonthlyLimit(err), line.InvalidReplyToken(err), line.OutcomeUnknown(err), line.Temporary(err), line.Unauthorized(err)}
				if diff := cmp.Diff(tt.want, got); diff != "" || line.NotSent(err) {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			}
		})
	}
}

// TestClassificationOfOthers holds errors that no call of a client gave.
func TestClassificationOfOthers(t *testing.T) {
	foreign := errors.New("foreign")
	tests := []struct {
		name string
		err  error
		is   func(error) bool
		want bool
	}{
		{"nil unknown", nil, line.OutcomeUnknown, false},
		{"nil temporary", nil, line.Temporary, false},
		{"nil not sent", nil, line.NotSent, false},
		{"nil rate limited", nil, line.RateLimited, false},
		{"foreign unknown", foreign, line.OutcomeUnknown, true},
		{"foreign temporary", foreign, line.Temporary, true},
		{"foreign not sent", foreign, line.NotSent, false},
		{"foreign unauthorized", foreign, line.Unauthorized, false},
		{"made unknown", &line.Error{Endpoint: "push"}, line.OutcomeUnknown, true},
		{"made unsent", &line.Error{Endpoint: "push", Unsent: true}, line.NotSent, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.is(tt.err); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		name    string
		body    string
		headers []string
		want    string
	}{
		{
			"summary and details",
			`{"message":"The request body has 2 error(s)","details":[
				{"message":"May not be empty","property":"messages[0].text"},
				{"message":"Must be one of the following values: [text, sticker]","property":"messages[1].type"}]}`,
			[]string{"x-line-request-id: r1"},
			"line: push: status 400 Bad Request: The request body has 2 error(s) (messages[0].text: May not be empty; " +
				"messages[1].type: Must be one of the following values: [text, sticker]) [request r1]",
		},
		{
			"details that quote",
			`{"message":"The request body has 1 error(s)","details":[{"message":"'` + secretary + `' is no address","property":"messages[0].uri"}]}`,
			nil,
			"line: push: status 400 Bad Request: The request body has 1 error(s) (messages[0].uri)",
		},
		{
			"many details",
			`{"message":"m","details":[{"property":"a"},{"property":"b"},{"property":"c"},{"property":"d"},{"property":"e"}]}`,
			nil,
			"line: push: status 400 Bad Request: m (a; b; c; and 2 more)",
		},
		{"token in the text", `{"message":"no token ` + token + `"}`, nil, "line: push: status 400 Bad Request: no token [secret]"},
		{"lines in the text", `{"message":"a\n\u0000b"}`, []string{"x-line-request-id: r\t1"}, "line: push: status 400 Bad Request: a  b [request r 1]"},
		{"page", "<html>" + secretary + "</html>", nil, "line: push: status 400 Bad Request"},
		{"text", `"` + secretary + `"`, nil, "line: push: status 400 Bad Request"},
		{"wrong types", `{"message":{"a":"` + secretary + `"}}`, nil, "line: push: status 400 Bad Request"},
		{"nothing", "", nil, "line: push: status 400 Bad Request"},
		{"broken off", `{"message":"a"`, []string{"Content-Length: 100"}, "line: push: status 400 Bad Request"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(400, tt.body, tt.headers...))
			_, err := newClient(t, p.URL).Push(t.Context(), userID, text, retryKey)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			mustBeQuiet(t, err)
		})
	}
}

func TestReplyTokenIsNotRepeated(t *testing.T) {
	p := newPlatform(t, answer(400, `{"message":"Invalid reply token","details":[{"message":"May not be empty, reply-token","property":"reply-token"}]}`))
	_, err := newClient(t, p.URL).Reply(t.Context(), "reply-token", text)
	if !line.InvalidReplyToken(err) {
		t.Errorf("got %v", err)
	}
	mustBeQuiet(t, err)
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		header   string
		min, max time.Duration
	}{
		{"", 0, 0},
		{"7", 7 * time.Second, 7 * time.Second},
		{"0", 0, 0},
		{"-1", 0, 0},
		{"soon", 0, 0},
		{"99999", time.Hour, time.Hour},
		{"99999999999999999999", 0, 0},
		{time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), 50 * time.Second, time.Minute},
		{time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat), 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.header, func(t *testing.T) {
			p := newPlatform(t, answer(429, "{}", "Retry-After: "+tt.header))
			_, err := newClient(t, p.URL).Push(t.Context(), userID, text, retryKey)
			e, ok := errors.AsType[*line.Error](err)
			if !ok || e.RetryAfter < tt.min || e.RetryAfter > tt.max {
				t.Errorf("got %#v, want a pause from %v to %v", err, tt.min, tt.max)
			}
		})
	}
}
