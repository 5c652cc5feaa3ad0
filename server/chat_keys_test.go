package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// press presses a key with modifiers.
func (p *chatPage) press(key string, modifiers ...kb.Modifier) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(modifiers...)))
}

// write types a text where the focus is.
func (p *chatPage) write(text string) {
	p.t.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// keyDown sends the first half of a key alone, as it comes from a keyboard; a driver
// sends the character after it, whatever the page made of the key.
func (p *chatPage) keyDown(key string, keyCode int64) {
	p.t.Helper()
	call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, WindowsVirtualKeyCode: keyCode,
	})
}

// lineEnd sends the second half of Enter alone.
func (p *chatPage) lineEnd() {
	p.t.Helper()
	call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeChar, Text: "\r"})
}

// TestChatPageEnter: Enter sends, also a phone's, and leaves nothing behind; one that
// belongs to an input method sends nothing. Another sees that one types.
func TestChatPageEnter(t *testing.T) {
	t.Parallel()
	ctx, base := chatBrowser(t), startChat(t)
	hanako, taro := openChat(ctx, t, base, "Hanako"), openChat(ctx, t, base, "Taro")
	field := func(want string) {
		t.Helper()
		if got := eval[string](hanako, `document.querySelector("#text").value`); got != want {
			t.Errorf("the field holds %q, want %q", got, want)
		}
	}
	const enter, processed = 13, 229 // key codes
	var want []string
	sent := func(text string) {
		t.Helper()
		want = append(want, text)
		if got := hanako.awaitMessages(len(want)); !slices.Equal(got, want) {
			t.Errorf("sent %q, want %q", got, want)
		}
		field("")
	}

	hanako.write("two")
	taro.await(`document.querySelector("#typing").checkVisibility() && document.querySelector("#typing").textContent === "Hanako is typing…"`)
	taro.picture("chat-typing.png")
	hanako.press("\r", kb.ModifierShift)
	hanako.write("lines")
	field("two\nlines")
	hanako.press("\r")
	sent("two\nlines")
	taro.await(`document.querySelectorAll(".message").length === 1 && document.querySelector("#typing").hidden`)

	// A driver inserts the character though the key is taken.
	hanako.write("late")
	hanako.keyDown("Enter", enter)
	sent("late")
	hanako.lineEnd()
	field("")

	// A phone's keyboard tells of no key.
	hanako.write("from a phone")
	hanako.lineEnd()
	sent("from a phone")

	// The Enter that ends a composition sends nothing, the next one does.
	call(hanako, input.ImeSetComposition, input.ImeSetCompositionParams{Text: "にほん", SelectionStart: 3, SelectionEnd: 3})
	hanako.keyDown("Enter", enter)
	field("にほん")
	call(hanako, input.ImeSetComposition, input.ImeSetCompositionParams{Text: "日本", SelectionStart: 2, SelectionEnd: 2})
	hanako.keyDown("Enter", processed)
	field("日本")
	hanako.write("日本") // takes the composition's place
	hanako.keyDown("Enter", processed)
	field("日本")
	hanako.press("\r")
	sent("日本")

	// What was begun before an edit is there again after it, and not sent by its Enter.
	hanako.write("unfinished")
	hanako.press("m", kb.ModifierAlt)
	hanako.keyDown("e", 'E')
	hanako.await(`!document.querySelector("#editing").hidden`)
	hanako.write("！")
	hanako.keyDown("Enter", enter)
	want[len(want)-1] += "！"
	for _, p := range []*chatPage{hanako, taro} {
		p.await(`[...document.querySelectorAll(".message .text")].at(-1).textContent === "日本！"`)
	}
	hanako.lineEnd()
	field("unfinished")
	if got := taro.awaitMessages(len(want)); !slices.Equal(got, want) {
		t.Errorf("Taro sees %q, want %q", strings.Join(got, "|"), strings.Join(want, "|"))
	}
}
