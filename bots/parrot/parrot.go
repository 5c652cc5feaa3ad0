// Package parrot is the bot that says what it was sent: the first bot of a new
// channel, and an example of the root package.
//
// It answers every kind of message in the words of its user, Japanese or
// English, greets new friends and groups, and knows users by their names. That
// a user who blocks the bot is forgotten is not its work: the server's directory
// erases the profile.
package parrot

import (
	"context"
	"errors"
	"fmt"

	"github.com/line-frontdesk/frontdesk"
)

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

// phrase is a sentence in both languages of the bot. In all but said and heard
// the first argument addresses the user: in Japanese it goes before the
// sentence, in English behind it.
type phrase struct{ ja, en string }

// The bot's sentences. They have no state, and nothing changes them.
var (
	said       = phrase{"%sさん: 「%s」", "%s says: “%s”"}
	heard      = phrase{"「%s」", "You said: “%s”"} // by somebody without a name
	image      = phrase{"%s写真をありがとうございます！", "Thanks for the picture%s!"}
	video      = phrase{"%s動画をありがとうございます！", "Thanks for the video%s!"}
	audio      = phrase{"%s音声をありがとうございます！", "Thanks for the voice message%s!"}
	filed      = phrase{"%sファイル「%s」（%dバイト）を受け取りました。", "Got your file “%[2]s” (%[3]d bytes)%[1]s."}
	place      = phrase{"%s「%s」の位置情報をありがとうございます！", "Thanks for the location of “%[2]s”%[1]s!"}
	nowhere    = phrase{"%s位置情報をありがとうございます！", "Thanks for the location%s!"}
	gotSticker = phrase{"%sスタンプをありがとうございます！", "Thanks for the sticker%s!"}
	welcome    = phrase{"%s友だち追加ありがとうございます！何でも話しかけてくださいね。", "Thanks for adding me%s! Say anything."}
	back       = phrase{"%sおかえりなさい！またお話しできてうれしいです。", "Welcome back%s! Good to hear from you again."}
	toGroup    = phrase{"はじめまして！みなさんの言葉をくり返すオウムです。", "Hello everyone! I am a parrot and repeat what you say."}
)

// in returns the phrase in the language of a profile.
func (p phrase) in(profile frontdesk.Profile) string {
	if profile.Language == frontdesk.Japanese {
		return p.ja
	}
	return p.en
}

// address is how a user is spoken to; one without a name is not.
func address(profile frontdesk.Profile) string {
	switch {
	case profile.DisplayName == "":
		return ""
	case profile.Language == frontdesk.Japanese:
		return profile.DisplayName + "さん、"
	}
	return ", " + profile.DisplayName
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
		return send(d, p.in(profile), append([]any{address(profile)}, args...)...)
	}
}

func send(d frontdesk.Desk, format string, args ...any) error {
	return d.Send(frontdesk.Text(frontdesk.Clip(fmt.Sprintf(format, args...))))
}

func text(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	profile, err := who(ctx, d, ev)
	if err != nil {
		return err
	}
	if profile.DisplayName == "" {
		return send(d, heard.in(profile), ev.Message.Text)
	}
	return send(d, said.in(profile), profile.DisplayName, ev.Message.Text)
}

func file(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return answer(filed, ev.Message.FileName, ev.Message.FileSize)(ctx, d, ev)
}

func location(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	name := ev.Message.Title
	if name == "" {
		name = ev.Message.Address
	}
	if name == "" {
		return answer(nowhere)(ctx, d, ev)
	}
	return answer(place, name)(ctx, d, ev)
}

// sticker thanks and sends the same sticker back if it is one that every bot
// may send, and one of LINE's own else. Source: LINE's list of available
// stickers.
func sticker(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	if err := answer(gotSticker)(ctx, d, ev); err != nil {
		return err
	}
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

// join greets in both languages: a group has no language of its own.
func join(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
	return d.Send(frontdesk.Text(toGroup.ja + "\n" + toGroup.en))
}
