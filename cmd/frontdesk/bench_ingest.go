package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/internal/bench"
)

// newBenchCommand returns the command that measures.
func newBenchCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: figures beside references of the same run",
	}, newBenchIngestCommand(), newBenchSendCommand(), newBenchTimersCommand(), newBenchChatCommand(), newBenchChatLoadCommand(), newBenchWorkerCommand(), newBenchEchoCommand())
}

func newBenchIngestCommand() *cobra.Command {
	opt := bench.Options{Conns: []int{1, 64, 256}}
	cmd := &cobra.Command{
		Use:   "ingest",
		Short: "How fast webhooks are answered durably, and how fast events are handled",
		Long: `Sends signed webhooks of one text event over loopback and measures

  - durable answers per second, beside a handler that does nothing ("bare") and
    one that appends to a file with one fsync for all who wait ("file")
  - accepting and handling together, and how long events wait for their handler
  - the same at 500 webhooks a second
  - how fast a backlog is worked off after a start
  - what webhooks feel of the chat's transcripts of them

Load and server share this machine's cores. Nothing leaves the machine. With the
defaults it takes about five minutes and up to 5 GiB of disk, which it frees.`,
		Example: "  frontdesk bench ingest\n  frontdesk bench ingest --duration 1s --rounds 1   # a quick look",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "%s, %d cores\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
			return bench.Ingest(cmd.Context(), cmd.OutOrStdout(), opt)
		},
	}
	cmd.Flags().DurationVar(&opt.Duration, "duration", 5*time.Second, "length of each measurement")
	cmd.Flags().DurationVar(&opt.Together, "together", 30*time.Second, "length of accepting and handling together")
	cmd.Flags().IntVar(&opt.Rounds, "rounds", 3, "rounds, of which the median counts")
	cmd.Flags().IntVar(&opt.Backlog, "backlog", 100_000, "events in the backlog")
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "disk to measure, as a folder (default the system's temporary folder)")
	return cmd
}
