package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func (a *adminAPI) listLetters(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := rows(q)
	if err != nil {
		return nil, err
	}
	after, err := number("after", q.Get("after"))
	if err != nil {
		return nil, err
	}
	kind, channel, conversation, reason := q.Get("kind"), q.Get("channel"), q.Get("conversation"), q.Get("reason")
	page := LetterPage{Letters: []LetterRow{}}
	if page.Total, err = a.eng.Dead.Count(r.Context()); err != nil {
		return nil, err
	}
	until := time.Now().Add(scanLimit)
	err = a.eng.Dead.List(r.Context(), after, func(letter engine.Letter) bool {
		chosen := (kind == "" || letter.Kind == kind) && (channel == "" || letter.Channel == channel) &&
			(conversation == "" || letter.Conversation == conversation) && strings.Contains(letter.Reason, reason)
		if chosen {
			page.Letters = append(page.Letters, letterRow(letter))
		}
		if len(page.Letters) == limit || time.Now().After(until) {
			page.Next = letter.ID
			return false
		}
		return true
	})
	return page, err
}

func letterRow(letter engine.Letter) LetterRow {
	return LetterRow{
		ID: letter.ID, Kind: letter.Kind, Channel: letter.Channel, Conversation: letter.Conversation, EventID: letter.EventID,
		Run: letter.Run, Accepted: letter.Accepted, Died: letter.Died, Reason: letter.Reason, Attempts: letter.Attempts,
		Bytes: len(letter.Body),
	}
}

// letterID reads the ID in the request's path.
func letterID(r *http.Request) (uint64, error) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return 0, badRequest("%q is not the ID of a dead letter; they are numbers", r.PathValue("id"))
	}
	return id, nil
}

func (a *adminAPI) showLetter(r *http.Request) (any, error) {
	id, err := letterID(r)
	if err != nil {
		return nil, err
	}
	letter, err := a.eng.Dead.Get(r.Context(), id)
	if err != nil {
		return nil, err
	}
	detail := LetterDetail{LetterRow: letterRow(letter), Body: letter.Body}
	if json.Valid(letter.Body) {
		detail.Content = letter.Body
	}
	return detail, nil
}

// retryLetter gives a letter another run and takes it out of the dead letters.
// A crash between the two leaves the letter; when it is retried again the
// second run is known as a duplicate.
func (a *adminAPI) retryLetter(r *http.Request) (any, error) {
	id, err := letterID(r)
	if err != nil {
		return nil, err
	}
	a.retrying.Lock()
	defer a.retrying.Unlock()
	letter, err := a.eng.Dead.Get(r.Context(), id)
	if err != nil {
		return nil, err
	}
	switch letter.Kind {
	case engine.DeadEvent:
		err = a.retryEvent(letter)
	case engine.DeadSend:
		err = a.retrySend(letter)
	default:
		err = &refusedError{http.StatusConflict, fmt.Sprintf(
			"dead letter %d is no event that could be handled: %s; look at it with 'frontdesk dead show %d', send a corrected one with 'frontdesk trigger --raw FILE', then drop this one",
			id, letter.Reason, id)}
	}
	if err != nil {
		return nil, err
	}
	return letterRow(letter), a.delete(r.Context(), id)
}

// retryEvent puts an event into the inbox again, as its next run.
func (a *adminAPI) retryEvent(letter engine.Letter) error {
	_, _, err := a.eng.Inbox.Append(&engine.Event{
		ID: letter.EventID, Channel: letter.Channel, Conversation: letter.Conversation,
		Accepted: time.Now(), Run: letter.Run + 1, Raw: letter.Body,
	})
	return err
}

// retrySend puts what was not sent into the outbox again. Its name is made of
// the letter's, so that a second retry has the same name and retry keys.
func (a *adminAPI) retrySend(letter engine.Letter) error {
	var entry engine.Entry
	if json.Unmarshal(letter.Body, &entry) != nil || len(entry.Sends) == 0 {
		return &refusedError{http.StatusConflict, fmt.Sprintf("dead letter %d is damaged; drop it", letter.ID)}
	}
	entry.ID = fmt.Sprintf("%s~%d", entry.ID, letter.ID)
	entry.At = time.Now()
	_, _, err := a.eng.Outbox.Append(&entry)
	return err
}

func (a *adminAPI) dropLetter(r *http.Request) (any, error) {
	id, err := letterID(r)
	if err != nil {
		return nil, err
	}
	row := LetterRow{ID: id}
	letter, err := a.eng.Dead.Get(r.Context(), id)
	switch {
	case err == nil:
		row = letterRow(letter)
	case errors.Is(err, engine.ErrNotFound):
		return nil, err
	} // a damaged letter can be dropped as well
	return row, a.delete(r.Context(), id)
}

func (a *adminAPI) delete(ctx context.Context, id uint64) error {
	if err := a.eng.Dead.Delete(ctx, id); err != nil {
		return err
	}
	return a.eng.Flush()
}
