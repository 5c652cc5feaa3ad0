package server_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/server"
)

// watchPage runs in a page before its own scripts: it keeps what the status
// said and what was thrown. A page that is loaded again has forgotten both.
const watchPage = `
window.__said = []; window.__thrown = [];
addEventListener("error", (event) => __thrown.push(event.message));
addEventListener("unhandledrejection", (event) => __thrown.push(String(event.reason)));
new MutationObserver(() => {
	const said = document.querySelector("#status")?.textContent.trim();
	if (said && said !== __said.at(-1)) __said.push(said);
}).observe(document, { subtree: true, childList: true, characterData: true });`

// shownMessages returns the texts of the messages in the page, each with its state
// where it is not sent.
const shownMessages = `[...document.querySelectorAll(".message")].map((m) =>
	(m.dataset.state ? m.dataset.state + ": " : "") + (m.querySelector(".text")?.textContent ?? m.getAttribute("aria-label")))`

// chatPage is somebody's browser with the chat page.
type chatPage struct {
	t    *testing.T
	ctx  context.Context
	name string
}

// chatBrowser returns a context of a running browser, for pages of several
// people.
func chatBrowser(t *testing.T) context.Context {
	t.Helper()
	ctx := browser(t)
	if err := chromedp.Do(ctx); err != nil { // starts it
		t.Fatal(err)
	}
	return ctx
}

// openChat opens the chat page in a browser with its own cookies, and enters
// as a guest.
func openChat(ctx context.Context, t *testing.T, base, name string) *chatPage {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &chatPage{t, ctx, name}
	t.Cleanup(p.check) // before the page is closed
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchPage})
	p.do(chromedp.Navigate(base+"/chat#lobby"), chromedp.WaitVisible("#login-name"))
	p.say(name)
	p.await(`document.querySelector("#room-title").textContent === "Lobby" && !document.querySelector("#text").disabled`)
	return p
}

// call runs a command of the browser's protocol on the page.
func call[P, R any](p *chatPage, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, command.Method, err)
	}
}

// do runs actions, which must succeed.
func (p *chatPage) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// eval returns what an expression is in a page.
func eval[T any](p *chatPage, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return value
}

// await waits until an expression is true in the page.
func (p *chatPage) await(expression string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[chromedp.Void](expression)); err != nil {
		p.t.Fatalf("%s: it never was that %s: %v\nstatus: %q\nmessages: %q", p.name, expression, err,
			eval[[]string](p, "__said"), eval[[]string](p, shownMessages))
	}
}

// say types a text where the focus is, and Enter.
func (p *chatPage) say(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
	p.do(chromedp.KeyEvent("\r"))
}

// awaitMessages waits until the page shows so many messages, all of them sent,
// and returns their texts.
func (p *chatPage) awaitMessages(n int) []string {
	p.t.Helper()
	p.await(fmt.Sprintf(`document.querySelectorAll(".message").length >= %d && !document.querySelector(".message:not([data-state=''])")`, n))
	return eval[[]string](p, shownMessages)
}

// check reports what was thrown in the page.
func (p *chatPage) check() {
	thrown, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string](`__thrown`))
	if err == nil && len(thrown) > 0 {
		p.t.Errorf("%s: the page threw %q", p.name, thrown)
	}
}

// picture takes a screenshot where they are asked for.
func (p *chatPage) picture(name string) {
	p.t.Helper()
	if dir := os.Getenv("FRONTDESK_SCREENSHOTS"); dir != "" {
		screenshot(p.ctx, p.t, filepath.Join(dir, name))
	}
}

// startChat starts a server with the chat, and returns its address.
func startChat(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"),
		Channels: []server.Channel{{Name: "main", Secrets: []string{"secret"}, AccessToken: "token"}},
		Chat:     server.Chat{Enabled: true, Lobby: true, Guests: "full"},
	}, parrot.New())
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + srv.Addr().String()
}

// TestChatPage does what two people do who meet in a chat.
func TestChatPage(t *testing.T) {
	ctx, base := chatBrowser(t), startChat(t)
	hanako, taro := openChat(ctx, t, base, "Hanako"), openChat(ctx, t, base, "Taro")

	hanako.say("Hello, Taro 🙂")
	hanako.say("<b onclick=alert(1)>こんにちは</b> https://example.com/x.")
	if got := taro.awaitMessages(2); got[1] != "<b onclick=alert(1)>こんにちは</b> https://example.com/x." {
		t.Errorf("Taro sees %q", got)
	}
	if href := eval[string](taro, `document.querySelector(".message a").href`); href != "https://example.com/x" {
		t.Errorf("the link leads to %q", href)
	}
	taro.await(`document.querySelector("#people-open").textContent === "2 here"`)

	// By keyboard alone: edit the last message, take the one before it back.
	hanako.awaitMessages(2)
	hanako.do(chromedp.KeyEvent(kb.ArrowUp)) // arrow up
	hanako.await(`!document.querySelector("#editing").hidden`)
	hanako.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#text").select()`))
	hanako.say("こんにちは")
	taro.await(`[...document.querySelectorAll(".message")].at(-1).textContent.includes("edited")`)
	hanako.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".message").focus()`), chromedp.KeyEvent(kb.Delete),
		chromedp.WaitVisible("#ask-yes"), chromedp.Click("#ask-yes"))
	taro.await(`document.querySelector(".message").textContent.includes("taken back")`)

	// Direct messages, with their unread count.
	taro.do(chromedp.Click("#people-open"), chromedp.WaitVisible(`#people-list button`), chromedp.Click("#people-list button"))
	taro.await(`document.querySelector("#room-title").textContent === "Hanako"`)
	taro.say("Just for you")
	hanako.await(`document.querySelector(".line .badge")?.textContent.startsWith("1")`)
	hanako.await(`document.title === "(1) Lobby"`)
	hanako.do(chromedp.Click(".line:has(.badge)"))
	hanako.await(`document.querySelector("#room-title").textContent === "Taro" && document.querySelectorAll(".message").length === 1`)
	if got := hanako.awaitMessages(1); len(got) != 1 || got[0] != "Just for you" {
		t.Errorf("the direct message shows as %q", got)
	}
	hanako.await(`document.querySelector(".line .badge") === null`)
	if status := eval[[]string](hanako, "__said"); len(status) > 0 {
		t.Errorf("nothing broke, and the status said %q", status)
	}
}

// TestChatPageHistory scrolls back to the beginning.
func TestChatPageHistory(t *testing.T) {
	ctx, base := chatBrowser(t), startChat(t)
	hanako := openChat(ctx, t, base, "Hanako")
	const all = 70
	hanako.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(async () => {
		const { ChatClient, MemoryStore } = await import(location.origin + "/chat/client.js");
		const client = new ChatClient({ urls: "/chat/ws", store: new MemoryStore(), name: "filler" });
		const room = client.join("lobby");
		client.start();
		for (let i = 0; i < %d; i++) await room.send({ type: "text", text: String(i) });
	})()`, all), chromedp.EvalAwaitPromise))
	hanako.await(fmt.Sprintf(`[...document.querySelectorAll(".message .text")].at(-1)?.textContent === "%d"`, all-1))
	taro := openChat(ctx, t, base, "Taro")
	taro.await(`document.querySelectorAll(".message").length >= 50`)
	if first := eval[string](taro, `document.querySelector(".message .text").textContent`); first == "0" {
		t.Error("all is loaded at once")
	}
	// What is read stays where it is while older messages come above it.
	taro.await(fmt.Sprintf(`(document.querySelector("#scroller").scrollTop = 0, document.querySelectorAll(".message").length === %d)`, all))
	texts := eval[[]string](taro, shownMessages)
	for i, text := range texts {
		if text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q: %s", i, text, strings.Join(texts, " "))
		}
	}
}
