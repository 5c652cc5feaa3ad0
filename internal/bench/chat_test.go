package bench

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
)

// TestChat runs every part with few members: the loader checks that each has every
// message once and in order, and fails otherwise.
func TestChat(t *testing.T) {
	var out bytes.Buffer
	err := Chat(t.Context(), &out, ChatOptions{
		Dir: t.TempDir(), Loader: chatload.Run, Duration: 200 * time.Millisecond, Rounds: 1,
		Members: 20, Bytes: 300, Rate: 50, Rooms: 5, Idle: 20, Missed: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range chatSubjects {
		if got := strings.Count(out.String(), " "+s.name+"  "); got != len(chatParts) {
			t.Errorf("%d lines of %s, want %d:\n%s", got, s.name, len(chatParts), out.String())
		}
	}
}

// TestChatTellsParts names a part that does not exist.
func TestChatTellsParts(t *testing.T) {
	err := Chat(t.Context(), io.Discard, ChatOptions{Only: []string{"rooms"}})
	if err == nil || !strings.Contains(err.Error(), "pairs") {
		t.Errorf("got %v", err)
	}
}
