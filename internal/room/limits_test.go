package room

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
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

// readFrames reads the server's frames until one closes, and returns its code and
// the messages before it.
func readFrames(t testing.TB, r *bufio.Reader) (code int, ids []uint64) {
	t.Helper()
	reader := &frameReader{nc: unmaskedConn{r: r}, limit: 16 << 20}
	for {
		head, err := reader.peek(2)
		if err != nil {
			t.Fatalf("read: %v after %d messages", err, len(ids))
		}
		size, width := int(head[1]), 2
		if size == 126 {
			head, _ = reader.peek(4)
			size, width = int(head[2])<<8|int(head[3]), 4
		}
		whole, err := reader.peek(width + size)
		if err != nil {
			t.Fatalf("read: %v after %d messages", err, len(ids))
		}
		payload := whole[width:]
		reader.from += len(whole)
		if whole[0]&0x0f == opClose {
			return int(payload[0])<<8 | int(payload[1]), ids
		}
		var f frame
		if json.Unmarshal(payload, &f) == nil && f.T == "msg" {
			ids = append(ids, f.ID)
		}
	}
}

// unmaskedConn is a connection that is only read.
type unmaskedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c unmaskedConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// TestSlowReaderIsClosedAndLosesNothing: a member that does not read is closed as
// too slow, the others do not wait for it, and it resumes with nothing missed.
func TestSlowReaderIsClosedAndLosesNothing(t *testing.T) {
	d := newDesk(t, nil)
	slow, reader, status := rawDial(t, d, "")
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", status)
	}
	if tcp, ok := slow.(*net.TCPConn); ok {
		tcp.SetReadBuffer(64 << 10)
	}
	slow.Write(maskedFrame(opText, fmt.Appendf(nil, "{\"t\":\"hello\",\"v\":1,\"token\":%q}\n{\"t\":\"join\",\"room\":\"lobby\"}", d.token("slow"))))
	ann := d.login(t, "ann")
	joined, _ := ann.join("lobby", 0, "")
	for d.hub.active("lobby").localCrowd().Count < 2 {
		time.Sleep(time.Millisecond)
	}
	var sent []uint64
	text := strings.Repeat("x", 4900)
	for i := 0; len(sent) == 0 || counter(t, d.metrics.slow) == 0; i++ {
		if i > 5000 {
			t.Fatal("the slow member is not closed")
		}
		sent = append(sent, ann.send("lobby", fmt.Sprint("c-", i), text))
	}
	code, got := readFrames(t, reader)
	if code != closeSlow {
		t.Errorf("closed with %d, want %d", code, closeSlow)
	}
	var last uint64
	if len(got) > 0 {
		last = got[len(got)-1]
	}
	again := d.login(t, "slow")
	for len(got) < len(sent) {
		j, rest := again.join("lobby", last, joined.Epoch)
		if j.Reset {
			t.Fatal("it has to begin anew")
		}
		for _, m := range rest {
			got = append(got, m.ID)
		}
		last = got[len(got)-1]
	}
	if fmt.Sprint(got) != fmt.Sprint(sent) {
		t.Errorf("got %d messages, sent %d", len(got), len(sent))
	}
}

// counter reads a counter.
func counter(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].Metric[0].GetCounter().GetValue()
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

// TestSilentConnections: connections that say nothing are bounded and ended, and
// others do not feel them.
func TestSilentConnections(t *testing.T) {
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
	d.mu.Lock()
	greeting := d.greeting
	d.mu.Unlock()
	if greeting > maxGreeting {
		t.Errorf("%d connections without a hello", greeting)
	}
	if len(open) < most/2 {
		t.Skip("the machine allows too few open files")
	}
	for _, nc := range open[1:] {
		nc.Close()
	}
	if testing.Short() {
		return // what follows waits for the limit of a hello
	}
	open[0].SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(open[0])
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	if code, _ := readFrames(t, r); code != closeNoHello {
		t.Errorf("a silent connection was closed with %d, want %d", code, closeNoHello)
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
		for d.registry.room(r.Name) == nil {
			time.Sleep(time.Millisecond)
		}
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
