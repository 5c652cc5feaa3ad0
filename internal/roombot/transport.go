package roombot

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// maxRequest bounds a request in bytes: five messages, each much larger than
	// LINE takes.
	maxRequest = 8 << 20
	// apiURL stands where LINE's address does. Nothing is ever sent to it.
	apiURL = "http://rooms.invalid"
)

// Client returns a client of LINE's API whose messages appear in rooms. It takes
// pushes and multicasts, and no other call.
func (s *Service) Client() (*line.Client, error) {
	return line.NewClient(line.Config{BaseURL: apiURL, Token: line.FixedToken("none"), Transport: transport{s}})
}

// transport carries requests to the rooms.
type transport struct{ s *Service }

// RoundTrip serves a request as LINE would.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, maxRequest)); err != nil {
			return nil, err
		}
	}
	a := t.s.serve(r.Context(), r.Method+" "+r.URL.Path, r.Header.Get("X-Line-Retry-Key"), body)
	return a.response(r), nil
}

// answer is what LINE answers.
type answer struct {
	status   int
	message  string // of an error
	sent     []sentMessage
	accepted bool // all of it was there before
}

type sentMessage struct {
	ID string `json:"id"`
}

func (a answer) response(r *http.Request) *http.Response {
	body, err := json.Marshal(struct {
		Message string        `json:"message,omitempty"`
		Sent    []sentMessage `json:"sentMessages,omitempty"`
	}{a.message, a.sent})
	if err != nil {
		body = []byte("{}") // unreachable: strings
	}
	header := http.Header{"Content-Type": {"application/json"}, "X-Line-Request-Id": {rand.Text()}}
	if a.accepted {
		header.Set("X-Line-Accepted-Request-Id", "earlier")
	}
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// request is the body of any call.
type request struct {
	To       json.RawMessage   `json:"to"`
	Messages []json.RawMessage `json:"messages"`
}

// serve makes a call.
func (s *Service) serve(ctx context.Context, call, key string, body []byte) answer {
	var req request
	if err := json.Unmarshal(body, &req); err != nil {
		return answer{status: http.StatusBadRequest, message: "The request body is no JSON object"}
	}
	if key == "" {
		key = rand.Text() // made once
	}
	switch call {
	case "POST /v2/bot/message/push":
		var to string
		if json.Unmarshal(req.To, &to) != nil {
			return noSuchReceiver
		}
		return s.push(ctx, to, key, req.Messages)
	case "POST /v2/bot/message/multicast":
		var to []string
		if json.Unmarshal(req.To, &to) != nil {
			return noSuchReceiver
		}
		return s.multicast(ctx, to, key, req.Messages)
	}
	return answer{status: http.StatusNotFound, message: "The channel of the rooms has no such call"}
}

var noSuchReceiver = answer{status: http.StatusBadRequest, message: "There is no such user, nor such a room with the bot"}

// push stores messages in a room, but those that an earlier try has stored.
func (s *Service) push(ctx context.Context, to, key string, messages []json.RawMessage) answer {
	room, ok, err := s.roomOf(ctx, to)
	if err != nil {
		return s.failed(to, err)
	}
	if !ok {
		return noSuchReceiver
	}
	s.endTyping(room)
	stored, err := s.storedBy(ctx, room, key)
	if err != nil {
		return s.failed(room, err)
	}
	a := answer{status: http.StatusOK, sent: make([]sentMessage, len(messages))}
	results := make(chan error, len(messages))
	var left int
	for i, body := range messages {
		cid := cidOf(key, i)
		if id, ok := stored[cid]; ok {
			a.sent[i].ID = messageID(id)
			continue
		}
		left++
		s.cfg.Rooms.Put(room, cid, body, func(id uint64, err error) {
			a.sent[i].ID = messageID(id)
			results <- err
		})
	}
	if left == 0 && len(messages) > 0 {
		a.status, a.accepted = http.StatusConflict, true
	}
	for range left {
		select {
		case one := <-results:
			err = errors.Join(err, one)
		case <-ctx.Done():
			return s.failed(room, ctx.Err()) // what is under way may yet be stored
		}
	}
	if err != nil {
		return s.failed(room, err)
	}
	return a
}

// cidOf names a message of a push.
func cidOf(key string, index int) string { return fmt.Sprintf("%s.%d", key, index) }

// storedBy returns which messages an earlier try of a push has stored, by cid.
// The store itself knows them for two minutes only.
func (s *Service) storedBy(ctx context.Context, room, key string) (map[string]uint64, error) {
	list, err := s.cfg.Rooms.Recent(ctx, room, recentMessages)
	if err != nil {
		return nil, err
	}
	found := map[string]uint64{}
	for _, m := range list {
		if strings.HasPrefix(m.CID, key) {
			found[m.CID] = m.ID
		}
	}
	return found, nil
}

// failed is the answer to a call that may or may not have stored something.
func (s *Service) failed(room string, err error) answer {
	s.lg.Warn("what the bot says is not known to be stored; trying again", "room", room, "error", err)
	return answer{status: http.StatusInternalServerError, message: "The store does not answer"}
}

// multicast pushes to each of several users.
func (s *Service) multicast(ctx context.Context, to []string, key string, messages []json.RawMessage) answer {
	for _, user := range to {
		if !validUser(user) {
			return noSuchReceiver
		}
	}
	a := answer{status: http.StatusOK, accepted: true}
	for i, user := range to {
		one := s.push(ctx, user, fmt.Sprintf("%s.%d", key, i), messages)
		if one.status != http.StatusOK && one.status != http.StatusConflict {
			return one
		}
		a.accepted = a.accepted && one.accepted
	}
	if a.accepted {
		a.status = http.StatusConflict
	}
	return a
}
