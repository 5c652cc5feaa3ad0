package linesim

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// maxMentionees is how many names one text can mention. Source: Messaging API reference, Text message object.
const maxMentionees = 20

// mention lists whom a text names with an @ (webhook.yml, Mention).
type mention struct {
	Mentionees []mentionee `json:"mentionees"`
}

// mentionee is one @name. Index and Length count UTF-16 code units.
type mentionee struct {
	Index  int    `json:"index"`
	Length int    `json:"length"`
	Type   string `json:"type"`
	UserID string `json:"userId,omitempty"`
	IsSelf *bool  `json:"isSelf,omitempty"` // only of users, as at LINE
}

// nameable is what can stand behind an @ in one chat.
type nameable struct{ name, kind, userID string }

// mentionsLocked returns whom a text that is sent into a group mentions, nil for nobody: "@" and the name of the bot, of
// a member, or "All". At LINE these are picked from a list, here the name is enough. Of names that begin alike the
// longest is meant.
func (s *Simulator) mentionsLocked(groupID, text string) *mention {
	g := s.groups[groupID]
	if g == nil || !strings.Contains(text, "@") {
		return nil
	}
	names := []nameable{{"All", "all", ""}, {s.cfg.BotName, "user", s.botUserID}}
	for _, id := range g.Members {
		names = append(names, nameable{s.users[id].DisplayName, "user", id})
	}
	slices.SortStableFunc(names, func(a, b nameable) int { return len(b.name) - len(a.name) })
	var m mention
	for at := 0; len(m.Mentionees) < maxMentionees; {
		next := strings.Index(text[at:], "@")
		if next < 0 {
			break
		}
		at += next + len("@")
		found := slices.IndexFunc(names, func(n nameable) bool { return n.name != "" && strings.HasPrefix(text[at:], n.name) })
		if found < 0 {
			continue
		}
		n := names[found]
		one := mentionee{Index: units(text[:at]) - 1, Length: 1 + units(n.name), Type: n.kind, UserID: n.userID}
		if n.kind == "user" {
			self := n.userID == s.botUserID
			one.IsSelf = &self
		}
		m.Mentionees = append(m.Mentionees, one)
		at += len(n.name)
	}
	if m.Mentionees == nil {
		return nil
	}
	return &m
}

// units counts UTF-16 code units.
func units(text string) int { return len(utf16.Encode([]rune(text))) }
