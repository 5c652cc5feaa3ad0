package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/gateway"
	"github.com/line-frontdesk/frontdesk/internal/worker"
)

// ServesBot reports whether a Channel's Bot is an address that the server can
// reach by itself: exec: and a command line, a URL, or line: and the URL of an
// existing LINE bot's webhook. Other names are the program's own.
func ServesBot(bot string) bool {
	_, isLINE := lineBot(bot)
	return isLINE || worker.Known(bot)
}

// CheckBot returns what is wrong with an address that the server serves, nil for
// nothing. A program is looked up; nothing is started or called.
func CheckBot(bot string) error {
	if address, ok := lineBot(bot); ok {
		if _, err := gateway.ParseURL(address); err != nil {
			return fmt.Errorf("bot: %w", err)
		}
		return nil
	}
	return worker.Check(bot)
}

// botKey tells bots apart. Channels with the same share its processes.
type botKey struct {
	address string
	workers int
	secret  string
}

// makeBots returns the bot of each channel. handler is that of the channels that
// have none of their own.
func (s *Server) makeBots(handler frontdesk.Handler) (map[string]frontdesk.Handler, error) {
	bots := map[string]frontdesk.Handler{}
	made := map[botKey]frontdesk.Handler{}
	metrics := worker.NewMetrics(s.reg)
	for _, ch := range append(slices.Clone(s.cfg.Channels), s.cfg.Chat.ownBot()...) {
		_, isLINE := ch.lineBot()
		switch {
		case isLINE: // see openGateway
			continue
		case ch.Handler != nil:
			bots[ch.Name] = ch.Handler
			continue
		case !ServesBot(ch.Bot):
			bots[ch.Name] = handler
			if handler == nil {
				return nil, fmt.Errorf("channel %s has no handler", ch.Name)
			}
			continue
		}
		key := botKey{ch.Bot, cmp.Or(ch.Workers, s.cfg.Workers), cmp.Or(ch.BotSecret, s.cfg.Worker.Secret)}
		bot := made[key]
		if bot == nil {
			var err error
			bot, err = worker.New(ch.Bot, worker.Config{
				Name: ch.Name, Processes: key.workers, InFlight: s.cfg.Worker.InFlight, Secret: key.secret,
				Environ: os.Environ(), Secrets: s.cfg.secrets(), Logger: s.lg, Metrics: metrics,
			})
			if err != nil {
				return nil, fmt.Errorf("channel %s: %w", ch.Name, err)
			}
			made[key] = bot
			if pipe, ok := bot.(*worker.Pipe); ok {
				s.pipes = append(s.pipes, pipe)
			}
		}
		bots[ch.Name] = bot
	}
	return bots, nil
}

// secrets returns what the processes of bots must not know.
func (c Config) secrets() []string {
	secrets := []string{c.Worker.Secret, c.Chat.Secret}
	for _, ch := range c.Channels {
		secrets = append(append(secrets, ch.AccessToken, ch.BotSecret, ch.BotToken), ch.Secrets...)
	}
	return slices.DeleteFunc(secrets, func(secret string) bool { return secret == "" })
}

// runBots runs the processes of bots until ctx ends.
func (s *Server) runBots(ctx context.Context) error {
	var g errgroup.Group
	for _, pipe := range s.pipes {
		g.Go(func() error { return pipe.Run(ctx) })
	}
	<-ctx.Done() // also without a process
	return g.Wait()
}

// checkBot returns what is wrong with the bot of a channel.
func (ch Channel) checkBot() error {
	if ch.Workers < 0 || ch.Workers > maxWorkers {
		return fmt.Errorf("workers must be from 1 to %d", maxWorkers)
	}
	if ch.Handler == nil && ServesBot(ch.Bot) {
		return CheckBot(ch.Bot)
	}
	return nil
}

const (
	maxWorkers  = 1000   // processes of a bot
	maxInFlight = 10_000 // events that one has at once
)

// check returns what is wrong with the settings of bots in other languages.
func (w Worker) check(workers int) (faults []error) {
	if workers < 0 || workers > maxWorkers {
		faults = append(faults, fmt.Errorf("workers: must be from 1 to %d", maxWorkers))
	}
	if w.InFlight < 0 || w.InFlight > maxInFlight {
		faults = append(faults, errors.New("worker.in_flight: must be from 1 to 10000"))
	}
	return faults
}
