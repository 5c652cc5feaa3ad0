package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// QuotaRow tells how much of this month's quota a channel has used. Messages
// are counted by recipients; replies are free.
type QuotaRow struct {
	Channel string `json:"channel"`
	// AsOf is when LINE told it last; zero while it has not this month.
	AsOf time.Time `json:"asOf,omitzero"`
	// Limited says whether there is a limit.
	Limited  bool   `json:"limited"`
	Limit    *int64 `json:"limit,omitempty"`    // nil for none
	Used     *int64 `json:"used,omitempty"`     // what LINE told and what was sent since; nil while that is not known
	Left     *int64 `json:"left,omitempty"`     // nil for no limit
	Forecast *int64 `json:"forecast,omitempty"` // of Used when the month ends; nil in its first three days
	// Over says that LINE refused the last push for the monthly limit.
	Over bool `json:"over"`
	// Waiting is how many sends wait in the outbox. Over the quota, these are
	// the pushes that are held.
	Waiting int `json:"waiting"`
}

// quotaPage is the answer of the admin API.
type quotaPage struct {
	Channels []QuotaRow `json:"channels"`
}

// Quota returns the quota of one channel, or of every channel for "", in the
// order of the configuration. Only a running server knows it; the error matches
// ErrNotFound when it has no such channel.
func (a *Admin) Quota(ctx context.Context, channel string) ([]QuotaRow, error) {
	v := url.Values{}
	setText(v, "channel", channel)
	var page quotaPage
	err := a.call(ctx, http.MethodGet, "/quota", v, &page)
	return page.Channels, err
}

func (a *adminAPI) listQuota(r *http.Request) (any, error) {
	if a.quota == nil {
		return nil, &refusedError{http.StatusConflict, "no server runs on this data folder, and only a running one asks LINE for the quota; start it with 'frontdesk serve'"}
	}
	rows := a.quota()
	channel := r.URL.Query().Get("channel")
	if channel == "" {
		return quotaPage{rows}, nil
	}
	for _, row := range rows {
		if row.Channel == channel {
			return quotaPage{[]QuotaRow{row}}, nil
		}
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.Channel)
	}
	return nil, fmt.Errorf("channel %q: %w; the server has %s", channel, engine.ErrNotFound, strings.Join(names, ", "))
}
