package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/outbox"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/roombot"
)

// botNone as Chat.Bot asks for no bot in rooms.
const botNone = "none"

// roomRate is how many pushes a second go into rooms at most: only the store
// limits them.
const roomRate = 100_000

// maxBotName is how long the bot's name may be, in characters, as that of a user.
const maxBotName = 64

// ownBot returns the channel of the rooms if it has a bot of its own.
func (c Chat) ownBot() []Channel {
	if !c.Enabled || c.Bot == botNone || c.Handler == nil && !ServesBot(c.Bot) {
		return nil
	}
	return []Channel{{Name: roombot.Channel, Bot: c.Bot, Handler: c.Handler}}
}

// checkBot returns what is wrong with the bot of the rooms.
func (c Chat) checkBot() error {
	if _, isLINE := lineBot(c.Bot); isLINE {
		return errors.New("chat.bot: an existing LINE bot cannot serve rooms; choose another, or none")
	}
	if c.Handler == nil && ServesBot(c.Bot) {
		if err := CheckBot(c.Bot); err != nil {
			return fmt.Errorf("chat.%w", err)
		}
	}
	if n := utf8.RuneCountInString(c.BotName); n > maxBotName {
		return fmt.Errorf("chat.bot_name: at most %d characters", maxBotName)
	}
	return nil
}

// chatHandler returns the bot of the rooms, nil for none: its own one, or the one
// that the server was given, or that of the first channel that has one here.
func (s *Server) chatHandler(bots map[string]frontdesk.Handler, handler frontdesk.Handler) frontdesk.Handler {
	if !s.cfg.Chat.Enabled || s.cfg.Chat.Bot == botNone {
		return nil
	}
	if own := bots[roombot.Channel]; own != nil {
		return own
	}
	if handler != nil {
		return handler
	}
	for _, ch := range s.cfg.Channels {
		if bot := bots[ch.Name]; bot != nil {
			return bot
		}
	}
	return nil
}

// addBot makes the bot a member of rooms. What it says is sent through the
// returned channel.
func (s *Server) addBot() (outbox.Channel, error) {
	s.bot = roombot.New(roombot.Config{
		Inbox: s.eng.Inbox, Rooms: botRooms{s}, Name: s.cfg.Chat.BotName, Logger: s.lg,
	})
	client, err := s.bot.Client()
	return outbox.Channel{
		Name: roombot.Channel, Client: client,
		Rates: outbox.Rates{Reply: roomRate, Push: roomRate, Multicast: roomRate, Broadcast: roomRate},
	}, err
}

// runBot takes what is sent to the bot until ctx ends.
func (s *Server) runBot(ctx context.Context) error {
	if s.bot == nil {
		<-ctx.Done()
		return nil
	}
	return s.bot.Run(ctx)
}

// takeForBot gives the bot what was sent to one of its rooms.
func (s *Server) takeForBot(_ context.Context, m room.Message) error {
	return s.bot.Take(roombot.Sent{
		Room: m.Room, ID: m.ID, User: m.User, Name: m.Name, CID: m.CID, Body: m.Body, Edit: m.Edit, Del: m.Del, Again: m.Dup,
	})
}

// botRooms are the rooms as the bot uses them.
type botRooms struct{ s *Server }

func (r botRooms) Put(name, cid string, body json.RawMessage, done func(id uint64, err error)) {
	r.s.chat.PostLater(room.Post{Room: name, User: room.UserBot, Name: r.s.cfg.Chat.BotName, CID: cid, Body: body}, done)
}

func (r botRooms) Recent(ctx context.Context, name string, most int) ([]roombot.Posted, error) {
	list, err := r.s.chat.Before(ctx, name, 0, most)
	recent := make([]roombot.Posted, len(list))
	for i, m := range list {
		recent[i] = roombot.Posted{ID: m.ID, User: m.User, Name: m.Name, CID: m.CID}
	}
	return recent, err
}

func (r botRooms) HasBot(ctx context.Context, name string) (bool, error) {
	return r.s.chat.HasBot(ctx, name)
}

func (r botRooms) Typing(name string) { r.s.chat.Typing(name, room.UserBot, r.s.cfg.Chat.BotName) }

// note tells the directory of an event. Users of the chat are not in it: guests
// come and go, and a login knows its users itself.
func (s *Server) note(ctx context.Context, ev *frontdesk.Event) error {
	if ev.Channel == roombot.Channel {
		return nil
	}
	return s.dir.Note(ctx, ev)
}

// profile returns a user's profile: of a user of the chat what the room tells.
func (s *Server) profile(ctx context.Context, channel string, source frontdesk.Source, userID string) (frontdesk.Profile, error) {
	if channel == roombot.Channel {
		return s.bot.Profile(ctx, source, userID)
	}
	return s.dir.Profile(ctx, channel, source, userID)
}
