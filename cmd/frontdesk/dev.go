package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// The channel of the simulator in dev. They are known to everybody, so that
// trigger and SDKs work without being told; they guard nothing.
const (
	devSecret = "frontdesk-dev-secret"
	devToken  = "frontdesk-dev-token"
)

// devMark stands in data folders that dev has made.
const devMark = "simulated"

// simCloseLimit bounds the end of the simulator.
const simCloseLimit = 2 * time.Second

func newDevCommand(env *environment) *cobra.Command {
	var own ownSettings
	var simFlags simFlags
	base := server.DefaultConfig()
	base.Listen, base.InternalListen, base.Data = "127.0.0.1:8080", "127.0.0.1:0", defaultDevData()
	base.Chat.Enabled, base.Chat.Lobby, base.Chat.Guests = true, true, "full"
	extra := own.table(ownSettings{bot: "parrot", logLevel: "info", logFormat: "short"})
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the server with a LINE simulator: no account needed",
		Long: `Run the whole server together with a simulator of LINE, on one port and without an
account. Open the page it names: a phone on which you write to the bot, beside the path
that each message takes.

  /            the phone page
  /callback    where the simulator sends its webhooks
  /sim         the simulator's control API, /sim/line its Messaging API
  /chat        the WebSocket chat, with a public room "lobby" and guests
  /metrics     the server's metrics (also on the internal port)

Events and answers are kept in the data folder. The simulator keeps nothing: after a
restart it has forgotten its users and their phones. Whoever reaches the port may use
the simulator, so leave it on 127.0.0.1. It is as strict as LINE; its flags are those of
'frontdesk sim', and docs/simulator.md tells more.`,
		Example: `  frontdesk dev
  frontdesk dev --listen 127.0.0.1:9000 --data /tmp/bot
  frontdesk dev --bot line:http://127.0.0.1:3000/callback
  frontdesk dev --bot 'exec:python3 bot.py'
  frontdesk dev --monthly-quota 5 --friends Hanako
  frontdesk trigger text --text hello     # from another terminal`,
		Args: takes(0, 0, "no arguments"),
	}
	table := withDefaults(server.Settings(), base)
	flags := addSettings(cmd, append(pick(table, "listen", "internal_listen", "data", "drain", "bot_api.listen",
		"workers", "worker.in_flight", "worker.secret", "handler.timeout"), extra...)...)
	simFlags.addFlags(cmd, devSecret, devToken)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := server.LoadConfig(server.Sources{
			Base: &base, NoFile: true, NoChannels: true, Environ: env.list, OtherEnv: env.twins(),
			Flags: flags.given(), Extra: extra,
		})
		if err != nil {
			return err
		}
		if cfg.Logger, err = own.newLogger(cmd.ErrOrStderr()); err != nil {
			return err
		}
		simCfg, err := simFlags.config()
		if err != nil {
			return err
		}
		return runDev(cmd.Context(), cfg, own.bot, simCfg, simFlags.prepare, cmd.OutOrStdout())
	}
	return cmd
}

// defaultDevData is a folder under the user's cache folder.
func defaultDevData() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "frontdesk", "dev")
}

// runDev runs server and simulator until ctx ends. The server's calls to the
// simulator go to a port of their own, which outlives the public one, so that
// answers under way arrive during the shutdown.
func runDev(ctx context.Context, cfg server.Config, botName string, simCfg linesim.Config, prepare func(*linesim.Simulator) error, out io.Writer) error {
	channel := server.Channel{Name: "main"}
	if err := giveBot(&channel, botName); err != nil {
		return err
	}
	if err := giveChatBot(&cfg.Chat, botName); err != nil {
		return err
	}
	if err := markDevData(cfg.Data); err != nil {
		return err
	}
	var srv *server.Server
	simCfg.Logger = cfg.Logger
	simCfg.Path = func(_ context.Context, id string) ([]linesim.Step, error) { return path(srv, id), nil }
	sim, err := linesim.New(simCfg)
	if err != nil {
		return err
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open a port for the simulator: %w", err)
	}
	defer api.Close()
	cfg.LINE = server.LINE{API: "http://" + api.Addr().String() + "/sim/line"}
	channel.Secrets, channel.AccessToken, channel.ID = []string{sim.ChannelSecret()}, sim.ChannelAccessToken(), sim.ChannelID()
	cfg.Channels = []server.Channel{channel}
	pages := http.NewServeMux()
	pages.Handle("/", sim)
	pages.Handle("GET /metrics", internalProxy(func() net.Addr { return srv.InternalAddr() }))
	cfg.Pages = pages
	if srv, err = server.New(ctx, cfg, nil); err != nil {
		return explain(err)
	}
	if err := sim.SetWebhookURL(baseURL(srv.Addr()) + "/callback"); err != nil {
		return errors.Join(err, srv.Close())
	}
	if err := prepare(sim); err != nil {
		return errors.Join(err, srv.Close())
	}
	printDev(out, cfg, srv)
	return serveDev(ctx, srv, sim, api)
}

// serveDev runs the parts and ends them in order: the simulator's users fall
// silent, the server drains, the simulator's API goes last.
func serveDev(ctx context.Context, srv *server.Server, sim *linesim.Simulator, api net.Listener) error {
	web := &http.Server{Handler: sim, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	var g errgroup.Group
	g.Go(func() error { return ignoreClosed(web.Serve(api)) }) // ended by web.Close below
	silence := func() error {
		limited, cancel := context.WithTimeout(context.Background(), simCloseLimit)
		defer cancel()
		return sim.Close(limited)
	}
	stopped := context.AfterFunc(ctx, func() { silence() }) // what it cuts off is of no interest
	err := srv.Run(ctx)
	stopped()
	silence()
	web.Close()
	return errors.Join(err, g.Wait())
}

// path tells the simulator what the server knows of an event's way.
func path(srv *server.Server, eventID string) []linesim.Step {
	var steps []linesim.Step
	for _, s := range srv.Path(eventID) {
		steps = append(steps, linesim.Step{Step: s.Step, At: s.At, RequestID: s.RequestID})
	}
	return steps
}

// internalProxy passes requests on to the internal port.
func internalProxy(addr func() net.Addr) http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: addr().String()})
	}}
}

func printDev(out io.Writer, cfg server.Config, srv *server.Server) {
	base := baseURL(srv.Addr())
	fmt.Fprintf(out, "Open %s/ and say hello.\n\n", base)
	fmt.Fprintf(out, "  webhooks  %s/callback\n", base)
	fmt.Fprintf(out, "  LINE API  %s/sim/line (simulated)\n", base)
	fmt.Fprintf(out, "  chat      %s/chat\n", base)
	fmt.Fprintf(out, "  metrics   %s/metrics\n", baseURL(srv.InternalAddr()))
	fmt.Fprintf(out, "  data      %s\n\n", cfg.Data)
	if addr := srv.BotAPIAddr(); addr != nil {
		ch := cfg.Channels[0]
		fmt.Fprintf(out, "Your bot gets its webhooks at %s; let it call the API at\n\n", strings.TrimPrefix(ch.Bot, "line:"))
		fmt.Fprintf(out, "  API base URL          %s\n", baseURL(addr))
		fmt.Fprintf(out, "  channel access token  %s\n", ch.AccessToken)
		fmt.Fprintf(out, "  channel secret        %s\n\n", ch.Secrets[0])
	}
}

// markDevData makes the data folder one of dev's. It refuses the folder of a
// real server: its messages would go to the simulator.
func markDevData(dir string) error {
	mark := filepath.Join(dir, devMark)
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, "jetstream")); err == nil {
		return fmt.Errorf("%s holds the data of a real server, whose messages would go to the simulator; choose another folder with --data", dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	text := "Data of 'frontdesk dev': made by the simulator, safe to delete.\n"
	if err := os.WriteFile(mark, []byte(text), 0o600); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}
