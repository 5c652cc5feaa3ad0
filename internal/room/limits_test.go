package room

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// rawDial opens a WebSocket without a library, so that nobody reads it.
func rawDial(t testing.TB, d *desk, header string) (net.Conn, *bufio.Reader, int) {
	t.Helper()
	nc, err := net.Dial("tcp", d.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(nc, "GET /chat/ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n%s\r\n", d.web.Listener.Addr(), header)
	r := bufio.NewReader(nc)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return nc, r, answer.StatusCode
}

// maskedFrame makes a frame as a client does, with a mask of zeros.
func maskedFrame(op byte, payload []byte) []byte {
	b := appendHeader(nil, op, len(payload))
	b[1] |= 0x80
	return append(append(b, 0, 0, 0, 0), payload...)
}

func TestTurnedAway(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Origins = []string{"https://shop.example"} })
	host := d.web.Listener.Addr().String()
	for _, tc := range []struct {
		name, header string
		want         int
	}{
		{"no origin", "", http.StatusSwitchingProtocols},
		{"the same host", "Origin: http://" + host + "\r\n", http.StatusSwitchingProtocols},
		{"a listed one", "Origin: https://shop.example\r\n", http.StatusSwitchingProtocols},
		{"a foreign one", "Origin: https://evil.example\r\n", http.StatusForbidden},
		{"a listed one as a part", "Origin: https://shop.example.evil.example\r\n", http.StatusForbidden},
		{"another scheme", "Origin: http://shop.example\r\n", http.StatusForbidden},
		{"null", "Origin: null\r\n", http.StatusForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, status := rawDial(t, d, tc.header); status != tc.want {
				t.Errorf("status %d, want %d", status, tc.want)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	d := newDesk(t, nil)
	good := d.token("ann")
	expired := d.signer.sign(Identity{User: "ann", Expires: time.Now().Add(-time.Second)})
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + good[strings.Index(good, "."):strings.LastIndex(good, ".")+1]
	other := signer{[]byte("another key")}.sign(Identity{User: "ann", Expires: time.Now().Add(time.Hour)})
	bot := d.signer.sign(Identity{User: UserBot, Expires: time.Now().Add(time.Hour)})
	hello := func(token string) []byte { return fmt.Appendf(nil, `{"t":"hello","v":1,"token":%q}`, token) }
	for _, tc := range []struct {
		name string
		say  []byte
		want websocket.StatusCode
	}{
		{"join before hello", []byte(`{"t":"join","room":"lobby"}`), closeNoHello},
		{"no token", []byte(`{"t":"hello","v":1}`), closeAuth},
		{"expired", hello(expired), closeAuth},
		{"algorithm none", hello(none), closeAuth},
		{"another key", hello(other), closeAuth},
		{"a reserved user", hello(bot), closeAuth},
		{"cut", hello(good[:len(good)-1]), closeAuth},
		{"another version", []byte(`{"t":"hello","v":2}`), closeProtocol},
		{"too big", append(hello(good), bytes.Repeat([]byte(" "), MaxFrame)...), closeTooBig},
		{"not UTF-8", []byte{'"', 0xff, '"'}, closeBadData},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := d.dial(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			p.ws.Write(ctx, websocket.MessageText, tc.say) // the server may have closed already
			if got := p.closed(); got != tc.want {
				t.Errorf("closed with %d, want %d", got, tc.want)
			}
		})
	}
}

// TestThousandsOfSilentConnections: connections that say nothing are bounded, and others do
// not feel them.
func TestThousandsOfSilentConnections(t *testing.T) {
	most := 9_000 // both ends are in this process: its open files are the limit
	if testing.Short() {
		most = 2_000
	}
	d := newDesk(t, nil)
	ann := d.login(t, "ann")
	ann.join("lobby", 0, "")
	var open []net.Conn
	defer func() {
		for _, nc := range open {
			nc.Close()
		}
	}()
	refused := 0
	for range most {
		nc, err := net.Dial("tcp", d.web.Listener.Addr().String())
		if err != nil {
			refused++ // the machine's own limit of open files
			continue
		}
		open = append(open, nc)
		fmt.Fprintf(nc, "GET /chat/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
	}
	began := time.Now()
	for i := range 20 {
		ann.send("lobby", fmt.Sprint("c-", i), "hello")
	}
	t.Logf("20 sends beside %d silent connections took %v; %d were refused by the machine", len(open), time.Since(began), refused)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the others wait: 20 sends took %v", took)
	}
	if n := d.greetings(); n > maxGreeting {
		t.Errorf("%d connections without a hello", n)
	}
	if len(open) < most/2 {
		t.Skip("the machine allows too few open files")
	}
}

func TestRates(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Rate = 2 })
	ann := d.login(t, "ann") // the first of a burst of four
	for i := range 3 {
		ann.send("dm.ann.ben", fmt.Sprint("c-", i), "hello")
	}
	ann.say(`{"t":"send","room":"dm.ann.ben","cid":"c-4","body":{"type":"text","text":"one too many"}}`)
	if f := ann.next("nack"); f.Code != codeRate || f.RetryMS <= 0 || f.CID != "c-4" {
		t.Errorf("got %+v", f)
	}
	for range 25 {
		ann.say(`{"t":"rooms"}`)
	}
	if code := ann.closed(); code != closeRate {
		t.Errorf("closed with %d, want %d", code, closeRate)
	}
}

func TestAccess(t *testing.T) {
	d := newDesk(t, func(cfg *Config) { cfg.Guests = GuestsRooms })
	for _, r := range []Record{
		{Name: "users", Public: true}, {Name: "staff", Members: []string{"ann"}},
	} {
		if _, err := d.CreateRoom(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		await(t, "room "+r.Name+" is known", func() bool { return d.registry.room(r.Name) != nil })
	}
	ann, guest := Identity{User: "ann"}, Identity{User: "g-1", Guest: true}
	operator := Identity{User: "op", Operator: true}
	for _, tc := range []struct {
		who  Identity
		room string
		join string // code, "" for may
		send bool
	}{
		{ann, "lobby", "", true}, {guest, "lobby", "", true},
		{ann, "users", "", true}, {guest, "users", codeForbidden, false},
		{ann, "staff", "", true}, {Identity{User: "ben"}, "staff", codeForbidden, false}, {operator, "staff", "", true},
		{ann, "nowhere", codeNoRoom, false}, {ann, "No.Room", codeNoRoom, false}, {ann, "", codeNoRoom, false}, {ann, "lobby.>", codeNoRoom, false},
		{ann, "dm.ann.ben", "", true}, {ann, "dm.ben.cleo", codeForbidden, false}, {ann, "dm.ben.ann", codeNoRoom, false},
		{ann, "dm.ann.ann", codeNoRoom, false}, {guest, "dm.ann.g-1", codeForbidden, false}, {ann, "dm.ann.bot", codeNoRoom, false},
		{ann, "user.ann", "", false}, {ann, "user.ben", codeForbidden, false}, {operator, "user.ann", codeForbidden, false},
		{ann, "bot.ann", codeNoRoom, false}, // there is none
		{ann, "line.main.U1", codeForbidden, false}, {operator, "line.main.U1", "", false},
	} {
		a, err := d.access(tc.who, tc.room)
		code := ""
		if err != nil {
			code = refusalOf(err).code
		}
		if code != tc.join || err == nil && a.send != tc.send {
			t.Errorf("%s in %q: got %q, send %v, want %q, %v", tc.who.User, tc.room, code, a.send, tc.join, tc.send)
		}
	}
}
