package server_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/line-frontdesk/frontdesk/server"
)

// startProxy starts a proxy of the kind that lets no WebSocket through, and
// returns its address and how many it has refused.
func startProxy(t *testing.T, to string) (base string, refused *atomic.Int64) {
	t.Helper()
	refused = new(atomic.Int64)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to})
	proxy.ErrorLog = log.New(io.Discard, "", 0) // of a server that is killed
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			refused.Add(1)
			http.Error(w, "no upgrades here", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		web.CloseClientConnections() // streams last
		web.Close()
	})
	return web.URL, refused
}

// TestChatPageWithoutWebSockets lets one of two people sit behind a proxy that
// refuses every upgrade, and kills the server while both type.
func TestChatPageWithoutWebSockets(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server twice")
	}
	t.Parallel()
	ctx := chatBrowser(t)
	cfg := childConfig{
		Data: filepath.Join(t.TempDir(), "data"), API: "http://127.0.0.1:1", Secret: "secret", Token: "token", Listen: freePort(t),
		Chat: server.Chat{Enabled: true, Lobby: true, Guests: "full", Rate: 200},
	}
	logs := filepath.Join(t.TempDir(), "log")
	killed := startChild(t, cfg, logs)
	t.Cleanup(func() { killed.kill() })
	base, refused := startProxy(t, cfg.Listen)
	hanako, taro := openChat(ctx, t, base, "Hanako"), openChat(ctx, t, "http://"+cfg.Listen, "Taro")
	hanako.await(`document.querySelector("#people-open").textContent === "2 here"`)
	const overHTTP = `document.querySelector("#me").title.startsWith("Connected over HTTP")`
	hanako.await(overHTTP)
	if eval[bool](taro, overHTTP) || refused.Load() != 2 {
		t.Errorf("%d WebSockets were refused, want 2, none of Taro's", refused.Load())
	}
	hanako.picture("chat-events.png")

	const each, killAt = 40, 15
	done := make(chan struct{})
	for _, p := range []*chatPage{hanako, taro} {
		go func() { // awaited below
			defer func() { done <- struct{}{} }()
			for n := range each {
				if p == hanako && n == killAt {
					p.await(`document.querySelectorAll(".message[data-state='']").length >= 10`)
					killed.kill()
				}
				p.say(fmt.Sprint(p.name, " ", n))
			}
		}()
	}
	<-done
	<-done
	hanako.await(`document.querySelector("#status").textContent.includes("kept on this device")`)
	hanako.picture("chat-events-broken.png")
	again := startChild(t, cfg, logs)
	t.Cleanup(func() { again.kill() })
	for _, p := range []*chatPage{hanako, taro} {
		eval[any](p, `document.querySelector("#status button")?.click()`) // as people do who do not wait
	}

	got := hanako.awaitMessages(2 * each)
	if also := taro.awaitMessages(2 * each); !slices.Equal(got, also) {
		t.Errorf("the two see different things:\n%q\n%q", got, also)
	}
	for _, p := range []*chatPage{hanako, taro} {
		var theirs, want []string
		for n := range each {
			want = append(want, fmt.Sprint(p.name, " ", n))
		}
		for _, text := range got {
			if strings.HasPrefix(text, p.name+" ") {
				theirs = append(theirs, text)
			}
		}
		if !slices.Equal(theirs, want) {
			t.Errorf("the messages of %s are %q", p.name, theirs)
		}
	}
	hanako.await(overHTTP)
	hanako.await(`document.querySelector("#people-open").textContent === "2 here"`)
	said := eval[[]string](hanako, "__said")
	t.Logf("Hanako's page said %q", said)
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "Connected again") }) {
		t.Errorf("the page did not say that it is connected again, but %q", said)
	}
}

// TestChatEventsOfAnotherServer lets a page go on at another server without
// WebSockets: its policy and that server's must allow it.
func TestChatEventsOfAnotherServer(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts two servers")
	}
	t.Parallel()
	ctx := chatBrowser(t)
	pair := startPair(t)
	hanako := openChat(ctx, t, "http://"+pair[0].addr, "Hanako")
	const over = `(async () => {
		const { ChatClient, MemoryStore } = await import(location.origin + "/chat/client.js");
		const connect = () => { throw new Error("no WebSocket"); };
		const client = new ChatClient({ urls: "ws://%s/chat/ws", store: new MemoryStore(), name: "other", platform: { connect } });
		const room = client.join("lobby");
		client.start();
		await room.send({ type: "text", text: "from the other server" });
		window.__other = client;
	})()`
	hanako.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(over, pair[1].addr), chromedp.EvalAwaitPromise))
	if got := hanako.awaitMessages(1); got[0] != "from the other server" {
		t.Errorf("got %q", got)
	}
	hanako.await(`__other.status.way === "events" && __other.pending().length === 0`)
}
