package room

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// maxPage bounds the messages of one page.
const maxPage = 100

// page reads the messages of a room before an ID, from memory where they are.
func (s *Service) page(ctx context.Context, f *clientFrame) (pageFrame, error) {
	limit := f.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	list, err := s.store.Before(ctx, f.Room, f.Before, limit+1)
	if err != nil {
		return pageFrame{}, err
	}
	page := pageFrame{T: "page", N: f.N, Room: f.Room, Msgs: []json.RawMessage{}}
	var prev uint64
	if len(list) > limit {
		page.More, prev = true, list[0].ID
		list = list[1:]
	}
	pos := s.hub.pos.Load()
	bytes := 0
	frames := make([]json.RawMessage, 0, len(list))
	for _, m := range list {
		if m.ID > pos {
			break // not durable yet
		}
		text, _ := frameText(appendMessage(nil, m, prev))
		prev = m.ID
		bytes += len(text)
		frames = append(frames, text)
	}
	for bytes > pageBytes && len(frames) > 1 {
		bytes -= len(frames[0])
		frames = frames[1:]
		page.More = true
	}
	page.Msgs = frames
	return page, nil
}

func isNotFound(err error) bool { return errors.Is(err, engine.ErrNotFound) }
