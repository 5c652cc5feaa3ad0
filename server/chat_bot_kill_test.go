package server_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/server"
)

// TestBotInRoomKills kills the server again and again while visitors talk with the
// bot. Everything that they said stands in their rooms once and in order, and is
// answered once and in order.
func TestBotInRoomKills(t *testing.T) {
	t.Parallel()
	const kills, visitors, sends = 4, 3, 40
	c := newChaos(t, newSeed(t), 0)
	c.cfg.Parrot, c.cfg.Chat = true, server.Chat{Enabled: true, Guests: "full"}
	c.start()
	people := make([]*visitor, visitors)
	for i := range people {
		people[i] = newVisitor(t, c.child.addr, fmt.Sprint("visitor ", i), "")
		people[i].come()
	}
	var typing sync.WaitGroup
	dice := c.world.dice("visitors", 0)
	for _, v := range people {
		pauses := make([]time.Duration, sends)
		for i := range pauses {
			pauses[i] = time.Duration(dice.Int64N(int64(80 * time.Millisecond)))
		}
		typing.Go(func() {
			for i, pause := range pauses {
				<-time.After(pause)
				v.write(fmt.Sprint(i))
			}
		})
	}
	for range kills {
		<-time.After(time.Duration(c.dice.Int64N(int64(500 * time.Millisecond))))
		c.kill()
		for _, v := range people {
			v.follow(c.child.addr)
		}
	}
	typing.Wait()
	for _, v := range people {
		v.answer(sends - 1)
	}
	c.stop()
	c.start() // what it sends now was sent before
	for _, v := range people {
		v.follow(c.child.addr)
		v.write("last")
		v.answer(sends)
		v.judgeTalk(sends)
	}
	c.stop()
}

// judgeTalk checks that the visitor's sends and the bot's answers are there, once
// and in order. The last send says "last".
func (v *visitor) judgeTalk(sends int) {
	v.t.Helper()
	msgs := v.wait("empty outbox", func(_ []chatMessage, unsent int) bool { return unsent == 0 })
	said, answers := bySender(msgs, v.user), bySender(msgs, "bot")
	if len(said) != sends+1 || len(answers) != sends+1 || len(msgs) != 2*(sends+1) {
		v.t.Errorf("%s: %d said, %d answers, %d messages; want %d, as many, and no others", v.name, len(said), len(answers), len(msgs), sends+1)
	}
	for i := range min(len(said), len(answers)) {
		text := fmt.Sprint(i)
		if i == sends {
			text = "last"
		}
		if answer := v.name + " says: “" + text + "”"; said[i].text() != text || answers[i].text() != answer {
			v.t.Errorf("%s, message %d: %q is answered with %q, want %q and %q", v.name, i, said[i].text(), answers[i].text(), text, answer)
		}
	}
}
