package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/internal/bench"
)

func newBenchSendCommand() *cobra.Command {
	var opt bench.SendOptions
	cmd := &cobra.Command{
		Use:   "send",
		Short: "How fast and with how few calls messages go out, within LINE's limits",
		Long: `Sends to a simulated LINE whose limits are on, over loopback, and measures

  rate    pushes a second from a backlog, and calls refused for the rate
  half    how soon the rate is found when LINE takes half of what it publishes
  same    the calls that identical pushes to many users take
  mixed   the calls that a bot's answers and notices take, with a whole server
  outage  what becomes of an outage of LINE under load

Server and simulator share this machine's cores. Nothing leaves the machine.
With the defaults it takes about four minutes.`,
		Example: "  frontdesk bench send\n  frontdesk bench send --only same,mixed",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "%s, %d cores\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
			return bench.Send(cmd.Context(), cmd.OutOrStdout(), opt)
		},
	}
	cmd.Flags().DurationVar(&opt.Duration, "duration", 20*time.Second, "length of each measurement of a rate, and of the mixed load")
	cmd.Flags().IntVar(&opt.Rounds, "rounds", 3, "rounds of the rate, of which the median counts")
	cmd.Flags().IntVar(&opt.Same, "same", 100_000, "identical pushes")
	cmd.Flags().DurationVar(&opt.Outage, "outage", time.Minute, "length of the outage")
	cmd.Flags().StringSliceVar(&opt.Only, "only", nil, "measure these alone: "+strings.Join(bench.SendParts(), ", "))
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "disk to measure, as a folder (default the system's temporary folder)")
	return cmd
}
