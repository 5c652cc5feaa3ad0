package timer

import (
	"context"
	"errors"
	"time"
	"unicode/utf16"

	"github.com/line-frontdesk/frontdesk"
)

// MaxTimers is how many timers may wait in one chat: with a user, a group or a
// room.
const MaxTimers = 100

// New returns the bot for users in Japan.
func New() frontdesk.Handler { return In(time.FixedZone("JST", 9*60*60)) } // without the time zone database, which may be missing

// In returns the bot for users whose clocks go by loc: LINE does not tell where a
// user is.
func In(loc *time.Location) frontdesk.Handler {
	b := bot{loc}
	mux := frontdesk.NewMux()
	mux.Text("", b.text)
	mux.Event(frontdesk.TypeMessage, b.help(phrase{})) // stickers, pictures and so on
	mux.Event(frontdesk.TypeFollow, b.help(welcome))
	mux.Event(frontdesk.TypeJoin, join)
	mux.Postback(`^`+tapText+`(.+)$`, b.tapText)
	mux.Postback(`^`+tapCancel+`(ja|en) (.+)$`, b.tapCancel)
	mux.Timer("", b.ring)
	mux.Event(frontdesk.TypeUnfollow, forget)
	mux.Event(frontdesk.TypeLeave, forget)
	return mux
}

type bot struct{ loc *time.Location }

// open returns the chat of an event, in the language of the event's user where
// no other is given; in English for those who do not show theirs.
func (b bot) open(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event, language string) (chat, error) {
	c := chat{d, language, time.Now().In(b.loc)}
	if language != "" {
		return c, nil
	}
	profile, err := d.Profile(ctx, ev.Source.UserID)
	if err != nil && !errors.Is(err, frontdesk.ErrNoProfile) {
		return c, err
	}
	c.language = frontdesk.English
	if profile.Language == frontdesk.Japanese {
		c.language = frontdesk.Japanese
	}
	return c, nil
}

func (b bot) text(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	if text, ok := addressed(ev); ok {
		return b.do(ctx, d, ev, text)
	}
	return nil
}

// tapText takes a tap on a button that stands for a text.
func (b bot) tapText(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	return b.do(ctx, d, ev, ev.Match[1])
}

// tapCancel takes a tap on the button of one timer.
func (b bot) tapCancel(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	c, err := b.open(ctx, d, ev, ev.Match[1])
	if err != nil {
		return err
	}
	return c.cancelKey(ctx, ev.Match[2])
}

// do does what a text asks for.
func (b bot) do(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event, text string) error {
	req, refused := Read(text, time.Now(), b.loc)
	c, err := b.open(ctx, d, ev, req.Language)
	switch {
	case err != nil:
		return err
	case refused != nil:
		return c.refuse(refused)
	case req.Action == Set:
		return c.set(ctx, ev.ID, req)
	case req.Action == Cancel:
		return c.cancel(ctx, req)
	}
	return c.list(ctx)
}

// help answers with examples behind an introduction; not where others talk to
// each other.
func (b bot) help(introduction phrase) frontdesk.HandlerFunc {
	return func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		if !alone(ev) {
			return nil
		}
		c, err := b.open(ctx, d, ev, "")
		if err != nil {
			return err
		}
		return c.help(introduction)
	}
}

// join speaks both languages: a group has no language of its own.
func join(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
	return d.Send(frontdesk.Text(toGroup.ja + "\n\n" + toGroup.en))
}

// ring tells that a timer is due.
func (b bot) ring(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
	n := parseNote(ev.Timer.Payload)
	c, err := b.open(ctx, d, ev, n.Language)
	if err != nil {
		return err
	}
	return c.ring(n, ev.Timer.Due)
}

// forget cancels the timers of a chat in which nobody would see them.
func forget(ctx context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
	timers, err := d.Timers(ctx)
	if err != nil {
		return err
	}
	for _, t := range timers[:min(len(timers), frontdesk.MaxTimers)] {
		if err := d.CancelTimer(t.Key); err != nil {
			return err
		}
	}
	return nil
}

// alone reports whether the bot is alone with the event's user.
func alone(ev *frontdesk.Event) bool { return ev.Source.GroupID == "" && ev.Source.RoomID == "" }

// addressed returns a text without the bot's own @name. It is not ok where
// others talk to each other: in a group, when nobody names the bot.
func addressed(ev *frontdesk.Event) (text string, ok bool) {
	text, ok = ev.Message.Text, alone(ev)
	if ev.Message.Mention == nil {
		return text, ok
	}
	units := utf16.Encode([]rune(text))
	for _, m := range ev.Message.Mention.Mentionees {
		if !m.IsSelf {
			continue
		}
		ok = true
		for i := max(m.Index, 0); i < min(m.Index+m.Length, len(units)); i++ {
			units[i] = ' '
		}
	}
	return string(utf16.Decode(units)), ok
}
