package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/linesim"
)

func newSimCommand(env *environment) *cobra.Command {
	var own ownSettings
	var flags simFlags
	var listen, webhook string
	var insecure bool
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run the LINE simulator alone, for any bot",
		Long: `Run the simulator of LINE alone: for 'frontdesk serve', or for a bot made with anything.
It signs its webhooks with the channel secret and takes the bot's calls under /sim/line:
give that as the base URL to the SDK. Open / for a phone.

It is as strict as LINE: rates, the monthly quota, limits of messages, reply tokens that
live for a minute. --rates, --monthly-quota and the others change that, and --faults lets
calls and webhooks go wrong; PUT /sim/rates and PUT /sim/faults do so while it runs.
'frontdesk trigger --sim' lets it send any event. docs/simulator.md is the guide.

It keeps nothing: after a restart it has forgotten its users and their phones. Whoever
reaches the port may use the simulator, so leave it on a private address.`,
		Example: `  frontdesk sim --webhook http://127.0.0.1:3000/callback
  frontdesk sim --webhook http://127.0.0.1:3000/callback --friends Hanako,Taro \
    --channel-secret S --channel-access-token T
  frontdesk sim --rates 0.5 --monthly-quota 200
  frontdesk sim --faults '{"endpoints":{"reply":{"errorShare":0.3,"status":500}}}'`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lg, err := own.newLogger(cmd.ErrOrStderr())
			if err != nil {
				return &usageError{err}
			}
			cfg, err := flags.config()
			if err != nil {
				return err
			}
			cfg.WebhookURL, cfg.WebhookInsecureTLS, cfg.Logger = webhook, insecure, lg
			return runSim(cmd.Context(), listen, cfg, flags.prepare, cmd.OutOrStdout())
		},
	}
	textFlag(cmd, &listen, "listen", "ADDRESS", "127.0.0.1:9000", "address of the simulator")
	textFlag(cmd, &webhook, "webhook", "URL", "", "webhook URL of the bot; LINE's API can set it later (Set webhook endpoint URL)")
	boolFlag(cmd, &insecure, "webhook-insecure-tls", "take any certificate of the bot, which LINE never does")
	flags.addFlags(cmd, "", "")
	textFlag(cmd, &own.logLevel, "log-level", "LEVEL", "info", "least important lines that are logged: debug, info, warn or error")
	textFlag(cmd, &own.logFormat, "log-format", "FORMAT", "short", "form of log lines: text, json or short")
	return cmd
}

// runSim serves the simulator until ctx ends. prepare is called with it when its
// port is open.
func runSim(ctx context.Context, listen string, cfg linesim.Config, prepare func(*linesim.Simulator) error, out io.Writer) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return explain(err)
	}
	defer l.Close()
	base := baseURL(l.Addr())
	cfg.PublicURL = base
	sim, err := linesim.New(cfg)
	if err != nil {
		return err
	}
	if err := prepare(sim); err != nil {
		return err
	}
	fmt.Fprintf(out, "Open %s/ for a phone.\n\n", base)
	fmt.Fprintf(out, "  LINE API              %s/sim/line (base URL for the SDK)\n", base)
	fmt.Fprintf(out, "  channel secret        %s\n", sim.ChannelSecret())
	fmt.Fprintf(out, "  channel access token  %s\n", sim.ChannelAccessToken())
	fmt.Fprintf(out, "  channel ID            %s\n", sim.ChannelID())
	printFriends(out, sim)
	fmt.Fprintln(out)

	web := &http.Server{Handler: sim, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var g errgroup.Group
	g.Go(func() error { // ended by web.Close below
		err := ignoreClosed(web.Serve(l))
		cancel(err)
		return err
	})
	<-ctx.Done()
	limited, stop := context.WithTimeout(context.Background(), simCloseLimit)
	defer stop()
	sim.Close(limited) // what it cuts off is of no interest
	return errors.Join(web.Close(), g.Wait())
}
