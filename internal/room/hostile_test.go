package room

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dialNarrow opens a connection that takes little before its client reads.
func (d *desk) dialNarrow(t testing.TB) *phone {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			err = nc.(*net.TCPConn).SetReadBuffer(256 << 10)
		}
		return nc, err
	}}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, d.web.URL+"/chat/ws", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(16 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &phone{t, ws}
}

// ending reports whether a connection of a user is being closed.
func (d *desk) ending(user string) bool {
	for _, c := range d.all() {
		if c.identity().User == user && c.over() {
			return true
		}
	}
	return false
}

// TestSlowReaderIsClosedAndMissesNothing lets one member stop reading while others
// talk. They do not wait for it; it is closed, comes back and can read all.
func TestSlowReaderIsClosedAndMissesNothing(t *testing.T) {
	d := newDesk(t, nil)
	slow := d.dialNarrow(t)
	slow.say(`{"t":"hello","v":1,"client":"test","token":%q}`, d.token("slow"))
	epoch := slow.next("welcome").Epoch
	slow.join("lobby", 0, epoch)

	fast, talker := d.login(t, "fast"), d.login(t, "talker")
	fast.join("lobby", 0, epoch)
	var want []uint64 // what fast has
	text, last := strings.Repeat("語", 5000), uint64(0)
	for i := 0; !d.ending("slow"); i++ {
		if i == 2000 { // 30 MB: more than the two ends of a socket and a queue hold
			t.Fatal("a member who does not read is not closed")
		}
		last = talker.send("lobby", fmt.Sprint("c-", i), text)
		want = append(want, fast.next("msg").ID)
	}
	for want[len(want)-1] < last {
		want = append(want, fast.next("msg").ID)
	}

	var got []uint64 // what slow has, in order
	for {
		f, err := slow.hear()
		if err != nil {
			if code := websocket.CloseStatus(err); code != closeSlow {
				t.Fatalf("closed with %d (%v), want %d", code, err, closeSlow)
			}
			break
		}
		if f.T == "msg" {
			got = append(got, f.ID)
		}
	}
	if len(got) == 0 || len(got) == len(want) {
		t.Fatalf("%d of %d messages came before the end: the test is not one of a slow reader", len(got), len(want))
	}
	again := d.login(t, "slow")
	joined, page := again.join("lobby", got[len(got)-1], epoch)
	if joined.Reset {
		t.Fatalf("joined %+v: it has to begin anew", joined)
	}
	for _, m := range page {
		got = append(got, m.ID)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("slow has %d messages in the end, want the %d of fast, in order", len(got), len(want))
	}
}

// TestOversizedFramesEndTheirConnection sends too much in one frame, in fragments
// and by a header alone.
func TestOversizedFramesEndTheirConnection(t *testing.T) {
	d := newDesk(t, nil)
	for _, tc := range []struct {
		name string
		send func(io.Writer) error
	}{
		{"frame", func(w io.Writer) error {
			_, err := w.Write(append(clientHeader(true, opText, MaxFrame+1), make([]byte, MaxFrame+1)...))
			return err
		}},
		{"fragments", func(w io.Writer) error {
			op := byte(opText)
			for range 3 {
				if _, err := w.Write(append(clientHeader(false, op, MaxFrame/2), make([]byte, MaxFrame/2)...)); err != nil {
					return err
				}
				op = opContinuation
			}
			return nil
		}},
		{"header alone", func(w io.Writer) error {
			_, err := w.Write(clientHeader(true, opText, 1<<62))
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nc, in, _ := d.dialRaw(t)
			if err := tc.send(nc); err != nil {
				t.Fatal(err)
			}
			head := make([]byte, 4)
			if _, err := io.ReadFull(in, head); err != nil {
				t.Fatal(err)
			}
			if code := binary.BigEndian.Uint16(head[2:]); head[0] != 0x80|opClose || code != closeTooBig {
				t.Errorf("got frame %x, want the close code %d", head, closeTooBig)
			}
		})
	}
	a := d.login(t, "hanako")
	a.join("lobby", 0, "")
	a.send("lobby", "c-1", "the others go on")
}

// TestSilentConnectionsAreBounded opens as many connections without a hello as are
// allowed: more are turned away, and members do not feel it.
func TestSilentConnectionsAreBounded(t *testing.T) {
	d := newDesk(t, nil)
	a := d.login(t, "hanako")
	a.join("lobby", 0, "")
	var silent []net.Conn
	for turnedAway := 0; turnedAway < 10 && len(silent) < 2*maxGreeting; { // the oldest make room on a slow machine
		nc, _, status := d.dialRaw(t)
		switch status {
		case http.StatusSwitchingProtocols:
			silent = append(silent, nc)
		case http.StatusServiceUnavailable:
			turnedAway++
		default:
			t.Fatalf("status %d", status)
		}
	}
	if n := d.greetings(); n > maxGreeting {
		t.Errorf("%d connections are open without a hello, want at most %d", n, maxGreeting)
	}
	a.send("lobby", "c-1", "the others go on")
	for _, nc := range silent {
		nc.Close()
	}
	for status := 0; status != http.StatusSwitchingProtocols; { // as soon as they are gone
		_, _, status = d.dialRaw(t)
	}
}

// dialRaw asks for an upgrade by hand.
func (d *desk) dialRaw(t testing.TB) (nc net.Conn, in *bufio.Reader, status int) {
	t.Helper()
	nc, err := net.Dial("tcp", d.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience)) // an error shows at the next call
	_, err = io.WriteString(nc, "GET /chat/ws HTTP/1.1\r\nHost: frontdesk\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReader(nc)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return nc, in, answer.StatusCode
}

// clientHeader returns the header of a client's frame, with a mask of zeros.
func clientHeader(fin bool, op byte, size uint64) []byte {
	if fin {
		op |= 0x80
	}
	b := append([]byte{op, 0x80 | 127}, binary.BigEndian.AppendUint64(nil, size)...)
	return append(b, 0, 0, 0, 0)
}
