package outbox

import (
	"strings"
	"testing"
)

// A channel is taken out of the configuration while it has something to send:
// what it left becomes dead letters, once, and is not lost.
func TestFormerChannelLeavesDeadLetters(t *testing.T) {
	p := newPost(t, nil)
	user := p.user()
	p.start()
	p.store(answer("before", user, "", "sent"))
	p.done() // and the channel has a checkpoint after the stop
	p.stop()
	p.store(answer("after", user, "", "left"))

	channels := p.cfg.Channels
	p.cfg.Channels = nil
	for range 2 { // the second start must not bury it again
		p.start()
		p.await("a dead letter", func() bool { return len(p.letters()) > 0 })
		p.stop()
	}
	letters := p.letters()
	if len(letters) != 1 || letters[0].EventID != "after" || !strings.Contains(letters[0].Reason, "not in the configuration") {
		t.Errorf("dead letters %+v, want one of event after", letters)
	}
	p.cfg.Channels = channels
	if got := p.phone(user); len(got) != 1 || got[0] != "push:sent" {
		t.Errorf("phone shows %q, want what was sent before", got)
	}
}
