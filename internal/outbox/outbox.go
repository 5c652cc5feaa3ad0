package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

const (
	checkpointEvery = 500 * time.Millisecond
	cacheBytes      = 64 << 20
	// readLimit bounds reading what is left when Run ends.
	readLimit = time.Second
)

// Channel is a LINE channel that is sent through.
type Channel struct {
	Name   string
	Client *line.Client
	Rates  Rates
	// PreferDelivered pushes an answer of which nobody can tell any more
	// whether its reply arrived, at the risk of a doubled one. Without it, such
	// an answer becomes a dead letter.
	PreferDelivered bool
	// DropOverQuota makes dead letters of pushes when the monthly quota is used
	// up. Without it, they wait until LINE takes them again.
	DropOverQuota bool
	// Quota is told of the channel's calls that count; nil for nobody.
	Quota Quota
}

// Rates are calls per second of a channel's lanes. Zero means LINE's published
// limit: 2,000 for replies and pushes, 200 for multicasts, 60 an hour for
// broadcasts. Source: Messaging API reference, Rate limits.
type Rates struct {
	Reply, Push, Multicast, Broadcast float64
}

func (r Rates) byWay() map[string]float64 {
	return map[string]float64{
		wayReply: cmp.Or(r.Reply, lineRate), wayPush: cmp.Or(r.Push, lineRate),
		wayMulticast: cmp.Or(r.Multicast, multicastRate), wayBroadcast: cmp.Or(r.Broadcast, broadcastRate),
	}
}

// Config is what an Outbox needs. Fields without a default are required.
type Config struct {
	Engine   *engine.Engine
	Channels []Channel

	MaxInFlight int           // calls at once, per lane; default 512
	BackoffMin  time.Duration // pause after the first failed try, doubled each time; default 500 ms
	BackoffMax  time.Duration // default 1 minute
	DrainLimit  time.Duration // for what can be sent at once when Run ends; default 5 s

	Metrics *Metrics
	Logger  *slog.Logger
	// Trace is told when an event's entry is known to be durable, and when a
	// call was accepted by LINE; nil for nobody. requestID is LINE's, of a call.
	Trace func(eventID, step string, at time.Time, requestID string)
	// Finished is told when an entry is done that was not when Run began: how
	// many receivers LINE took it for, and for how many it became a dead letter,
	// in whole or in part; a broadcast counts as one. It must not block and must
	// not call the Outbox. nil for nobody.
	Finished func(channel, entryID string, sent, dead int)
}

// StepStored is what Trace is told of an entry; a call is "sent by" its way.
const StepStored = "stored in the outbox"

func (c *Config) setDefaults() {
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 512)
	c.BackoffMin = cmp.Or(c.BackoffMin, 500*time.Millisecond)
	c.BackoffMax = cmp.Or(c.BackoffMax, time.Minute)
	c.DrainLimit = cmp.Or(c.DrainLimit, 5*time.Second)
	if c.Trace == nil {
		c.Trace = func(string, string, time.Time, string) {}
	}
	if c.Finished == nil {
		c.Finished = func(string, string, int, int) {}
	}
}

// Outbox sends. Make one with New, run it once.
type Outbox struct {
	cfg     Config
	eng     *engine.Engine
	lg      *slog.Logger
	cache   *engine.Cache
	senders map[string]*sender
	ready   chan struct{} // closed when Run has read what earlier processes left
	read    atomic.Uint64 // engine.Pos behind the last record that was read
	floor   atomic.Uint64 // engine.Pos: lowest stored checkpoint
}

// New returns an outbox that has not read anything yet.
func New(cfg Config) *Outbox {
	cfg.setDefaults()
	o := &Outbox{
		cfg: cfg, eng: cfg.Engine, lg: cfg.Logger,
		cache:   engine.NewCache(cfg.Engine.Outbox, cacheBytes),
		senders: map[string]*sender{},
		ready:   make(chan struct{}),
	}
	for _, ch := range cfg.Channels {
		o.senders[ch.Name] = newSender(o, ch)
	}
	cfg.Metrics.observe(o)
	return o
}

// Run sends until ctx ends, then goes on for the drain limit with what can be
// sent at once. It returns nil after an orderly end.
func (o *Outbox) Run(ctx context.Context) error {
	from, err := o.recover(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("outbox: recover: %w", err)
	}
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var lanes, g errgroup.Group
	for _, s := range o.senders {
		s.start(calls, &lanes)
	}
	close(o.ready)
	reading, stopReading := context.WithCancel(calls)
	defer stopReading()
	g.Go(func() error { return o.follow(reading, from) })
	g.Go(func() error { o.writeCheckpoints(reading); return nil })
	<-ctx.Done()
	o.readRest(calls)
	stopReading()
	err = g.Wait()
	o.drain(calls)
	cancel()
	lanes.Wait() // lanes return nothing but nil
	if last := o.checkpoint(context.WithoutCancel(ctx)); last != nil {
		o.lg.Error("last outbox checkpoint was not stored; the next start reads more", "error", last)
	}
	return err
}

// readRest waits until all that was stored has been read: handlers that ended
// last have users who wait, too.
func (o *Outbox) readRest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	end, err := o.eng.Outbox.End(ctx)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for err == nil && engine.Pos(o.read.Load()) < end && ctx.Err() == nil {
		<-tick.C
	}
}

// drain waits until nothing can be sent at once any more, or for the limit.
func (o *Outbox) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.DrainLimit)
	defer cancel()
	for _, s := range o.senders {
		if !s.idle(ctx) {
			o.lg.Warn("sends are left for the next start", "channel", s.name, "sends", s.backlog().Sends)
		}
	}
}

// recover rebuilds the state of all senders from the log, without sending. It
// returns where to go on reading.
func (o *Outbox) recover(ctx context.Context) (engine.Pos, error) {
	end, err := o.eng.Outbox.End(ctx)
	if err != nil {
		return 0, err
	}
	if err := o.addFormer(ctx); err != nil {
		return 0, err
	}
	from := end
	for _, s := range o.senders {
		if s.floor, err = o.loadCheckpoint(ctx, s.name); err != nil {
			return 0, err
		}
		from = min(from, s.floor)
	}
	o.floor.Store(uint64(from))
	err = o.eng.Outbox.Scan(ctx, from, func(b engine.Batch) bool {
		if b.Seq >= end.Seq() {
			return false
		}
		o.file(b, true)
		return true
	})
	o.read.Store(uint64(end))
	return end, err
}

// addFormer adds senders for the channels that were sent through and are not in
// the configuration any more. What they left becomes dead letters.
func (o *Outbox) addFormer(ctx context.Context) error {
	return o.eng.Control.Keys(ctx, checkpointKey("*"), func(key string) bool {
		name := strings.TrimPrefix(key, checkpointKey(""))
		if o.senders[name] == nil {
			o.senders[name] = newSender(o, Channel{Name: name})
		}
		return true
	})
}

func (o *Outbox) follow(ctx context.Context, from engine.Pos) error {
	err := o.eng.Outbox.Follow(ctx, from, func(b engine.Batch) error {
		o.file(b, false)
		o.read.Store(uint64(engine.After(b)))
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// file gives a batch's records to their senders. Notes are only of interest
// after a start: later they are our own.
func (o *Outbox) file(b engine.Batch, recovering bool) {
	if b.Seq >= 1 {
		o.cache.Add(b)
	}
	for pos, rec := range b.Records() {
		if !recovering && rec != nil && !engine.IsEntry(rec) {
			continue
		}
		v, err := engine.ParseOutbox(rec)
		if err != nil {
			o.cfg.Metrics.damaged.Inc()
			o.lg.Error("outbox record is damaged and skipped", "position", pos.String())
			continue
		}
		switch v := v.(type) {
		case *engine.Entry:
			if s := o.senders[v.Channel]; s != nil {
				s.arrive(pos, v)
			} else {
				o.lg.Error("entry of a channel that was never configured is left in the outbox", "channel", v.Channel, "entry", v.ID)
			}
		case *engine.Tried:
			o.each(func(s *sender) { s.recallTried(v) })
		case *engine.Settled:
			o.each(func(s *sender) { s.recallSettled(v) })
		}
	}
}

// each calls f with every sender: notes name an entry, whose ID begins with
// its channel but may hold anything.
func (o *Outbox) each(f func(*sender)) {
	for _, s := range o.senders {
		f(s)
	}
}

// senderCheckpoint is stored as JSON in the control bucket.
type senderCheckpoint struct {
	Floor engine.Pos `json:"floor"` // before it, all of the channel's entries are done
}

func checkpointKey(channel string) string { return "checkpoint.outbox." + channel }

func (o *Outbox) loadCheckpoint(ctx context.Context, channel string) (engine.Pos, error) {
	data, _, err := o.eng.Control.Get(ctx, checkpointKey(channel))
	if errors.Is(err, engine.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var cp senderCheckpoint
	if err := json.Unmarshal(data, &cp); err != nil {
		return 0, fmt.Errorf("checkpoint of channel %s: %w", channel, err)
	}
	return cp.Floor, nil
}

func (o *Outbox) writeCheckpoints(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := o.checkpoint(ctx); err != nil && ctx.Err() == nil {
			o.lg.Error("outbox checkpoint was not stored; trying again", "error", err)
		}
	}
}

// checkpoint stores the floors that moved.
func (o *Outbox) checkpoint(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	read := engine.Pos(o.read.Load())
	moved := map[string]engine.Pos{}
	lowest := read
	for name, s := range o.senders {
		floor, changed := s.snapshot(read)
		if changed {
			moved[name] = floor
		}
		lowest = min(lowest, floor)
	}
	if len(moved) == 0 {
		return nil
	}
	// A floor must not name a place that a power loss could take back.
	if err := o.eng.Flush(); err != nil {
		return err
	}
	for name, floor := range moved {
		data, err := json.Marshal(senderCheckpoint{floor})
		if err != nil {
			return err
		}
		if err := o.eng.Control.Put(ctx, checkpointKey(name), data); err != nil {
			return err
		}
	}
	if err := o.eng.Flush(); err != nil {
		return err
	}
	o.floor.Store(uint64(lowest))
	return nil
}

// Floor returns the first record of the outbox that a restart would need.
func (o *Outbox) Floor() engine.Pos { return engine.Pos(o.floor.Load()) }

// Ready is closed when Run has read what earlier processes left.
func (o *Outbox) Ready() <-chan struct{} { return o.ready }

// Open reports whether an entry of a configured channel was read from the log
// and is not done. Of what was stored before Run it knows once it is Ready; what
// is stored later it reads within milliseconds.
func (o *Outbox) Open(channel, entryID string) bool {
	s := o.senders[channel]
	return s != nil && s.open(entryID)
}
