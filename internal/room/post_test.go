package room

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Pages go back to a room's first message and end there, beside other rooms.
func TestBefore(t *testing.T) {
	s, err := New(t.Context(), Config{Engine: openEngine(t, engine.Config{Dir: t.TempDir()})})
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint64
	for i := range 5 {
		for _, name := range []string{"bot.ann", "bot.ben"} {
			id, err := s.Post(t.Context(), Post{Room: name, User: UserBot, CID: fmt.Sprint(name, i), Body: json.RawMessage(`{"type":"text"}`)})
			if err != nil {
				t.Fatal(err)
			}
			if name == "bot.ben" {
				ids = append(ids, id)
			}
		}
	}
	for n, before := range ids {
		list, err := s.Before(t.Context(), "bot.ben", before, 10)
		if err != nil || len(list) != n {
			t.Errorf("before message %d: %d, %v", n, len(list), err)
		}
	}
}
