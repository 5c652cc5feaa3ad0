package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	outageUsers = 500
	// outageLoad is how many messages a second people are sent, from before the
	// outage until after it.
	outageLoad = 200
	// campaignPushes are stored in the middle of the outage.
	campaignPushes = 4000
)

// sendOutage measures what becomes of an outage of LINE under load.
func sendOutage(ctx context.Context, w io.Writer, opt SendOptions) (err error) {
	s, err := newSending(opt.Dir, linesim.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	users, err := s.addUsers(outageUsers)
	if err != nil {
		return err
	}
	crowd, err := s.addUsers(campaignPushes)
	if err != nil {
		return err
	}
	s.start()
	stored := 0
	people := func(lasting time.Duration) error {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(lasting); time.Now().Before(end); <-tick.C {
			for range outageLoad / 100 {
				if err := s.push("people-"+strconv.Itoa(stored), users[stored%len(users)], strconv.Itoa(stored/len(users)), false); err != nil {
					return err
				}
				stored++
			}
		}
		return ctx.Err()
	}
	if err := people(3 * time.Second); err != nil {
		return err
	}
	before := s.tries()
	if err := s.sim.SetFaults(slow(linesim.Faults{OutageMS: opt.Outage.Milliseconds()})); err != nil {
		return err
	}
	over := time.Now().Add(opt.Outage)
	if err := people(opt.Outage / 2); err != nil {
		return err
	}
	for i, u := range crowd {
		if err := s.push("campaign-"+strconv.Itoa(i), u, "campaign", true); err != nil {
			return err
		}
	}
	if err := people(time.Until(over)); err != nil {
		return err
	}
	callsBefore, _ := s.sent("push") // before counting phones, which takes a while
	tried := s.tries() - before
	backlog := stored - s.count(users)
	if err := until(ctx, time.Minute, func() bool { return s.count(users) >= stored }); err != nil {
		return err
	}
	peopleDone, campaignThen := time.Since(over), s.count(crowd)
	if err := until(ctx, time.Minute, func() bool { return s.count(crowd) >= campaignPushes }); err != nil {
		return err
	}
	allDone := time.Since(over)
	calls, _ := s.sent("push")
	wrong := s.outOfOrder(users)
	fmt.Fprintf(w, "LINE down for %v under %d messages a second: %d calls tried meanwhile, backlog of %d and a campaign of %d\n",
		opt.Outage, outageLoad, tried, backlog, campaignPushes)
	fmt.Fprintf(w, "  people's backlog drained %v after its end (%d of the campaign were out by then), all after %v by %d calls, %.0f a second; lost 0, doubled %d, out of order %d\n\n",
		peopleDone.Round(10*time.Millisecond), campaignThen, allDone.Round(10*time.Millisecond),
		calls-callsBefore, float64(calls-callsBefore)/allDone.Seconds(), s.count(users)-stored+s.count(crowd)-campaignPushes, wrong)
	return nil
}

// push stores one push. When others keep the disk busy it tries again, as the
// dispatcher does: a second copy of an entry is not sent.
func (s *sending) push(id, to, text string, bulk bool) error {
	e := &engine.Entry{
		ID: "main/" + id, Channel: "main", At: time.Now(), Bulk: bulk,
		Sends: []engine.Send{{To: to, Messages: textMessage(text)}},
	}
	var err error
	for range 10 {
		if _, _, err = s.eng.Outbox.Append(e); !errors.Is(err, engine.ErrBusy) {
			break
		}
	}
	return err
}

// tries counts all calls.
func (s *sending) tries() (n int64) {
	for _, statuses := range s.sim.Stats().Calls {
		for _, calls := range statuses {
			n += calls
		}
	}
	return n
}

// count returns the messages on phones.
func (s *sending) count(users []string) (n int) {
	for _, u := range users {
		msgs, err := s.sim.Messages(u, linesim.Query{From: linesim.FromBot})
		if err != nil {
			panic(err) // the users exist
		}
		n += len(msgs)
	}
	return n
}

// outOfOrder counts the messages that came before one with a lower number.
func (s *sending) outOfOrder(users []string) (n int) {
	for _, u := range users {
		msgs, err := s.sim.Messages(u, linesim.Query{From: linesim.FromBot})
		if err != nil {
			panic(err)
		}
		for i, m := range msgs {
			if strings.TrimSpace(m.Text()) != strconv.Itoa(i) {
				n++
			}
		}
	}
	return n
}
