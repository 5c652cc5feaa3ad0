package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

const (
	// plainEvery is how often the progress is told where there is no terminal.
	plainEvery = 5 * time.Second
	// rateOver is the time over which the rate is told.
	rateOver = 10 * time.Second
	// countdownLines is about how many lines tell of the same wait where there is
	// no terminal: they come more often as the start comes nearer.
	countdownLines = 10
)

// watchCampaign tells how far a campaign is, until it ends or pauses. Its error
// says why it was not sent to all.
func watchCampaign(cmd *cobra.Command, admin *server.Admin, id string, asJSON bool) error {
	ctx := cmd.Context()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	p := newPace(cmd.ErrOrStderr())
	defer p.end()
	for {
		c, err := admin.Campaign(ctx, id)
		switch {
		case ctx.Err() != nil:
			p.end()
			return fmt.Errorf("interrupted; the campaign goes on: 'frontdesk campaign watch %s' watches it, 'pause' and 'cancel' stop it", id)
		case err != nil:
			return err
		case !c.Ended.IsZero(), c.State == "paused" && c.InOutbox == 0:
			p.end()
			return concludeCampaign(cmd.OutOrStdout(), c, asJSON)
		}
		p.tell(c, time.Now())
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// concludeCampaign tells what became of a campaign.
func concludeCampaign(out io.Writer, c server.CampaignRow, asJSON bool) error {
	c.Messages = nil
	var err error
	if asJSON {
		err = printJSON(out, c)
	} else {
		_, err = fmt.Fprintln(out, stateText(c, true))
	}
	reason := ""
	if c.Reason != "" {
		reason = ": " + oneLine(c.Reason)
	}
	switch {
	case err != nil:
		return err
	case c.State == "paused":
		return fmt.Errorf("campaign %s is paused%s; 'frontdesk campaign resume %s' lets it go on", c.ID, reason, c.ID)
	case c.State == "cancelled":
		return errors.New("the campaign was cancelled")
	case c.Failed > 0:
		return fmt.Errorf("%d of %d did not get it%s; see 'frontdesk dead list --kind send --channel %s'", c.Failed, c.Users, reason, c.Channel)
	}
	return nil
}

// sample is how many receivers were done at a moment.
type sample struct {
	at   time.Time
	done int
}

// pace tells how fast a campaign is: on a terminal as a line that changes, else
// as a line now and then.
type pace struct {
	w        io.Writer
	terminal bool
	every    time.Duration
	told     time.Time
	samples  []sample // of the last rateOver, oldest first
}

func newPace(w io.Writer) *pace {
	p := &pace{w: w, terminal: isTerminal(w), every: plainEvery}
	if p.terminal {
		p.every = 0
	}
	return p
}

func (p *pace) tell(c server.CampaignRow, now time.Time) {
	p.samples = append(p.samples, sample{now, c.Sent + c.Failed})
	for len(p.samples) > 2 && now.Sub(p.samples[0].at) > rateOver {
		p.samples = p.samples[1:]
	}
	every := p.every
	if c.State == "scheduled" && !p.terminal {
		every = max(every, c.StartAt.Sub(now)/countdownLines)
	}
	if now.Sub(p.told) < every {
		return
	}
	p.told = now
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.text(c, now))
	} else {
		fmt.Fprintln(p.w, p.text(c, now))
	}
}

// text is the line: "1500 of 20000, 4800/s, 4s left".
func (p *pace) text(c server.CampaignRow, now time.Time) string {
	if c.State == "scheduled" {
		return "starts " + startText(c.StartAt, now)
	}
	text := fmt.Sprintf("%d of %d", c.Sent+c.Failed, c.Users)
	if c.State != "running" {
		text += ", " + c.State
	}
	if c.Failed > 0 {
		text += fmt.Sprintf(", failed %d", c.Failed)
	}
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 || last.done <= first.done {
		return text
	}
	rate := float64(last.done-first.done) / took
	text += fmt.Sprintf(", %.0f/s", rate)
	if c.State == "running" {
		left := time.Duration(float64(c.Left+c.InOutbox) / rate * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}

// end clears the line.
func (p *pace) end() {
	if p.terminal && !p.told.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.told = time.Time{}
	}
}
