package timer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// A list cuts labels, and holds so many lines a message: a reply takes five
// messages of frontdesk.MaxText, and so all timers of a chat.
const (
	maxListed = 40 // characters
	maxLines  = 25
)

// entry is a timer that waits.
type entry struct {
	note
	number int // in the list, from 1
	key    string
	due    time.Time
}

// waiting returns the timers of the chat, the next one first.
func (c chat) waiting(ctx context.Context) ([]entry, error) {
	timers, err := c.Timers(ctx)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for i, t := range timers[:min(len(timers), MaxTimers)] {
		entries = append(entries, entry{parseNote(t.Payload), i + 1, t.Key, t.Due.In(c.now.Location())})
	}
	return entries, nil
}

// list shows all timers.
func (c chat) list(ctx context.Context) error {
	entries, err := c.waiting(ctx)
	if err != nil {
		return err
	}
	return c.show(listed, entries)
}

// show shows all timers below a headline.
func (c chat) show(headline phrase, entries []entry) error {
	switch len(entries) {
	case 0:
		return c.say(empty)
	case 1:
		return c.choose(headline, entries)
	}
	return c.choose(headline, entries, c.textButton(cancelEach))
}

// choose shows entries with a button to cancel each, as far as there is room beside
// the other buttons.
func (c chat) choose(headline phrase, entries []entry, others ...messaging_api.QuickReplyItem) error {
	var texts []string
	for page := range slices.Chunk(entries, maxLines) {
		var lines []string
		for _, e := range page {
			left := span(coarse(e.due.Sub(c.now)), c.language)
			lines = append(lines, c.in(line, e.number, c.name(e, maxListed), left))
		}
		texts = append(texts, strings.Join(lines, "\n"))
	}
	texts[0] = c.in(headline) + "\n" + texts[0]
	last := len(texts) - 1
	texts[last] += "\n\n" + c.in(howToCancel, entries[0].number)

	var buttons []messaging_api.QuickReplyItem
	for _, e := range entries[:min(len(entries), maxButtons-len(others))] {
		label := fmt.Sprintf("✕ %d. %s", e.number, c.title(e))
		buttons = append(buttons, c.cancelButton(label, e))
	}
	for _, text := range texts[:last] {
		if err := c.send(text); err != nil {
			return err
		}
	}
	return c.send(texts[last], append(buttons, others...)...)
}

// cancel cancels the timers that a user names, or asks which.
func (c chat) cancel(ctx context.Context, req Request) error {
	entries, err := c.waiting(ctx)
	switch {
	case err != nil:
		return err
	case len(entries) == 0:
		return c.say(empty)
	case req.All:
		for _, e := range entries {
			if err := c.CancelTimer(e.key); err != nil {
				return err
			}
		}
		return c.say(allCancelled, len(entries))
	case req.Label == "":
		return c.show(which, entries)
	}
	var named []entry
	for _, e := range entries {
		if e.number == req.Number || fold(c.title(e)) == fold(req.Label) {
			named = append(named, e)
		}
	}
	switch len(named) {
	case 0:
		return c.show(unknownTimer, entries)
	case 1:
		return c.cancelEntry(named[0])
	}
	return c.choose(which, named)
}

// cancelKey cancels the timer of a button.
func (c chat) cancelKey(ctx context.Context, key string) error {
	entries, err := c.waiting(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return e.key == key })
	if i < 0 {
		return c.say(gone)
	}
	return c.cancelEntry(entries[i])
}

func (c chat) cancelEntry(e entry) error {
	if err := c.CancelTimer(e.key); err != nil {
		return err
	}
	return c.say(cancelled, c.name(e, MaxLabel))
}

// title returns what an entry is called on buttons and by users.
func (c chat) title(e entry) string { return cmp.Or(e.Label, c.clock(e.due)) }

// name returns what an entry is called in lists.
func (c chat) name(e entry, maxLabel int) string {
	if e.Label == "" {
		return c.clock(e.due)
	}
	return c.in(labelled, clip(e.Label, maxLabel), c.clock(e.due))
}
