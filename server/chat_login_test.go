package server_test

import (
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/server"
)

// TestChatPageLoginAgain lets a login end while one writes and an answer is lost: the
// page asks for another, and then sends once what is not sent, keeps what is being
// written, and is not loaded again.
func TestChatPageLoginAgain(t *testing.T) {
	t.Parallel()
	ctx := chatBrowser(t)
	h := newChatHouse(t, parrot.New(), func(cfg *server.Config) { cfg.Chat.Lobby = true })
	admin := openAdmin(t, h.data)
	login := func(ttl string) server.RoomToken {
		token, err := admin.RoomToken(t.Context(), server.NewRoomToken{User: "hanako", Name: "Hanako", TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	w := startWire(t, h.addr)
	far := "http://" + w.listener.Addr().String()

	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &chatPage{t, ctx, "Hanako"}
	t.Cleanup(p.check)
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchPage})
	p.do(chromedp.Navigate(far+"/chat#lobby"), chromedp.WaitVisible("#login-name"), chromedp.Click("#login-other"))
	first := login("5s")
	p.say(first.Token)
	p.await(`document.querySelector("#room-title").textContent === "Lobby" && !document.querySelector("#text").disabled`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.__same = true`))
	p.say("before")
	p.awaitMessages(1)

	w.set(true, false) // the message arrives, and no answer comes
	p.say("stored, and not acknowledged")
	w.set(false, false)
	p.say("on its way")
	p.write("unfinished")
	<-time.After(time.Until(first.Expires)) // the login ends by the clock
	w.hangUp()
	w.set(true, true)
	p.do(chromedp.WaitVisible("#login-token"))
	p.await(`document.querySelector("#login .note").textContent.startsWith("Your login has ended.") && document.activeElement.id === "login-token"`)
	if seen := eval[bool](p, `document.querySelector("#chat").checkVisibility()`); seen {
		t.Error("the chat is shown to one who is not logged in")
	}
	p.picture("chat-login-again.png")
	p.say(login("1h").Token)

	want := []string{"before", "stored, and not acknowledged", "on its way"}
	if got := p.awaitMessages(3); !slices.Equal(got, want) {
		t.Errorf("after the login the page shows %q, want %q", got, want)
	}
	p.await(`document.querySelector("#text").value === "unfinished" && document.querySelector("#chat").checkVisibility()`)
	if !eval[bool](p, `window.__same === true`) {
		t.Error("the page was loaded again")
	}
	if got := openChat(ctx, t, "http://"+h.addr, "Taro").awaitMessages(3); !slices.Equal(got, want) {
		t.Errorf("Taro sees %q, want %q", got, want)
	}
}
