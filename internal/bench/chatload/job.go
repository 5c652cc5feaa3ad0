package chatload

import (
	"context"
	"fmt"
	"time"
)

// Job says what to load a server with.
type Job struct {
	Kind    string   `json:"kind"` // fanout, pairs, idle, resume or silent
	Addr    string   `json:"addr"` // host and port of the server
	Path    string   `json:"path"` // of its WebSocket
	Clients []Client `json:"clients"`
	Text    int      `json:"text"` // bytes of a message's text

	// Of fanout and pairs: how long to measure, after a quarter of it to warm up.
	Duration time.Duration `json:"duration"`
	// Rate is sends per second in all. 0 sends as fast as acks (pairs) or
	// deliveries (fanout) come back.
	Rate float64 `json:"rate"`
	// Window is how many messages a fanout without Rate has under way.
	Window int `json:"window"`

	// Of resume: who sends meanwhile, and how many each.
	Senders []Client `json:"senders"`
	Each    int      `json:"each"`

	Silent int `json:"silent"` // of silent: connections
}

// Result is what was measured. Not every kind of job fills all of it.
type Result struct {
	Sent      float64 `json:"sent"`      // acknowledged sends per second
	Delivered float64 `json:"delivered"` // messages received per second
	// From when a send was due until a member had it, and until its ack came.
	P50    time.Duration `json:"p50"`
	P99    time.Duration `json:"p99"`
	AckP50 time.Duration `json:"ackP50"`
	AckP99 time.Duration `json:"ackP99"`
	// Of resume: until the last member had all that it had missed.
	Took time.Duration `json:"took"`
	// Of silent: connections in the end, and those that the server refused or
	// ended. P50 and P99 are of acks, too, without them.
	Open    int64 `json:"open"`
	Refused int64 `json:"refused"`
	Ended   int64 `json:"ended"`
}

// Loader does a job. held is called when it is done and all members are still
// connected; they disconnect when it returns.
type Loader func(ctx context.Context, job Job, held func(Result) error) error

// Run is the Loader that works in this process.
func Run(ctx context.Context, job Job, held func(Result) error) error {
	run, ok := map[string]func(context.Context, Job, func(Result) error) error{
		"fanout": fanout, "pairs": pairs, "idle": idle, "resume": resume, "silent": silent,
	}[job.Kind]
	if !ok {
		return fmt.Errorf("there is no job %q", job.Kind)
	}
	return run(ctx, job, held)
}

// idle connects all members and lets them wait.
func idle(ctx context.Context, job Job, held func(Result) error) (err error) {
	c := newCrowd(ctx, job.Clients, job.Text)
	defer func() { err = firstOf(c.close(), err) }()
	if err := c.join(job.Addr, job.Path); err != nil {
		return err
	}
	return held(Result{})
}

// firstOf returns the error of the crowd, which is the cause, before another.
func firstOf(crowd, other error) error {
	if crowd != nil {
		return crowd
	}
	return other
}
