// Command frontdesk is the server for LINE bots.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lg := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var srv *server.Server
	sim, err := linesim.New(linesim.Config{WebhookURL: "http://127.0.0.1:8080/callback", Logger: lg,
		Path: func(ctx context.Context, id string) ([]linesim.Step, error) {
			var r []linesim.Step
			for _, s := range srv.Path(id) {
				r = append(r, linesim.Step{Step: s.Step, At: s.At, RequestID: s.RequestID})
			}
			return r, nil
		}})
	if err != nil {
		panic(err)
	}
	srv, err = server.New(ctx, server.Config{
		Listen: "127.0.0.1:8080", InternalListen: "127.0.0.1:8081", Data: os.Args[1], Logger: lg, Pages: http.Handler(sim),
		LINE:    server.LINE{API: "http://127.0.0.1:8080/sim/line"},
		Channel: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
	}, parrot.New())
	if err != nil {
		panic(err)
	}
	if err := srv.Run(ctx); err != nil {
		panic(err)
	}
}
