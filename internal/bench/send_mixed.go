package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

const (
	mixedUsers = 1000
	// mixedBursts is how many users a second write, one to four messages each.
	mixedBursts = 100
	// noticeTo is how many users a notice goes to.
	noticeTo = 20
)

// sendMixed measures the calls that a bot's answers and notices take, with a
// whole server.
func sendMixed(ctx context.Context, w io.Writer, opt SendOptions) (err error) {
	p, err := newPlatform(linesim.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	users, err := p.addUsers(mixedUsers)
	if err != nil {
		return err
	}
	bot := &mixedBot{users: users}
	data, err := os.MkdirTemp(opt.Dir, "frontdesk-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	r, err := startServerFor(p, data, bot)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	dice := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Second / mixedBursts)
	defer tick.Stop()
	events := int64(0)
	for end := time.Now().Add(opt.Duration); time.Now().Before(end); <-tick.C {
		u := users[dice.IntN(len(users))]
		for range 1 + dice.IntN(4) {
			if _, err := p.sim.SendText(u, fmt.Sprint("message ", events)); err != nil {
				return err
			}
			events++
		}
	}
	arrived := func() (n int64) {
		m := p.sim.Stats().Messages
		return m["reply"] + m["push"] + m["multicast"]
	}
	if err := until(ctx, time.Minute, func() bool { return bot.events.Load() >= events && arrived() >= bot.messages.Load() }); err != nil {
		return err
	}
	var calls int64
	for _, way := range []string{"reply", "push", "multicast"} {
		taken, _ := p.sent(way)
		calls += taken
	}
	replies, _ := p.sent("reply")
	pushes, _ := p.sent("push")
	multicasts, _ := p.sent("multicast")
	messages := arrived()
	fmt.Fprintf(w, "Mixed load of %d users for %v: %d events, %d messages\n", mixedUsers, opt.Duration, events, messages)
	fmt.Fprintf(w, "  %d calls (%d replies, %d pushes, %d multicasts): %.3f a message; one call for each send would be %d, %.3f a message\n\n",
		calls, replies, pushes, multicasts, float64(calls)/float64(messages), bot.sends.Load(), float64(bot.sends.Load())/float64(messages))
	return nil
}

// mixedBot answers every event with one to three messages, and one in twenty
// with a notice to others.
type mixedBot struct {
	users                   []string
	events, sends, messages atomic.Int64
}

// Handle answers.
func (b *mixedBot) Handle(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	n := int(b.events.Add(1))
	sends, messages := 1, []int{1, 1, 1, 1, 1, 1, 2, 2, 2, 3}[n%10]
	for i := range messages {
		if err := d.Send(&messaging_api.TextMessage{Text: fmt.Sprint("answer ", n, " part ", i)}); err != nil {
			return err
		}
	}
	if n%20 == 0 {
		for i := range noticeTo {
			if err := d.Push(b.users[(n+7*i)%len(b.users)], &messaging_api.TextMessage{Text: fmt.Sprint("notice ", n)}); err != nil {
				return err
			}
		}
		sends, messages = sends+noticeTo, messages+noticeTo
	}
	b.sends.Add(int64(sends))
	b.messages.Add(int64(messages))
	return nil
}

// startServerFor starts a whole server as the bot of a simulated LINE.
func startServerFor(p *platform, data string, h frontdesk.Handler) (*running, error) {
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: data, Drain: time.Second, Logger: slog.New(slog.DiscardHandler),
		LINE:     server.LINE{API: p.url, DataAPI: p.url},
		Channels: []server.Channel{{Name: "main", Secrets: []string{p.sim.ChannelSecret()}, AccessToken: p.sim.ChannelAccessToken()}},
	}, h)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &running{srv, cancel, make(chan error, 1)}
	go func() { r.ended <- srv.Run(ctx) }() // awaited by stop
	if err := p.sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}
