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
	var listen, webhook, secret, token string
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run the LINE simulator alone, for any bot",
		Long: `Run the simulator of LINE alone: for 'frontdesk serve', or for a bot made with anything.
It signs its webhooks with the channel secret and takes the bot's calls under /sim/line:
give that as the base URL to the SDK. Open / for a phone.

It keeps nothing: after a restart it has forgotten its users and their phones. Whoever
reaches the port may use the simulator, so leave it on a private address.`,
		Example: `  frontdesk sim --webhook http://127.0.0.1:3000/callback
  frontdesk sim --listen 127.0.0.1:9000 --webhook http://127.0.0.1:8080/callback \
    --channel-secret S --channel-access-token T`,
		Args: takes(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			lg, err := own.newLogger(cmd.ErrOrStderr())
			if err != nil {
				return &usageError{err}
			}
			return runSim(cmd.Context(), listen, linesim.Config{
				WebhookURL: webhook, ChannelSecret: secret, ChannelAccessToken: token, Logger: lg,
			}, cmd.OutOrStdout())
		},
	}
	textFlag(cmd, &listen, "listen", "ADDRESS", "127.0.0.1:9000", "address of the simulator")
	textFlag(cmd, &webhook, "webhook", "URL", "", "webhook URL of the bot; LINE's API can set it later (Set webhook endpoint URL)")
	textFlag(cmd, &secret, "channel-secret", "SECRET", "", "secret that webhooks are signed with; empty makes one up")
	textFlag(cmd, &token, "channel-access-token", "TOKEN", "", "token that the API accepts; empty makes one up")
	textFlag(cmd, &own.logLevel, "log-level", "LEVEL", "info", "least important lines that are logged: debug, info, warn or error")
	textFlag(cmd, &own.logFormat, "log-format", "FORMAT", "short", "form of log lines: text, json or short")
	return cmd
}

// runSim serves the simulator until ctx ends.
func runSim(ctx context.Context, listen string, cfg linesim.Config, out io.Writer) error {
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
	fmt.Fprintf(out, "Open %s/ and add a user.\n\n", base)
	fmt.Fprintf(out, "  LINE API              %s/sim/line (base URL for the SDK)\n", base)
	fmt.Fprintf(out, "  channel secret        %s\n", sim.ChannelSecret())
	fmt.Fprintf(out, "  channel access token  %s\n", sim.ChannelAccessToken())
	fmt.Fprintf(out, "  channel ID            %s\n\n", sim.ChannelID())

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
