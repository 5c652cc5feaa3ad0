package linesim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// linePrefix is where LINE's two hosts (api.line.me and api-data.line.me) stand.
const linePrefix = "/sim/line"

// maxAPIBody is LINE's limit of a request body (Messaging API reference, "Status codes", 413).
const maxAPIBody = 2 << 20

// call is one request to LINE's API.
type call struct {
	r         *http.Request
	body      []byte
	requestID string
	retryKey  string
	phones    int     // that an accepted send reached
	fault     string  // what a fault did to the call
	verdict   verdict // what the faults want of it
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

// rateLimited is LINE's answer to a call above the rate.
func rateLimited() error {
	return rule.Refuse(http.StatusTooManyRequests, "The API rate limit has been exceeded. Try again later.")
}

// notFound is LINE's answer to an id or path it does not know.
func notFound() error { return rule.Refuse(http.StatusNotFound, "Not found") }

// errCut stands for no answer at all: the connection is closed.
var errCut = errors.New("connection cut by a fault")

// serveAPI answers one call of LINE's API and records it.
func (s *Simulator) serveAPI(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		c := &call{r: r, requestID: newUUID()}
		ans, err := s.perform(&rt, c, w)
		if err != nil {
			ans = errorAnswer(err)
		}
		record := Call{
			Endpoint: rt.endpoint, Status: ans.status, MS: milliseconds(time.Since(at)), RetryKey: c.retryKey,
			At: at.UTC(), RequestID: c.requestID, To: c.phones, Fault: c.fault,
		}
		if rt.body == jsonBody && c.body != nil {
			record.describe(c.body)
		}
		s.mu.Lock()
		s.noteCallLocked(record)
		s.mu.Unlock()
		if errors.Is(err, errCut) {
			if c.verdict.hang {
				s.hang(r.Context())
			}
			cut(w, c.verdict.reset)
		}
		s.writeAnswer(w, c, ans)
	}
}

// perform checks a call, lets it fail where the faults say so, and runs its operation. Whatever comes of the
// call, it was read, so that its record tells what it asked for.
func (s *Simulator) perform(rt *route, c *call, w http.ResponseWriter) (answer, error) {
	err := c.read(rt, w)
	if err := s.gate(rt, c); err != nil {
		return answer{}, err
	}
	defer pause(c.r.Context(), c.verdict.latency)
	if err == nil && (!c.verdict.fails || c.verdict.accepted) {
		var ans answer
		if ans, err = rt.handle(s, c); err == nil && c.verdict.fails {
			s.noteFault(c, FaultAccepted)
		} else if !c.verdict.fails {
			return ans, err
		}
	}
	if !c.verdict.fails {
		return answer{}, err
	}
	if c.fault == "" {
		s.noteFault(c, FaultRefused)
	}
	return answer{}, faultError(c.verdict.status)
}

// gate makes the checks that come before what a call says: an outage, the channel access token, the rate. It throws
// the dice of the faults.
func (s *Simulator) gate(rt *route, c *call) error {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.faults.outageUntil) {
		c.fault = FaultOutage
		s.count.faults[FaultOutage]++
		return errCut
	}
	if !rt.open && !s.authenticLocked(c.r, now) {
		return rule.Refuse(http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. "+
			"Confirm that the access token in the authorization header is valid.")
	}
	if !s.limits.take(rt, now) {
		s.count.limited[limitedRate]++
		return rateLimited()
	}
	c.verdict = s.judgeLocked(rt.endpoint)
	return nil
}

// read takes the body of a request and checks its headers.
func (c *call) read(rt *route, w http.ResponseWriter) error {
	var err error
	limit := int64(maxAPIBody)
	if rt.body == imageBody {
		limit = maxMenuImage
	}
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, c.r.Body, limit)); err != nil {
		c.body = nil // half a request tells nothing
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return rule.Refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		return rule.Refuse(http.StatusBadRequest, "The request body could not be read")
	}
	if err := checkContentType(rt.body, c.r.Header.Get("Content-Type")); err != nil {
		return err
	}
	var valid bool
	if c.retryKey, valid = rule.RetryKey(c.r.Header.Get("X-Line-Retry-Key")); !valid || c.retryKey != "" && !rt.retry {
		return rule.Refuse(http.StatusBadRequest, "The request header, X-Line-Retry-Key, is invalid")
	}
	return nil
}

// authenticLocked checks the channel access token.
func (s *Simulator) authenticLocked(r *http.Request, now time.Time) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		return false
	}
	if token == s.cfg.ChannelAccessToken {
		return true
	}
	issued, ok := s.issued.get(token)
	return ok && now.Before(issued.until)
}

// checkContentType compares the type of a request with what its operation takes. LINE documents the
// text; the status 415 is HTTP's own and not confirmed.
func checkContentType(want bodyKind, got string) error {
	if want == noBody {
		return nil
	}
	if media, _, err := mime.ParseMediaType(got); err == nil && slices.Contains(mediaTypes(want), media) {
		return nil
	}
	return rule.Refuse(http.StatusUnsupportedMediaType, "The content type, "+got+", is not supported")
}

// mediaTypes returns the types of content that a request may have.
func mediaTypes(want bodyKind) []string {
	switch want {
	case jsonBody:
		return []string{"application/json"}
	case formBody:
		return []string{"application/x-www-form-urlencoded"}
	case imageBody:
		return []string{"image/jpeg", "image/png"}
	}
	return nil
}

// decode reads the JSON body of a call into v.
func (c *call) decode(v any) error { return rule.Decode(c.body, v) }

// errorAnswer turns the error of an operation into an answer.
func errorAnswer(err error) answer {
	var e *rule.Refusal
	if errors.Is(err, errCut) {
		return answer{}
	}
	if !errors.As(err, &e) {
		e = &rule.Refusal{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	return answer{status: e.Status, body: e}
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
