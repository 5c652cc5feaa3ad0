package server_test

import (
	"fmt"

	"github.com/line-frontdesk/frontdesk/server"
)

// A program of your own reads the same configuration as 'frontdesk serve':
// file, then environment, then what its flags say. Pass os.Environ() as
// Environ.
func ExampleLoadConfig() {
	cfg, err := server.LoadConfig(server.Sources{
		Environ: []string{"LINE_CHANNEL_SECRET=s", "LINE_CHANNEL_ACCESS_TOKEN=t", "FRONTDESK_DRAIN=5s", "PORT=5000"},
		Flags:   map[string]string{"handler.timeout": "30s"},
	})
	fmt.Println(cfg.Listen, cfg.Drain, cfg.Handler.Timeout, cfg.Channels[0].Name, err)

	_, err = server.LoadConfig(server.Sources{Environ: []string{"FRONTDESK_DRIAN=5s"}})
	fmt.Println(err)
	// Output:
	// :5000 5s 30s main <nil>
	// FRONTDESK_DRIAN: unknown variable; did you mean FRONTDESK_DRAIN?
	// channels: none; set LINE_CHANNEL_SECRET and LINE_CHANNEL_ACCESS_TOKEN, or list them in the file
}
