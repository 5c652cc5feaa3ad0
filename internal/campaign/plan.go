package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

// Plan is what a campaign would do and cost.
type Plan struct {
	Users      int // receivers without duplicates; of a broadcast the friends that the directory knows
	Groups     int // groups and rooms
	Duplicates int // receivers that were named more than once
	Calls      int // to LINE
	// StartAt is when it would start; zero for at once.
	StartAt time.Time
	// Cost is in messages of the monthly quota: LINE counts one for each receiver
	// of a call, however many messages it has, and none for those who blocked the
	// channel (pricing). Groups count as one here.
	Cost int
	// AtLeast says that the cost may be higher: LINE counts each member of a group,
	// and a broadcast reaches friends that the directory does not know.
	AtLeast bool
	Quota   *Quota // nil when LINE did not tell; of the month in which it starts
	Fits    bool   // the cost does not exceed what is left, as far as is known
	// Checked says that LINE would take the messages; it is false when LINE could
	// not be asked. Then Unchecked tells why.
	Checked   bool
	Unchecked string
}

// Quota is what is left of a channel's messages of a month.
type Quota struct {
	// Month is "" for this month, or a later one as 2026-12: then the limit is
	// taken to stay as it is, and nothing is used yet.
	Month    string
	Limited  bool
	Limit    int64 // messages a month; 0 unless Limited, as the following
	Used     int64 // about, by what LINE says and was sent since
	Reserved int64 // for receivers that other campaigns of the channel still have, in that month
	Left     int64 // Limit less the other two, at least 0
}

// Plan tells what a campaign would do. list is read for AudienceUsers, nil for
// none. Nothing is stored and nothing sent.
func (r *Runner) Plan(ctx context.Context, spec Spec, list io.Reader) (Plan, error) {
	plan, err := r.prepare(ctx, &spec, list != nil)
	if err == nil {
		err = r.checkStart(spec.StartAt)
	}
	if err != nil {
		return Plan{}, err
	}
	counted, err := r.gather(ctx, spec, list, nil, nil)
	if err != nil {
		return Plan{}, err
	}
	return plan, r.complete(ctx, &plan, spec, counted)
}

// prepare checks all but the audience.
func (r *Runner) prepare(ctx context.Context, spec *Spec, hasList bool) (Plan, error) {
	if len(r.cfg.Clients) == 0 {
		return Plan{}, &refusal{ErrNoServer, "campaigns are planned and created by a running server, and none runs on this data folder; start it, or name another folder"}
	}
	if err := spec.check(hasList); err != nil {
		return Plan{}, err
	}
	if spec.Channel == "" && len(r.cfg.Clients) == 1 {
		for only := range r.cfg.Clients {
			spec.Channel = only
		}
	}
	client := r.cfg.Clients[spec.Channel]
	if client == nil {
		return Plan{}, invalid("channel: %q is not one of %s", spec.Channel, strings.Join(slices.Sorted(maps.Keys(r.cfg.Clients)), ", "))
	}
	err := client.Validate(ctx, spec.kind(), spec.Messages)
	if e := (*line.Error)(nil); errors.As(err, &e) && e.Status == 400 {
		return Plan{}, invalid("LINE would not take the messages: %v", err)
	}
	if err != nil {
		return Plan{Unchecked: err.Error()}, nil
	}
	return Plan{Checked: true}, nil
}

// complete adds the figures of the audience and the quota.
func (r *Runner) complete(ctx context.Context, plan *Plan, spec Spec, counted tally) error {
	plan.Users, plan.Groups, plan.Duplicates, plan.Calls = counted.users, counted.groups, counted.duplicates, counted.calls
	if spec.Audience == AudienceBroadcast {
		err := r.friends(ctx, spec.Channel, func(userID) error { plan.Users++; return nil })
		if err != nil {
			return fmt.Errorf("count the friends of channel %s: %w", spec.Channel, err)
		}
	}
	plan.Cost = plan.Users + plan.Groups
	plan.AtLeast = plan.Groups > 0 || spec.Audience == AudienceBroadcast
	plan.StartAt = spec.StartAt
	plan.Quota = r.quota(ctx, spec.Channel, spec.ID, spec.StartAt)
	plan.Fits = plan.Quota == nil || !plan.Quota.Limited || int64(plan.Cost) <= plan.Quota.Left
	return nil
}

// quota asks LINE what is left for a campaign in the month in which it starts, and
// returns nil when LINE does not tell.
func (r *Runner) quota(ctx context.Context, channel, id string, startAt time.Time) *Quota {
	client := r.cfg.Clients[channel]
	month := ""
	if m := r.monthFor(startAt); m != r.monthFor(time.Time{}) {
		month = m
	}
	limit, err := client.Quota(ctx)
	if err == nil && !limit.Limited {
		return &Quota{Month: month}
	}
	var used int64
	if err == nil && month == "" {
		used, err = client.QuotaConsumption(ctx)
	}
	if err != nil {
		r.lg.Warn("LINE did not tell the quota", "channel", channel, "error", err)
		return nil
	}
	if r.cfg.Used != nil && month == "" {
		used = max(used, r.cfg.Used(channel))
	}
	q := &Quota{Month: month, Limited: true, Limit: limit.Value, Used: used, Reserved: r.reserved(channel, id, startAt)}
	q.Left = max(0, q.Limit-q.Used-q.Reserved)
	return q
}

// reserved counts the receivers that the campaigns of a channel still have, but
// for one of them, in the month of a campaign that starts at a time.
func (r *Runner) reserved(channel, but string, startAt time.Time) int64 {
	month := r.monthFor(startAt)
	r.mu.Lock()
	defer r.mu.Unlock()
	var n int64
	for _, c := range r.campaigns {
		if c.Channel != channel || c.ID == but || !c.Ended.IsZero() || r.monthFor(c.StartAt) != month {
			continue
		}
		if c.State == StateCancelled {
			n += int64(c.inOutbox())
		} else {
			n += int64(c.Users - c.Sent - c.Failed)
		}
	}
	return n
}
