package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/timer"
)

const (
	// adminSocket is the name of the socket in the data folder.
	adminSocket = "admin.sock"
	// adminLimit bounds one request.
	adminLimit = 30 * time.Second
	// scanLimit bounds the search through a log for one request. What was not
	// searched is told, and the client may go on there.
	scanLimit = 5 * time.Second
	// defaultRows and maxRows bound the rows of one answer.
	defaultRows = 20
	maxRows     = 1000
)

func (s *Server) adminHandler() http.Handler {
	return newAdminAPI(s.eng, s.dir, s.campaigns, s.timers, s.chat, s.trace.of, s.quotaRows, s.transcribed)
}

// adminAPI serves what the commands ask, as JSON:
//
//	GET    /stats                 Stats
//	GET    /events                EventPage; see EventQuery
//	GET    /events/{id}           EventDetail
//	GET    /dead                  LetterPage; see LetterQuery
//	GET    /dead/{id}             LetterDetail
//	POST   /dead/{id}/retry       takes it back into the inbox or the outbox
//	DELETE /dead/{id}
//	GET    /users                 UserPage; see UserQuery
//	GET    /users/{id}            UserPage: the user in each channel
//	DELETE /users/{id}            UserPage: what was forgotten
//	GET    /quota                 quotaPage; ?channel= for one
//	GET    /campaigns             CampaignPage; see CampaignQuery
//	POST   /campaigns             CampaignRow; takes a NewCampaign, see createCampaign
//	POST   /campaigns/plan        CampaignPlan; takes the same and does nothing
//	GET    /campaigns/{id}        CampaignRow
//	POST   /campaigns/{id}/pause  CampaignRow; also resume and cancel
//	GET    /timers                TimerPage; see TimerQuery
//	POST   /timers                TimerRow; takes a NewTimer
//	GET    /timers/{id}           TimerDetail
//	DELETE /timers/{id}           TimerRow: what was cancelled
//	GET    /rooms                 RoomPage
//	POST   /rooms                 the room; takes a NewRoom
//	GET    /rooms/{name}          the room
//	PATCH  /rooms/{name}          the room; takes a RoomChange
//	DELETE /rooms/{name}          the room that was
//	GET    /rooms/{name}/messages RoomMessages; ?before= an ID, ?limit=
//	POST   /rooms/{name}/messages RoomMessage; takes a Saying
//	POST   /room-tokens           RoomToken; takes a NewRoomToken
//
// Errors are {"error":"…"}. It has no login: it is served on a socket that
// only its owner can open, or within the process.
type adminAPI struct {
	eng       *engine.Engine
	dir       *directory.Directory
	campaigns *campaign.Runner
	timers    *timer.Service
	chat      *room.Service
	way       func(eventID string) []Step // what is remembered of an event; nil for nothing
	// quota tells the figures of all channels; nil where no server runs.
	quota func() []QuotaRow
	// transcribed waits until the transcripts are complete; nil where no server runs.
	transcribed func(context.Context) error

	retrying sync.Mutex // one retry at a time: two of one letter would send twice
}

func newAdminAPI(eng *engine.Engine, dir *directory.Directory, campaigns *campaign.Runner, timers *timer.Service, chat *room.Service, way func(string) []Step, quota func() []QuotaRow, transcribed func(context.Context) error) http.Handler {
	if way == nil {
		way = func(string) []Step { return nil }
	}
	a := &adminAPI{eng: eng, dir: dir, campaigns: campaigns, timers: timers, chat: chat, way: way, quota: quota, transcribed: transcribed}
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"GET /stats":            a.stats,
		"GET /events":           a.listEvents,
		"GET /events/{id}":      a.showEvent,
		"GET /dead":             a.listLetters,
		"GET /dead/{id}":        a.showLetter,
		"POST /dead/{id}/retry": a.retryLetter,
		"DELETE /dead/{id}":     a.dropLetter,
		"GET /users":            a.listUsers,
		"GET /users/{id}":       a.showUser,
		"DELETE /users/{id}":    a.forgetUser,
		"GET /quota":            a.listQuota,

		"GET /timers":         a.listTimers,
		"POST /timers":        a.setTimer,
		"GET /timers/{id}":    a.showTimer,
		"DELETE /timers/{id}": a.cancelTimer,

		"GET /rooms":                  a.listRooms,
		"POST /rooms":                 a.createRoom,
		"GET /rooms/{name}":           a.showRoom,
		"PATCH /rooms/{name}":         a.changeRoom,
		"DELETE /rooms/{name}":        a.deleteRoom,
		"GET /rooms/{name}/messages":  a.roomHistory,
		"POST /rooms/{name}/messages": a.sayInRoom,
		"POST /room-tokens":           a.makeRoomToken,

		"GET /campaigns":              a.listCampaigns,
		"GET /campaigns/{id}":         a.showCampaign,
		"POST /campaigns/{id}/pause":  a.changeCampaign(campaigns.Pause),
		"POST /campaigns/{id}/resume": a.changeCampaign(campaigns.Resume),
		"POST /campaigns/{id}/cancel": a.changeCampaign(campaigns.Cancel),
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), adminLimit)
			defer cancel()
			v, err := answer(r.WithContext(ctx))
			writeAdmin(w, v, err)
		})
	}
	mux.HandleFunc("POST /campaigns", withList(a.createCampaign))
	mux.HandleFunc("POST /campaigns/plan", withList(a.planCampaign))
	return mux
}

// refusedError is a request that is wrong, or cannot be done as things are.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return &refusedError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// writeAdmin writes an answer, or an error with the status that fits it.
func writeAdmin(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	var refused *refusedError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		status = refused.status
	case errors.Is(err, engine.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, engine.ErrFull), errors.Is(err, engine.ErrBusy):
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	if err != nil {
		v = adminError{err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the client may be gone
}

// adminError is the body of every answer that is not 200.
type adminError struct {
	Error string `json:"error"`
}

func (a *adminAPI) stats(r *http.Request) (any, error) {
	inbox, err := a.logStats(r.Context(), a.eng.Inbox)
	if err != nil {
		return nil, err
	}
	outbox, err := a.logStats(r.Context(), a.eng.Outbox)
	if err != nil {
		return nil, err
	}
	letters, err := a.eng.Dead.Count(r.Context())
	return Stats{Inbox: inbox, Outbox: outbox, DeadLetters: letters}, err
}

func (a *adminAPI) logStats(ctx context.Context, log *engine.Log) (LogStats, error) {
	st, err := log.State(ctx)
	return LogStats{Batches: st.Messages, Bytes: st.Bytes, Oldest: st.FirstStored}, err
}

// rows returns the number of rows that a request wants.
func rows(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return defaultRows, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxRows {
		return 0, badRequest("limit: %q is not a number from 1 to %d", text, maxRows)
	}
	return n, nil
}

// number reads an unsigned number of a request, 0 when it is missing.
func number(name, text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, badRequest("%s: %q is not a number", name, text)
	}
	return n, nil
}
