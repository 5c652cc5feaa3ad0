package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	chaosUsers  = 1000
	chaosGroups = 40
	// waveEvery is how many events lie between the beginnings of two waves.
	waveEvery = 300
)

// world is who there is, and what the bot does about the nth event. Both
// follow from the seed, so that the bot and the judge of its answers agree
// without a word.
type world struct {
	seed   uint64
	groups [][]string // user IDs
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed}
	dice := w.dice("groups", 0)
	for range chaosGroups {
		var members []string
		for _, i := range dice.Perm(chaosUsers)[:5+dice.IntN(16)] {
			members = append(members, userID(i))
		}
		w.groups = append(w.groups, members)
	}
	return w
}

func userID(i int) string  { return fmt.Sprintf("U%032x", i) }
func groupID(i int) string { return fmt.Sprintf("C%032x", i) }

// dice returns dice for the nth thing of a kind.
func (w *world) dice(kind string, n int) *rand.Rand {
	var stream uint64
	for _, c := range kind {
		stream = stream<<8 | uint64(c)
	}
	return rand.New(rand.NewPCG(w.seed^stream, uint64(n)))
}

// plan is what comes of one event.
type plan struct {
	user     string
	group    string // "" = one-on-one
	postback bool
	profile  bool          // the handler asks for the profile
	slow     time.Duration // the handler takes this long
	fails    int           // attempts that end with an error
	panics   bool          // or with a panic
	sends    []plannedSend // in order
}

// plannedSend is texts for one conversation, to = "" for the event's own.
type plannedSend struct {
	to    string
	texts []string
}

// conversation is where the event happens.
func (p *plan) conversation() string {
	if p.group != "" {
		return p.group
	}
	return p.user
}

// plan returns the plan of the nth event.
func (w *world) plan(n int) plan {
	dice := w.dice("event", n)
	p := plan{user: userID(dice.IntN(chaosUsers)), postback: dice.IntN(10) == 0, profile: dice.IntN(10) == 0}
	if dice.IntN(10) == 0 {
		g := dice.IntN(chaosGroups)
		p.group, p.user = groupID(g), w.groups[g][dice.IntN(len(w.groups[g]))]
	}
	switch dice.IntN(40) {
	case 0:
		p.slow = time.Duration(10+dice.IntN(100)) * time.Millisecond
	case 1:
		p.fails = 1 + dice.IntN(2)
		p.panics = dice.IntN(4) == 0
	}
	part := 0
	send := func(to string, count int) {
		s := plannedSend{to: to}
		for range count {
			s.texts = append(s.texts, fmt.Sprintf("%d.%d", n, part))
			part++
		}
		p.sends = append(p.sends, s)
	}
	send("", answers(dice))
	if to := userID(dice.IntN(chaosUsers)); dice.IntN(8) == 0 && to != p.conversation() {
		send(to, 1+dice.IntN(2))
	}
	if to := groupID(dice.IntN(chaosGroups)); dice.IntN(25) == 0 && to != p.conversation() {
		send(to, 1)
	}
	p.sends = append(p.sends, w.wave(n)...)
	return p
}

// answers returns how many messages answer an event: one in five gets more
// than fit a reply.
func answers(dice *rand.Rand) int {
	switch i := dice.IntN(10); {
	case i < 5:
		return 1
	case i < 8:
		return 2 + dice.IntN(4)
	}
	return 6 + dice.IntN(2)
}

// wave returns the share of the nth event in a notice that goes to many users,
// who get it from several events at nearly the same time, each user once.
func (w *world) wave(n int) []plannedSend {
	wave, at := n/waveEvery, n%waveEvery
	dice := w.dice("wave", wave)
	events := 1 + dice.IntN(5)
	if at >= events {
		return nil
	}
	texts, users := []string{fmt.Sprintf("notice %d", wave)}, 60
	if dice.IntN(3) == 0 {
		texts, users = append(texts, fmt.Sprintf("notice %d, continued", wave)), 40
	}
	var sends []plannedSend
	for _, i := range dice.Perm(chaosUsers)[at*users : (at+1)*users] {
		sends = append(sends, plannedSend{to: userID(i), texts: texts})
	}
	return sends
}

// handler is the bot that does as planned.
func (w *world) handler() frontdesk.Handler {
	return frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		n, ok := numberOf(ev)
		if !ok {
			return nil
		}
		p := w.plan(n)
		if p.profile {
			if _, err := d.Profile(ctx, ev.Source.UserID); err != nil && !errors.Is(err, frontdesk.ErrNoProfile) {
				return err
			}
		}
		select {
		case <-time.After(p.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
		if ev.Attempt <= p.fails {
			if p.panics {
				panic("as planned")
			}
			return errors.New("as planned")
		}
		for _, s := range p.sends {
			if err := s.through(d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *plannedSend) through(d frontdesk.Desk) error {
	var messages []frontdesk.Message
	for _, text := range s.texts {
		messages = append(messages, frontdesk.Text(text))
	}
	if s.to == "" {
		return d.Send(messages...)
	}
	return d.Push(s.to, messages...)
}

// numberOf returns the number that an event carries, if it does.
func numberOf(ev *frontdesk.Event) (n int, ok bool) {
	var text string
	switch {
	case ev.Message != nil:
		text = ev.Message.Text
	case ev.Postback != nil:
		text = ev.Postback.Data
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}
