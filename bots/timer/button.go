package timer

import "github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

// LINE's limits of the buttons below a message, and of the characters on one.
// Source: Messaging API reference, Quick reply and Action objects.
const (
	maxButtons = 13
	maxButton  = 20
)

// What the data of buttons begin with.
const (
	tapText   = "text "   // and the text that the tap stands for
	tapCancel = "cancel " // and the language of the answer, and the timer's key
)

// cancelButton returns a button that cancels a timer, whichever place in the
// list it has by then.
func (c chat) cancelButton(label string, e entry) messaging_api.QuickReplyItem {
	said := c.in(cancelSaid, c.title(e))
	return button(label, tapCancel+c.language+" "+e.key, said)
}

// textButton returns a button that stands for the text on it. It is a postback,
// because a text would need a mention in a group.
func (c chat) textButton(text phrase) messaging_api.QuickReplyItem {
	return button(c.in(text), tapText+c.in(text), c.in(text))
}

// button returns a button whose tap shows what the user said with it.
func button(label, data, said string) messaging_api.QuickReplyItem {
	action := &messaging_api.PostbackAction{Label: clip(label, maxButton), Data: data, DisplayText: said}
	return messaging_api.QuickReplyItem{Type: "action", Action: action}
}
