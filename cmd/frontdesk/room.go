package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk/server"
)

func newRoomCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "room",
		Short: "Look after the rooms of the chat",
		Long: `Look after the rooms of the WebSocket chat: make and change them, give users tokens, read
and write messages. docs/chat.md tells more.`,
	}
	return group(cmd,
		newRoomListCommand(env), newRoomCreateCommand(env), newRoomShowCommand(env), newRoomSetCommand(env),
		newRoomDeleteCommand(env), newRoomTokenCommand(env), newRoomSayCommand(env), newRoomHistoryCommand(env))
}

func newRoomListCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the rooms that were made",
		Example: `  frontdesk room list --json`,
		Args:    takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.with(cmd, func(admin *server.Admin) error { return listRooms(cmd, admin, a.json) })
	}
	return cmd
}

func listRooms(cmd *cobra.Command, admin *server.Admin, asJSON bool) error {
	page, err := admin.Rooms(cmd.Context())
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	const format = "%-24s  %-8s  %-24s  %7s  %s\n"
	for i, r := range page.Rooms {
		if asJSON {
			if err := printJSON(out, r); err != nil {
				return err
			}
			continue
		}
		if i == 0 {
			fmt.Fprintf(out, format, "ROOM", "OPEN TO", "TITLE", "MEMBERS", "NEWEST")
		}
		newest := "-"
		if r.Newest != nil {
			newest = localTime(r.Newest.At)
		}
		if _, err := fmt.Fprintf(out, format, r.Name, openTo(r.Room), dash(oneLine(r.Title)), strconv.Itoa(len(r.Members)), newest); err != nil {
			return err
		}
	}
	if len(page.Rooms) == 0 && !asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "There are no rooms; 'frontdesk room create' makes one.")
	}
	return nil
}

// openTo says in a word who may join.
func openTo(r server.Room) string {
	switch {
	case r.Guests:
		return "guests"
	case r.Public:
		return "users"
	}
	return "members"
}

// roomFlags are what a room can be.
type roomFlags struct {
	title               string
	public, guests, bot bool
}

func (f *roomFlags) add(to *pflag.FlagSet) {
	to.StringVar(&f.title, "title", "", "what members see in place of the name")
	to.BoolVar(&f.public, "public", false, "every user with a login may join")
	to.BoolVar(&f.guests, "guests", false, "guests may join as well, if chat.guests lets any in; needs --public")
	to.BoolVar(&f.bot, "bot", false, "the bot is a member")
}

func newRoomCreateCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var f roomFlags
	var members []string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a room",
		Long:  `Make a room. Without --public only its members may join; they are told in their inboxes.`,
		Example: `  frontdesk room create lobby --public --guests --title Lobby
  frontdesk room create staff --member ann --member ben`,
		Args: takes(1, 1, "the name of one room"),
	}
	a.addFlags(cmd)
	f.add(cmd.Flags())
	cmd.Flags().StringSliceVar(&members, "member", nil, "a user who may join; several times, or with commas")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			r, err := admin.CreateRoom(cmd.Context(), server.NewRoom{
				Name: args[0], Title: f.title, Public: f.public, Guests: f.guests, Bot: f.bot, Members: members,
			})
			if err != nil {
				return err
			}
			return a.printRoom(cmd, r)
		})
	}
	return cmd
}

// printRoom prints a room.
func (a *adminCommand) printRoom(cmd *cobra.Command, r server.Room) error {
	if a.json {
		return printIndented(cmd.OutOrStdout(), r)
	}
	bot := "no"
	if r.Bot {
		bot = "yes"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "room     %s\ntitle    %s\nopen to  %s\nbot      %s\nmembers  %s\nmade     %s\n",
		r.Name, dash(oneLine(r.Title)), openTo(r), bot, dash(strings.Join(r.Members, " ")), localTime(r.Created))
	return err
}

func newRoomShowCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a room",
		Example: `  frontdesk room show lobby`,
		Args:    takes(1, 1, "the name of one room"),
	}
	a.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			r, err := admin.Room(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printRoom(cmd, r)
		})
	}
	return cmd
}

func newRoomSetCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var f roomFlags
	var c server.RoomChange
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a room",
		Long: `Change a room: only what a flag names becomes different. Who may not be in it any more is
sent away at once.`,
		Example: `  frontdesk room set staff --add cleo --remove ben
  frontdesk room set lobby --guests=false`,
		Args: takes(1, 1, "the name of one room"),
	}
	a.addFlags(cmd)
	f.add(cmd.Flags())
	cmd.Flags().StringSliceVar(&c.Add, "add", nil, "a user who becomes a member; several times, or with commas")
	cmd.Flags().StringSliceVar(&c.Remove, "remove", nil, "a user who is no longer one")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for name, into := range map[string]**bool{"public": &c.Public, "guests": &c.Guests, "bot": &c.Bot} {
			if cmd.Flags().Changed(name) {
				on, err := cmd.Flags().GetBool(name)
				if err != nil {
					return err
				}
				*into = &on
			}
		}
		if cmd.Flags().Changed("title") {
			c.Title = &f.title
		}
		return a.with(cmd, func(admin *server.Admin) error {
			r, err := admin.ChangeRoom(cmd.Context(), args[0], c)
			if err != nil {
				return err
			}
			return a.printRoom(cmd, r)
		})
	}
	return cmd
}

func newRoomDeleteCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var yes bool
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a room with its messages, for good",
		Example: `  frontdesk room delete staff --yes`,
		Args:    takes(1, 1, "the name of one room"),
	}
	a.addFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			if _, err := admin.Room(cmd.Context(), args[0]); err != nil {
				return err
			}
			ask := act{noun: "room", ask: "Delete", done: "deleted"}
			if err := ask.confirm(cmd, 1, yes); err != nil {
				return err
			}
			r, err := admin.DeleteRoom(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), r)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "room %s deleted\n", r.Name)
			return err
		})
	}
	return cmd
}

func newRoomTokenCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var t server.NewRoomToken
	cmd := &cobra.Command{
		Use:   "token --user ID",
		Short: "Make a token with which a user logs into the chat",
		Long: `Make a token with which a user logs into the chat. It is a JSON Web Token (HS256): a backend of
your own that knows chat.secret can make them, too. Whoever has it is that user until it ends, so
keep it short, and secret.`,
		Example: `  frontdesk room token --user ann --name Ann
  frontdesk room token --user desk-1 --operator --ttl 8h`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&t.User, "user", "", "the user's ID: 1 to 64 letters, digits, '-' and '_'")
	cmd.Flags().StringVar(&t.Name, "name", "", "what others see; the ID if it is not given")
	cmd.Flags().StringVar(&t.TTL, "ttl", "1h", "how long it is valid, such as 15m, 8h or 7d")
	cmd.Flags().BoolVar(&t.Operator, "operator", false, "may also read the transcripts of LINE conversations and every room")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if t.User == "" {
			return usageErrorf("--user is missing: whose token shall it be?")
		}
		return a.with(cmd, func(admin *server.Admin) error {
			token, err := admin.RoomToken(cmd.Context(), t)
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), token)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token.Token)
			return err
		})
	}
	return cmd
}

func newRoomSayCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var s server.Saying
	cmd := &cobra.Command{
		Use:   "say ROOM TEXT",
		Short: "Write a message into a room",
		Long: `Write a message into a room of any kind. With --cid it can be repeated when its outcome is not
known: within two minutes the same one is stored once.`,
		Example: `  frontdesk room say lobby "We are back at 9." --name Staff`,
		Args:    takes(2, 2, "a room and a text"),
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&s.User, "user", "", "the user's ID; system if it is not given")
	cmd.Flags().StringVar(&s.Name, "name", "", "what others see")
	cmd.Flags().StringVar(&s.CID, "cid", "", "names the message")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		body, err := json.Marshal(map[string]string{"type": "text", "text": args[1]})
		if err != nil {
			return err
		}
		s.Body = body
		return a.with(cmd, func(admin *server.Admin) error {
			m, err := admin.Say(cmd.Context(), args[0], s)
			if err != nil {
				return err
			}
			if a.json {
				return printIndented(cmd.OutOrStdout(), m)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "message %d\n", m.ID)
			return err
		})
	}
	return cmd
}

func newRoomHistoryCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var limit int
	var before uint64
	cmd := &cobra.Command{
		Use:   "history ROOM",
		Short: "Show the newest messages of a room of any kind",
		Long: `Show the newest messages of a room of any kind, such as lobby, dm.ann.ben, or
line.main.U0123456789abcdef0123456789abcdef.`,
		Example: `  frontdesk room history lobby --limit 50
  frontdesk room history lobby --before 4711 --json`,
		Args: takes(1, 1, "the name of one room"),
	}
	a.addFlags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 20, "messages, at most 1000")
	cmd.Flags().Uint64Var(&before, "before", 0, "only those before the message with this ID")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd, func(admin *server.Admin) error {
			list, err := admin.RoomHistory(cmd.Context(), args[0], before, limit)
			if err != nil {
				return err
			}
			for _, m := range list.Messages {
				if err := printMessage(cmd.OutOrStdout(), m, a.json); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

func printMessage(out io.Writer, m server.RoomMessage, asJSON bool) error {
	if asJSON {
		return printJSON(out, m)
	}
	what := gjson.GetBytes(m.Body, "text").String()
	if kind := gjson.GetBytes(m.Body, "type").String(); kind != "text" {
		what = "[" + kind + "]"
	}
	switch {
	case m.Del != 0:
		what = fmt.Sprintf("deletes %d", m.Del)
	case m.Edit != 0:
		what = fmt.Sprintf("edits %d: %s", m.Edit, what)
	}
	name := m.Name
	if name == "" {
		name = m.User
	}
	_, err := fmt.Fprintf(out, "%8d  %s  %s: %s\n", m.ID, localTime(m.At), oneLine(name), oneLine(what))
	return err
}
