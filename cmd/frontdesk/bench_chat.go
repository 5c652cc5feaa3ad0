package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/internal/bench"
	"github.com/line-frontdesk/frontdesk/internal/bench/chatload"
)

func newBenchChatCommand() *cobra.Command {
	var opt bench.ChatOptions
	cmd := &cobra.Command{
		Use:   "chat",
		Short: "How fast the chat passes messages on, and what connections cost",
		Long: `Connects members to the chat over loopback and measures

  room   messages a second to one large room, sent as they are received
  paced  how soon its members have them at a given rate
  pairs  acknowledged sends a second in many rooms of two
  idle   the memory of connections that wait
  back   how soon members who lost their connections have what they missed
  storm  the same with all of them in one room
  silent what a few who talk feel of many connections that never say hello

beside a chat that only passes on, with one write for all that waits for a member
("bare"), and the same with one write for each message ("plain"). Frontdesk's sends
are acknowledged when they are on disk; the others store nothing. Every member checks that it gets every
message once and in order, else the measurement fails.

The members are a process of their own, which shares this machine's cores with the
server. Nothing leaves the machine. With the defaults it takes about six minutes.`,
		Example: "  frontdesk bench chat\n  frontdesk bench chat --only room,paced",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Bytes < 200 || opt.Members < 10 || opt.Missed < 10 {
				return usageErrorf("--bytes at least 200, --members and --missed at least 10")
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			opt.Loader = chatload.Child(program, "bench", "chat-load")
			fmt.Fprintf(cmd.OutOrStdout(), "%s, %d cores\n\n", runtime.Version(), runtime.GOMAXPROCS(0))
			return bench.Chat(cmd.Context(), cmd.OutOrStdout(), opt)
		},
	}
	cmd.Flags().DurationVar(&opt.Duration, "duration", 4*time.Second, "length of each measurement of a rate")
	cmd.Flags().IntVar(&opt.Rounds, "rounds", 3, "rounds, of which the median counts")
	cmd.Flags().IntVar(&opt.Members, "members", 1000, "members of the one room, and how many come back")
	cmd.Flags().IntVar(&opt.Bytes, "bytes", 300, "size of a message as it is received")
	cmd.Flags().Float64Var(&opt.Rate, "rate", 500, "messages a second to the one room, where they are paced")
	cmd.Flags().IntVar(&opt.Rooms, "rooms", 1000, "rooms of two")
	cmd.Flags().IntVar(&opt.Idle, "idle", 10_000, "connections that wait")
	cmd.Flags().IntVar(&opt.Missed, "missed", 100, "messages that each who comes back has missed")
	cmd.Flags().StringSliceVar(&opt.Only, "only", nil, "measure these alone: "+strings.Join(bench.ChatParts(), ", "))
	cmd.Flags().StringVar(&opt.Dir, "dir", "", "disk to measure, as a folder (default the system's temporary folder)")
	return cmd
}

// newBenchChatLoadCommand returns the command that bench chat starts for its
// members.
func newBenchChatLoadCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "chat-load",
		Short:  "Be the members of bench chat, as standard input says",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return chatload.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
