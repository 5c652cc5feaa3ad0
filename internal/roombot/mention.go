package roombot

import (
	"strings"
	"unicode/utf16"

	"github.com/line-frontdesk/frontdesk"
)

// maxMentionees is how many names one text can mention, as at LINE. Source:
// Messaging API reference, Text message object.
const maxMentionees = 20

// mentionAll is the name by which a text addresses everybody.
const mentionAll = "All"

// mentionOf returns where a text addresses the bot or all: "@" and the name, nil
// for nowhere. Capitals do not matter, because names are typed here and not chosen
// from a list.
func mentionOf(text, bot string) *frontdesk.Mention {
	var m frontdesk.Mention
	for at := 0; len(m.Mentionees) < maxMentionees; {
		next := strings.IndexByte(text[at:], '@')
		if next < 0 {
			break
		}
		at += next + 1
		one := frontdesk.Mentionee{Index: units(text[:at]) - 1, Type: "user", IsSelf: true}
		name := bot
		if !begins(text[at:], bot) {
			if name = mentionAll; !begins(text[at:], name) {
				continue
			}
			one.Type, one.IsSelf = "all", false
		}
		one.Length = 1 + units(name)
		m.Mentionees = append(m.Mentionees, one)
		at += len(name)
	}
	if m.Mentionees == nil {
		return nil
	}
	return &m
}

// begins reports whether a text begins with a name, whatever its capitals.
func begins(text, name string) bool {
	return name != "" && len(text) >= len(name) && strings.EqualFold(text[:len(name)], name)
}

// units counts UTF-16 code units.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}
