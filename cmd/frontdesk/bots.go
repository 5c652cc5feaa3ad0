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

// newChatBot returns the bot that answers in rooms: the one of the setting
// chat.bot, or else the default one. It is nil where that is left to the server.
func newChatBot(name, byDefault string) (frontdesk.Handler, error) {
	switch name {
	case "none":
		return nil, nil
	case "":
		if byDefault == "" {
			return nil, nil
		}
		name = byDefault
	}
	bot, err := newBot(name)
	if err != nil {
		return nil, fmt.Errorf("chat.%w", err)
	}
	return bot, nil
}
