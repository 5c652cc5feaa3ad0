package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/internal/bench"
)

func newBenchTimersCommand() *cobra.Command {
	var opt bench.TimersOptions
	cmd := &cobra.Command{
		Use:   "timers",
		Short: "How late timers are, and what many of them cost",
		Long: `Lets a server's handlers set timers and measures

  - from when they are due until their handler is called, beside few and many
    timers that wait for months; how long the server takes to start with those, and
    the memory that it has then
  - what webhooks see of many timers that are due in the same second

Load and server share this machine's cores. Nothing leaves the machine. With the
defaults it takes about three minutes and up to 1 GiB of disk, which it frees.`,
		Example: "  frontdesk bench timers\n  frontdesk bench timers --pending 100 --burst 0   # the lateness alone",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Near < 1 || opt.Spread < time.Second {
				return usageErrorf("--near and --spread: at least 1 and 1s")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s, %d cores\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
			return bench.Timers(cmd.Context(), cmd.OutOrStdout(), opt)
		},
	}
	cmd.Flags().IntSliceVar(&opt.Pending, "pending", []int{100, 10_000, 1_000_000}, "timers that wait meanwhile, a measurement for each number")
	cmd.Flags().IntVar(&opt.Near, "near", 10_000, "timers that are due")
	cmd.Flags().DurationVar(&opt.Spread, "spread", 20*time.Second, "time over which they are due")
	cmd.Flags().IntVar(&opt.Burst, "burst", 100_000, "timers that are due in the same second; 0 for none")
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "disk to measure, as a folder (default the system's temporary folder)")
	return cmd
}
