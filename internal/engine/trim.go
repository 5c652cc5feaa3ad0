package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// trimShare is how full, of its limit, a log may get before Trim takes away
// what is done. The rest is room for what is not.
const trimShare = 0.7

// TrimRule says what of a log may go.
type TrimRule struct {
	// Floor is the first record that is still needed. Nothing at or behind it
	// ever goes.
	Floor Pos
	// Wanted is the first record that somebody would like to read yet. It and what
	// stands behind it goes only in the way of new records. 0 for nobody.
	Wanted Pos
	// KeepFor is how long records stay although they are done, as long as the
	// log has room.
	KeepFor time.Duration
}

// Trim takes away what is done and either older than the rule keeps it, and not
// wanted, or in the way of new records: oldest first, whole messages. The newest message
// always stays, because the server would know the sequence to go on with from
// nothing but a note that a power loss can take, and readers who had seen more
// would skip what came then. It returns the first sequence that is left.
func (l *Log) Trim(ctx context.Context, rule TrimRule, now time.Time) (first uint64, err error) {
	st, err := l.State(ctx)
	if err != nil || st.Messages == 0 {
		return st.First, err
	}
	upTo, err := l.Since(ctx, now.Add(-rule.KeepFor))
	if err != nil {
		return st.First, err
	}
	old := upTo.Seq()
	if rule.Wanted > 0 {
		old = min(old, rule.Wanted.Seq())
	}
	cut := max(old, st.First+l.surplus(st))
	cut = min(cut, rule.Floor.Seq(), st.Last)
	if cut <= st.First {
		return st.First, nil
	}
	if l.barrier != nil { // nothing goes before that which makes it needless is on disk
		if err := l.barrier.wait(); err != nil {
			return st.First, fmt.Errorf("trim %s: %w", l.name, err)
		}
	}
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSequence(cut)); err != nil {
		return st.First, fmt.Errorf("trim %s: %w", l.name, err)
	}
	return cut, nil
}

// surplus estimates how many messages have to go to get below trimShare.
func (l *Log) surplus(st LogState) uint64 {
	limit := uint64(float64(l.maxBytes) * trimShare)
	if st.Bytes <= limit {
		return 0
	}
	return st.Messages * (st.Bytes - limit) / st.Bytes
}
