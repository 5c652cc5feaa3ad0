package server

import (
	"context"
	"fmt"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/line"
)

// loadCampaigns makes the runner of campaigns.
func (s *Server) loadCampaigns(ctx context.Context, clients map[string]*line.Client) (err error) {
	s.campaigns, err = campaign.New(ctx, campaign.Config{
		Engine: s.eng, Clients: clients, Friends: s.friends, Used: s.quotaUsed,
		Open:    func(channel, entryID string) bool { return s.out.Open(channel, entryID) },
		Metrics: campaign.NewMetrics(s.reg), Logger: s.lg,
	})
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	return nil
}

// runCampaigns runs the campaigns, from the moment that the outbox knows which
// of their entries are open.
func (s *Server) runCampaigns(ctx context.Context) error {
	select {
	case <-s.out.Ready():
		return s.campaigns.Run(ctx)
	case <-ctx.Done():
		return nil
	}
}

// friends calls fn with the users of a channel who follow it.
func (s *Server) friends(ctx context.Context, channel string, fn func(userID string) bool) error {
	return s.dir.Users(ctx, channel, func(u directory.User) bool {
		return u.State != directory.StateFriend || fn(u.UserID)
	})
}

// quotaUsed returns how many messages of this month are known to be used.
func (s *Server) quotaUsed(channel string) int64 {
	for _, f := range s.quota.Figures() {
		if f.Channel == channel {
			return f.Used
		}
	}
	return 0
}
