package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/line-frontdesk/frontdesk/server"
)

// timerPageRows is how many timers are asked for at once. The server looks at all
// for each page.
const timerPageRows = 10_000

func newTimerCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "timer",
		Short: "Look after the timers that wait",
		Long: `Look after the timers that wait. Handlers set them: when one is due its handler is called
with a timer event, or its messages are pushed.`,
	}
	return group(cmd, newTimerListCommand(env), newTimerShowCommand(env), newTimerCancelCommand(env))
}

// timerFlags chooses timers.
type timerFlags struct {
	server.TimerQuery
	before string
}

func (f *timerFlags) add(to *pflag.FlagSet) {
	to.StringVar(&f.Channel, "channel", "", "only of this channel")
	to.StringVar(&f.Conversation, "conversation", "", "only of this user, group or room")
	to.StringVar(&f.Conversation, "user", "", "the same")
	to.StringVar(&f.Key, "key", "", "only with this key")
	to.StringVar(&f.before, "before", "", "only those that are due before a time such as 2006-01-02T15:04:05Z, or within a duration such as 10m")
}

// read reads what needs to be read.
func (f *timerFlags) read(now time.Time) error {
	if f.before == "" {
		return nil
	}
	if in, err := time.ParseDuration(f.before); err == nil {
		f.Before = now.Add(in)
		return nil
	}
	at, err := time.Parse(time.RFC3339, f.before)
	if err != nil {
		return usageErrorf("--before: %q is neither a time such as 2006-01-02T15:04:05Z nor a duration such as 10m", f.before)
	}
	f.Before = at
	return nil
}

func newTimerListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var q timerFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List timers, the one that is due next first",
		Long: `List timers, the one that is due next first. In the last column stands what happens then:
"event" for a call of the handler, or how many messages are sent; and how often it comes again.

The ID of a timer that comes again is another one each time.`,
		Example: `  frontdesk timer list --before 10m
  frontdesk timer list --user U0123456789abcdef0123456789abcdef --json`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	q.add(cmd.Flags())
	limitFlag(cmd, &limit)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := q.read(time.Now()); err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error { return listTimers(cmd, admin, q.TimerQuery, limit, a.json) })
	}
	return cmd
}

func listTimers(cmd *cobra.Command, admin *server.Admin, q server.TimerQuery, limit int, asJSON bool) error {
	out := cmd.OutOrStdout()
	printed, total := 0, 0
	const format = "%8v  %-19s  %-12s  %-33s  %-20s  %s\n"
	err := eachTimer(cmd.Context(), admin, q, limit, func(t server.TimerRow, matching int) (err error) {
		if printed == 0 && !asJSON {
			fmt.Fprintf(out, format, "ID", "DUE", "CHANNEL", "CONVERSATION", "KEY", "WHAT")
		}
		printed, total = printed+1, matching
		if asJSON {
			return printJSON(out, t)
		}
		_, err = fmt.Fprintf(out, format, t.ID, localTime(t.Due), t.Channel, t.Conversation, oneLine(t.Key), timerText(t))
		return err
	})
	switch {
	case err != nil || asJSON:
	case printed == 0:
		fmt.Fprintln(cmd.ErrOrStderr(), "No such timers wait.")
	case printed < total:
		fmt.Fprintf(cmd.ErrOrStderr(), "There are %d more: --limit 0\n", total-printed)
	}
	return err
}

// eachTimer calls f with the timers that match, up to limit, 0 for all, and with
// how many they are in all.
func eachTimer(ctx context.Context, admin *server.Admin, q server.TimerQuery, limit int, f func(t server.TimerRow, matching int) error) error {
	for left := limit; ; {
		q.Limit = timerPageRows
		if limit > 0 {
			q.Limit = min(left, timerPageRows)
		}
		page, err := admin.Timers(ctx, q)
		if err != nil {
			return err
		}
		for _, t := range page.Timers {
			if err := f(t, page.Total); err != nil {
				return err
			}
		}
		left -= len(page.Timers)
		if q.After = page.Next; page.Next == "" || limit > 0 && left <= 0 {
			return nil
		}
	}
}

// timerText tells what a timer does and when it comes again.
func timerText(t server.TimerRow) string {
	text := "event"
	if t.Sends > 0 {
		text = "sends " + count(t.Sends, "message")
	}
	switch {
	case t.Every != "":
		text += ", every " + t.Every
	case t.Cron != "":
		text += ", cron " + oneLine(t.Cron) + " in " + t.Zone
	}
	return text
}

func newTimerShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a timer with its payload or its messages",
		Example: `  frontdesk timer show 7`,
		Args:    takes(1, 1, "the ID of one timer"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseTimerID(args[0])
		if err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error {
			t, err := admin.Timer(cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), t)
			}
			return printTimer(cmd.OutOrStdout(), t)
		})
	}
	return cmd
}

func parseTimerID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		return 0, usageErrorf("%q is not the ID of a timer; 'frontdesk timer list' shows them", text)
	}
	return id, nil
}

func printTimer(out io.Writer, t server.TimerDetail) error {
	fmt.Fprintf(out, "timer         %d\ndue           %s\nchannel       %s\nconversation  %s\nkey           %s\n",
		t.ID, localTime(t.Due), t.Channel, t.Conversation, oneLine(t.Key))
	fmt.Fprintf(out, "what          %s\nset           %s\nby event      %s\n", timerText(t.TimerRow), localTime(t.Set), dash(t.EventID))
	if t.Every != "" || t.Cron != "" {
		fmt.Fprintf(out, "was due       %s\n", count(t.Fired, "time"))
	}
	var err error
	switch {
	case t.Sends > 0:
		fmt.Fprintln(out, "\nmessages")
		for _, m := range t.Messages {
			_, err = fmt.Fprintln(out, printable(string(m)))
		}
	case t.Payload != "":
		_, err = fmt.Fprintf(out, "\npayload\n%s\n", printable(t.Payload))
	}
	return err
}

func newTimerCancelCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cancel := act{noun: "timer", ask: "Cancel", done: "cancelled", do: func(ctx context.Context, admin *server.Admin, id uint64) error {
		_, err := admin.CancelTimer(ctx, id)
		return err
	}}
	var q timerFlags
	var all, yes bool
	cmd := &cobra.Command{
		Use:   "cancel [ID]...",
		Short: "Cancel timers for good",
		Long: `Cancel timers: they never fire.

Name timers by their IDs, or all that match the flags; --all for every one. Of all that
match, their number is shown and asked about first, unless --yes is given.`,
		Example: `  frontdesk timer cancel 7 8
  frontdesk timer cancel --user U0123456789abcdef0123456789abcdef --key tea`,
		Args: cobra.ArbitraryArgs,
	}
	a.addFlags(cmd)
	q.add(cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "every timer")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := q.read(time.Now()); err != nil {
			return err
		}
		matching := all || q != (timerFlags{})
		if matching == (len(args) > 0) {
			return usageErrorf("name either timers by their IDs, or --all, or those that match by --channel, --conversation, --key and --before")
		}
		var ids []uint64
		for _, arg := range args {
			id, err := parseTimerID(arg)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return a.with(cmd, func(admin *server.Admin) error {
			if matching {
				err := eachTimer(cmd.Context(), admin, q.TimerQuery, 0, func(t server.TimerRow, _ int) error {
					ids = append(ids, t.ID)
					return nil
				})
				if err != nil {
					return err
				}
				if err := cancel.confirm(cmd, len(ids), yes); err != nil {
					return err
				}
			}
			return cancel.all(cmd, admin, ids)
		})
	}
	return cmd
}
