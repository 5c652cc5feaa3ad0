package chatload

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// drainLimit bounds the wait for what is under way at the end.
const drainLimit = 20 * time.Second

// sampled is of how many members one notes ages.
const sampled = 16

// fanout lets the members of one room send in turn, each when its last send was
// acknowledged.
func fanout(ctx context.Context, job Job, held func(Result) error) (err error) {
	c := newCrowd(ctx, job.Clients, job.Text)
	defer func() { err = firstOf(c.close(), err) }()
	free := make(chan *member, len(c.members))
	for i, m := range c.members {
		m.timed = i%sampled == 0
		again := func() { free <- m } // has room for all
		m.onAck.Store(&again)
		free <- m
	}
	if err := c.join(job.Addr, job.Path); err != nil {
		return err
	}
	p := &pacer{crowd: c, free: free, begun: time.Now(), every: every(job.Rate), window: int64(job.Window), each: int64(len(c.members))}
	result, err := c.measure(job.Duration, p.run)
	if err == nil {
		err = c.settle(p.sent, p.sent*p.each)
	}
	if err != nil {
		return err
	}
	return held(c.timed(result))
}

// every is the time between two sends.
func every(rate float64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / rate)
}

// pacer sends one message after the other.
type pacer struct {
	*crowd
	free   chan *member // who may send
	begun  time.Time
	every  time.Duration // 0 sends when fewer than window are under way
	window int64
	each   int64 // how many receive a message
	sent   int64
}

// run sends until ctx ends.
func (p *pacer) run(ctx context.Context) error {
	for {
		due, err := p.next(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		select {
		case m := <-p.free:
			if err := m.send(due); err != nil {
				return err
			}
			p.sent++
		case <-ctx.Done():
			return nil
		}
	}
}

// next waits until the next message is due.
func (p *pacer) next(ctx context.Context) (due time.Time, err error) {
	if p.every == 0 {
		err := p.await((p.sent-p.window)*p.each, drainLimit)
		return time.Now(), err
	}
	due = p.begun.Add(time.Duration(p.sent) * p.every)
	pause(ctx, time.Until(due))
	return due, nil
}

// measure runs a load and measures it after a quarter of the time.
func (c *crowd) measure(d time.Duration, load func(context.Context) error) (Result, error) {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- load(ctx) }() // awaited below
	pause(ctx, d/4)
	begun, got, acked := time.Now(), c.got.Load(), c.acked()
	c.since.Store(begun.UnixNano())
	pause(ctx, d)
	took := time.Since(begun).Seconds()
	result := Result{Sent: float64(c.acked()-acked) / took, Delivered: float64(c.got.Load()-got) / took}
	stop()
	return result, <-ended
}

// settle waits until all that was sent has come back, and checks it.
func (c *crowd) settle(sent, got int64) error {
	if err := c.await(got, drainLimit); err != nil {
		return err
	}
	limit := time.Now().Add(drainLimit)
	for c.acked() < sent && c.ctx.Err() == nil && time.Now().Before(limit) {
		pause(c.ctx, time.Millisecond)
	}
	if got := c.acked(); got != sent || c.ctx.Err() != nil {
		return errors.Join(c.err(), fmt.Errorf("%d of %d sends were acknowledged after %v", got, sent, drainLimit))
	}
	return c.check()
}

// timed adds the times that the members have noted. Nothing may be under way.
func (c *crowd) timed(r Result) Result {
	ages := c.times(func(m *member) []time.Duration { return m.ages })
	acks := c.times(func(m *member) []time.Duration { return m.acks })
	r.P50, r.P99, r.AckP50, r.AckP99 = ages.percentile(50), ages.percentile(99), acks.percentile(50), acks.percentile(99)
	return r
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
