package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/web"
)

// Chat says whether and how the WebSocket chat is served.
type Chat struct {
	Enabled bool `koanf:"enabled"`
	// Guests says what users without a login may do: "none" (also ""), "rooms" or
	// "full"; see the constants of package room.
	Guests string `koanf:"guests"`
	// Origins lists, with commas, the origins of other hosts whose pages may
	// connect, such as https://example.com.
	Origins string `koanf:"origins"`
	// Servers lists, with commas, the addresses of other servers with the same
	// rooms, such as wss://b.example.com/chat/ws, to which the page goes when its
	// own is gone.
	Servers string `koanf:"servers"`
	// Secret signs tokens, at least 32 bytes; "" for one that is made and kept in
	// the store.
	Secret string `koanf:"secret"`
	// Transcripts says whether conversations at LINE are kept as rooms for
	// operators: "on" (also "") or "off".
	Transcripts    string        `koanf:"transcripts"`
	MaxConnections int           `koanf:"max_connections"`
	Rate           int           `koanf:"rate"`      // frames a second of one connection
	MaxBytes       int64         `koanf:"max_bytes"` // beyond it the oldest messages go
	Keep           time.Duration `koanf:"keep"`      // of messages; 0 for as long as there is room

	// Bot is where the bot is that answers in rooms, as of a Channel, but no
	// existing LINE bot; "" for the one of the other channels, "none" for none.
	Bot     string `koanf:"bot"`
	BotName string `koanf:"bot_name"` // by which the bot writes and is addressed
	// Handler is the bot that answers in rooms; nil for Bot.
	Handler frontdesk.Handler `koanf:"-"`

	// Lobby makes the public room "lobby", with guests, when it is not there.
	Lobby bool `koanf:"-"`
}

// minChatSecret is the shortest secret, in bytes: as long as what it makes.
const minChatSecret = 32

// check returns what is wrong.
func (c Chat) check() (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !slices.Contains([]string{"", string(room.GuestsOff), string(room.GuestsRooms), string(room.GuestsFull)}, c.Guests) {
		fault("chat.guests must be %s, %s or %s", room.GuestsOff, room.GuestsRooms, room.GuestsFull)
	}
	if !slices.Contains([]string{"", transcriptsOn, transcriptsOff}, c.Transcripts) {
		fault("chat.transcripts must be %s or %s", transcriptsOn, transcriptsOff)
	}
	if err := c.checkBot(); err != nil {
		faults = append(faults, err)
	}
	if c.Secret != "" && len(c.Secret) < minChatSecret {
		fault("chat.secret: at least %d bytes", minChatSecret)
	}
	for _, address := range list(c.Servers) {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss" || strings.ContainsAny(address, "; '\"") {
			fault("chat.servers: %q is not the address of a WebSocket such as wss://b.example.com/chat/ws", address)
		}
	}
	for _, origin := range list(c.Origins) {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != origin {
			fault("chat.origins: %q is not an origin such as https://example.com", origin)
		}
	}
	if c.MaxConnections < 0 || c.Rate < 0 || c.Keep < 0 {
		fault("chat: max_connections, rate and keep must not be negative")
	}
	if c.MaxBytes != 0 && c.MaxBytes < minStoreBytes {
		fault("chat.max_bytes: at least %d", minStoreBytes)
	}
	return faults
}

// list returns the parts of a text that commas divide.
func list(text string) (parts []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// openChat makes the chat. It is there for the commands also where it is not
// served.
func (s *Server) openChat(ctx context.Context) (err error) {
	cfg := chatConfig(s.cfg, s.eng)
	cfg.Metrics = room.NewMetrics(s.reg)
	if s.bot != nil {
		cfg.Bot, cfg.BotName = s.takeForBot, s.cfg.Chat.BotName
	}
	if s.chat, err = room.New(ctx, cfg); err != nil {
		return err
	}
	if !s.cfg.Chat.Enabled || !s.cfg.Chat.Lobby {
		return nil
	}
	_, err = s.chat.CreateRoom(ctx, room.Record{Name: "lobby", Title: "Lobby", Public: true, Guests: true})
	if errors.Is(err, room.ErrExists) {
		return nil
	}
	return err
}

// chatConfig returns what of a configuration the chat needs.
func chatConfig(cfg Config, eng *engine.Engine) room.Config {
	return room.Config{
		Engine: eng, Guests: room.GuestPolicy(cfg.Chat.Guests), Secret: cfg.Chat.Secret, Origins: list(cfg.Chat.Origins),
		MaxConnections: cfg.Chat.MaxConnections, Rate: float64(cfg.Chat.Rate), Logger: cfg.Logger,
	}
}

// serveChat serves the page, its client, and what they talk to.
func (s *Server) serveChat(mux *http.ServeMux) {
	page := web.Handler(web.Config{Servers: list(s.cfg.Chat.Servers)})
	for _, at := range []string{"GET /chat", "GET /chat/client.js", "GET /chat/client/", "GET /chat/page/"} {
		mux.Handle(at, page)
	}
	mux.Handle("/chat/", s.chat.Handler())
}

// runChat serves the chat until ctx ends.
func (s *Server) runChat(ctx context.Context) error {
	if !s.cfg.Chat.Enabled {
		<-ctx.Done()
		return nil
	}
	return s.chat.Run(ctx)
}
