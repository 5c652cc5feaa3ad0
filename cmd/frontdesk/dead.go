package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/line-frontdesk/frontdesk/server"
)

func newDeadCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "Look after the dead letters",
		Long: `Look after the dead letters: what could not be done, with the reason.

  event      a handler gave it up, or failed too often
  malformed  the front desk could not read it as an event
  send       LINE did not take it, or it is not known whether LINE did`,
	}
	return group(cmd,
		newDeadListCommand(env), newDeadShowCommand(env),
		newDeadActCommand(env, retryLetters()), newDeadActCommand(env, dropLetters()),
	)
}

// letterFlags adds the flags that choose letters.
func letterFlags(f *pflag.FlagSet, q *server.LetterQuery) {
	f.StringVar(&q.Kind, "kind", "", "only of this kind: event, malformed or send")
	f.StringVar(&q.Channel, "channel", "", "only of this channel")
	f.StringVar(&q.Conversation, "conversation", "", "only of this user, group or room")
	f.StringVar(&q.Reason, "reason-contains", "", "only with this in the reason")
}

// checkKind refuses a kind that no letter can have.
func checkKind(kind string) error {
	switch kind {
	case "", "event", "malformed", "send":
		return nil
	}
	return usageErrorf("--kind: %q is not event, malformed or send", kind)
}

func newDeadListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var q server.LetterQuery
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the oldest first",
		Example: `  frontdesk dead list --data /var/lib/frontdesk
  frontdesk dead list --kind send --reason-contains "monthly limit" --json`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	letterFlags(cmd.Flags(), &q)
	cmd.Flags().Uint64Var(&q.After, "after", 0, "only behind the letter with this ID")
	limitFlag(cmd, &limit)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkKind(q.Kind); err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error { return listLetters(cmd, admin, q, limit, a.json) })
	}
	return cmd
}

func listLetters(cmd *cobra.Command, admin *server.Admin, q server.LetterQuery, limit int, asJSON bool) error {
	out := cmd.OutOrStdout()
	printed := 0
	const format = "%6v  %-19s  %-9s  %-12s  %-33s  %5v  %s\n"
	for {
		q.Limit = pageOf(limit, printed)
		page, err := admin.Letters(cmd.Context(), q)
		if err != nil {
			return err
		}
		if printed == 0 && len(page.Letters) > 0 && !asJSON {
			fmt.Fprintf(out, format, "ID", "DIED", "KIND", "CHANNEL", "CONVERSATION", "TRIES", "REASON")
		}
		for _, l := range page.Letters {
			if asJSON {
				err = printJSON(out, l)
			} else {
				_, err = fmt.Fprintf(out, format, l.ID, localTime(l.Died), l.Kind, l.Channel, dash(l.Conversation), l.Attempts, oneLine(l.Reason))
			}
			if err != nil {
				return err
			}
		}
		printed += len(page.Letters)
		q.After = page.Next
		if page.Next == 0 {
			break
		}
		if limit > 0 && printed >= limit {
			if !asJSON && uint64(printed) < page.Total {
				fmt.Fprintf(cmd.ErrOrStderr(), "There may be more of %d in all: --after %d\n", page.Total, page.Next)
			}
			break
		}
	}
	if printed == 0 && !asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "No such dead letters.")
	}
	return nil
}

func newDeadShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a dead letter with what is in it",
		Long: `Show one dead letter: why it died, and what is in it: the raw event with what the user
wrote, or the messages that were to be sent.`,
		Example: `  frontdesk dead show 7`,
		Args:    takes(1, 1, "the ID of one dead letter"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseLetterID(args[0])
		if err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error {
			letter, err := admin.Letter(cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), letter)
			}
			return printLetter(cmd.OutOrStdout(), letter)
		})
	}
	return cmd
}

func parseLetterID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		return 0, usageErrorf("%q is not the ID of a dead letter; 'frontdesk dead list' shows them", text)
	}
	return id, nil
}

func printLetter(out io.Writer, l server.LetterDetail) error {
	fmt.Fprintf(out, "dead letter   %d\nkind          %s\nchannel       %s\nconversation  %s\nevent         %s\n",
		l.ID, l.Kind, l.Channel, dash(l.Conversation), dash(l.EventID))
	fmt.Fprintf(out, "accepted      %s\ndied          %s\nattempts      %d\n", localTime(l.Accepted), localTime(l.Died), l.Attempts)
	if l.Run > 0 {
		fmt.Fprintf(out, "retried       %s before\n", count(l.Run, "time"))
	}
	_, err := fmt.Fprintf(out, "reason        %s\n\nraw\n%s\n", oneLine(l.Reason), printable(string(l.Body)))
	return err
}
