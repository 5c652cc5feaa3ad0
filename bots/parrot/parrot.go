// Package parrot is the bot that says what it was sent: the first bot of a new
// channel, and an example of the root package.
//
// It answers every kind of message in the words of its user, Japanese or
// English, greets new friends and groups, and knows users by their names.
package parrot

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/line-frontdesk/frontdesk"
)

// maxText is the length of the longest text that LINE takes, in UTF-16 units.
const maxText = 5000

// New returns the bot.
func New() frontdesk.Handler {
	mux := frontdesk.NewMux()
	mux.Text("", text)
	mux.Message("image", answer(image))
	mux.Message("video", answer(video))
	mux.Message("audio", answer(audio))
	mux.Message("file", file)
	mux.Message("location", location)
	mux.Message("sticker", sticker)
	mux.Event(frontdesk.TypeFollow, follow)
	mux.Event(frontdesk.TypeJoin, join)
	return mux
}

// phrase is a sentence in both languages of the bot. %s is the user's name.
type phrase struct{ ja, en string }

var (
	said     = phrase{"%sさん: 「%s」", "%s says: “%s”"}
	image    = phrase{"%sさん、写真をありがとう！", "Thanks for the picture, %s!"}
	video    = phrase{"%sさん、動画をありがとう！", "Thanks for the video, %s!"}
	audio    = phrase{"%sさん、音声をありがとう！", "Thanks for the voice message, %s!"}
	filed    = phrase{"%sさん、ファイル「%s」(%d バイト)を受け取りました。", "Got your file “%s”, %[1]s (%[3]d bytes)."}
	place    = phrase{"%sさんは「%s」にいるんですね。", "So %s is at “%s”."}
	welcome  = phrase{"%sさん、友だち追加ありがとう！何でも話しかけてください。", "Hello %s, thanks for adding me! Say anything."}
	back     = phrase{"%sさん、おかえりなさい！", "Welcome back, %s!"}
	toGroup  = phrase{"はじめまして！何でもくり返すオウムです。", "Hello everyone! I am a parrot and repeat what you say."}
	somebody = phrase{"どなたか", "somebody"}
	here     = phrase{"この場所", "this place"}
)

// in formats the phrase in the language of a profile.
func (p phrase) in(profile frontdesk.Profile, args ...any) string {
	name := profile.DisplayName
	if profile.Language == frontdesk.Japanese {
		if name == "" {
			name = somebody.ja
		}
		return fmt.Sprintf(p.ja, append([]any{name}, args...)...)
	}
	if name == "" {
		name = somebody.en
	}
	return fmt.Sprintf(p.en, append([]any{name}, args...)...)
}

// who returns the profile of the event's user; an empty one for a user who has
// none to show.
func who(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) (frontdesk.Profile, error) {
	profile, err := d.Profile(ctx, ev.Source.UserID)
	if errors.Is(err, frontdesk.ErrNoProfile) {
		return frontdesk.Profile{}, nil
	}
	return profile, err
}

func answer(p phrase, args ...any) frontdesk.HandlerFunc {
	return func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		profile, err := who(ctx, d, ev)
		if err != nil {
			return err
		}
		return d.Send(frontdesk.Text(clip(p.in(profile, args...))))
	}
}

func text(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return answer(said, ev.Message.Text)(ctx, d, ev)
}

func file(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return answer(filed, ev.Message.FileName, ev.Message.FileSize)(ctx, d, ev)
}

func location(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	profile, err := who(ctx, d, ev)
	if err != nil {
		return err
	}
	name := ev.Message.Title
	if name == "" {
		name = ev.Message.Address
	}
	if name == "" && profile.Language == frontdesk.Japanese {
		name = here.ja
	} else if name == "" {
		name = here.en
	}
	return answer(place, name)(ctx, d, ev)
}

// sticker sends the same sticker back if it is one that every bot may send,
// and one of LINE's own else. Source: LINE's list of available stickers.
func sticker(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	switch ev.Message.PackageID {
	case "446", "789", "1070", "6136", "6325", "6359", "6362", "6370", "6632", "8515", "8522", "8525", "11537", "11538", "11539":
		return d.Send(frontdesk.Sticker(ev.Message.PackageID, ev.Message.StickerID))
	}
	return d.Send(frontdesk.Sticker("446", "1988"))
}

func follow(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	if ev.Follow.IsUnblocked {
		return answer(back)(ctx, d, ev)
	}
	return answer(welcome)(ctx, d, ev)
}

func join(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return d.Send(frontdesk.Text(toGroup.ja + "\n" + toGroup.en))
}

// clip cuts a text to what LINE takes: a quoted text can be as long as that
// already.
func clip(text string) string {
	units := utf16.Encode([]rune(text))
	if len(units) <= maxText {
		return text
	}
	return string(utf16.Decode(units[:maxText-1])) + "…"
}
