package outbox

import (
	"sync/atomic"
	"testing"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/linesim"
)

// tally counts what the outbox tells of the quota.
type tally struct{ sent, unknown, exceeded atomic.Int64 }

func (q *tally) Sent(recipients int) {
	q.sent.Add(int64(recipients))
	if recipients == 0 {
		q.unknown.Add(1)
	}
}

func (q *tally) Exceeded() { q.exceeded.Add(1) }

// TestQuota compares what the outbox tells of the quota with what LINE counts.
func TestQuota(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(map[bool]string{false: "hold", true: "drop"}[drop], func(t *testing.T) {
			p := newPost(t, func(_ *Config, sim *linesim.Config) { sim.MonthlyQuota = 6 })
			var q tally
			p.cfg.Channels[0].Quota, p.cfg.Channels[0].DropOverQuota = &q, drop
			user, other := p.user(), p.user()
			p.start()
			for _, step := range []struct {
				name string
				e    *engine.Entry
				used int64 // in all
			}{
				{"reply", answer("free", user, p.token(user), "reply"), 0},
				{"push", answer("push", user, "", "push", "of", "six", "texts", "is", "two calls"), 2},
				{"multicast", campaign("two", []string{user, other}, "multicast"), 4},
			} {
				p.store(step.e)
				p.done()
				if sent, used := q.sent.Load(), p.sim.Stats().QuotaUsed; sent != step.used || used != step.used {
					t.Errorf("%s: told of %d, LINE counts %d; want %d", step.name, sent, used, step.used)
				}
			}
			p.store(campaign("all", nil, "broadcast"))
			p.done()
			if q.sent.Load() != 4 || q.unknown.Load() != 1 {
				t.Errorf("told of %d and %d broadcasts, want 4 and 1", q.sent.Load(), q.unknown.Load())
			}
			p.store(answer("over", user, "", "over"))
			p.await("LINE refused", func() bool { return q.exceeded.Load() == 1 })
			if drop {
				p.done()
			} else if n := p.o.Backlog("main").Sends; n != 1 {
				t.Errorf("%d sends wait, want 1", n)
			}
			if n := p.o.Backlog("nosuch").Sends; n != 0 {
				t.Errorf("%d sends of an unknown channel wait, want 0", n)
			}
			if q.sent.Load() != 4 {
				t.Errorf("told of %d after the refusal, want 4", q.sent.Load())
			}
		})
	}
}
