package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/line-frontdesk/frontdesk/server"
)

// transcripts measures what webhooks feel of transcripts: whole servers with them
// and without, in turn.
func transcripts(ctx context.Context, w io.Writer, opt Options, dir string) error {
	const conns = 64
	ways := []string{"off", "on"}
	saturated, quiet := map[string][]result{}, map[string][]result{}
	for range opt.Rounds {
		for _, way := range ways {
			full, few, err := transcribed(ctx, opt, dir, way, conns)
			if err != nil {
				return fmt.Errorf("transcripts %s: %w", way, err)
			}
			saturated[way], quiet[way] = append(saturated[way], full), append(quiet[way], few)
		}
	}
	fmt.Fprintf(w, "\nWebhooks of a whole server with the chat, with transcripts and without: at %d/s, and from %d connections (%d rounds, median)\n\n",
		perSecond, conns, opt.Rounds)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tab, "transcripts\tp50 at %d/s\tp99\tper second\tp50\tp99\tof off\t\n", perSecond)
	var base float64
	for _, way := range ways {
		few := middle(quiet[way], func(r result) time.Duration { return r.P99 })
		full := middle(saturated[way], func(r result) float64 { return r.PerSecond })
		base = cmp.Or(base, full.PerSecond)
		us := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
		fmt.Fprintf(tab, "%s\t%v\t%v\t%.0f\t%v\t%v\t%.2f\t\n", way, us(few.P50), us(few.P99), full.PerSecond, us(full.P50), us(full.P99), full.PerSecond/base)
	}
	return tab.Flush()
}

// transcribed measures one server, first with few webhooks and then with as many
// as it answers.
func transcribed(ctx context.Context, opt Options, dir, way string, conns int) (full, few result, err error) {
	data := filepath.Join(dir, "transcripts")
	defer os.RemoveAll(data)
	r, err := startServer(data, &waits{}, func(cfg *server.Config) {
		cfg.Chat = server.Chat{Enabled: true, Lobby: true, Secret: chatSecret, Transcripts: way}
	})
	if err != nil {
		return full, few, err
	}
	addr := r.srv.Addr().String()
	if few, err = load(ctx, addr, 16, opt.Duration, perSecond); err == nil {
		_, err = load(ctx, addr, conns, opt.Duration/4, 0) // warm up
	}
	if err == nil {
		full, err = load(ctx, addr, conns, opt.Duration, 0)
	}
	return full, few, errors.Join(err, r.stop())
}

// middle returns the result in the middle, by a figure of it.
func middle[T cmp.Ordered](rounds []result, figure func(result) T) result {
	slices.SortFunc(rounds, func(a, b result) int { return cmp.Compare(figure(a), figure(b)) })
	return rounds[len(rounds)/2]
}
