package chatload

import (
	"context"
	"time"
)

// resume measures how long members who lost their connections take until they
// have what they missed. Each knows one message of its room before.
func resume(ctx context.Context, job Job, held func(Result) error) (err error) {
	senders := newCrowd(ctx, job.Senders, job.Text)
	defer func() { err = firstOf(senders.close(), err) }()
	if err := senders.join(job.Addr, job.Path); err != nil {
		return err
	}
	cursors, err := leave(ctx, job, senders)
	if err != nil {
		return err
	}
	missed := map[string]int64{}
	for _, m := range senders.members {
		missed[m.Room] += int64(job.Each)
	}
	if _, err := senders.converse(senders.ctx, 0, job.Each); err != nil {
		return err
	}

	c := newCrowd(ctx, job.Clients, job.Text)
	defer func() { err = firstOf(c.close(), err) }()
	begun := time.Now()
	var all int64
	for _, m := range c.members {
		all += missed[m.Room]
	}
	err = c.each(func(m *member) error {
		if err := c.connect(m, job.Addr, job.Path); err != nil {
			return err
		}
		return m.ask(cursors[m.Client])
	})
	if err == nil {
		err = c.await(all, drainLimit)
	}
	took := time.Since(begun)
	if err == nil {
		err = c.each(func(m *member) error { _, err := m.step("live"); return err })
	}
	if err != nil {
		return err
	}
	return held(Result{Took: took, Delivered: float64(all) / took.Seconds()})
}

// leave lets the clients join, takes one message in each room, and lets them go.
// It returns what each had last.
func leave(ctx context.Context, job Job, senders *crowd) (cursors map[Client]int64, err error) {
	c := newCrowd(ctx, job.Clients, job.Text)
	defer func() { err = firstOf(c.close(), err) }()
	if err := c.join(job.Addr, job.Path); err != nil {
		return nil, err
	}
	sent, err := senders.converse(c.ctx, 0, 1)
	if err == nil {
		err = c.await(sent*int64(len(job.Clients))/int64(len(rooms(job.Clients))), drainLimit)
	}
	cursors = map[Client]int64{}
	for _, m := range c.members {
		cursors[m.Client] = m.last
	}
	return cursors, err
}

// rooms are those of the clients.
func rooms(clients []Client) map[string]bool {
	rooms := map[string]bool{}
	for _, cl := range clients {
		rooms[cl.Room] = true
	}
	return rooms
}
