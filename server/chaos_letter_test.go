package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/server"
)

// The two kinds of dead letters that the rules allow.
const (
	undecidedReason = "it is not known whether the reply arrived"
	suspectReason   = "the process ended 3 times while this event was handled"
	// undecidedAge is how old an answer is before nobody can tell any more what
	// became of its reply.
	undecidedAge = 50 * time.Second
)

// letters returns all dead letters.
func (c *chaos) letters() (all []server.LetterDetail) {
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	admin, err := server.OpenAdmin(ctx, server.Config{Data: c.cfg.Data})
	if err != nil {
		c.t.Fatal(err)
	}
	defer admin.Close()
	for q := (server.LetterQuery{Limit: 1000}); ; {
		page, err := admin.Letters(ctx, q)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, row := range page.Letters {
			detail, err := admin.Letter(ctx, row.ID)
			if err != nil {
				c.t.Fatal(err)
			}
			all = append(all, detail)
		}
		if q.After = page.Next; page.Next == 0 {
			return all
		}
	}
}

// excuses are what dead letters explain.
type excuses struct {
	events map[int]bool               // not handled
	texts  map[string]map[string]bool // by chat: may have arrived or not
}

// excuse returns what dead letters explain, and tells of those that must not be.
func (m *model) excuse(letters []server.LetterDetail) (excused excuses, unexplained []string) {
	excused = excuses{events: map[int]bool{}, texts: map[string]map[string]bool{}}
	for _, letter := range letters {
		n, known := m.numbers[letter.EventID]
		switch {
		case known && letter.Kind == "event" && letter.Reason == suspectReason:
			excused.events[n] = true
		case m.unowed[letter.EventID] && letter.Kind == "event" && letter.Reason == suspectReason:
		case known && undecided(letter) && slices.ContainsFunc(letters, func(other server.LetterDetail) bool {
			return m.fellWith(letter, other)
		}):
			texts := excused.texts[letter.Conversation]
			if texts == nil {
				texts = map[string]bool{}
				excused.texts[letter.Conversation] = texts
			}
			for _, text := range textsOf(letter) {
				texts[text] = true
			}
		default:
			unexplained = append(unexplained, fmt.Sprintf("dead letter of event %s, %v old: %s", letter.EventID, letter.Died.Sub(letter.Accepted), letter.Reason))
		}
	}
	return excused, unexplained
}

// undecided reports whether nobody can tell whether a dead send arrived.
func undecided(letter server.LetterDetail) bool {
	return letter.Kind == "send" && strings.HasPrefix(letter.Reason, undecidedReason)
}

// fellWith reports whether two undecided letters may be of one call, the other
// one's event so old that its token no longer tells.
func (m *model) fellWith(letter, other server.LetterDetail) bool {
	n, known := m.numbers[other.EventID]
	return known && undecided(other) && other.Conversation == letter.Conversation &&
		other.Died.Sub(letter.Died).Abs() < time.Second && other.Died.Sub(m.fates[n].from) > undecidedAge
}

// textsOf returns the texts in a dead send. What cannot be read has none.
func textsOf(letter server.LetterDetail) (texts []string) {
	var entry struct {
		Sends []struct{ Messages []struct{ Text string } }
	}
	if json.Unmarshal(letter.Content, &entry) != nil {
		return nil
	}
	for _, s := range entry.Sends {
		for _, m := range s.Messages {
			texts = append(texts, m.Text)
		}
	}
	return texts
}
