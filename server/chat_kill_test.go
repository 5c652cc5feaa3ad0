package server_test

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine/enginetest"
	"github.com/line-frontdesk/frontdesk/server"
)

// freePort returns the address of a port that was free a moment ago: two
// servers that are told of each other must know their addresses before they run.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startPair starts two servers, each in a process of its own, that share their
// rooms over a NATS server.
func startPair(t *testing.T) (pair [2]*child) {
	t.Helper()
	nats := enginetest.StartNATS(t, -1, t.TempDir()).ClientURL()
	addrs := [2]string{freePort(t), freePort(t)}
	for i, addr := range addrs {
		other := addrs[1-i]
		pair[i] = startChild(t, childConfig{
			Data: filepath.Join(t.TempDir(), "data"), API: "http://127.0.0.1:1", Secret: "secret", Token: "token", Listen: addr, NATS: nats,
			Chat: server.Chat{
				Enabled: true, Lobby: true, Guests: "full", Rate: 200,
				Origins: "http://" + other, Servers: "ws://" + other + "/chat/ws",
			},
		}, filepath.Join(t.TempDir(), "log"))
		t.Cleanup(func() { pair[i].kill() })
	}
	return pair
}

// TestChatPageKilled kills the server of one of two people while both type:
// nothing is lost, nothing doubled, both see the same order, and the page tells
// what happened without being loaded again.
func TestChatPageKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for connections to be given up")
	}
	t.Parallel()
	ctx := chatBrowser(t)
	pair := startPair(t)
	hanako, taro := openChat(ctx, t, "http://"+pair[0].addr, "Hanako"), openChat(ctx, t, "http://"+pair[1].addr, "Taro")
	taro.await(`document.querySelector("#people-open").textContent === "2 here"`)
	pages := []*chatPage{hanako, taro}

	const each, killAt = 60, 20
	done := make(chan *chatPage)
	for _, p := range pages {
		go func() { // awaited below
			defer func() { done <- p }()
			for n := range each {
				if p == hanako && n == killAt {
					go pair[0].kill() // while she types on; the clean-up waits for it
				}
				p.say(fmt.Sprint(p.name, " ", n))
			}
		}()
	}
	<-done
	<-done
	var lists [2][]string
	for i, p := range pages {
		lists[i] = p.awaitMessages(2 * each)
	}
	if !slices.Equal(lists[0], lists[1]) {
		t.Errorf("the two see different things:\n%q\n%q", lists[0], lists[1])
	}
	for _, p := range pages {
		n := 0
		for _, text := range lists[0] {
			if strings.HasPrefix(text, p.name+" ") {
				if want := fmt.Sprint(p.name, " ", n); text != want {
					t.Errorf("%q comes where %q should", text, want)
				}
				n++
			}
		}
		if n != each {
			t.Errorf("%d messages of %s, want %d", n, p.name, each)
		}
	}

	said := eval[[]string](hanako, "__said")
	t.Logf("Hanako's page said %q", said)
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "Connected again") }) {
		t.Errorf("the page did not say that it is connected again, but %q", said)
	}
	if said := eval[[]string](taro, "__said"); len(said) > 0 {
		t.Errorf("Taro's server lived, and his page said %q", said)
	}
	taro.await(`document.querySelector("#people-open").textContent === "2 here"`)
	late := openChat(ctx, t, "http://"+pair[1].addr, "Late")
	if got := late.awaitMessages(50); !slices.Equal(got, lists[0][len(lists[0])-len(got):]) {
		t.Errorf("one who comes later sees something else: %q", got)
	}
}
