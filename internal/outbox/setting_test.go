package outbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// A process ended while a reply was under way, and came back when its token did
// not tell any more: the channel's setting decides.
func TestPrefer(t *testing.T) {
	tests := []struct {
		name      string
		delivered bool
		phone     []string
		letters   int
	}{
		{"once", false, nil, 1},
		{"delivered", true, []string{"push:hello"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPost(t, nil)
			p.cfg.Channels[0].PreferDelivered = tt.delivered
			user := p.user()
			entry := answer("e", user, "0123456789abcdef0123456789abcdef", "hello")
			entry.At = time.Now().Add(-time.Hour)
			entry.Sends[0].ReplyUntil = entry.At.Add(55 * time.Second)
			p.store(entry, &engine.Tried{CallID: engine.CallID{Entry: entry.ID}, Way: wayReply, At: entry.At})
			p.start()
			p.done()
			p.restart() // and again: it must not come twice
			p.done()
			if got := p.phone(user); !slices.Equal(got, tt.phone) {
				t.Errorf("phone shows %q, want %q", got, tt.phone)
			}
			if got := len(p.letters()); got != tt.letters {
				t.Errorf("%d dead letters, want %d", got, tt.letters)
			}
		})
	}
}

// With the quota used up, a channel that drops gets dead letters at once.
func TestDropOverQuota(t *testing.T) {
	p := newPost(t, func(_ *Config, sim *linesim.Config) { sim.MonthlyQuota = 1 })
	p.cfg.Channels[0].DropOverQuota = true
	user := p.user()
	p.start()
	p.store(answer("first", user, "", "paid"))
	p.done()
	p.store(answer("second", user, "", "over"))
	p.done()
	if got, want := p.phone(user), []string{"push:paid"}; !slices.Equal(got, want) {
		t.Errorf("phone shows %q, want %q", got, want)
	}
	letters := p.letters()
	if len(letters) != 1 || letters[0].EventID != "second" || !strings.Contains(letters[0].Reason, "quota") {
		t.Errorf("dead letters %+v, want one of event second for the quota", letters)
	}
}
