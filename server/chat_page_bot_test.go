package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/server"
)

// everything is one message of each type that a bot sends.
func everything(picture string) []frontdesk.Message {
	return []frontdesk.Message{
		frontdesk.Sticker("446", "1988"),
		frontdesk.RawMessage(`{"type":"image","originalContentUrl":"` + picture + `","previewImageUrl":"` + picture + `"}`),
		frontdesk.RawMessage(`{"type":"location","title":"Tower","address":"Minato, Tokyo","latitude":35.65,"longitude":139.74}`),
		frontdesk.RawMessage(`{"type":"flex","altText":"Your receipt","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[]}}}`),
		frontdesk.RawMessage(`{"type":"template","altText":"A table?","template":{"type":"buttons","title":"A table?","text":"For two, at seven",` +
			`"actions":[{"type":"postback","label":"Book","data":"book","displayText":"Book it"},{"type":"message","label":"Ask","text":"Is it by the window?"},` +
			`{"type":"uri","label":"Menu","uri":"https://example.com/menu"},{"type":"camera","label":"Camera"}]}}`),
	}
}

// waiter is a bot of a restaurant. It answers a hello once the guest has seen that
// it types.
func waiter(picture string, typed <-chan struct{}) frontdesk.Handler {
	replies := `,"quickReply":{"items":[{"type":"action","action":{"type":"postback","label":"Later","data":"later","displayText":"Not now"}},` +
		`{"type":"action","action":{"type":"message","label":"Show","text":"show"}}]}}`
	mux := frontdesk.NewMux()
	mux.Text("^hello$", func(ctx context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		select {
		case <-typed:
		case <-ctx.Done():
			return ctx.Err()
		}
		return d.Send(frontdesk.RawMessage(`{"type":"text","text":"What may it be?"` + replies))
	})
	mux.Text("^show$", func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(everything(picture)...)
	})
	mux.Text(".+", func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text("You asked: " + ev.Message.Text))
	})
	mux.Postback("later", func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(frontdesk.RawMessage(`{"type":"text","text":"As you like."` + replies))
	})
	mux.Postback("book", func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(frontdesk.Text("Booked."))
	})
	return mux
}

// TestChatPageBot talks with a bot in the page: what it sends is shown, its buttons
// and quick replies are pressed by pointer and by keyboard.
func TestChatPageBot(t *testing.T) {
	t.Parallel()
	ctx, typed := chatBrowser(t), make(chan struct{})
	listen := freePort(t)
	base := "http://" + listen
	newChatHouse(t, waiter(base+"/chat/page/icon.svg", typed), func(cfg *server.Config) {
		cfg.Listen = listen
		cfg.Chat.Lobby, cfg.Chat.BotName = true, "Polly"
	})
	p := openChat(ctx, t, base, "Hanako")
	const quick, newest = `[...document.querySelectorAll("#quick-replies:not([hidden]) button")].map((b) => b.textContent).join()`, `[...document.querySelectorAll(".message")].at(-1)`
	var want []string
	expect := func(texts ...string) {
		t.Helper()
		want = append(want, texts...)
		if got := p.awaitMessages(len(want)); !slices.Equal(got, want) {
			t.Fatalf("the page shows %q, want %q", got, want)
		}
	}

	p.await(`document.querySelector('.line[data-room^="bot."]') !== null`)
	p.do(chromedp.Click(`.line[data-room^="bot."]`))
	p.await(`document.querySelector("#room-title").textContent === "Polly" && !document.querySelector("#text").disabled`)
	p.say("hello")
	p.await(`document.querySelector("#typing").checkVisibility() && document.querySelector("#typing").textContent === "Polly is typing…"`)
	p.picture("chat-bot-typing.png")
	close(typed)
	expect("hello", "What may it be?")
	p.await(`document.querySelector("#typing").hidden && ` + quick + ` === "Later,Show"`)
	p.await(`document.querySelector("#announce").textContent === "Polly: What may it be?"`)

	// The quick replies stand before the field.
	p.press(kb.Tab, kb.ModifierShift)
	p.press(kb.Tab, kb.ModifierShift)
	p.await(`document.activeElement.textContent === "Later" && document.activeElement.matches(":focus-visible")`)
	p.picture("chat-bot-quick.png")
	p.press("\r")
	expect("Not now", "As you like.")
	p.await(`document.activeElement.id === "text" && ` + quick + ` === "Later,Show"`)
	p.do(chromedp.Click(`#quick-replies button:last-child`))
	p.await(`document.querySelectorAll(".message").length === 10 && document.querySelector("#quick-replies").hidden`)

	labels := eval[[]string](p, `[...document.querySelectorAll(".message")].slice(5).map((m) => m.querySelector(".bubble").textContent)`)
	for i, text := range []string{"Sticker 446/1988", "", "TowerMinato, TokyoOpen in a map", "Your receiptFlex message: it can be seen in LINE.", "A table?For two, at sevenBookAskMenuCamera"} {
		if labels[i] != text {
			t.Errorf("message %d shows %q, want %q", i, labels[i], text)
		}
	}
	p.await(`document.querySelector(".picture img").naturalWidth > 0`)
	if off := eval[bool](p, `[...document.querySelectorAll(".action")].find((a) => a.textContent === "Camera").disabled`); !off {
		t.Error("a button that only LINE can serve can be pressed")
	}
	// Tab passes the links of other messages and reaches the newest one.
	p.press("m", kb.ModifierAlt)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".picture").focus()`))
	p.press(kb.Tab)
	p.press(kb.Tab)
	p.await(newest + ` === document.activeElement`)
	p.nameless()
	p.picture("chat-bot-all.png")
	want = p.awaitMessages(10)

	p.do(chromedp.Click(`button.action`))
	expect("Book it", "Booked.")
	p.press("m", kb.ModifierAlt)
	p.press(kb.ArrowUp)
	p.press(kb.ArrowUp)
	p.await(newest + ` !== document.activeElement && document.activeElement.matches(".message:has(.action)")`)
	p.press(kb.Tab)
	p.press(kb.Tab)
	p.await(`document.activeElement.textContent === "Ask"`)
	p.press("\r")
	expect("Is it by the window?", "You asked: Is it by the window?")
}

// nameless reports what a screen reader has no name for.
func (p *chatPage) nameless() {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	value := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	named := 0
	for _, node := range tree.Nodes {
		switch role := value(node.Role); role {
		case "button", "link", "textbox", "searchbox", "article", "log", "image", "dialog", "region", "navigation", "group":
			if node.Ignored {
				continue
			}
			named++
			if value(node.Name) == "" {
				p.t.Errorf("%s %s has no name", role, node.NodeID)
			}
		}
	}
	if named < 5 {
		p.t.Errorf("only %d things have a name", named)
	}
}
