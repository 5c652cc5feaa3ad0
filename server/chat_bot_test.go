package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/bots/timer"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// chatHouse is a server with the chat, and the simulator.
type chatHouse struct {
	*server.Server
	sim  *linesim.Simulator
	addr string
	data string
}

func newChatHouse(t *testing.T, bot frontdesk.Handler, change func(*server.Config)) chatHouse {
	t.Helper()
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(sim)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"), LINE: server.LINE{API: api.URL + "/sim/line"},
		Chat:     server.Chat{Enabled: true, Guests: "full"},
		Channels: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
	}
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(ctx, cfg, bot)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited by the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		sim.Close(context.Background())
		api.Close()
	})
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
	return chatHouse{srv, sim, srv.Addr().String(), cfg.Data}
}

// makeRoom makes a room before the server starts.
func makeRoom(t *testing.T, data string, r room.Record) {
	t.Helper()
	eng, err := engine.Open(t.Context(), engine.Config{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	chat, err := room.New(t.Context(), room.Config{Engine: eng})
	if err == nil {
		_, err = chat.CreateRoom(t.Context(), r)
	}
	if err := errors.Join(err, eng.Close()); err != nil {
		t.Fatal(err)
	}
}

// A visitor talks with a bot that knows only LINE.
func TestBotInRoom(t *testing.T) {
	t.Parallel()
	h := newChatHouse(t, parrot.New(), nil)
	v := newVisitor(t, h.addr, "Hanako", "")
	v.come()
	v.write("hello")
	if got := v.answer(0); got.text() != "Hanako says: “hello”" || got.Name != "Bot" {
		t.Errorf("answer: %+v %s", got, got.Body)
	}
	v.send(map[string]string{"type": "sticker", "packageId": "446", "stickerId": "1988"})
	if got := v.answer(1); got.text() != "Thanks for the sticker, Hanako!" {
		t.Errorf("answer to a sticker: %s", got.Body)
	}
	if got := v.answer(2); string(got.Body) != `{"packageId":"446","stickerId":"1988","type":"sticker"}` {
		t.Errorf("sticker: %s", got.Body)
	}
	v.send(map[string]any{"type": "location", "title": "Tower", "address": "Tokyo", "latitude": 35.6, "longitude": 139.7})
	if got := v.answer(3); !strings.Contains(got.text(), "“Tower”") {
		t.Errorf("answer to a location: %s", got.Body)
	}
}

// Timers and buttons of a bot work in a room.
func TestTimerBotInRoom(t *testing.T) {
	t.Parallel()
	h := newChatHouse(t, timer.New(), nil)
	v := newVisitor(t, h.addr, "Hanako", "")
	v.come()
	v.write("3 tea")
	promise := v.answer(0)
	if !strings.HasPrefix(promise.text(), "⏰ tea\nSet for ") {
		t.Errorf("promise: %s", promise.Body)
	}
	began := time.Now()
	if got := v.answer(1); got.text() != "⏰ tea\nIt has been 3 seconds." {
		t.Errorf("notice: %s", got.Body)
	} else if took := time.Since(began); took < 2*time.Second {
		t.Errorf("it came after %v", took)
	}
	v.write("1h rice")
	var body struct {
		QuickReply struct {
			Items []struct {
				Action struct{ Type, Data, DisplayText string }
			}
		}
	}
	if err := json.Unmarshal(v.answer(2).Body, &body); err != nil || len(body.QuickReply.Items) == 0 {
		t.Fatalf("promise: %v, %s", err, v.answer(2).Body)
	}
	tap := body.QuickReply.Items[0].Action
	v.send(map[string]string{"type": "postback", "data": tap.Data, "displayText": tap.DisplayText})
	if got := v.answer(3); !strings.HasPrefix(got.text(), "Cancelled: rice") {
		t.Errorf("answer to a tap: %s", got.Body)
	}
}

// Who writes into a room with several people addresses the bot by its name.
func TestBotAmongPeople(t *testing.T) {
	t.Parallel()
	events := make(chan *frontdesk.Event, 10)
	h := newChatHouse(t, frontdesk.HandlerFunc(func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		events <- ev
		return errors.Join(d.Send(frontdesk.Text("to all")), d.Push(ev.Source.UserID, frontdesk.Text("to one")))
	}), func(cfg *server.Config) {
		cfg.Chat.BotName = "Polly"
		makeRoom(t, cfg.Data, room.Record{Name: "tea-room", Public: true, Guests: true, Bot: true})
	})
	v := newVisitor(t, h.addr, "Hanako", "tea-room")
	v.come()
	v.write("hello @polly, how are you?")
	ev := <-events
	if ev.Source != (frontdesk.Source{Type: "group", GroupID: "room/tea-room", UserID: v.user}) || ev.Conversation != "room/tea-room" {
		t.Errorf("source: %+v", ev.Source)
	}
	if m := ev.Message.Mention; m == nil || len(m.Mentionees) != 1 || m.Mentionees[0] != (frontdesk.Mentionee{Index: 6, Length: 6, Type: "user", IsSelf: true}) {
		t.Errorf("mention: %+v", ev.Message.Mention)
	}
	if got := v.answer(0); got.text() != "to all" || got.Name != "Polly" {
		t.Errorf("answer: %+v", got)
	}
	alone := newVisitor(t, h.addr, "other", "")
	alone.room, alone.cookie = "bot."+v.user, v.cookie
	alone.come()
	if got := alone.answer(0); got.text() != "to one" {
		t.Errorf("push: %+v", got)
	}
}

func TestCheckChatBot(t *testing.T) {
	good := server.Config{Channels: []server.Channel{{Name: "main", Secrets: []string{"s"}, AccessToken: "t"}}}
	for _, tc := range []struct {
		name   string
		change func(*server.Config)
		want   string
	}{
		{"none", func(c *server.Config) { c.Chat.Bot = "none" }, ""},
		{"a URL", func(c *server.Config) { c.Chat.Bot = "http://127.0.0.1:1/" }, ""},
		{"a channel of the same name", func(c *server.Config) { c.Channels[0].Name = "web" }, "channels[0] (web): this is the name of the chat's channel"},
		{"a LINE bot", func(c *server.Config) { c.Chat.Bot = "line:http://127.0.0.1:1/" }, "chat.bot: an existing LINE bot cannot serve rooms"},
		{"no program", func(c *server.Config) { c.Chat.Bot = "exec:/none" }, "chat.bot: "},
		{"a long name", func(c *server.Config) { c.Chat.BotName = strings.Repeat("x", 65) }, "chat.bot_name: at most 64 characters"},
	} {
		cfg := good
		cfg.Channels = slices.Clone(good.Channels)
		tc.change(&cfg)
		err := cfg.Check()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}
