package main

import (
	"fmt"
	"strings"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/bots/scramble"
	"github.com/line-frontdesk/frontdesk/bots/timer"
	"github.com/line-frontdesk/frontdesk/server"
)

// builtinBot is a bot that the command line knows by its name.
type builtinBot struct {
	name string
	make func() frontdesk.Handler
}

// builtinBots lists the bots in the order that people read them in.
func builtinBots() []builtinBot {
	return []builtinBot{{"parrot", parrot.New}, {"timer", timer.New}, {"scramble", scramble.New}}
}

// botNames lists the names of the built-in bots.
func botNames() string {
	var names []string
	for _, b := range builtinBots() {
		names = append(names, b.name)
	}
	return strings.Join(names, ", ")
}

// giveBot gives a channel the bot of a name: a built-in one, or one that the server
// reaches by itself.
func giveBot(ch *server.Channel, name string) (err error) {
	if server.ServesBot(name) {
		ch.Bot = name
		return server.CheckBot(name)
	}
	ch.Handler, err = newBot(name)
	return err
}

// newBot returns a built-in bot.
func newBot(name string) (frontdesk.Handler, error) {
	for _, b := range builtinBots() {
		if b.name == name {
			return b.make(), nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("bot: none; choose one with --bot: %s, exec:COMMAND, a URL, or line:URL", botNames())
	}
	return nil, fmt.Errorf("bot: there is no %q built in, only %s; exec:COMMAND and a URL are bots in any language, line:URL is an existing LINE bot, and bots in Go are programs that call server.Run", name, botNames())
}

// giveChatBot gives the chat the bot of its setting, or else the default one. It
// is left to the server to find one where the default is an existing LINE bot.
func giveChatBot(chat *server.Chat, byDefault string) (err error) {
	if chat.Bot == "" {
		if byDefault == "" || giveBot(&server.Channel{}, byDefault) != nil {
			return nil // it is told elsewhere what is wrong
		}
		if server.ServesBot(byDefault) {
			if !strings.HasPrefix(byDefault, "line:") {
				chat.Bot = byDefault
			}
			return nil
		}
		chat.Handler, err = newBot(byDefault)
		return err
	}
	if chat.Bot == "none" || server.ServesBot(chat.Bot) {
		return nil
	}
	if chat.Handler, err = newBot(chat.Bot); err != nil {
		return fmt.Errorf("chat.%w", err)
	}
	return nil
}
