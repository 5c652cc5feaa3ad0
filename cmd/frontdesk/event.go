package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newEventCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "event", Short: "Look into the stored events"}
	return group(cmd, newEventListCommand(env), newEventShowCommand(env))
}

func newEventListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var q server.EventQuery
	var after string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List stored events, the newest first",
		Long: `List the events that the inbox holds, the newest first, without what users wrote.

With --after the oldest come first, beginning behind a position (as --json tells it),
a time (RFC 3339), or so long ago (10m, 2h).`,
		Example: `  frontdesk event list --data /var/lib/frontdesk
  frontdesk event list --conversation U0123456789abcdef0123456789abcdef --limit 100
  frontdesk event list --after 10m --json | jq -r .id`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Channel, "channel", "", "only of this channel")
	f.StringVar(&q.Conversation, "conversation", "", "only of this user, group or room")
	f.StringVar(&after, "after", "", "only behind this position or time, oldest first")
	f.Uint64Var(&q.Before, "before", 0, "only before this position")
	limitFlag(cmd, &limit)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if q.After, err = eventPlace(after, time.Now()); err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error { return listEvents(cmd, admin, q, limit, a.json) })
	}
	return cmd
}

// eventPlace turns "10m" into a time; other places stay as they are.
func eventPlace(text string, now time.Time) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 64); err == nil || text == "" {
		return text, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago).Format(time.RFC3339Nano), nil
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return "", usageErrorf("--after: %q is neither a position, a time such as 2006-01-02T15:04:05Z nor a duration such as 10m", text)
	}
	return text, nil
}

func listEvents(cmd *cobra.Command, admin *server.Admin, q server.EventQuery, limit int, asJSON bool) error {
	out := cmd.OutOrStdout()
	printed := 0
	for {
		q.Limit = pageOf(limit, printed)
		page, err := admin.Events(cmd.Context(), q)
		if err != nil {
			return err
		}
		if printed == 0 && len(page.Events) > 0 && !asJSON {
			fmt.Fprintf(out, "%-19s  %-26s  %-12s  %-33s  %s\n", "ACCEPTED", "EVENT", "CHANNEL", "CONVERSATION", "TYPE")
		}
		for _, row := range page.Events {
			if asJSON {
				err = printJSON(out, row)
			} else {
				_, err = fmt.Fprintf(out, "%-19s  %-26s  %-12s  %-33s  %s\n",
					localTime(row.Accepted), row.ID, row.Channel, row.Conversation, oneLine(eventType(row)))
			}
			if err != nil {
				return err
			}
		}
		printed += len(page.Events)
		full := limit > 0 && printed >= limit
		if page.Next == 0 || full {
			if page.Next > 0 && !asJSON {
				moreEvents(cmd.ErrOrStderr(), q, page.Next)
			}
			break
		}
		if q.After != "" {
			q.After = strconv.FormatUint(page.Next, 10)
		} else {
			q.Before = page.Next
		}
	}
	if printed == 0 && !asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "No such events are stored.")
	}
	return nil
}

func moreEvents(w io.Writer, q server.EventQuery, next uint64) {
	flag := "--before"
	if q.After != "" {
		flag = "--after"
	}
	fmt.Fprintf(w, "There may be more: %s %d\n", flag, next)
}

// eventType describes the kind of an event: "message (text), run 2".
func eventType(row server.EventRow) string {
	text := row.Type
	if row.MessageType != "" {
		text += " (" + row.MessageType + ")"
	}
	if row.Redelivered {
		text += ", redelivered"
	}
	if row.Run > 0 {
		text += ", run " + strconv.Itoa(row.Run+1)
	}
	return text
}

func newEventShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an event and its way",
		Long: `Show one event: its way through the server with LINE's request IDs, its dead letters,
and every byte as LINE sent it, with what the user wrote.`,
		Example: `  frontdesk event show 01JDKM5Y3Q8W6T2E0A9RZXCVBN`,
		Args:    takes(1, 1, "one event ID"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			detail, err := admin.Event(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), detail)
			}
			return printEvent(cmd.OutOrStdout(), detail)
		})
	}
	return cmd
}

func printEvent(out io.Writer, ev server.EventDetail) error {
	fmt.Fprintf(out, "event         %s\nchannel       %s\nconversation  %s\ntype          %s\naccepted      %s\n",
		ev.ID, ev.Channel, ev.Conversation, oneLine(eventType(ev.EventRow)), localTime(ev.Accepted))
	fmt.Fprintln(out, "\nway")
	for _, step := range ev.Steps {
		line := fmt.Sprintf("  %s  %9s  %s", step.At.Local().Format("15:04:05.000"), since(step.At.Sub(ev.Accepted)), step.Step.Step)
		if step.Note != "" {
			line += " (" + step.Note + ")"
		}
		if step.RequestID != "" {
			line += "  request " + oneLine(step.RequestID)
		}
		fmt.Fprintln(out, line)
	}
	if ev.Incomplete {
		fmt.Fprintln(out, "  the search took too long; there may be more")
	}
	if len(ev.Letters) > 0 {
		fmt.Fprintln(out, "\ndead letters")
	}
	for _, letter := range ev.Letters {
		fmt.Fprintf(out, "  %d  %s  %s, %s: %s\n", letter.ID, localTime(letter.Died), letter.Kind, count(letter.Attempts, "attempt"), oneLine(letter.Reason))
	}
	_, err := fmt.Fprintf(out, "\nraw\n%s\n", printable(string(ev.Raw)))
	return err
}

// since formats the time from an event's acceptance.
func since(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("+%.1f ms", float64(d.Microseconds())/1000)
	}
	return "+" + d.Round(10*time.Millisecond).String()
}
