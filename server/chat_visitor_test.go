package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// visitor is a guest of the chat with one room open: it keeps what it could not
// send yet, sends it again with the same cid after a reconnect, and has every
// message once. It follows docs/chat-protocol.md.
type visitor struct {
	t      testing.TB
	room   string
	name   string
	user   string
	cookie *http.Cookie

	mu      sync.Mutex
	addr    string // of the server, which may change
	epoch   string
	msgs    []chatMessage
	typing  int        // how often somebody was seen typing
	unsent  []chatSend // without ack, in order
	sends   int
	changed chan struct{} // closed when msgs has grown or unsent has shrunk
	more    chan struct{} // holds one: something is to be sent
}

// chatMessage is a message of a room.
type chatMessage struct {
	ID, Prev, Del   uint64
	User, Name, CID string
	Via             string
	At              int64
	Body            json.RawMessage
}

// text returns what a message says.
func (m chatMessage) text() string {
	var body struct{ Text string }
	if json.Unmarshal(m.Body, &body) != nil {
		return ""
	}
	return body.Text
}

type chatSend struct {
	cid  string
	body any
}

// newVisitor makes a guest who will have a room open, its own with the bot for "".
func newVisitor(t testing.TB, addr, name, room string) *visitor {
	t.Helper()
	v := &visitor{t: t, addr: addr, name: name, changed: make(chan struct{}), more: make(chan struct{}, 1)}
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://"+addr+"/chat/session", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var who struct{ User string }
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatalf("session: status %d, %v", resp.StatusCode, err)
	}
	v.user, v.cookie, v.room = who.User, resp.Cookies()[0], room
	if room == "" {
		v.room = "bot." + who.User
	}
	return v
}

// come lets the visitor be connected, again and again, until the test ends or the
// returned function is called.
func (v *visitor) come() (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() { // awaited by leave
		defer close(gone)
		for ctx.Err() == nil {
			if err := v.connect(ctx); ctx.Err() == nil {
				v.t.Logf("%s: connection ended: %v", v.name, err)
				<-time.After(20 * time.Millisecond)
			}
		}
	}()
	leave = func() { cancel(); <-gone }
	v.t.Cleanup(leave)
	return leave
}

// follow lets the visitor connect to another address from now on.
func (v *visitor) follow(addr string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.addr = addr
}

// connect is one connection, until it ends.
func (v *visitor) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v.mu.Lock()
	base, epoch, last := "http://"+v.addr, v.epoch, uint64(0)
	if n := len(v.msgs); n > 0 {
		last = v.msgs[n-1].ID
	}
	v.mu.Unlock()
	header := http.Header{"Origin": {base}, "Cookie": {v.cookie.String()}}
	ws, _, err := websocket.Dial(ctx, base+"/chat/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	ws.SetReadLimit(16 << 20)
	hello := map[string]any{"t": "hello", "v": 1, "client": v.name}
	join := map[string]any{"t": "join", "n": 1, "room": v.room, "last": last, "epoch": epoch}
	if err := errors.Join(sayFrame(ctx, ws, hello), sayFrame(ctx, ws, join)); err != nil {
		return err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	for {
		_, data, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			live, err := v.hear(line)
			if err != nil {
				return err
			}
			if live {
				sending.Go(func() { v.sendAll(ctx, ws) }) // ends with ctx
			}
		}
	}
}

func sayFrame(ctx context.Context, ws *websocket.Conn, frame any) error {
	data, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	return ws.Write(ctx, websocket.MessageText, data)
}

// hear takes a frame, and reports whether the room is live.
func (v *visitor) hear(line []byte) (live bool, err error) {
	var f struct {
		T, Epoch, Code string
		RetryMS        int `json:"retry_ms"`
		chatMessage
	}
	if err := json.Unmarshal(line, &f); err != nil {
		return false, fmt.Errorf("frame %s: %w", line, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch f.T {
	case "joined":
		v.epoch = f.Epoch
	case "live":
		return true, nil
	case "typing":
		v.typing++
	case "msg":
		if n := len(v.msgs); n > 0 && f.ID <= v.msgs[n-1].ID {
			return false, fmt.Errorf("message %d came again", f.ID)
		} else if n > 0 && f.Prev != v.msgs[n-1].ID {
			return false, fmt.Errorf("message %d does not follow %d", f.ID, v.msgs[n-1].ID)
		}
		v.msgs = append(v.msgs, f.chatMessage)
		v.tellLocked()
	case "ack":
		if len(v.unsent) > 0 && v.unsent[0].cid == f.CID {
			v.unsent = v.unsent[1:]
			v.tellLocked()
			v.wake()
		}
	case "nack":
		if f.RetryMS == 0 {
			v.t.Errorf("%s: %s", v.name, line)
		}
		time.AfterFunc(time.Duration(f.RetryMS)*time.Millisecond, v.wake)
	case "error":
		return false, fmt.Errorf("%s", line)
	}
	return false, nil
}

func (v *visitor) tellLocked() {
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *visitor) wake() {
	select {
	case v.more <- struct{}{}:
	default:
	}
}

// sendAll sends what is not acknowledged, one at a time, until ctx ends.
func (v *visitor) sendAll(ctx context.Context, ws *websocket.Conn) {
	for {
		v.mu.Lock()
		next := slices.Clone(v.unsent[:min(1, len(v.unsent))])
		v.mu.Unlock()
		for _, s := range next {
			if sayFrame(ctx, ws, map[string]any{"t": "send", "room": v.room, "cid": s.cid, "body": s.body}) != nil {
				return
			}
		}
		select {
		case <-v.more:
		case <-ctx.Done():
			return
		}
	}
}

// send queues a send and returns its cid.
func (v *visitor) send(body any) (cid string) {
	v.mu.Lock()
	v.sends++
	cid = fmt.Sprintf("c-%d", v.sends)
	v.unsent = append(v.unsent, chatSend{cid, body})
	first := len(v.unsent) == 1
	v.mu.Unlock()
	if first {
		v.wake()
	}
	return cid
}

func (v *visitor) write(text string) (cid string) {
	return v.send(map[string]string{"type": "text", "text": text})
}

// wait waits until what the visitor has is as a test wants it.
func (v *visitor) wait(what string, done func(msgs []chatMessage, unsent int) bool) []chatMessage {
	v.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		v.mu.Lock()
		msgs, unsent, changed := slices.Clone(v.msgs), len(v.unsent), v.changed
		v.mu.Unlock()
		if done(msgs, unsent) {
			return msgs
		}
		select {
		case <-changed:
		case <-limit.C:
			for _, m := range msgs {
				v.t.Logf("%d %s: %s %s", m.ID, m.Name, m.CID, m.Body)
			}
			v.t.Fatalf("%s: no %s; %d unsent", v.name, what, unsent)
		}
	}
}

// answer waits for a message of the bot behind so many others of its.
func (v *visitor) answer(n int) chatMessage {
	v.t.Helper()
	var found chatMessage
	v.wait(fmt.Sprintf("answer %d", n+1), func(msgs []chatMessage, _ int) bool {
		said := bySender(msgs, "bot")
		if len(said) > n {
			found = said[n]
		}
		return len(said) > n
	})
	return found
}

// bySender returns the messages of a user.
func bySender(msgs []chatMessage, user string) (said []chatMessage) {
	for _, m := range msgs {
		if m.User == user {
			said = append(said, m)
		}
	}
	return said
}
