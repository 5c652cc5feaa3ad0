package server_test

import (
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// view is one chat as one phone shows it.
type view struct{ phone, chat string }

// shown is what the bot wrote into a view.
type shown struct {
	texts    []string             // in order, doubled ones once
	arrivals map[string][]arrival // by text
}

// arrival is how a message came: by a way and a call.
type arrival struct{ via, requestID string }

func newShown() *shown { return &shown{arrivals: map[string][]arrival{}} }

func (s *shown) add(text string, a arrival) {
	if s.arrivals[text] == nil {
		s.texts = append(s.texts, text)
	}
	s.arrivals[text] = append(s.arrivals[text], a)
}

// phones is what all phones show, read so far.
type phones struct {
	views   map[view]*shown
	behind  map[string]int64 // the last message that was read, by user
	byWay   map[string]int   // messages of the bot, those in groups counted once
	counted map[string]bool  // of these, by group, call and text
}

func newPhones() *phones {
	return &phones{views: map[view]*shown{}, behind: map[string]int64{}, byWay: map[string]int{}, counted: map[string]bool{}}
}

// read takes in what has come since the last time.
func (p *phones) read(t *testing.T, sim *linesim.Simulator) {
	t.Helper()
	for i := range chaosUsers {
		user := userID(i)
		messages, err := sim.Messages(user, linesim.Query{After: p.behind[user]})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			p.behind[user] = m.Seq
			if m.From != linesim.FromBot {
				continue
			}
			at := view{phone: user, chat: user}
			if m.GroupID != "" {
				at.chat = m.GroupID
			}
			if p.views[at] == nil {
				p.views[at] = newShown()
			}
			p.views[at].add(m.Text(), arrival{m.Via, m.RequestID})
			if m.GroupID != "" {
				id := m.GroupID + m.RequestID + m.Text()
				if p.counted[id] {
					continue
				}
				p.counted[id] = true
			}
			p.byWay[m.Via]++
		}
	}
}

// of returns what a phone shows of a chat.
func (p *phones) of(phone, chat string) *shown {
	if s := p.views[view{phone, chat}]; s != nil {
		return s
	}
	return newShown()
}
