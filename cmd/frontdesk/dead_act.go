package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

// progressEvery is how often the progress line changes.
const progressEvery = 200 * time.Millisecond

// act is something that is done with many things that have numbers.
type act struct {
	noun string // "dead letter"
	ask  string // "Retry"
	done string // past tense
	do   func(ctx context.Context, admin *server.Admin, id uint64) error
}

// letterAct is something that is done with dead letters.
type letterAct struct {
	use, short, long, example string
	act
}

func retryLetters() letterAct {
	return letterAct{
		use:   "retry [ID]...",
		short: "Give dead letters another run",
		long: `Take dead letters back: an event goes to its handler again, a send to LINE, as a push.
Of a send whose outcome is not known this may send it twice: 'frontdesk dead show' tells.
A malformed event cannot be retried; send a corrected one with 'frontdesk trigger --raw'.`,
		example: `  frontdesk dead retry 7 8 9
  frontdesk dead retry --kind event --reason-contains "connection refused"
  frontdesk dead retry --all --yes`,
		act: act{noun: "dead letter", ask: "Retry", done: "retried", do: func(ctx context.Context, admin *server.Admin, id uint64) error {
			_, err := admin.Retry(ctx, id)
			return err
		}},
	}
}

func dropLetters() letterAct {
	return letterAct{
		use:     "drop [ID]...",
		short:   "Delete dead letters for good",
		long:    `Delete dead letters. What was in them is gone.`,
		example: "  frontdesk dead drop 7\n  frontdesk dead drop --kind malformed --yes",
		act: act{noun: "dead letter", ask: "Drop for good", done: "dropped", do: func(ctx context.Context, admin *server.Admin, id uint64) error {
			_, err := admin.Drop(ctx, id)
			return err
		}},
	}
}

func newDeadActCommand(env *environment, act letterAct) *cobra.Command {
	a := &adminCommand{env: env}
	var q server.LetterQuery
	var all, yes bool
	cmd := &cobra.Command{
		Use: act.use, Short: act.short, Example: act.example,
		Long: act.long + "\n\nName letters by their IDs, or all that match the flags; --all for every one. Of all that\n" +
			"match, their number is shown and asked about first, unless --yes is given.",
		Args: cobra.ArbitraryArgs,
	}
	a.addFlags(cmd)
	letterFlags(cmd.Flags(), &q)
	cmd.Flags().BoolVar(&all, "all", false, "every dead letter")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		matching := all || q != (server.LetterQuery{})
		if err := checkKind(q.Kind); err != nil {
			return err
		}
		if matching == (len(args) > 0) {
			return usageErrorf("name either letters by their IDs, or --all, or those that match by --kind, --channel, --conversation and --reason-contains")
		}
		ids, err := parseLetterIDs(args)
		if err != nil {
			return err
		}
		return a.with(cmd, func(admin *server.Admin) error {
			if matching {
				if ids, err = matchingLetters(cmd.Context(), admin, q); err != nil {
					return err
				}
				if err := act.confirm(cmd, len(ids), yes); err != nil {
					return err
				}
			}
			return act.all(cmd, admin, ids)
		})
	}
	return cmd
}

func parseLetterIDs(args []string) ([]uint64, error) {
	var ids []uint64
	for _, arg := range args {
		id, err := parseLetterID(arg)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// matchingLetters returns the IDs of all letters that match now: those that
// die meanwhile, also of a retry, are not among them.
func matchingLetters(ctx context.Context, admin *server.Admin, q server.LetterQuery) ([]uint64, error) {
	var ids []uint64
	for {
		q.Limit = pageRows
		page, err := admin.Letters(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, l := range page.Letters {
			ids = append(ids, l.ID)
		}
		if page.Next == 0 {
			return ids, nil
		}
		q.After = page.Next
	}
}

// confirm asks on the terminal.
func confirm(cmd *cobra.Command, question string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was done; answer y, or give --yes")
}

// confirm asks whether to do it with so many, unless yes was given.
func (a act) confirm(cmd *cobra.Command, n int, yes bool) error {
	if n == 0 || yes {
		return nil
	}
	return confirm(cmd, a.ask+" "+count(n, a.noun)+"?")
}

// all does it with each, goes on after those that fail, and tells.
func (a act) all(cmd *cobra.Command, admin *server.Admin, ids []uint64) error {
	p := newProgress(cmd.ErrOrStderr(), len(ids))
	failed := 0
	for _, id := range ids {
		if err := a.do(cmd.Context(), admin, id); err != nil {
			if cmd.Context().Err() != nil {
				p.end()
				return fmt.Errorf("interrupted: %d of %s %s", p.done-failed, count(len(ids), a.noun), a.done)
			}
			failed++
			p.end()
			fmt.Fprintf(cmd.ErrOrStderr(), "%s %d: not %s: %s\n", a.noun, id, a.done, oneLine(err.Error()))
		}
		p.step()
	}
	p.end()
	fmt.Fprintf(cmd.OutOrStdout(), "%d of %s %s\n", len(ids)-failed, count(len(ids), a.noun), a.done)
	if failed > 0 {
		return fmt.Errorf("not %s: %s", a.done, count(failed, a.noun))
	}
	return nil
}

// progress is a line on a terminal that tells how far a command came. On
// anything else it writes nothing.
type progress struct {
	w           io.Writer // nil for none
	done, total int
	shown       time.Time
}

func newProgress(w io.Writer, total int) *progress {
	p := &progress{total: total}
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// isTerminal reports whether somebody may look at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p *progress) step() {
	p.done++
	if p.w != nil && time.Since(p.shown) >= progressEvery {
		p.shown = time.Now()
		fmt.Fprintf(p.w, "\r%d of %d", p.done, p.total)
	}
}

// end clears the line.
func (p *progress) end() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
