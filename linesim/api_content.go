package linesim

import (
	"bytes"
	"net/http"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// contentOf finds the media of the message in a request's path.
func (s *Simulator) contentOf(r *http.Request) (content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.contents.items.get(r.PathValue("messageId"))
	switch {
	case !known:
		return content{}, notFound()
	case found.gone:
		return content{}, rule.Refuse(http.StatusGone, "The content is gone")
	}
	return *found, nil
}

// content answers GET /v2/bot/message/{messageId}/content: 202 while a video or sound is being prepared.
func (s *Simulator) content(c *call) (answer, error) {
	found, err := s.contentOf(c.r)
	if err != nil {
		return answer{}, err
	}
	if time.Now().Before(found.readyAt) {
		return answer{status: http.StatusAccepted, body: empty{}}, nil
	}
	return answer{status: http.StatusOK, content: found.open(), mediaType: found.mediaType, length: found.size()}, nil
}

// contentPreview answers GET /v2/bot/message/{messageId}/content/preview, for pictures and videos.
func (s *Simulator) contentPreview(c *call) (answer, error) {
	found, err := s.contentOf(c.r)
	if err != nil {
		return answer{}, err
	}
	if found.preview == nil {
		return answer{}, notFound()
	}
	return answer{
		status: http.StatusOK, content: bytes.NewReader(found.preview),
		mediaType: mediaTypeOf("image", found.preview), length: int64(len(found.preview)),
	}, nil
}

// contentTranscoding answers GET /v2/bot/message/{messageId}/content/transcoding.
func (s *Simulator) contentTranscoding(c *call) (answer, error) {
	found, err := s.contentOf(c.r)
	if err != nil {
		return answer{}, err
	}
	status := "succeeded"
	if time.Now().Before(found.readyAt) {
		status = "processing"
	}
	return success(map[string]string{"status": status})
}
