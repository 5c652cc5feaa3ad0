package worker

import (
	"fmt"

	"github.com/line-frontdesk/frontdesk"
)

// verdict does what a bot answered to an event. It returns the handler's error,
// and the outcome in a word.
func verdict(d frontdesk.Desk, answers []answer) (outcome string, err error) {
	for i := range answers {
		a := &answers[i]
		err := a.apply(d)
		switch {
		case err == nil:
		case a.kind == kindRetry, a.kind == kindDrop:
			return a.kind, err
		default:
			return outcomeFailed, fmt.Errorf("%s of the bot: %w", a.kind, err)
		}
	}
	return kindDone, nil
}

// invalid says that an answer is not as the protocol has it. The bot may do
// better at the next try.
func invalid(err error) error { return fmt.Errorf("the bot's answer is not valid: %w", err) }

// parseLines reads what a process wrote to one event.
func parseLines(lines [][]byte) ([]answer, error) {
	answers := make([]answer, len(lines))
	for i, line := range lines {
		var err error
		if answers[i], err = parseAnswer(line); err != nil {
			return nil, invalid(err)
		}
	}
	return answers, nil
}
