package room

import "strings"

// Kind says what a room is.
type Kind string

// The kinds of rooms.
const (
	KindRoom Kind = "room" // made by an operator
	KindDM   Kind = "dm"   // the direct messages of two users
	KindBot  Kind = "bot"  // the chat of a user with the bot
	KindUser Kind = "user" // the inbox of a user
	KindLINE Kind = "line" // the transcript of a LINE conversation
)

const (
	maxUserID   = 64
	maxRoomName = 64
	maxChannel  = 32
)

// place is what a room's name says.
type place struct {
	kind Kind
	// a and b are both users of a dm, in order; a is the user of bot and user;
	// channel and conversation of line.
	a, b string
}

// parseName reads a room's name.
func parseName(name string) (p place, ok bool) {
	prefix, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return place{kind: KindRoom}, wordOf(name, maxRoomName, false)
	}
	a, b, two := strings.Cut(rest, ".")
	p = place{Kind(prefix), a, b}
	switch p.kind {
	case KindDM:
		return p, two && validUser(a) && validUser(b) && a < b
	case KindLINE:
		return p, two && wordOf(a, maxChannel, true) && wordOf(b, maxUserID, true)
	case KindBot, KindUser:
		return p, !two && validUser(a)
	}
	return place{}, false
}

// DM returns the name of the room of two users.
func DM(a, b string) string {
	if b < a {
		a, b = b, a
	}
	return string(KindDM) + "." + a + "." + b
}

// Inbox returns the name of a user's inbox.
func Inbox(user string) string { return string(KindUser) + "." + user }

// Transcript returns the name of the room of a LINE conversation.
func Transcript(channel, conversation string) string {
	return string(KindLINE) + "." + channel + "." + conversation
}

// other returns the other one of a dm.
func (p place) other(user string) string {
	if p.a == user {
		return p.b
	}
	return p.a
}

func validUser(id string) bool { return wordOf(id, maxUserID, true) }

// wordOf reports whether text is 1 to most letters, digits and '-', and, where
// mixed allows it, capitals and '_'.
func wordOf(text string, most int, mixed bool) bool {
	if text == "" || len(text) > most {
		return false
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
		case mixed && ('A' <= c && c <= 'Z' || c == '_'):
		default:
			return false
		}
	}
	return true
}

// validCID reports whether a client may name a send so.
func validCID(cid string) bool {
	if cid == "" || len(cid) > 64 {
		return false
	}
	for _, c := range []byte(cid) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
