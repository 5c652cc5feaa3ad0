package roombot

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// Channel is the name of the channel of all rooms.
const Channel = "web"

const (
	// maxNames bounds the names of users in memory.
	maxNames = 10_000

	botRoom    = "bot."  // and the user: the room of one user with the bot
	groupOfBot = "room/" // and the room: the conversation of a room with several people
)

// Rooms is where the bot's messages go.
type Rooms interface {
	// Put stores a message of the bot and calls done when it is durable. The
	// same cid again, within two minutes, is stored once. Messages appear in the
	// order of the calls.
	Put(room, cid string, body json.RawMessage, done func(id uint64, err error))
	// Recent returns the newest messages of a room, in order.
	Recent(ctx context.Context, room string, most int) ([]Posted, error)
	// HasBot reports whether a room that an operator made has the bot.
	HasBot(ctx context.Context, room string) (bool, error)
	// Typing shows the bot typing for a few seconds.
	Typing(room string)
}

// Posted is what is known of a message of a room.
type Posted struct {
	ID              uint64
	User, Name, CID string
}

// Config is what a Service needs. Fields without a default are required.
type Config struct {
	Inbox  *engine.Log
	Rooms  Rooms
	Name   string // of the bot: a text with "@" and it addresses the bot
	Logger *slog.Logger
}

// Service is the bot's place in rooms. Methods may be called concurrently.
type Service struct {
	cfg    Config
	lg     *slog.Logger
	names  names
	typing typing
}

// New returns a service. Only the sign of typing needs it to run.
func New(cfg Config) *Service {
	return &Service{
		cfg: cfg, lg: cfg.Logger,
		names: names{of: map[string]string{}}, typing: typing{until: map[string]time.Time{}},
	}
}

// Run renews the sign that the bot is typing until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	s.keepTyping(ctx)
	return nil
}

// roomOf returns the room of a conversation; not ok when there can be none.
func (s *Service) roomOf(ctx context.Context, conversation string) (room string, ok bool, err error) {
	if room, group := strings.CutPrefix(conversation, groupOfBot); group {
		ok, err = s.cfg.Rooms.HasBot(ctx, room)
		return room, ok, err
	}
	return botRoom + conversation, validUser(conversation), nil
}

// validUser reports whether a user of the chat can have the ID.
func validUser(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return id != "" && len(id) <= 64 && strings.Trim(id, letters) == ""
}
