package room

import (
	"context"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"
)

// serveFrames answers POST /chat/frames: frames of the stream that conn names,
// whose answers come there, or frames on their own, whose answers are in the
// answer.
func (s *Service) serveFrames(w http.ResponseWriter, r *http.Request) {
	frames, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxFrame))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		answerError(w, http.StatusRequestEntityTooLarge, refuse(codeTooBig, "at most 64 KiB of frames"))
	case err != nil || !utf8.Valid(frames):
		answerError(w, http.StatusBadRequest, refuse(codeBadFrame, "the body did not come whole, or is not UTF-8"))
	case r.URL.Query().Has("conn"):
		s.takeFrames(w, r, frames)
	default:
		s.answerFrames(w, r, frames)
	}
}

// takeFrames handles the frames of a stream.
func (s *Service) takeFrames(w http.ResponseWriter, r *http.Request, frames []byte) {
	c := s.streamOf(r.URL.Query().Get("conn"))
	who := s.caller(r)
	if c == nil || c.over() || who == nil || who.User != c.identity().User {
		answerError(w, http.StatusNotFound, refuse(codeNoConn, "this stream is not here, or is another user's: open one with GET /chat/events"))
		return
	}
	st := c.out.(*stream)
	select {
	case st.turn <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "1")
		answerError(w, http.StatusTooManyRequests, &refusal{codeBusy, "frames of this stream are being handled: one POST at a time", retryBusy})
		return
	}
	defer func() { <-st.turn }()
	st.handleFor(c, frames)
	w.WriteHeader(http.StatusNoContent)
}

// answerFrames handles frames that belong to no stream.
func (s *Service) answerFrames(w http.ResponseWriter, r *http.Request, frames []byte) {
	st := newStream(r.Context(), w, appendLine)
	defer st.stop()
	c, ok := s.clientOf(w, r, st)
	if !ok {
		return
	}
	c.once = true
	c.frames = s.postLimiter(c.user)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	s.serveStream(c, st, "post", func(context.Context) {
		st.handleFor(c, frames)
		c.end(closeNormal, "")
	})
}
