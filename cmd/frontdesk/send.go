package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

// sendCommand is what 'frontdesk send' was told.
type sendCommand struct {
	adminCommand
	audience    audienceFlags
	messages    []string
	messageFile string
	start       startFlags
	campaign    server.NewCampaign
	dryRun      bool
	yes         bool
	detach      bool
	watch       bool
}

func newSendCommand(env *environment) *cobra.Command {
	s := &sendCommand{adminCommand: adminCommand{env: env}}
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send the same messages to many users",
		Long: `Send the same messages to many users, as a campaign of the server that runs on the data
folder. What it would do and cost is shown first, and asked about.

Name one audience:
  --to ID          a user, group or room; may be repeated
  --to-file FILE   users, one ID a line; # begins a comment, - is standard input
  --to-all         all friends that the directory knows
  --broadcast      all friends, by LINE's own broadcast
and what to send:
  --message TEXT         a text; may be repeated, up to 5
  --message-file FILE    a message object of LINE as JSON, or a list of up to 5

It goes out at once, or later, 366 days ahead at most:
  --at TIME        at '2026-12-24 18:00' or at 18:00, which is the next one, in the time
                   zone of this command; or with a zone of its own: 2026-12-24T18:00:00+09:00
  --in DURATION    after 90m, 1h30m or 7d

Users get multicasts of 500. LINE counts one message of the monthly quota for each
receiver, however many messages a call has; who blocked the bot is not counted. What the
bot answers people goes before campaigns.

The campaign survives restarts; one whose time came meanwhile goes out first thing. It is
watched until it has ended; one that starts in more than a minute only with --watch.
Ctrl-C ends the watching, not the campaign: see 'frontdesk campaign'. When it is not known
whether a campaign was created, the same command with the same --id, and the same --at,
creates it once.`,
		Example: `  frontdesk send --to-file users.txt --message "We open at 10" --dry-run
  frontdesk send --to-all --message-file sale.json --name "summer sale" --yes --detach
  frontdesk send --to-all --message "Merry Christmas" --at '2026-12-24 18:00'
  frontdesk send --to U0123456789abcdef0123456789abcdef --message hello`,
		Args: takes(0, 0, "no arguments"),
	}
	s.addFlags(cmd)
	s.audience.add(cmd)
	s.start.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&s.messages, "message", nil, "a text to send; may be repeated")
	f.StringVar(&s.messageFile, "message-file", "", "file with one message object, or a list of up to 5; - is standard input")
	f.StringVar(&s.campaign.Channel, "channel", "", "channel to send through; not needed when there is one")
	f.StringVar(&s.campaign.Name, "name", "", "name of the campaign, for people")
	f.StringVar(&s.campaign.ID, "id", "", "ID of the campaign: letters, digits, '-' and '_'; made up if it is empty")
	f.BoolVar(&s.campaign.OverQuota, "over-quota", false, "send although the quota does not suffice")
	f.BoolVar(&s.dryRun, "dry-run", false, "show what it would do and cost; send nothing")
	f.BoolVar(&s.yes, "yes", false, "do not ask")
	f.BoolVar(&s.detach, "detach", false, "do not watch it; the default when it starts in more than a minute")
	f.BoolVar(&s.watch, "watch", false, "watch it, however long it is until it starts")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.read(cmd); err != nil {
			return err
		}
		defer s.audience.close()
		return s.with(cmd, func(admin *server.Admin) error { return s.run(cmd, admin) })
	}
	return cmd
}

// read turns the flags into a campaign.
func (s *sendCommand) read(cmd *cobra.Command) error {
	if s.audience.file == stdinName && s.messageFile == stdinName {
		return usageErrorf("standard input can be the users or the messages, not both")
	}
	if (s.audience.file == stdinName || s.messageFile == stdinName) && !s.yes && !s.dryRun {
		return usageErrorf("nothing can be asked when standard input is a file: give --yes, or --dry-run first")
	}
	if s.watch && s.detach {
		return usageErrorf("it can be watched or not: --watch or --detach, not both")
	}
	now := time.Now()
	var err error
	if s.campaign.StartAt, err = s.start.read(now, time.Local); err != nil {
		return err
	}
	s.detach = s.detach || !s.watch && s.campaign.StartAt.Sub(now) > watchAhead
	if s.campaign.Messages, err = readMessages(cmd.InOrStdin(), s.messages, s.messageFile); err != nil {
		return err
	}
	if s.campaign.Audience, s.campaign.To, err = s.audience.choose(); err != nil {
		return err
	}
	return s.audience.spool(cmd.InOrStdin())
}

func (s *sendCommand) run(cmd *cobra.Command, admin *server.Admin) error {
	ctx := cmd.Context()
	plan, err := s.plan(ctx, admin)
	if err != nil {
		return err
	}
	if s.dryRun && s.json {
		return printIndented(cmd.OutOrStdout(), plan)
	}
	out := cmd.OutOrStdout()
	if s.json {
		out = cmd.ErrOrStderr()
	}
	if err := printPlan(out, plan, s.campaign); err != nil || s.dryRun {
		return err
	}
	if !plan.Fits && !s.campaign.OverQuota {
		return errors.New("nothing was sent: the quota does not suffice; send to fewer, or give --over-quota")
	}
	if !s.yes {
		if err := confirm(cmd, "Send it?"); err != nil {
			return err
		}
	}
	row, err := s.create(ctx, admin)
	if err != nil {
		return err
	}
	if s.detach {
		return printCreated(cmd.OutOrStdout(), row, s.json)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), createdText(row))
	return watchCampaign(cmd, admin, row.ID, s.json)
}

func (s *sendCommand) plan(ctx context.Context, admin *server.Admin) (server.CampaignPlan, error) {
	list, err := s.audience.open()
	if err != nil {
		return server.CampaignPlan{}, err
	}
	if list == nil {
		return admin.PlanCampaign(ctx, s.campaign, nil)
	}
	defer list.Close()
	return admin.PlanCampaign(ctx, s.campaign, list)
}

func (s *sendCommand) create(ctx context.Context, admin *server.Admin) (row server.CampaignRow, err error) {
	s.campaign.ID = cmp.Or(s.campaign.ID, server.NewCampaignID())
	list, err := s.audience.open()
	if err != nil {
		return row, err
	}
	if list == nil {
		row, err = admin.CreateCampaign(ctx, s.campaign, nil)
	} else {
		row, err = admin.CreateCampaign(ctx, s.campaign, list)
		list.Close()
	}
	if _, unanswered := errors.AsType[*url.Error](err); unanswered {
		err = fmt.Errorf("%w; it is not known whether campaign %s was created: the same command with %s creates it once", err, s.campaign.ID, s.again())
	}
	return row, err
}

// again returns the flags that make the same command create the same campaign.
func (s *sendCommand) again() string {
	flags := "--id " + s.campaign.ID
	if at := s.campaign.StartAt; !at.IsZero() {
		flags += " --at " + at.Format(time.RFC3339Nano)
	}
	if s.start.in != "" {
		flags += " in place of --in"
	}
	return flags
}

func printCreated(out io.Writer, row server.CampaignRow, asJSON bool) error {
	if asJSON {
		return printJSON(out, row)
	}
	_, err := fmt.Fprintf(out, "%s; watch it with 'frontdesk campaign watch %s'\n", createdText(row), row.ID)
	return err
}

// createdText tells what has begun.
func createdText(row server.CampaignRow) string {
	if row.State == "scheduled" {
		return fmt.Sprintf("campaign %s starts %s", row.ID, startText(row.StartAt, time.Now()))
	}
	return fmt.Sprintf("campaign %s runs", row.ID)
}

// printPlan shows what a campaign would do.
func printPlan(out io.Writer, p server.CampaignPlan, c server.NewCampaign) error {
	receivers := count(p.Users, "user")
	switch {
	case c.Audience == audienceBroadcast:
		receivers = fmt.Sprintf("all friends; the directory knows %d", p.Users)
	case p.Groups > 0:
		receivers += " and " + count(p.Groups, "group or room")
	}
	if p.Duplicates > 0 {
		receivers += fmt.Sprintf(" (named twice and left out: %d)", p.Duplicates)
	}
	least := ""
	if p.AtLeast {
		least = "at least "
	}
	checked := "LINE would take the messages"
	if !p.Checked {
		checked = "no: " + oneLine(p.Unchecked)
	}
	starts := ""
	if !p.StartAt.IsZero() {
		starts = "starts     " + startText(p.StartAt, time.Now()) + "\n"
	}
	_, err := fmt.Fprintf(out, "%sreceivers  %s\nsends      %s to each, by %s\ncost       %s%d of the month's messages\nquota      %s\nchecked    %s\n",
		starts, receivers, count(len(c.Messages), "message"), count(p.Calls, "call"), least, p.Cost, quotaText(p), checked)
	return err
}

func quotaText(p server.CampaignPlan) string {
	switch q := p.Quota; {
	case q == nil:
		return "not known: LINE did not tell"
	case !q.Limited:
		return "no limit"
	default:
		month := ""
		if q.Month != "" {
			month = " in " + q.Month + ", unless the limit changes"
		}
		text := fmt.Sprintf("%d left of %d%s (used %d", q.Left, q.Limit, month, q.Used)
		if q.Reserved > 0 {
			text += fmt.Sprintf(", kept for other campaigns %d", q.Reserved)
		}
		if text += ")"; !p.Fits {
			text += fmt.Sprintf("; IT DOES NOT SUFFICE: %d are missing", int64(p.Cost)-q.Left)
		}
		return text
	}
}
