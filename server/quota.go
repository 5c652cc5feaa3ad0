package server

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/outbox"
	"github.com/line-frontdesk/frontdesk/internal/quota"
)

// warnNone as Quota.Warn asks for no warnings.
const warnNone = "none"

// shares returns the percents of Warn.
func (q Quota) shares() ([]int, error) {
	if q.Warn == "" || q.Warn == warnNone {
		return nil, nil
	}
	var shares []int
	for part := range strings.SplitSeq(q.Warn, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > 100 {
			return nil, fmt.Errorf("quota.warn: %q is not a list of percents such as 50,80,95, or %s", q.Warn, warnNone)
		}
		shares = append(shares, n)
	}
	return shares, nil
}

// watchQuota makes the watcher and lets it know what the senders use.
func (s *Server) watchQuota(senders []outbox.Channel) error {
	warn, err := s.cfg.Quota.shares()
	if err != nil {
		return err
	}
	cfg := quota.Config{Store: s.eng.Control, Every: s.cfg.Quota.Every, Warn: warn, Metrics: s.reg, Logger: s.lg}
	for _, ch := range senders {
		cfg.Channels = append(cfg.Channels, quota.Channel{Name: ch.Name, Client: ch.Client})
	}
	s.quota = quota.New(cfg)
	for i, ch := range senders {
		senders[i].Quota = s.quota.Meter(ch.Name)
	}
	return nil
}

// quotaRows is what the admin API tells of the quota.
func (s *Server) quotaRows() []QuotaRow {
	rows := []QuotaRow{}
	for _, f := range s.quota.Figures() {
		row := QuotaRow{Channel: f.Channel, AsOf: f.AsOf, Limited: f.Limited, Over: f.Over, Waiting: s.out.Backlog(f.Channel).Sends}
		if !f.AsOf.IsZero() {
			row.Used = &f.Used
		}
		if f.Limited {
			row.Limit, row.Left = &f.Limit, &f.Left
		}
		if f.HasForecast {
			row.Forecast = &f.Forecast
		}
		rows = append(rows, row)
	}
	return rows
}
