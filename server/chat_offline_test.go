package server_test

import (
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
)

// offlineFor is how long the page has no network; FRONTDESK_OFFLINE may say
// otherwise, such as 60s.
const offlineFor = 3 * time.Second

// wire is a network between a browser and a server that can be cut without a
// word to either: what is on the way is lost, and new connections hear nothing.
type wire struct {
	listener net.Listener
	to       string
	all      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	up     bool                  // bytes reach the server
	down   bool                  // bytes reach the browser
	conns  map[net.Conn]struct{} // both ends of all
}

func startWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, up: true, down: true, conns: map[net.Conn]struct{}{}}
	w.all.Go(w.serve) // ends with the listener
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.hangUp()
		w.all.Wait()
	})
	return w
}

func (w *wire) serve() {
	for {
		browser, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			browser.Close()
			continue
		}
		w.mu.Lock()
		w.conns[browser], w.conns[server] = struct{}{}, struct{}{}
		closed := w.closed
		w.mu.Unlock()
		w.all.Go(func() { w.carry(server, browser, &w.up) })
		w.all.Go(func() { w.carry(browser, server, &w.down) })
		if closed {
			w.hangUp()
		}
	}
}

// carry brings bytes from one end to the other while the wire does.
func (w *wire) carry(to, from net.Conn, open *bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		pass := *open
		w.mu.Unlock()
		if !pass {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// set opens or cuts the two ways.
func (w *wire) set(up, down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up, w.down = up, down
}

// hangUp ends all connections.
func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
	clear(w.conns)
}

// TestChatPageOffline takes the network away and types five messages: they are
// shown as not sent, and each arrives once when the network is back.
func TestChatPageOffline(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for connections to be given up")
	}
	t.Parallel()
	lasts := offlineFor
	if s := os.Getenv("FRONTDESK_OFFLINE"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		up   bool // what the page sends reaches the server, and no answer comes back
	}{
		{"nothing passes", false},
		{"answers are lost", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, base := chatBrowser(t), startChat(t)
			w := startWire(t, base[len("http://"):])
			hanako, taro := openChat(ctx, t, "http://"+w.listener.Addr().String(), "Hanako"), openChat(ctx, t, base, "Taro")
			hanako.say("before")
			hanako.awaitMessages(1)

			offline(hanako, true)
			w.set(tc.up, false)
			start := time.Now()
			want := []string{"before"}
			for n := range 5 {
				want = append(want, fmt.Sprint("offline ", n))
				hanako.say(want[n+1])
			}
			taro.say("Are you there?")
			hanako.await(`document.querySelectorAll(".message[data-state=unsent]").length >= 4`)
			hanako.await(`document.querySelector("#status").textContent.includes("This device is offline. 5 unsent")`)
			hanako.picture("chat-offline.png")
			time.Sleep(time.Until(start.Add(lasts))) // the network is away for so long
			if n := eval[int](hanako, `document.querySelectorAll(".message:not([data-state=''])").length`); n != 5 {
				t.Errorf("after %v offline %d messages are shown as not sent, want 5", time.Since(start), n)
			}
			w.hangUp()
			w.set(true, true)
			offline(hanako, false)

			got := hanako.awaitMessages(7)
			t.Logf("offline for %v; then %q, and the page had said %q", time.Since(start).Round(time.Second), got, eval[[]string](hanako, "__said"))
			if also := taro.awaitMessages(7); !slices.Equal(also, got) {
				t.Errorf("Taro sees %q", also)
			}
			theirs := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s == "Are you there?" })
			if !slices.Equal(theirs, want) {
				t.Errorf("Hanako's messages are %q, want %q", theirs, want)
			}
		})
	}
}

// offline lets the browser believe that it has no network, or has one again.
func offline(p *chatPage, off bool) {
	p.t.Helper()
	call(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	call(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}
