package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// timerName names what one setting of a timer makes.
type timerName struct {
	key        string
	generation int
}

// timerArrival is a sign on a phone.
type timerArrival struct {
	timerSign
	at time.Time
}

// timerPhones is what all phones show, read so far.
type timerPhones struct {
	behind map[int]int64                // the last message that was read, by user
	done   map[int][]time.Time          // by order
	fired  map[timerName][]timerArrival // in order
	shown  map[int][]timerArrival       // the same by user
}

func newTimerPhones() *timerPhones {
	return &timerPhones{
		behind: map[int]int64{}, done: map[int][]time.Time{},
		fired: map[timerName][]timerArrival{}, shown: map[int][]timerArrival{},
	}
}

// read takes in what has come since the last time.
func (p *timerPhones) read(t *testing.T, sim *linesim.Simulator, users int) {
	t.Helper()
	for user := range users {
		messages, err := sim.Messages(userID(user), linesim.Query{After: p.behind[user]})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			p.behind[user] = m.Seq
			if m.From != linesim.FromBot {
				continue
			}
			var sign timerSign
			if err := json.Unmarshal([]byte(m.Text()), &sign); err != nil {
				t.Fatalf("%q is on a phone, where nobody sent it", m.Text())
			}
			p.add(user, timerArrival{sign, m.At})
		}
	}
}

func (p *timerPhones) add(user int, a timerArrival) {
	if a.Done > 0 {
		p.done[a.Done] = append(p.done[a.Done], a.at)
		return
	}
	name := timerName{a.Key, a.Generation}
	p.fired[name] = append(p.fired[name], a)
	p.shown[user] = append(p.shown[user], a)
}

// fault counts one kind of what must not be.
type fault struct {
	n     int
	notes []string // on the first few
}

func (f *fault) note(format string, args ...any) {
	if f.n++; f.n <= maxNotes {
		f.notes = append(f.notes, fmt.Sprintf(format, args...))
	}
}

// timerVerdict is how the phones differ from what was ordered.
type timerVerdict struct {
	lost, doubled, early, inVain, outOfOrder, wrong fault

	set, replaced, cancelled int             // settings of timers, and what became of them
	tooLate                  int             // replaced or cancelled after they were due
	events, sends, recurring int             // of what fired
	pending                  int             // at the kill where they were fewest
	up                       []time.Duration // lateness of what was due while the server was up
	after                    []time.Duration // of what was due before, from the start of the server
}

// setting is a timer as it was set once.
type setting struct {
	timerOp
	user       int
	sent, done time.Time // done: when the phone showed that it is set
	ended      time.Time // when the phone showed that it is replaced or cancelled; zero for never
	last       time.Time // when it fired for the last time
}

// judgeTimers compares the phones with the orders.
func judgeTimers(orders []*givenOrder, p *timerPhones, spans []span) timerVerdict {
	var v timerVerdict
	settings := v.settings(orders, p)
	for name := range p.fired {
		if settings[name] == nil {
			v.wrong.note("%v fired, and nobody set it", name)
		}
	}
	for name, s := range settings {
		v.judgeSetting(s, p.fired[name], spans)
	}
	for user, arrivals := range p.shown {
		v.judgeOrder(user, arrivals, settings)
	}
	v.pending = fewestPending(settings, spans)
	return v
}

// settings returns what was set.
func (v *timerVerdict) settings(orders []*givenOrder, p *timerPhones) map[timerName]*setting {
	settings := map[timerName]*setting{}
	for _, o := range orders {
		done := p.done[o.Number]
		if len(done) == 0 {
			v.lost.note("order %d is not done", o.Number)
			continue
		}
		if len(done) > 1 {
			v.doubled.note("order %d is done at %v", o.Number, done)
		}
		for _, op := range o.Ops {
			if earlier := settings[timerName{op.Key, 1}]; earlier != nil {
				earlier.ended = done[0]
				if op.Cancel {
					v.cancelled++
					continue
				}
				v.replaced++
			}
			v.set++
			settings[timerName{op.Key, op.Generation}] = &setting{timerOp: op, user: o.user, sent: o.sent, done: done[0]}
		}
	}
	return settings
}

// first returns the bounds of when a timer is due first.
func (s *setting) first() (earliest, latest time.Time) {
	if !s.At.IsZero() {
		latest = s.done.Add(lateAfter)
		if s.At.After(latest) {
			latest = s.At
		}
		return s.At, latest
	}
	return s.sent.Add(s.After), s.done.Add(s.After)
}

// judgeSetting holds what a timer did against how it was set.
func (v *timerVerdict) judgeSetting(s *setting, arrivals []timerArrival, spans []span) {
	times := max(1, s.Times)
	byCount := map[int][]timerArrival{}
	for _, a := range arrivals {
		byCount[a.Count] = append(byCount[a.Count], a)
		if a.at.After(s.last) {
			s.last = a.at
		}
		v.judgeTime(s, a, spans)
	}
	for count, same := range byCount {
		if len(same) > 1 {
			v.doubled.note("%s fired %d times: %+v", s.name(count), len(same), same)
		}
		// What its last time cancels may be due before that is done.
		if last := byCount[times]; count > times && (len(last) == 0 || same[0].Due.After(last[0].at)) {
			v.inVain.note("%s fired after %d times: %+v", s.name(count), times, same)
		}
	}
	if !s.ended.IsZero() {
		if len(arrivals) > 0 {
			v.tooLate++
		}
		return
	}
	for count := 1; count <= times; count++ {
		if len(byCount[count]) == 0 {
			v.lost.note("%s did not fire: %+v", s.name(count), *s)
		}
	}
}

func (s *setting) name(count int) string {
	return fmt.Sprintf("%q, generation %d, time %d", s.Key, s.Generation, count)
}

// judgeTime holds the time of a sign against when it was due.
func (v *timerVerdict) judgeTime(s *setting, a timerArrival, spans []span) {
	earliest, latest := s.first()
	due, now := a.Due, a.Now
	if s.Send {
		v.sends++
		due, now = earliest, a.at
	} else if v.events++; a.Count > 1 {
		v.recurring++
		earliest = earliest.Add(time.Duration(a.Count-1) * s.Every).Add(-clockNoise)
	}
	if now.Before(due) || a.at.Before(earliest) || due.Before(earliest) {
		v.early.note("%s at %v, on the phone %v, due %v, not before %v", s.name(a.Count), now, a.at, due, earliest)
	}
	if a.Count == 1 && due.After(latest) {
		v.wrong.note("%s was due %v, not %v to %v", s.name(a.Count), due, earliest, latest)
	}
	if !s.ended.IsZero() && due.After(s.ended) {
		v.inVain.note("%s was due %v and had ended %v", s.name(a.Count), due, s.ended)
	}
	if !s.Send {
		v.judgeLateness(due, now, spans)
	}
}

const (
	// clockNoise is what the recurring timers may lose at a restart: the wall and
	// the monotonic clock differ by a little.
	clockNoise = 20 * time.Millisecond
	// warm is how long a server has run when it counts as up: at first it reads
	// what the one before it left.
	warm = 500 * time.Millisecond
)

// judgeLateness sorts a timer by whether the server was up when it was due.
func (v *timerVerdict) judgeLateness(due, now time.Time, spans []span) {
	i := slices.IndexFunc(spans, func(s span) bool { return s.until.IsZero() || now.Before(s.until) })
	if i < 0 {
		return // as the server ended for the last time
	}
	from := spans[i].from
	switch {
	case due.After(from.Add(warm)):
		v.up = append(v.up, now.Sub(due))
	case due.After(from):
		v.after = append(v.after, now.Sub(due))
	default:
		v.after = append(v.after, now.Sub(from))
	}
}

// judgeOrder holds what a user was told to the promise that timers come in the
// order in which they are due, if all were set in time.
func (v *timerVerdict) judgeOrder(user int, arrivals []timerArrival, settings map[timerName]*setting) {
	var latest timerArrival
	for _, a := range arrivals {
		if a.Due.IsZero() {
			continue // of what sends nobody knows when it was due
		}
		if s := settings[timerName{a.Key, a.Generation}]; s != nil && a.Due.Before(latest.Due) && s.done.Before(latest.Due) {
			v.outOfOrder.note("user %d: %+v came behind %+v", user, a, latest)
		}
		if a.Due.After(latest.Due) {
			latest = a
		}
	}
}

// fewestPending returns how many timers waited at the end of a span of the server
// that was killed, where they were fewest.
func fewestPending(settings map[timerName]*setting, spans []span) int {
	fewest := len(settings)
	for _, sp := range spans[:len(spans)-1] {
		n := 0
		for _, s := range settings {
			over := s.last
			if over.IsZero() || !s.ended.IsZero() && s.ended.Before(over) {
				over = s.ended
			}
			if s.done.Before(sp.until) && sp.until.Before(over) {
				n++
			}
		}
		fewest = min(fewest, n)
	}
	return fewest
}
