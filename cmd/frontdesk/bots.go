package main

import (
	"cmp"
	"errors"
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

// giveChatBot gives the chat the bot of its setting, or else the default one. An
// existing LINE bot by default leaves the choice to the server.
func giveChatBot(chat *server.Chat, byDefault string) (err error) {
	name := cmp.Or(chat.Bot, byDefault)
	switch {
	case name == "", chat.Bot == "none", chat.Bot == "" && strings.HasPrefix(name, lineBotPrefix):
		return nil
	case strings.HasPrefix(name, lineBotPrefix):
		return errors.New("chat.bot: an existing LINE bot cannot serve rooms; choose another, or none")
	}
	if chat.Handler, err = newBot(name); err != nil && chat.Bot != "" {
		return fmt.Errorf("chat.%w", err)
	}
	return nil
}
