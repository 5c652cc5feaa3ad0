package engine

import (
	"context"
	"time"
)

// SweepOutbox calls fn with every record of an outbox from a place on, also with
// those whose append failed and that the store took all the same, however late:
// one that fn did not get is not stored and never will be.
func SweepOutbox(ctx context.Context, outbox *Log, from Pos, fn func(Pos, []byte)) error {
	// A note that is about nothing: what was appended earlier stands before it or
	// nowhere.
	note := &Settled{CallID: CallID{Send: -1}, At: time.Now()}
	if _, _, err := outbox.Append(note); err != nil {
		return err
	}
	return outbox.Scan(ctx, from, func(b Batch) bool {
		for pos, rec := range b.Records() {
			fn(pos, rec)
		}
		return true
	})
}
