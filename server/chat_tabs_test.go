package server_test

import (
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// openTab opens another tab of somebody's browser, who is logged in already.
func openTab(t *testing.T, first *chatPage, base string) *chatPage {
	t.Helper()
	id := chromedp.FromContext(first.ctx).BrowserContextID
	ctx, cancel := chromedp.NewContext(first.ctx, chromedp.WithExistingBrowserContext(id))
	t.Cleanup(cancel)
	p := &chatPage{t, ctx, first.name + "'s other tab"}
	t.Cleanup(p.check)
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchPage})
	p.do(chromedp.Navigate(base + "/chat#lobby"))
	p.await(`document.querySelector("#room-title").textContent === "Lobby" && !document.querySelector("#text").disabled`)
	return p
}

// TestChatPageTabs writes in two tabs without a network, and closes them: the
// next tab shows and sends what they kept.
func TestChatPageTabs(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for connections to be given up")
	}
	t.Parallel()
	ctx, base := chatBrowser(t), startChat(t)
	w := startWire(t, base[len("http://"):])
	far := "http://" + w.listener.Addr().String()
	one := openChat(ctx, t, far, "Hanako")
	two := openTab(t, one, far)

	two.say("sent by either tab")
	if got := one.awaitMessages(1); !slices.Equal(got, two.awaitMessages(1)) {
		t.Errorf("one tab shows %q", got)
	}
	w.set(false, false)
	offline(one, true)
	offline(two, true)
	one.say("from one")
	two.await(`document.querySelectorAll(".message").length === 2`) // it knows what the other keeps
	two.say("from two")
	for _, tab := range []*chatPage{one, two} {
		tab.await(`document.querySelectorAll(".message[data-state=unsent]").length === 2`)
	}
	if err := chromedp.Cancel(two.ctx); err != nil {
		t.Fatal(err)
	}
	one.do(chromedp.Navigate("about:blank"))

	w.hangUp()
	w.set(true, true)
	offline(one, false)
	one.do(chromedp.Navigate(far + "/chat#lobby"))
	want := []string{"sent by either tab", "from one", "from two"}
	if got := one.awaitMessages(3); !slices.Equal(got, want) {
		t.Errorf("loaded again, the page shows %q, want %q", got, want)
	}
	if got := openChat(ctx, t, base, "Taro").awaitMessages(3); !slices.Equal(got, want) {
		t.Errorf("Taro sees %q, want %q", got, want)
	}
}
