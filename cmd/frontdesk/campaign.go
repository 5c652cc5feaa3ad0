package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newCampaignCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "campaign",
		Short: "Look after the campaigns that 'frontdesk send' began",
		Long: `Look after the campaigns that 'frontdesk send' began.

  scheduled  waits for its time (send --at, --in)
  running    is being sent, when a server runs
  paused     by an operator, or by itself when LINE took nothing any more
  cancelled  by an operator, for good
  done       was sent to all, but for those that failed

Where one ID is taken it can be left out when only one campaign has not ended.`,
	}
	return group(cmd,
		newCampaignListCommand(env), newCampaignShowCommand(env), newCampaignWatchCommand(env),
		newCampaignChangeCommand(env, "pause", "Stop a campaign until it is resumed", (*server.Admin).PauseCampaign),
		newCampaignChangeCommand(env, "resume", "Let a paused campaign go on", (*server.Admin).ResumeCampaign),
		newCampaignChangeCommand(env, "cancel", "End a campaign for good", (*server.Admin).CancelCampaign),
	)
}

func newCampaignListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var q server.CampaignQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List campaigns, the newest first",
		Example: `  frontdesk campaign list
  frontdesk campaign list --state running --json`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Channel, "channel", "", "only of this channel")
	f.StringVar(&q.State, "state", "", "only in this state: scheduled, running, paused, cancelled or done")
	limitFlag(cmd, &q.Limit)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch q.State {
		case "", "scheduled", "running", "paused", "cancelled", "done":
		default:
			return usageErrorf("--state: %q is not scheduled, running, paused, cancelled or done", q.State)
		}
		return a.with(cmd, func(admin *server.Admin) error { return listCampaigns(cmd, admin, q, a.json) })
	}
	return cmd
}

func listCampaigns(cmd *cobra.Command, admin *server.Admin, q server.CampaignQuery, asJSON bool) error {
	page, err := admin.Campaigns(cmd.Context(), q)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	const format = "%-22s  %-19s  %-19s  %-9s  %-12s  %9v  %9v  %7v  %s\n"
	if len(page.Campaigns) > 0 && !asJSON {
		fmt.Fprintf(out, format, "CAMPAIGN", "CREATED", "STARTS", "STATE", "CHANNEL", "RECEIVERS", "SENT", "FAILED", "NAME")
	}
	for _, c := range page.Campaigns {
		if asJSON {
			err = printJSON(out, c)
		} else {
			_, err = fmt.Fprintf(out, format, c.ID, localTime(c.Created), localTime(c.StartAt), c.State, c.Channel, c.Users, c.Sent, c.Failed, dash(oneLine(c.Name)))
		}
		if err != nil {
			return err
		}
	}
	switch more := page.Total - len(page.Campaigns); {
	case asJSON:
	case page.Total == 0:
		fmt.Fprintln(cmd.ErrOrStderr(), "No such campaigns are known.")
	case more > 0:
		fmt.Fprintf(cmd.ErrOrStderr(), "There are %d more: --limit %d\n", more, page.Total)
	}
	return nil
}

func newCampaignShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:     "show [ID]",
		Short:   "Show a campaign with what it sends",
		Example: `  frontdesk campaign show 20261121-093000-K7Q2ZM`,
		Args:    takes(0, 1, "one campaign ID at most"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			id, err := campaignID(cmd.Context(), admin, args)
			if err != nil {
				return err
			}
			c, err := admin.Campaign(cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), c)
			}
			return printCampaign(cmd.OutOrStdout(), c)
		})
	}
	return cmd
}

// campaignID returns the ID that was given, or the one of the only campaign that
// has not ended.
func campaignID(ctx context.Context, admin *server.Admin, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	var ids []string
	for _, state := range []string{"scheduled", "running", "paused"} {
		page, err := admin.Campaigns(ctx, server.CampaignQuery{State: state, Limit: 2})
		if err != nil {
			return "", err
		}
		for _, c := range page.Campaigns {
			ids = append(ids, c.ID)
		}
	}
	switch len(ids) {
	case 0:
		return "", usageErrorf("name a campaign by its ID: all have ended; 'frontdesk campaign list' shows them")
	case 1:
		return ids[0], nil
	}
	return "", usageErrorf("name a campaign by its ID: several have not ended; 'frontdesk campaign list' shows them")
}

func printCampaign(out io.Writer, c server.CampaignRow) error {
	fmt.Fprintf(out, "campaign    %s\nname        %s\nchannel     %s\naudience    %s\nstate       %s\n",
		c.ID, dash(oneLine(c.Name)), c.Channel, c.Audience, c.State)
	if c.Reason != "" {
		fmt.Fprintf(out, "reason      %s\n", oneLine(c.Reason))
	}
	if !c.StartAt.IsZero() {
		fmt.Fprintf(out, "starts      %s\n", startText(c.StartAt, time.Now()))
	}
	fmt.Fprintf(out, "created     %s\nended       %s\nreceivers   %d (named twice and left out: %d)\n",
		localTime(c.Created), localTime(c.Ended), c.Users, c.Duplicates)
	fmt.Fprintf(out, "sent        %d\nfailed      %d\nin outbox   %d\nleft        %d\ncalls       %d of %d\n\nmessages\n",
		c.Sent, c.Failed, c.InOutbox, c.Left, c.CallsDone, c.Calls)
	for _, m := range c.Messages {
		if _, err := fmt.Fprintln(out, printable(string(m))); err != nil {
			return err
		}
	}
	return nil
}

// newCampaignChangeCommand is pause, resume or cancel.
func newCampaignChangeCommand(env *environment, verb, short string, change func(*server.Admin, context.Context, string) (server.CampaignRow, error)) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:   verb + " [ID]",
		Short: short,
		Long: short + ".\n\nWhat is in the outbox already, a few thousand users at most, is still sent when a\n" +
			"campaign is paused or cancelled; it is told how many.",
		Example: "  frontdesk campaign " + verb + " 20261121-093000-K7Q2ZM",
		Args:    takes(0, 1, "one campaign ID at most"),
	}
	if verb == "cancel" {
		cmd.Use = verb + " ID"
		cmd.Args = takes(1, 1, "one campaign ID")
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			id, err := campaignID(cmd.Context(), admin, args)
			if err != nil {
				return err
			}
			c, err := change(admin, cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), c)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), stateText(c, admin.Running()))
			return err
		})
	}
	return cmd
}

// stateText tells what is the matter with a campaign.
func stateText(c server.CampaignRow, serverRuns bool) string {
	text := fmt.Sprintf("campaign %s is %s: sent to %d of %d", c.ID, c.State, c.Sent, c.Users)
	if c.State == "scheduled" {
		text += ", starts " + startText(c.StartAt, time.Now())
	}
	if c.Failed > 0 {
		text += fmt.Sprintf(", failed %d", c.Failed)
	}
	if c.State != "running" && c.InOutbox > 0 {
		text += fmt.Sprintf("; %d in the outbox still get it", c.InOutbox)
	}
	if c.State == "cancelled" && c.Left > 0 {
		text += fmt.Sprintf("; %d do not", c.Left)
	}
	if !serverRuns && c.Ended.IsZero() {
		text += "; no server runs on this data folder, so nothing is sent"
	}
	return text
}

func newCampaignWatchCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:   "watch [ID]",
		Short: "Watch a campaign until it ends or pauses",
		Long: `Watch a campaign until it ends or pauses: how long it is until it starts, how far it is, how fast, and how long it takes.
Ctrl-C ends the watching, not the campaign. The exit code is 0 when it was sent to all.`,
		Example: `  frontdesk campaign watch`,
		Args:    takes(0, 1, "one campaign ID at most"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			if !admin.Running() {
				return errors.New("no server runs on this data folder, so there is nothing to watch; 'frontdesk campaign show' tells how far it is")
			}
			id, err := campaignID(cmd.Context(), admin, args)
			if err != nil {
				return err
			}
			return watchCampaign(cmd, admin, id, a.json)
		})
	}
	return cmd
}
