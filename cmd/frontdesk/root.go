package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2 // the command line itself is wrong
)

// usageError says that the command line is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usageErrorf(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// run runs one command line and returns its exit code. SIGINT and SIGTERM ask
// the command to end in order; a second one ends the process at once.
func run(args []string, in io.Reader, out, errOut io.Writer, environ []string) int {
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	defer context.AfterFunc(ctx, restore)() // with the default back, the next signal kills

	root := newRootCommand(environ)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errOut, "frontdesk:", err)
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(errOut, "Run '%s --help' for what it takes.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitError
}

// newRootCommand returns the command line. environ is the environment as
// os.Environ returns it.
func newRootCommand(environ []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "frontdesk",
		Short: "The server for LINE bots",
		Long: `Frontdesk takes LINE's webhooks, stores every event before it answers, hands each
to your bot in the order of its conversation, and gets every answer to LINE.

Begin with 'frontdesk dev': the server and a LINE simulator, without an account.

Flags that say how a command runs can be set by a variable as well: --internal-listen
is FRONTDESK_INTERNAL_LISTEN. Those that choose what one command does once, such as
--limit or --text, have none. 'frontdesk config default' lists all settings of the server.

Exit codes: 0 done, 1 error, 2 wrong command line.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	env := &environment{list: environ, root: root}
	root.AddCommand(
		newDevCommand(env), newServeCommand(env), newSimCommand(env), newTriggerCommand(env),
		newEventCommand(env), newDeadCommand(env), newUserCommand(env), newTimerCommand(env), newRoomCommand(env), newQuotaCommand(env),
		newSendCommand(env), newCampaignCommand(env),
		newConfigCommand(env), newBenchCommand(), newVersionCommand(),
	)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return env.apply(cmd) }
	group(root)
	markUsage(root)
	return root
}

// markUsage makes usage errors of what the commands say of their arguments.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}

// group makes a command one that only holds others: alone it shows its help.
func group(cmd *cobra.Command, sub ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(sub...)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := ""
		for _, name := range cmd.SuggestionsFor(args[0]) {
			text = fmt.Sprintf("; did you mean '%s %s'?", cmd.CommandPath(), name)
			break
		}
		return fmt.Errorf("unknown command %q for '%s'%s", args[0], cmd.CommandPath(), text)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	return cmd
}

// takes checks the number of arguments. what names them: "one event ID".
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("'%s' takes %s, not %s", cmd.CommandPath(), what, count(len(args), "argument"))
		}
		return nil
	}
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
