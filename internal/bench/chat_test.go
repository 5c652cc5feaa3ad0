package bench

import (
	"bytes"
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
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
}
