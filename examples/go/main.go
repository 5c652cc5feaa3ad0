// Command go is a small bot in Go: a parrot with a memory and a kitchen timer.
// With LINE_CHANNEL_SECRET and LINE_CHANNEL_ACCESS_TOKEN in the environment it
// is a whole server; examples/README.md has the commands.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/server"
)

func main() {
	cfg, err := server.LoadConfig(server.Sources{Environ: os.Environ()})
	if err == nil {
		err = server.Run(context.Background(), cfg, newBot())
	}
	log.Fatal(err)
}

// bot knows what was said last in each conversation, until its process ends.
type bot struct {
	mu   sync.Mutex // conversations are handled at the same time
	last map[string]string
}

func newBot() frontdesk.Handler {
	b := &bot{last: map[string]string{}}
	mux := frontdesk.NewMux()
	mux.Text(`^last$`, b.tell)
	mux.Text(`^tea (\d{1,6})$`, b.brew)
	mux.Text(``, b.echo)
	mux.Timer(`^tea$`, func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(frontdesk.Text("Your tea is ready."))
	})
	return mux
}

func (b *bot) tell(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text, ok := b.last[ev.Conversation]; ok {
		return d.Send(frontdesk.Text("You said: " + text))
	}
	return d.Send(frontdesk.Text("You said nothing yet."))
}

func (b *bot) brew(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	seconds, err := strconv.Atoi(ev.Match[1])
	if err != nil {
		return frontdesk.Drop(err) // unreachable: they are digits
	}
	// Frontdesk keeps the timer: it outlives this process.
	if err := d.SetTimer(frontdesk.Timer{Key: "tea", After: max(time.Duration(seconds)*time.Second, frontdesk.MinTimer)}); err != nil {
		return err
	}
	return d.Send(frontdesk.Text(fmt.Sprintf("Tea in %d s.", seconds)))
}

func (b *bot) echo(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last[ev.Conversation] = ev.Message.Text
	return d.Send(frontdesk.Text(ev.Message.Text))
}
