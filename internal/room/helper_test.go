package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// patience bounds every wait of these tests; none comes near it.
const patience = 20 * time.Second

// desk is a store with a chat on it that runs.
type desk struct {
	*Service
	eng *engine.Engine
	web *httptest.Server
}

// newDesk starts a chat with a public room, "lobby", that takes guests.
func newDesk(t testing.TB, change func(*Config)) *desk {
	t.Helper()
	eng := openEngine(t, engine.Config{Dir: t.TempDir()})
	return startDesk(t, eng, change)
}

func openEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	cfg.AppendLimit = patience
	eng, err := engine.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Error(err)
		}
	})
	return eng
}

// startDesk runs a chat on a store until the test ends.
func startDesk(t testing.TB, eng *engine.Engine, change func(*Config)) *desk {
	t.Helper()
	cfg := Config{Engine: eng, Guests: GuestsFull, Rate: 1e6}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateRoom(t.Context(), Record{Name: "lobby", Title: "Lobby", Public: true, Guests: true})
	if err != nil && !errors.Is(err, ErrExists) {
		t.Fatal(err)
	}
	d := &desk{Service: s, eng: eng, web: httptest.NewServer(s.Handler())}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // awaited by the cleanup
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		d.web.Close()
	})
	await(t, "the chat takes connections", s.open.Load)
	return d
}

// await waits until something is so, for no longer than patience.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("after %v it is not so that %s", patience, what)
		}
	}
}

// token returns a token of a user.
func (d *desk) token(user string) string {
	return d.signer.sign(Identity{User: user, Name: strings.ToUpper(user), Expires: time.Now().Add(time.Hour)})
}

// frame is any frame of the server.
type frame struct {
	T, Room, Code, CID, Text, Title, User, Name, Epoch, Conn string
	N                                                        int64
	ID, Prev, Head, Edit, Del                                uint64
	Read                                                     uint64
	Body                                                     json.RawMessage
	Msgs                                                     []frame
	Rooms                                                    []frame
	Users                                                    []frame
	Members                                                  []person
	On                                                       []person
	Off                                                      []string
	Count                                                    int
	Unread                                                   int
	Dup, Reset, More, Send, Online                           bool
	RetryMS                                                  int   `json:"retry_ms"`
	AfterMS                                                  int64 `json:"after_ms"`
}

// phone is a client of the chat.
type phone struct {
	t  testing.TB
	ws *websocket.Conn
}

// dial opens a connection without a hello.
func (d *desk) dial(t testing.TB, header http.Header) *phone {
	t.Helper()
	return dial(t, d.web.URL, header)
}

func dial(t testing.TB, url string, header http.Header) *phone {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, url+"/chat/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(16 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &phone{t, ws}
}

// login opens a connection of a user.
func (d *desk) login(t testing.TB, user string) *phone {
	t.Helper()
	p := d.dial(t, nil)
	p.say(`{"t":"hello","v":1,"client":"test","token":%q}`, d.token(user))
	if f := p.next("welcome"); f.User != user {
		t.Fatalf("welcome: %+v", f)
	}
	return p
}

// say sends a frame.
func (p *phone) say(format string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// hear returns the next frame.
func (p *phone) hear() (frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, data, err := p.ws.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("frame %s: %w", data, err)
	}
	return f, nil
}

// next returns the next frame of a kind and skips those of no interest: presence,
// and ping, which it answers.
func (p *phone) next(kind string) frame {
	p.t.Helper()
	for {
		f, err := p.hear()
		if err != nil {
			p.t.Fatalf("wait for %s: %v", kind, err)
		}
		switch f.T {
		case kind:
			return f
		case "ping":
			p.say(`{"t":"pong"}`)
		case "presence":
		default:
			p.t.Fatalf("got %+v, want %s", f, kind)
		}
	}
}

// join joins a room and returns its answer and what follows, up to live.
func (p *phone) join(room string, last uint64, epoch string) (joined frame, msgs []frame) {
	p.t.Helper()
	p.say(`{"t":"join","n":7,"room":%q,"last":%d,"epoch":%q}`, room, last, epoch)
	joined = p.next("joined")
	for {
		f, err := p.hear()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.T {
		case "msg":
			msgs = append(msgs, f)
		case "live":
			return joined, msgs
		case "presence", "ping":
		default:
			p.t.Fatalf("got %+v between joined and live", f)
		}
	}
}

// send sends a text and returns the ID under which it is stored.
func (p *phone) send(room, cid, text string) uint64 {
	p.t.Helper()
	p.say(`{"t":"send","room":%q,"cid":%q,"body":{"type":"text","text":%q}}`, room, cid, text)
	for {
		f, err := p.hear()
		if err != nil {
			p.t.Fatal(err)
		}
		switch f.T {
		case "ack":
			return f.ID
		case "nack", "error":
			p.t.Fatalf("send: %+v", f)
		}
	}
}

// closed reads until the connection ends and returns the code.
func (p *phone) closed() websocket.StatusCode {
	p.t.Helper()
	for {
		if _, err := p.hear(); err != nil {
			code := websocket.CloseStatus(err)
			if code < 0 {
				p.t.Fatalf("connection ended without a code: %v", err)
			}
			return code
		}
	}
}
