package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newServeCommand(env *environment) *cobra.Command {
	loader := serveLoader{env: env}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server for real channels",
		Long: `Run the server for real LINE channels, with a bot that is built in, one in any
language (exec: and a command line, or a URL), or a LINE bot that exists already.

One channel needs only LINE_CHANNEL_SECRET and LINE_CHANNEL_ACCESS_TOKEN (or
LINE_CHANNEL_ID, to fetch short-lived tokens) in the environment; its webhook URL is
https://YOUR.HOST/callback. Several channels are listed in the file; theirs end in
/callback/NAME. PORT sets the port where a platform gives one.

A bot that exists already and speaks LINE's API, in any language, stands behind Frontdesk
with --bot line:URL, the URL of its webhook; docs/existing-bots.md tells the rest.

LINE calls https only: give --tls-cert and --tls-key, or stand behind a proxy.

SIGTERM or SIGINT: no more webhooks are taken, running handlers get the time of --drain,
what can be sent is sent, the rest stays stored for the next start. A second signal
ends the process at once; also then nothing that was answered 200 is lost.`,
		Example: `  LINE_CHANNEL_SECRET=… LINE_CHANNEL_ACCESS_TOKEN=… frontdesk serve --bot parrot
  LINE_CHANNEL_SECRET=… LINE_CHANNEL_ACCESS_TOKEN=… frontdesk serve --bot 'exec:python3 bot.py'
  frontdesk serve --config frontdesk.yaml --listen :443 --tls-cert cert.pem --tls-key key.pem
  LINE_CHANNEL_SECRET=… LINE_CHANNEL_ACCESS_TOKEN=… frontdesk serve --bot line:http://127.0.0.1:3000/callback
  frontdesk serve --bot parrot --line-api http://127.0.0.1:9000/sim/line   # against 'frontdesk sim'`,
		Args: takes(0, 0, "no arguments"),
	}
	loader.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loader.load()
		if err != nil {
			return err
		}
		if cfg.Logger, err = loader.own.newLogger(cmd.ErrOrStderr()); err != nil {
			return err
		}
		return serve(cmd.Context(), cfg)
	}
	return cmd
}

func serve(ctx context.Context, cfg server.Config) error {
	srv, err := server.New(ctx, cfg, nil)
	if err != nil {
		return explain(err)
	}
	if addr := srv.InternalAddr(); addr != nil {
		cfg.Logger.Info("internal port is open", "listen", addr.String())
	}
	if addr := srv.BotAPIAddr(); addr != nil {
		cfg.Logger.Info("Messaging API for LINE bots is open", "url", baseURL(addr))
	}
	return srv.Run(ctx)
}

// serveDefaults has no bot: a parrot on a real channel would surprise.
func serveDefaults() ownSettings { return ownSettings{logLevel: "info", logFormat: "text"} }

// serveLoader reads the configuration of serve.
type serveLoader struct {
	env    *environment
	own    ownSettings
	extra  []server.Setting
	flags  *settingFlags
	config string // file
}

func (l *serveLoader) addFlags(cmd *cobra.Command) {
	l.extra = l.own.table(serveDefaults())
	l.flags = addSettings(cmd, append(server.Settings(), l.extra...)...)
	configFlag(cmd, &l.config)
}

// load returns the configuration with a bot for every channel, or all faults.
func (l *serveLoader) load() (server.Config, error) {
	cfg, err := server.LoadConfig(server.Sources{
		File: l.config, Environ: l.env.list, OtherEnv: l.env.twins(), Flags: l.flags.given(), Extra: l.extra,
	})
	faults := []error{err}
	if l.own.bot != "" {
		faults = append(faults, giveBot(&server.Channel{}, l.own.bot))
	}
	for i := range cfg.Channels {
		ch := &cfg.Channels[i]
		if server.ServesBot(ch.Bot) {
			continue // it is checked already
		}
		if fault := giveBot(ch, cmp.Or(ch.Bot, l.own.bot)); fault != nil && (ch.Bot != "" || l.own.bot == "") {
			faults = append(faults, fmt.Errorf("channels[%d] (%s): %w", i, ch.Name, fault))
		}
	}
	if errors.Join(faults...) == nil { // what goes with --bot was not known when the file was checked
		faults = append(faults, cfg.Check())
	}
	faults = append(faults, giveChatBot(&cfg.Chat, l.own.bot))
	if _, err := l.own.newLogger(nil); err != nil {
		faults = append(faults, err)
	}
	return cfg, errors.Join(faults...)
}
