// Command hello is a whole LINE bot. It needs LINE_CHANNEL_SECRET and
// LINE_CHANNEL_ACCESS_TOKEN in its environment; everything else has a default.
package main

import (
	"context"
	"log"
	"os"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/server"
)

func main() {
	mux := frontdesk.NewMux()
	mux.Text(`(?i)^hello`, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text("Hello to you, too."))
	})
	cfg, err := server.LoadConfig(server.Sources{Environ: os.Environ()})
	if err == nil {
		err = server.Run(context.Background(), cfg, mux)
	}
	log.Fatal(err)
}
