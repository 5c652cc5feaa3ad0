package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/internal/bench"
)

func newBenchWorkerCommand() *cobra.Command {
	var opt bench.WorkerOptions
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "What it costs to have the bot in another process or language",
		Long: `Measures a bot that says what it was sent, by each way that an event can take to
a bot, beside a handler in Go:

  handler       a handler in Go, in Frontdesk's own process
  pipe-…        a process, in Go, Python and Node.js
  http-go       a server that is posted to
  line-go       a LINE bot with LINE's own SDK, behind Frontdesk

Of each it tells

  - events a second from a backlog, and beside it what the bot's process does alone,
    with events from a file
  - from the acceptance of an event until the bot is done with it, at 500 webhooks a
    second

Python and Node.js are measured where they are. What the bot says is stored and not
sent. Server, bots and load share this machine's cores. Nothing leaves the machine.
With the defaults it takes about four minutes and up to 1 GiB of disk, which it frees.`,
		Example: "  frontdesk bench worker\n  frontdesk bench worker --only pipe-python --rounds 1   # a quick look",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Events < 2 || opt.Rounds < 1 {
				return usageErrorf("--events and --rounds: at least 2 and 1")
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			opt.Echo = []string{program, "bench", "echo"}
			fmt.Fprintf(cmd.OutOrStdout(), "%s, %d cores\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
			return bench.Worker(cmd.Context(), cmd.OutOrStdout(), opt)
		},
	}
	cmd.Flags().IntVar(&opt.Events, "events", 100_000, "events in the backlog")
	cmd.Flags().DurationVar(&opt.Duration, "duration", 5*time.Second, "length of each measurement of the latency")
	cmd.Flags().IntVar(&opt.Rounds, "rounds", 3, "rounds, of which the median counts")
	cmd.Flags().StringSliceVar(&opt.Only, "only", nil, "measure these ways alone, beside the handler in Go: "+strings.Join(bench.WorkerWays(), ", "))
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "disk to measure, as a folder (default the system's temporary folder)")
	return cmd
}

// newBenchEchoCommand returns the command that bench worker starts for its bot in Go
// by pipe.
func newBenchEchoCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "echo",
		Short:  "Be the bot of bench worker",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return bench.Echo(cmd.InOrStdin(), cmd.OutOrStdout()) },
	}
}
