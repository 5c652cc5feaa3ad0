package server

import (
	"encoding/json"
	"net/url"
	"time"
)

// NewCampaign says what a campaign sends, and to whom.
type NewCampaign struct {
	// ID names it: 1 to 64 letters, digits, '-' and '_'; "" makes one up. Who
	// creates it again with the same ID, messages, receivers and StartAt gets the
	// one that is there.
	ID      string `json:"id,omitempty"`
	Channel string `json:"channel,omitempty"` // "" for the only one
	Name    string `json:"name,omitempty"`    // for people; at most 200 bytes
	// Audience is "users" (also ""), of a list or of To; "all" for all friends that
	// the directory knows; "broadcast" for all friends, by LINE's broadcast.
	Audience string   `json:"audience,omitempty"`
	To       []string `json:"to,omitempty"` // users, groups and rooms, at most 500, in place of a list
	// StartAt is when it starts: at most 366 days ahead. Zero, and up to a minute
	// ago, is at once.
	StartAt   time.Time         `json:"startAt,omitzero"`
	Messages  []json.RawMessage `json:"messages"` // 1 to 5 message objects, as LINE takes them
	OverQuota bool              `json:"overQuota,omitempty"`
}

// CampaignPlan is what a campaign would do and cost.
type CampaignPlan struct {
	Users      int            `json:"users"` // without duplicates; of a broadcast the friends that the directory knows
	Groups     int            `json:"groups"`
	Duplicates int            `json:"duplicates"`       // receivers that were named more than once
	Calls      int            `json:"calls"`            // to LINE
	StartAt    time.Time      `json:"startAt,omitzero"` // when it would start; zero for at once
	Cost       int            `json:"cost"`             // in messages of the monthly quota: one for each receiver
	AtLeast    bool           `json:"atLeast"`          // the cost may be higher: for groups by their members, and for a broadcast
	Quota      *CampaignQuota `json:"quota"`            // of the month in which it starts; null when LINE did not tell
	Fits       bool           `json:"fits"`             // as far as is known
	Checked    bool           `json:"checked"`          // LINE would take the messages
	Unchecked  string         `json:"unchecked,omitempty"`
}

// CampaignQuota is what is left of a channel's messages of a month. Without a limit
// all figures are 0.
type CampaignQuota struct {
	// Month is "" for this month, or a later one as 2026-12: then the limit is
	// taken to stay as it is, and nothing is used yet.
	Month    string `json:"month,omitempty"`
	Limited  bool   `json:"limited"`
	Limit    int64  `json:"limit"`
	Used     int64  `json:"used"`     // about, by what LINE says and was sent since
	Reserved int64  `json:"reserved"` // for receivers that other campaigns still have
	Left     int64  `json:"left"`
}

// CampaignQuery chooses campaigns. Zero fields choose all.
type CampaignQuery struct {
	Channel string
	State   string // scheduled, running, paused, cancelled or done
	Limit   int    // rows; 0 for all, which are some 1,000 at most
}

func (q CampaignQuery) values() url.Values {
	v := url.Values{}
	setText(v, "channel", q.Channel)
	setText(v, "state", q.State)
	setNumber(v, "limit", uint64(max(q.Limit, 0)))
	return v
}

// CampaignPage is campaigns, the newest first.
type CampaignPage struct {
	Campaigns []CampaignRow `json:"campaigns"`
	Total     int           `json:"total"` // that match
}

// CampaignRow is a campaign.
type CampaignRow struct {
	ID         string    `json:"id"`
	Channel    string    `json:"channel"`
	Name       string    `json:"name,omitempty"`
	Audience   string    `json:"audience"`
	State      string    `json:"state"`            // scheduled, running, paused, cancelled or done
	Reason     string    `json:"reason,omitempty"` // why it paused by itself, or of its last failure
	Users      int       `json:"users"`            // receivers, groups and rooms too; 1 for a broadcast, whose receivers only LINE knows
	Duplicates int       `json:"duplicates,omitempty"`
	Sent       int       `json:"sent"`     // receivers for whom LINE accepted it
	Failed     int       `json:"failed"`   // receivers in dead letters
	InOutbox   int       `json:"inOutbox"` // receivers to whom it is being sent, also when it is paused or cancelled
	Left       int       `json:"left"`     // receivers who are not in the outbox yet; they never will be when it is cancelled
	Calls      int       `json:"calls"`
	CallsDone  int       `json:"callsDone"`
	Created    time.Time `json:"created"`
	StartAt    time.Time `json:"startAt,omitzero"` // when it is, or was, to start; zero for when it was created
	Ended      time.Time `json:"ended,omitzero"`
	// Messages are what it sends; not in lists.
	Messages []json.RawMessage `json:"messages,omitempty"`
}
