package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/gateway"
	"github.com/line-frontdesk/frontdesk/line"
)

// lineBot returns the address of a LINE bot that stands behind a channel, and
// whether the name of a bot is one.
func lineBot(bot string) (address string, ok bool) { return strings.CutPrefix(bot, "line:") }

// lineBot is lineBot for the channel's bot.
func (ch Channel) lineBot() (address string, ok bool) {
	if ch.Handler != nil {
		return "", false
	}
	return lineBot(ch.Bot)
}

// checkLINEBots returns what is wrong with the channels of LINE bots; their
// addresses are checked with those of other bots.
func (c Config) checkLINEBots() (faults []error) {
	shown := map[string]string{} // channel by token
	for i, ch := range c.Channels {
		if _, ok := ch.lineBot(); !ok {
			continue
		}
		where := fmt.Sprintf("channels[%d] (%s)", i, ch.Name)
		if ch.SlowAnswer == slowAnswerButton {
			faults = append(faults, fmt.Errorf("%s: slow_answer: a LINE bot behind Frontdesk replies by itself, so there is no answer to put behind a button; leave it out", where))
		}
		token := cmp.Or(ch.BotToken, ch.AccessToken)
		if other, taken := shown[token]; taken && token != "" {
			faults = append(faults, fmt.Errorf("%s: bot_token: channel %s has the same, and the token tells whose bot is calling", where, other))
		}
		shown[token] = ch.Name
	}
	return faults
}

// gatewayChannel returns the channel of a LINE bot behind Frontdesk.
func gatewayChannel(ch Channel, address string, client *line.Client, source line.TokenSource) gateway.Channel {
	return gateway.Channel{
		Name: ch.Name, URL: address, Secrets: ch.Secrets, ID: ch.ID, Token: cmp.Or(ch.BotToken, ch.AccessToken),
		Client: client, Source: source, RefuseLate: ch.LateReply == lateReplyRefuse,
	}
}

// openGateway makes the gateway to the LINE bots, if there are any, and the
// handlers of their channels.
func (s *Server) openGateway(ctx context.Context, channels []gateway.Channel, handlers map[string]frontdesk.Handler) (err error) {
	if len(channels) == 0 {
		return nil
	}
	s.gateway, err = gateway.New(ctx, gateway.Config{
		Engine: s.eng, Channels: channels, API: s.cfg.LINE.API, DataAPI: s.cfg.LINE.DataAPI, Profile: s.dir.Profile,
		ReplyToken:  func(ev *frontdesk.Event) (string, time.Time) { return s.disp.ReplyToken(ev) }, // made later
		MaxForwards: s.cfg.BotAPI.MaxForwards, Metrics: gateway.NewMetrics(s.reg), Logger: s.lg, Trace: s.trace.passed,
	})
	for _, ch := range channels {
		if err == nil {
			handlers[ch.Name] = s.gateway.Handler(ch.Name)
		}
	}
	return err
}

// runGateway runs the gateway, if there is one, until ctx ends.
func (s *Server) runGateway(ctx context.Context) error {
	if s.gateway == nil {
		<-ctx.Done()
		return nil
	}
	return s.gateway.Run(ctx)
}

// listenBotAPI opens the port for the LINE bots behind Frontdesk; nil for none.
func (s *Server) listenBotAPI() (net.Listener, error) {
	if s.gateway == nil {
		return nil, nil
	}
	l, err := net.Listen("tcp", s.cfg.BotAPI.Listen)
	if err != nil {
		return nil, fmt.Errorf("bot_api.listen: %w", err)
	}
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		s.lg.Warn("bot_api.listen is not a loopback address: whoever reaches it and knows a bot's token may send in the channel's name, and the token travels in clear text", "listen", addr.String())
	}
	return l, nil
}

// BotAPIAddr returns the address of the Messaging API for LINE bots, nil for none.
func (s *Server) BotAPIAddr() net.Addr {
	if s.botAPI == nil {
		return nil
	}
	return s.botAPI.Addr()
}
