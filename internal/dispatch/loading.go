package dispatch

import (
	"context"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

const (
	// loadingFor is how long LINE shows the animation unless it is renewed.
	loadingFor = 20 * time.Second
	// loadingRenew leaves a call the time to arrive before the last one ends.
	loadingRenew = loadingFor - 2*time.Second
)

// showLoading lets the user of a handler that takes long see that somebody is
// at work. The returned function ends it: no call is under way after it, so that
// none can follow the answer. LINE has the animation in chats with one user
// only, and ends it by itself when a message arrives.
func (d *Dispatcher) showLoading(ctx context.Context, ev *frontdesk.Event) (end func()) {
	if d.cfg.Loading == nil || ev.Type == frontdesk.TypeTimer || ev.Source.Type != "user" || ev.Source.UserID == "" || ev.Mode == modeStandby {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	timer := time.AfterFunc(d.cfg.LoadingAfter, func() { // awaited by end
		defer close(over)
		d.keepLoading(ctx, ev)
	})
	return func() {
		cancel()
		if !timer.Stop() {
			<-over
		}
	}
}

// keepLoading renews the animation until ctx ends or LINE refuses it.
func (d *Dispatcher) keepLoading(ctx context.Context, ev *frontdesk.Event) {
	renew := time.NewTicker(loadingRenew)
	defer renew.Stop()
	for {
		if err := d.cfg.Loading(ctx, ev.Channel, ev.Source.UserID, loadingFor); err != nil {
			if ctx.Err() == nil {
				d.lg.Debug("loading animation was not shown", "channel", ev.Channel, "event", ev.ID, "error", err)
			}
			return
		}
		select {
		case <-renew.C:
		case <-ctx.Done():
			return
		}
	}
}
