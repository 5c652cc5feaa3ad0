package linesim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
)

// maxControlBody bounds a request body of the control API.
const maxControlBody = 1 << 20

// errTooMany: something is open too often; answered 503.
var errTooMany = errors.New("too many")

// pageCSP lets the phone page load its own scripts and styles only; pictures that bots send may come from
// anywhere.
const pageCSP = "default-src 'self'; img-src * data: blob:; media-src * data: blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

// routes puts together what ServeHTTP answers.
func (s *Simulator) routes() http.Handler {
	control := http.NewServeMux()
	s.controlRoutes(control)
	mux := http.NewServeMux()
	api := s.apiHandler()
	mux.Handle(linePrefix+"/", http.StripPrefix(linePrefix, api))
	for _, path := range []string{"/v2/", "/oauth2/", "/bot/"} {
		mux.Handle(path, api) // LINE's own places, for SDKs that take a host and no path
	}
	// The control API and the page have no login, so no other web site may use them through a reader's
	// browser.
	mux.Handle("/", http.NewCrossOriginProtection().Handler(control))
	return mux
}

// controlRoutes registers the control API and the phone page.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	handle := func(pattern string, f func(*Simulator, *http.Request) (int, any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
			status, body, err := f(s, r)
			if err != nil {
				writeControlError(w, err)
				return
			}
			writeJSON(w, status, body)
		})
	}
	handle("GET /sim/bot", (*Simulator).controlBot)
	handle("GET /sim/users", (*Simulator).controlUsers)
	handle("POST /sim/users", (*Simulator).controlAddUser)
	handle("GET /sim/users/{id}", (*Simulator).controlUser)
	handle("GET /sim/users/{id}/messages", (*Simulator).controlMessages)
	handle("POST /sim/users/{id}/messages", (*Simulator).controlSend)
	handle("POST /sim/users/{id}/follow", (*Simulator).controlFollow)
	handle("POST /sim/users/{id}/unfollow", (*Simulator).controlUnfollow)
	handle("POST /sim/users/{id}/postback", (*Simulator).controlPostback)
	handle("POST /sim/users/{id}/unsend", (*Simulator).controlUnsend)
	handle("POST /sim/users/{id}/link", (*Simulator).controlLink)
	handle("GET /sim/groups", (*Simulator).controlGroups)
	handle("POST /sim/groups", (*Simulator).controlAddGroup)
	handle("POST /sim/groups/{id}/members", (*Simulator).controlAddMember)
	handle("DELETE /sim/groups/{id}/members/{userId}", (*Simulator).controlRemoveMember)
	handle("POST /sim/groups/{id}/join", (*Simulator).controlInviteBot)
	handle("POST /sim/groups/{id}/leave", (*Simulator).controlRemoveBot)
	handle("POST /sim/trigger", (*Simulator).controlTrigger)
	handle("GET /sim/events/{id}", (*Simulator).controlEvent)
	handle("GET /sim/path/{id}", (*Simulator).controlPath)
	handle("GET /sim/webhooks", (*Simulator).controlWebhooks)
	handle("GET /sim/calls", (*Simulator).controlCalls)
	handle("GET /sim/stats", (*Simulator).controlStats)
	handle("GET /sim/faults", (*Simulator).controlFaults)
	handle("PUT /sim/faults", (*Simulator).controlSetFaults)
	handle("GET /sim/rates", (*Simulator).controlRates)
	handle("PUT /sim/rates", (*Simulator).controlSetRates)
	handle("/sim/", func(_ *Simulator, r *http.Request) (int, any, error) {
		return 0, nil, fmt.Errorf("%s %s: %w in the control API", r.Method, r.URL.Path, ErrNotFound)
	})
	mux.HandleFunc("GET /sim/stream", s.serveStream)
	mux.HandleFunc("GET /sim/contents/{messageId}", s.serveContent((*Simulator).content))
	mux.HandleFunc("GET /sim/contents/{messageId}/preview", s.serveContent((*Simulator).contentPreview))
	s.pageRoutes(mux)
}

// pageRoutes registers the phone page and its assets.
func (s *Simulator) pageRoutes(mux *http.ServeMux) {
	files, err := fs.Sub(web, "web")
	if err != nil {
		// Unreachable: the folder is part of the binary.
		s.log.Error("phone page left out", "error", err)
		return
	}
	page := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", pageCSP)
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Header().Set("Cache-Control", "no-cache")
			h.ServeHTTP(w, r)
		})
	}
	mux.Handle("GET /{$}", page(http.FileServerFS(files)))
	mux.Handle("GET /phone/", page(http.StripPrefix("/phone/", http.FileServerFS(files))))
}

// serveContent answers a user's media for the phone page, which has no channel access token.
func (s *Simulator) serveContent(f func(*Simulator, *call) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ans, err := f(s, &call{r: r})
		if err != nil {
			ans = errorAnswer(err)
		}
		if ans.content == nil {
			writeJSON(w, ans.status, map[string]string{"error": "no content of message " + r.PathValue("messageId") + " to show"})
			return
		}
		h := w.Header()
		h.Set("Content-Type", ans.mediaType)
		h.Set("Content-Length", strconv.FormatInt(ans.length, 10))
		// What users send is foreign: it must never run as a page of this origin.
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		_, _ = io.Copy(w, ans.content)
	}
}

// readJSON reads the body of a control request into v. Unknown properties are errors.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			return err
		}
		return fmt.Errorf("%w body: it could not be read", ErrInvalid)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w body: %s", ErrInvalid, err.Error())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w body: there is more behind the JSON object", ErrInvalid)
	}
	return nil
}

// queryInt reads a number of the query; def where it is absent.
func queryInt(r *http.Request, name string, def int64) (int64, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w %s: %s, want a number from 0 on", ErrInvalid, name, quoteID(v))
	}
	return n, nil
}

// writeControlError answers an error of the control API.
func writeControlError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		err = fmt.Errorf("the body is larger than %d bytes, send less", maxControlBody)
	case errors.Is(err, ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, ErrQueueFull), errors.Is(err, ErrClosed), errors.Is(err, errTooMany):
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// writeJSON answers with body as JSON.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer could not be encoded"}`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
