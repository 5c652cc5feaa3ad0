package scramble

import (
	"context"
	"errors"

	"github.com/line-frontdesk/frontdesk"
)

// New returns the bot.
func New() frontdesk.Handler {
	muddler := newMuddler()
	mux := frontdesk.NewMux()
	mux.Text("", func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		muddled, err := muddler.muddle(ev.Message.Text, ev.ID)
		if err != nil {
			return err
		}
		if muddled == ev.Message.Text {
			return answer(ctx, d, ev, nothing)
		}
		return d.Send(frontdesk.Text(frontdesk.Clip(muddled)))
	})
	help := func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return answer(ctx, d, ev, about)
	}
	mux.Event(frontdesk.TypeMessage, help) // all that is not text
	mux.Event(frontdesk.TypeFollow, help)
	mux.Event(frontdesk.TypeJoin, join)
	return mux
}

// phrase is a sentence in both languages of the bot.
type phrase struct{ ja, en string }

// The bot's sentences. They have no state, and nothing changes them.
var (
	about = phrase{
		"文を送ってください。言葉をごちゃまぜにしてお返しします。例：「猫が魚を食べて、犬が水を飲んだ」",
		"Send me a sentence, and you get it back with its words in a muddle. Try: “The cat chased my dog.”",
	}
	nothing = phrase{
		"入れかえられる言葉が見つかりませんでした。名詞か動詞が二つ以上ある文を送ってください。",
		"There is nothing to muddle in that. Send me a sentence with a few different words.",
	}
)

// answer sends a phrase in the language of the event's user; English to those
// who do not show theirs.
func answer(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event, p phrase) error {
	profile, err := d.Profile(ctx, ev.Source.UserID)
	if err != nil && !errors.Is(err, frontdesk.ErrNoProfile) {
		return err
	}
	if profile.Language == frontdesk.Japanese {
		return d.Send(frontdesk.Text(p.ja))
	}
	return d.Send(frontdesk.Text(p.en))
}

// join speaks both languages: a group has no language of its own.
func join(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
	return d.Send(frontdesk.Text(about.ja + "\n" + about.en))
}
