package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/transcript"
)

// Values of Chat.Transcripts.
const (
	transcriptsOn  = "on"
	transcriptsOff = "off"
)

// forgetLimit is how long forgetting a user waits for the transcripts.
const forgetLimit = 10 * time.Second

// lastTranscripts is what transcripts get to be complete at shutdown.
const lastTranscripts = 2 * time.Second

// openTranscripts makes the writer of transcripts, if they are kept.
func (s *Server) openTranscripts() {
	if !s.cfg.Chat.Enabled || s.cfg.Chat.Transcripts == transcriptsOff {
		return
	}
	var channels []string
	for _, ch := range s.cfg.Channels {
		channels = append(channels, ch.Name)
	}
	s.transcripts = transcript.New(transcript.Config{
		Engine: s.eng, Channels: channels, Rooms: transcriptRooms{s.chat}, BotName: s.cfg.Chat.BotName, Name: s.lineName,
		Sent: func() engine.Pos { return s.out.Floor() }, Metrics: transcript.NewMetrics(s.reg), Logger: s.lg,
	})
}

// runTranscripts writes transcripts until ctx ends.
func (s *Server) runTranscripts(ctx context.Context) error {
	if s.transcripts == nil {
		<-ctx.Done()
		return nil
	}
	return s.transcripts.Run(ctx)
}

// wantedByTranscripts returns the first records that are not in the transcripts.
func (s *Server) wantedByTranscripts() (inbox, outbox engine.Pos) {
	if s.transcripts == nil {
		return 0, 0
	}
	inbox, outbox = s.transcripts.Floors()
	return max(inbox, 1), max(outbox, 1) // also when nothing was written yet
}

// lineName returns what the directory knows a LINE user as.
func (s *Server) lineName(ctx context.Context, channel, userID string) string {
	u, err := s.dir.User(ctx, channel, userID)
	if err != nil || u.Profile == nil {
		return "" // the ID tells who it is
	}
	return u.Profile.DisplayName
}

// transcribed waits until everything that is stored now stands in transcripts.
func (s *Server) transcribed(ctx context.Context) error {
	if s.transcripts == nil {
		return nil
	}
	return s.transcripts.CatchUp(ctx)
}

// endTranscripts ends the writer of transcripts, when it is done if that is soon.
func (s *Server) endTranscripts(p *part) {
	ctx, cancel := context.WithTimeout(context.Background(), lastTranscripts)
	defer cancel()
	if err := s.transcribed(ctx); err != nil {
		s.lg.Info("transcripts go on at the next start", "error", err)
	}
	p.stop()
}

// forgetTranscript erases the transcript of a conversation, and what would still
// be written of it.
func (a *adminAPI) forgetTranscript(ctx context.Context, channel, conversation string) error {
	if a.transcribed != nil {
		limited, cancel := context.WithTimeout(ctx, forgetLimit)
		defer cancel()
		if err := a.transcribed(limited); err != nil {
			return &refusedError{http.StatusServiceUnavailable, fmt.Sprintf("the transcript is not erased, try again: %v", err)}
		}
	}
	return a.chat.DeleteTranscript(ctx, channel, conversation)
}

// transcriptRooms are the rooms as transcripts are written into them.
type transcriptRooms struct{ chat *room.Service }

func (r transcriptRooms) Put(m transcript.Message, done func(id uint64, err error)) {
	r.chat.PostLater(room.Post{
		Room: m.Room, User: m.User, Name: m.Name, CID: m.CID, Via: m.Via, At: m.At, Body: m.Body, Edit: m.Edit, Del: m.Del, Patient: true,
	}, done)
}

func (r transcriptRooms) Before(ctx context.Context, name string, id uint64, most int) ([]transcript.Posted, error) {
	list, err := r.chat.Before(ctx, name, id, most)
	return transcriptPosts(list), err
}

func (r transcriptRooms) After(ctx context.Context, pattern string, id uint64, most int) ([]transcript.Posted, int, error) {
	list, left, err := r.chat.After(ctx, pattern, id, most)
	return transcriptPosts(list), left, err
}

func (r transcriptRooms) Erase(ctx context.Context, id uint64) error { return r.chat.Erase(ctx, id) }

func transcriptPosts(list []room.Posted) []transcript.Posted {
	out := make([]transcript.Posted, len(list))
	for i, m := range list {
		out[i] = transcript.Posted{Room: m.Room, ID: m.ID, Stored: m.Stored, CID: m.CID, Edit: m.Edit, Body: m.Body}
	}
	return out
}
