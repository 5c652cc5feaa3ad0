package frontdesk

import (
	"context"
	"io"
	"unicode/utf16"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// Message is an outgoing message: any message type of the official SDK,
// by value or by pointer.
type Message = messaging_api.MessageInterface

// MaxText is the length of the longest text that LINE takes, in UTF-16 code
// units. Source: LINE Developers, Character counting in a text.
const MaxText = 5000

// Text returns a text message. LINE takes 1 to MaxText UTF-16 code units; see
// Clip for texts that may be longer.
func Text(text string) *messaging_api.TextMessage {
	return &messaging_api.TextMessage{Text: text}
}

// Clip returns a text that is not longer than MaxText: a longer one loses its
// end, and gets "…" in its place. No character is cut in half.
func Clip(text string) string {
	units := utf16.Encode([]rune(text))
	if len(units) <= MaxText {
		return text
	}
	end := MaxText - 1
	if utf16.DecodeRune(rune(units[end-1]), rune(units[end])) != '\uFFFD' {
		end--
	}
	return string(utf16.Decode(units[:end])) + "…"
}

// Sticker returns a sticker message.
func Sticker(packageID, stickerID string) *messaging_api.StickerMessage {
	return &messaging_api.StickerMessage{PackageId: packageID, StickerId: stickerID}
}

// MaxMessages is how many messages one event may send, over all
// conversations. More is an error of the send that goes past it.
const MaxMessages = 100

// Desk is what a handler answers through. It belongs to one attempt at one
// event: use it until Handle returns, from any goroutine.
//
// The server implements it; the interface may get more methods. To test a
// handler use package desktest, and embed a Desk in types of your own.
type Desk interface {
	// Send answers in the event's conversation: with its reply token, which
	// costs nothing, while the token lives and for the first five messages,
	// else by push, which counts against the channel's quota, or where the
	// channel is set so once the user taps a button. It only gathers:
	// the messages set out, in order, once the handler has returned nil.
	// It errs when a message cannot be encoded, when the event has no
	// conversation, and past MaxMessages.
	Send(msgs ...Message) error

	// Push sends to another conversation of the same channel: a user, group
	// or room ID. Otherwise it is like Send.
	Push(to string, msgs ...Message) error

	// SetTimer sets a timer in the event's conversation, in the place of one with
	// its key. It only gathers: the timer is set once the handler has returned
	// nil. It errs when the timer is not as Timer says, when the event has no
	// conversation, past MaxTimers, and with ErrTimersFull.
	SetTimer(t Timer) error

	// CancelTimer cancels the timer with a key in the event's conversation once
	// the handler has returned nil. That there is none is no error. A timer that
	// was due before has its event in the conversation's queue already: that
	// event comes all the same.
	CancelTimer(key string) error

	// Timers returns the timers that wait in the event's conversation, the one
	// that is due next first, as they were when the handler was called or later:
	// what this handler sets or cancels is not among them yet.
	Timers(ctx context.Context) ([]PendingTimer, error)

	// Profile returns the profile of a user, as a member of the event's group
	// where it has one. It is fetched from LINE once and then kept for the
	// configured time, so it may be a day old. ErrNoProfile when LINE has
	// none to give.
	Profile(ctx context.Context, userID string) (Profile, error)

	// Content fetches the bytes of an image, video, audio or file message.
	// The caller closes the Media's Body. It waits while LINE still prepares
	// the content, until ctx ends. ErrGone when there is nothing to fetch any
	// more.
	Content(ctx context.Context, messageID string) (*Media, error)
}

// Media is the content of a message that a user sent.
type Media struct {
	ContentType string
	Length      int64 // bytes, or -1 when unknown
	Body        io.ReadCloser
}
