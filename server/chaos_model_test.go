package server_test

import (
	"cmp"
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// fate is what became of one event on its way to the server.
type fate struct {
	id, token string // LINE's
	source    string // the conversation
	calls     int    // that its answers take when none is shared
	taken     bool   // a delivery of it was answered 200
	// When it was stored, at the earliest and at the latest. Without an answer
	// 200 nobody knows the latter.
	from, until time.Time
}

// owed is what a text answers.
type owed struct{ event, part int }

// model knows what must be on the phones.
type model struct {
	world   *world
	fates   []fate                     // by the events' numbers
	numbers map[string]int             // by the events' IDs
	owed    map[string]map[string]owed // by chat, by text
	// unowed holds the IDs of the other events that LINE sent, such as that a user
	// follows the bot: they are owed no answer.
	unowed map[string]bool
}

// newModel returns the model of the events that were sent. It takes over fates.
func newModel(w *world, fates []fate, webhooks []linesim.Webhook) *model {
	m := &model{world: w, fates: fates, numbers: map[string]int{}, unowed: map[string]bool{}, owed: map[string]map[string]owed{}}
	for n := range fates {
		m.numbers[fates[n].id] = n
		m.expect(n)
	}
	for _, hook := range webhooks {
		if hook.Reason == linesim.ReasonCouldNotConnect {
			continue
		}
		end := hook.At.Add(time.Duration(hook.MS * float64(time.Millisecond)))
		for _, id := range hook.WebhookEventIDs {
			if n, ok := m.numbers[id]; ok {
				fates[n].delivered(hook.At, end, hook.Status == 200)
			} else {
				m.unowed[id] = true
			}
		}
	}
	return m
}

// delivered notes one delivery.
func (f *fate) delivered(start, end time.Time, taken bool) {
	if f.from.IsZero() || start.Before(f.from) {
		f.from = start
	}
	if taken && (!f.taken || end.Before(f.until)) {
		f.taken, f.until = true, end
	}
}

// expect notes what the nth event owes.
func (m *model) expect(n int) {
	p := m.world.plan(n)
	m.fates[n].source = p.conversation()
	parts := map[string]int{}
	for _, s := range p.sends {
		chat := cmp.Or(s.to, p.conversation())
		if m.owed[chat] == nil {
			m.owed[chat] = map[string]owed{}
		}
		for _, text := range s.texts {
			m.owed[chat][text] = owed{n, parts[chat]}
			parts[chat]++
		}
	}
	for _, count := range parts {
		m.fates[n].calls += (count + maxMessages - 1) / maxMessages
	}
}

// firstCall returns the texts that answer the nth event in its conversation by
// its first call.
func (m *model) firstCall(n int) []string {
	p := m.world.plan(n)
	var texts []string
	for _, s := range p.sends {
		if cmp.Or(s.to, p.conversation()) == p.conversation() {
			texts = append(texts, s.texts...)
		}
	}
	return texts[:min(maxMessages, len(texts))]
}

// viewers returns whose phones show a chat.
func (m *model) viewers(chat string) []string {
	if chat[0] == 'U' {
		return []string{chat}
	}
	for i, members := range m.world.groups {
		if groupID(i) == chat {
			return members
		}
	}
	return nil
}

// verdict is how the phones differ from the model.
type verdict struct {
	lost, doubled, outOfOrder, undecided, strange int
	callsAlone                                    int      // of what was due, none shared
	notes                                         []string // on the first few
}

// maxNotes bounds what is told of each kind of fault.
const maxNotes = 10

func (v *verdict) note(counter *int, format string, args ...any) {
	if *counter++; *counter <= maxNotes {
		v.notes = append(v.notes, fmt.Sprintf(format, args...))
	}
}

// judge compares the phones with the model.
func (m *model) judge(p *phones, excused excuses) verdict {
	var v verdict
	due := make([]bool, len(m.fates)) // what was taken, and what was answered anyway: all of it or nothing
	for n := range m.fates {
		due[n] = m.fates[n].taken
	}
	for at, s := range p.views {
		for _, text := range s.texts {
			o, ok := m.owed[at.chat][text]
			if !ok {
				v.note(&v.strange, "%q is in %s, where nobody sent it", text, at.chat)
				continue
			}
			due[o.event] = true
			if excused.events[o.event] {
				v.note(&v.strange, "%q is in %s, and its event is a dead letter", text, at.chat)
			}
		}
	}
	for n := range due {
		if due[n] && !excused.events[n] {
			v.callsAlone += m.fates[n].calls
		}
	}
	for chat, texts := range m.owed {
		for _, phone := range m.viewers(chat) {
			s := p.of(phone, chat)
			for text, o := range texts {
				switch count := len(s.arrivals[text]); {
				case count > 1:
					v.note(&v.doubled, "%q is %d times in %s: %v", text, count, chat, s.arrivals[text])
				case count == 1 || !due[o.event] || excused.events[o.event]:
				case excused.texts[chat][text]:
					v.undecided++
				default:
					v.note(&v.lost, "%q is missing in %s; event %s was answered 200: %v", text, chat, m.fates[o.event].id, m.fates[o.event].taken)
				}
			}
			m.judgeOrder(&v, chat, s)
		}
	}
	return v
}

// judgeOrder holds a chat to the promise: what one conversation is answered
// comes in the order in which its events arrived, wherever it is sent to. Of
// two events that may have arrived either way it says nothing.
func (m *model) judgeOrder(v *verdict, chat string, s *shown) {
	latest := map[string]time.Time{} // by source: the latest arrival that was answered
	parts := map[int]int{}           // by event: the last part
	for _, text := range s.texts {
		o, ok := m.owed[chat][text]
		if !ok {
			continue
		}
		f := &m.fates[o.event]
		if f.taken && f.until.Before(latest[f.source]) {
			v.note(&v.outOfOrder, "%q is in %s behind the answer to a later event of %s", text, chat, f.source)
		}
		if f.from.After(latest[f.source]) {
			latest[f.source] = f.from
		}
		if last, ok := parts[o.event]; ok && o.part < last {
			v.note(&v.outOfOrder, "%q is in %s behind a later message of its event", text, chat)
		}
		parts[o.event] = o.part
	}
}
