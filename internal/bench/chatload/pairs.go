package chatload

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// pairs lets all members send at the same time, each when its last send was
// acknowledged and its turn has come. Every room has the same number of members.
func pairs(ctx context.Context, job Job, held func(Result) error) (err error) {
	c := newCrowd(ctx, job.Clients, job.Text)
	defer func() { err = firstOf(c.close(), err) }()
	for _, m := range c.members {
		m.timed = true
	}
	if err := c.join(job.Addr, job.Path); err != nil {
		return err
	}
	var sent int64
	result, err := c.measure(job.Duration, func(ctx context.Context) (err error) {
		sent, err = c.converse(ctx, every(job.Rate)*time.Duration(len(c.members)), -1)
		return err
	})
	if err == nil {
		err = c.settle(sent, sent*int64(len(c.members)/len(rooms(job.Clients))))
	}
	if err != nil {
		return err
	}
	return held(c.timed(result))
}

// converse lets each member send up to most messages, -1 for any number, one each
// time that a period begins, but never before its last one was acknowledged. It
// returns how many were sent.
func (c *crowd) converse(ctx context.Context, period time.Duration, most int) (sent int64, err error) {
	var g errgroup.Group
	counts := make([]int64, len(c.members))
	for i, m := range c.members {
		begin := time.Now().Add(period * time.Duration(i) / time.Duration(len(c.members)))
		g.Go(func() (err error) {
			counts[i], err = m.converse(ctx, begin, period, most)
			return err
		})
	}
	err = g.Wait()
	for _, n := range counts {
		sent += n
	}
	return sent, err
}

func (m *member) converse(ctx context.Context, due time.Time, period time.Duration, most int) (sent int64, err error) {
	acked := make(chan struct{}, 1) // one send is under way
	ack := func() { acked <- struct{}{} }
	m.onAck.Store(&ack)
	for sent != int64(most) {
		pause(ctx, time.Until(due))
		if ctx.Err() != nil {
			return sent, nil
		}
		now := time.Now()
		if err := m.send(now); err != nil {
			return sent, err
		}
		sent++
		if due = due.Add(period); due.Before(now) {
			due = now
		}
		select {
		case <-acked:
		case <-ctx.Done():
			return sent, nil
		}
	}
	return sent, nil
}
