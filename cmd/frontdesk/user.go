package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newUserCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Look into the directory of users"}
	return group(cmd, newUserListCommand(env), newUserShowCommand(env), newUserForgetCommand(env))
}

func newUserListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var q server.UserQuery
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List users in the order of their last change",
		Long: `List the users that the directory knows, in the order of their last change.

  friend   follows the bot
  blocked  blocked it; the profile was erased
  seen     wrote to it; LINE did not tell whether as a friend`,
		Example: `  frontdesk user list --state friend --limit 0
  frontdesk user list --json | jq -r .userId`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Channel, "channel", "", "only of this channel")
	f.StringVar(&q.State, "state", "", "only in this state: friend, blocked or seen")
	f.StringVar(&q.After, "after", "", "only behind this user, as CHANNEL/ID")
	limitFlag(cmd, &limit)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch q.State {
		case "", "friend", "blocked", "seen":
		default:
			return usageErrorf("--state: %q is not friend, blocked or seen", q.State)
		}
		return a.with(cmd, func(admin *server.Admin) error { return listUsers(cmd, admin, q, limit, a.json) })
	}
	return cmd
}

func listUsers(cmd *cobra.Command, admin *server.Admin, q server.UserQuery, limit int, asJSON bool) error {
	out := cmd.OutOrStdout()
	printed := 0
	const format = "%-33s  %-12s  %-7s  %-19s  %-4s  %s\n"
	for {
		q.Limit = pageOf(limit, printed)
		page, err := admin.Users(cmd.Context(), q)
		if err != nil {
			return err
		}
		if printed == 0 && len(page.Users) > 0 && !asJSON {
			fmt.Fprintf(out, format, "USER", "CHANNEL", "STATE", "SINCE", "LANG", "NAME")
		}
		for _, u := range page.Users {
			if asJSON {
				err = printJSON(out, u)
			} else {
				name, language := nameOf(u)
				_, err = fmt.Fprintf(out, format, u.UserID, u.Channel, u.State, localTime(u.Since), language, name)
			}
			if err != nil {
				return err
			}
		}
		printed += len(page.Users)
		q.After = page.Next
		if page.Next == "" {
			break
		}
		if limit > 0 && printed >= limit {
			if !asJSON {
				fmt.Fprintf(cmd.ErrOrStderr(), "There may be more: --after %s\n", page.Next)
			}
			break
		}
	}
	if printed == 0 && !asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "No such users are known.")
	}
	return nil
}

// nameOf returns a user's name and language as they can be shown.
func nameOf(u server.UserRow) (name, language string) {
	if u.Profile == nil {
		return "-", "-"
	}
	return dash(oneLine(u.Profile.DisplayName)), dash(oneLine(u.Profile.Language))
}

func newUserShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var channel string
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show what is known of a user",
		Example: `  frontdesk user show U0123456789abcdef0123456789abcdef`,
		Args:    takes(1, 1, "one user ID"),
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&channel, "channel", "", "only in this channel")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			users, err := admin.User(cmd.Context(), channel, args[0])
			if err != nil {
				return err
			}
			for _, u := range users {
				if a.json {
					err = printJSON(cmd.OutOrStdout(), u)
				} else {
					err = printUser(cmd, u)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func printUser(cmd *cobra.Command, u server.UserRow) error {
	out := cmd.OutOrStdout()
	name, language := nameOf(u)
	unblocked := ""
	if u.IsUnblocked {
		unblocked = ", after a block"
	}
	_, err := fmt.Fprintf(out, "user        %s\nchannel     %s\nstate       %s since %s%s\nfirst seen  %s\nname        %s\nlanguage    %s\n",
		u.UserID, u.Channel, u.State, localTime(u.Since), unblocked, localTime(u.FirstSeen), name, language)
	if u.Profile != nil {
		_, err = fmt.Fprintf(out, "picture     %s\nstatus      %s\nprofile of  %s\n",
			dash(oneLine(u.Profile.PictureURL)), dash(oneLine(u.Profile.StatusMessage)), localTime(u.ProfileAt))
	}
	return err
}

func newUserForgetCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var channel string
	cmd := &cobra.Command{
		Use:   "forget ID",
		Short: "Erase what the directory knows of a user",
		Long: `Erase what the directory knows of a user: the profile and whether the user is a friend.
Events that are stored already stay as long as inbox.keep says, and dead letters until
they are dropped. When the user writes again, the directory learns anew.`,
		Example: `  frontdesk user forget U0123456789abcdef0123456789abcdef`,
		Args:    takes(1, 1, "one user ID"),
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&channel, "channel", "", "only in this channel")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			users, err := admin.Forget(cmd.Context(), channel, args[0])
			if err != nil {
				return err
			}
			for _, u := range users {
				if a.json {
					err = printJSON(cmd.OutOrStdout(), map[string]string{"channel": u.Channel, "userId": u.UserID})
				} else {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "user %s of channel %s is forgotten\n", u.UserID, u.Channel)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}
