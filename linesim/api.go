package linesim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// linePrefix is where LINE's two hosts (api.line.me and api-data.line.me) stand.
const linePrefix = "/sim/line"

// maxAPIBody is LINE's limit of a request body (Messaging API reference, "Status codes", 413).
const maxAPIBody = 2 << 20

// bodyKind is what a request must carry.
type bodyKind int

const (
	noBody bodyKind = iota
	jsonBody
	formBody
)

// route is one operation of LINE's API.
type route struct {
	pattern  string // of http.ServeMux, without linePrefix
	endpoint string // short name: in records, faults and limits
	body     bodyKind
	open     bool // needs no channel access token
	retry    bool // takes X-Line-Retry-Key
	handle   func(*Simulator, *call) (answer, error)
}

// apiRoutes is the table of all operations that the simulator has; any other path is 404.
func apiRoutes() []route {
	return []route{
		{pattern: "POST /v2/bot/message/reply", endpoint: "reply", body: jsonBody, handle: (*Simulator).reply},
		{pattern: "POST /v2/bot/message/push", endpoint: "push", body: jsonBody, retry: true, handle: (*Simulator).push},
		{pattern: "POST /v2/bot/message/multicast", endpoint: "multicast", body: jsonBody, retry: true, handle: (*Simulator).multicast},
		{pattern: "POST /v2/bot/message/broadcast", endpoint: "broadcast", body: jsonBody, retry: true, handle: (*Simulator).broadcast},

		{pattern: "POST /v2/bot/message/validate/reply", endpoint: "validateReply", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/push", endpoint: "validatePush", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/multicast", endpoint: "validateMulticast", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/narrowcast", endpoint: "validateNarrowcast", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/broadcast", endpoint: "validateBroadcast", body: jsonBody, handle: (*Simulator).validate},

		{pattern: "GET /v2/bot/message/quota", endpoint: "quota", handle: (*Simulator).messageQuota},
		{pattern: "GET /v2/bot/message/quota/consumption", endpoint: "quotaConsumption", handle: (*Simulator).quotaConsumption},

		{pattern: "GET /v2/bot/message/{messageId}/content", endpoint: "content", handle: (*Simulator).content},
		{pattern: "GET /v2/bot/message/{messageId}/content/preview", endpoint: "contentPreview", handle: (*Simulator).contentPreview},
		{pattern: "GET /v2/bot/message/{messageId}/content/transcoding", endpoint: "contentTranscoding", handle: (*Simulator).contentTranscoding},

		{pattern: "GET /v2/bot/profile/{userId}", endpoint: "profile", handle: (*Simulator).profile},
		{pattern: "GET /v2/bot/followers/ids", endpoint: "followers", handle: (*Simulator).followers},
		{pattern: "GET /v2/bot/info", endpoint: "botInfo", handle: (*Simulator).botInfo},

		{pattern: "GET /v2/bot/group/{groupId}/summary", endpoint: "groupSummary", handle: (*Simulator).groupSummary},
		{pattern: "GET /v2/bot/group/{groupId}/member/{userId}", endpoint: "groupMember", handle: (*Simulator).memberProfile},
		{pattern: "GET /v2/bot/group/{groupId}/members/count", endpoint: "groupMemberCount", handle: (*Simulator).memberCount},
		{pattern: "GET /v2/bot/group/{groupId}/members/ids", endpoint: "groupMembers", handle: (*Simulator).memberIDs},
		{pattern: "POST /v2/bot/group/{groupId}/leave", endpoint: "groupLeave", handle: (*Simulator).leaveChat},
		{pattern: "GET /v2/bot/room/{roomId}/member/{userId}", endpoint: "roomMember", handle: (*Simulator).memberProfile},
		{pattern: "GET /v2/bot/room/{roomId}/members/count", endpoint: "roomMemberCount", handle: (*Simulator).memberCount},
		{pattern: "GET /v2/bot/room/{roomId}/members/ids", endpoint: "roomMembers", handle: (*Simulator).memberIDs},
		{pattern: "POST /v2/bot/room/{roomId}/leave", endpoint: "roomLeave", handle: (*Simulator).leaveChat},

		{pattern: "POST /v2/bot/chat/loading/start", endpoint: "loading", body: jsonBody, handle: (*Simulator).startLoading},
		{pattern: "POST /v2/bot/chat/markAsRead", endpoint: "markAsRead", body: jsonBody, handle: (*Simulator).markAsRead},

		{pattern: "GET /v2/bot/channel/webhook/endpoint", endpoint: "webhookEndpoint", handle: (*Simulator).webhookEndpoint},
		{pattern: "PUT /v2/bot/channel/webhook/endpoint", endpoint: "setWebhookEndpoint", body: jsonBody, handle: (*Simulator).setWebhookEndpoint},
		{pattern: "POST /v2/bot/channel/webhook/test", endpoint: "testWebhook", body: jsonBody, handle: (*Simulator).testWebhook},

		{pattern: "POST /oauth2/v3/token", endpoint: "token", body: formBody, open: true, handle: (*Simulator).issueToken},

		{pattern: "/", endpoint: "unknown", handle: (*Simulator).unknownPath},
	}
}

// Endpoints returns the short names of LINE's operations as they stand in Call.Endpoint, Faults and
// Config.Limit, in alphabetical order.
func Endpoints() []string {
	var names []string
	for _, rt := range apiRoutes() {
		names = append(names, rt.endpoint)
	}
	slices.Sort(names)
	return names
}

// isEndpoint reports whether name is the short name of an operation.
func (s *Simulator) isEndpoint(name string) bool { return slices.Contains(Endpoints(), name) }

// call is one request to LINE's API.
type call struct {
	r         *http.Request
	body      []byte
	requestID string
	retryKey  string
	phones    int    // that an accepted send reached
	fault     string // what a fault did to the call
}

// answer is what an operation returns when it is not an error.
type answer struct {
	status     int
	body       any       // encoded as JSON, unless content is set
	content    io.Reader // raw bytes of the given type and length
	mediaType  string
	length     int64
	acceptedID string // of the request that took the retry key
}

// success is the answer 200 with a JSON body.
func success(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

// empty is LINE's answer without content.
type empty struct{}

// apiError is an answer in LINE's error form (Messaging API reference, "Error responses").
type apiError struct {
	status  int
	Message string        `json:"message"`
	Details []errorDetail `json:"details,omitempty"`
}

type errorDetail struct {
	Message  string `json:"message,omitempty"`
	Property string `json:"property,omitempty"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.status, e.Message) }

// fail makes an apiError.
func fail(status int, message string) error { return &apiError{status: status, Message: message} }

// errorsInBody is LINE's answer to a body whose values break rules.
func errorsInBody(details []errorDetail) error {
	return &apiError{
		status: http.StatusBadRequest, Message: fmt.Sprintf("The request body has %d error(s)", len(details)),
		Details: details,
	}
}

// badProperty is LINE's answer to a property that cannot be understood.
func badProperty(name string) error {
	return fail(http.StatusBadRequest, "The property, "+name+", in the request body is invalid (line: -, column: -)")
}

// rateLimited is LINE's answer to a call above the rate.
func rateLimited() error {
	return fail(http.StatusTooManyRequests, "The API rate limit has been exceeded. Try again later.")
}

// notFound is LINE's answer to an id or path it does not know.
func notFound() error { return fail(http.StatusNotFound, "Not found") }

// errCut stands for no answer at all: the connection is closed.
var errCut = errors.New("connection cut by a fault")

// serveAPI answers one call of LINE's API and records it.
func (s *Simulator) serveAPI(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		c := &call{r: r, requestID: newUUID()}
		ans, err := s.perform(rt, c, w)
		if err != nil {
			ans = errorAnswer(err)
		}
		s.mu.Lock()
		s.noteCallLocked(Call{
			Endpoint: rt.endpoint, Status: ans.status, MS: milliseconds(time.Since(at)), RetryKey: c.retryKey,
			At: at.UTC(), RequestID: c.requestID, To: c.phones, Fault: c.fault,
		})
		s.mu.Unlock()
		if errors.Is(err, errCut) {
			panic(http.ErrAbortHandler) // net/http closes the connection without an answer
		}
		s.writeAnswer(w, c, ans)
	}
}

// perform checks a call, lets it fail where the faults say so, and runs its operation.
func (s *Simulator) perform(rt route, c *call, w http.ResponseWriter) (answer, error) {
	if err := s.admit(rt, c, w); err != nil {
		return answer{}, err
	}
	v := s.judge(rt.endpoint)
	defer pause(c.r.Context(), v.latency)
	if !v.fails {
		return rt.handle(s, c)
	}
	c.fault = FaultRefused
	if v.accepted {
		if _, err := rt.handle(s, c); err == nil {
			c.fault = FaultAccepted
		}
	}
	return answer{}, faultError(v.status)
}

// admit reads the request and makes the checks that all operations share.
func (s *Simulator) admit(rt route, c *call, w http.ResponseWriter) error {
	var err error
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxAPIBody)); err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return fail(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		return fail(http.StatusBadRequest, "The request body could not be read")
	}
	if !rt.open {
		if err := s.authenticate(c.r); err != nil {
			return err
		}
	}
	if s.cfg.Limit != nil && !s.cfg.Limit(rt.endpoint) {
		return rateLimited()
	}
	if err := checkContentType(rt.body, c.r.Header.Get("Content-Type")); err != nil {
		return err
	}
	key, valid := parseRetryKey(c.r.Header.Get("X-Line-Retry-Key"))
	if !valid || key != "" && !rt.retry {
		return fail(http.StatusBadRequest, "The request header, X-Line-Retry-Key, is invalid")
	}
	c.retryKey = key
	return nil
}

// authenticate checks the channel access token.
func (s *Simulator) authenticate(r *http.Request) error {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if bearer && token == s.cfg.ChannelAccessToken {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if until, ok := s.issued.get(token); bearer && ok && time.Now().Before(until) {
		return nil
	}
	return fail(http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. "+
		"Confirm that the access token in the authorization header is valid.")
}

// checkContentType compares the type of a request with what its operation takes. LINE documents the
// text; the status 415 is HTTP's own and not confirmed.
func checkContentType(want bodyKind, got string) error {
	types := map[bodyKind]string{jsonBody: "application/json", formBody: "application/x-www-form-urlencoded"}
	if want == noBody {
		return nil
	}
	if media, _, err := mime.ParseMediaType(got); err == nil && media == types[want] {
		return nil
	}
	return fail(http.StatusUnsupportedMediaType, "The content type, "+got+", is not supported")
}

// decode reads the JSON body of a call into v.
func (c *call) decode(v any) error {
	err := json.Unmarshal(c.body, v)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return badProperty(wrong.Field)
	case errors.As(err, &syntax):
		line, column := position(c.body, syntax.Offset)
		return fail(http.StatusBadRequest,
			fmt.Sprintf("The request body could not be parsed as JSON (line: %d, column: %d)", line, column))
	}
	return fail(http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
}

// position turns an offset in body into a line and a column, both from 1.
func position(body []byte, offset int64) (line, column int) {
	line, column = 1, 1
	for _, b := range body[:min(offset, int64(len(body)))] {
		if column++; b == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// faultError is the answer of a call that a fault lets fail.
func faultError(status int) error {
	switch status {
	case 0:
		return errCut
	case http.StatusTooManyRequests:
		return rateLimited()
	case http.StatusInternalServerError:
		return fail(status, "Internal server error")
	}
	return fail(status, http.StatusText(status))
}

// errorAnswer turns the error of an operation into an answer.
func errorAnswer(err error) answer {
	var e *apiError
	if errors.Is(err, errCut) {
		return answer{}
	}
	if !errors.As(err, &e) {
		e = &apiError{status: http.StatusInternalServerError, Message: err.Error()}
	}
	return answer{status: e.status, body: e}
}

// writeAnswer sends an answer. A client that is gone is not an error of the simulator.
func (s *Simulator) writeAnswer(w http.ResponseWriter, c *call, ans answer) {
	h := w.Header()
	h["x-line-request-id"] = []string{c.requestID}
	if ans.acceptedID != "" {
		h["x-line-accepted-request-id"] = []string{ans.acceptedID}
	}
	if ans.content != nil {
		h.Set("Content-Type", ans.mediaType)
		h.Set("Content-Length", fmt.Sprint(ans.length))
		w.WriteHeader(ans.status)
		_, _ = io.Copy(w, ans.content)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(ans.status)
	b, err := json.Marshal(ans.body)
	if err != nil {
		s.log.Error("answer could not be encoded", "requestId", c.requestID, "error", err)
		return
	}
	_, _ = w.Write(b)
}

// unknownPath answers what is not in the table of routes.
func (s *Simulator) unknownPath(*call) (answer, error) { return answer{}, notFound() }
