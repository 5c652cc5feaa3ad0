package campaign

import (
	"encoding/json"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// States of a campaign.
const (
	StateScheduled = "scheduled" // until StartAt
	StateRunning   = "running"
	StatePaused    = "paused"
	StateCancelled = "cancelled"
	StateDone      = "done"
)

// record is how far a campaign is, as it is stored: JSON; fields may be added,
// none may change meaning. It may be older than the outbox log, see Position.
type record struct {
	ID         string    `json:"id"`
	Channel    string    `json:"channel"`
	Name       string    `json:"name,omitempty"`
	Audience   string    `json:"audience"`
	Digest     string    `json:"digest"` // of what was asked for
	Users      int       `json:"users"`  // receivers, groups and rooms too; 1 for a broadcast
	Duplicates int       `json:"duplicates,omitempty"`
	Chunks     int       `json:"chunks"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"` // why it paused by itself, or of its last failure
	Created    time.Time `json:"created"`
	StartAt    time.Time `json:"startAt,omitzero"` // when it is to start; zero for when it was created
	Ended      time.Time `json:"ended,omitzero"`

	Next   int   `json:"next"`           // the first chunk whose entry is not in the log, by what this knows
	Open   []int `json:"open,omitempty"` // of those before it, which have not come to an end
	Sent   int   `json:"sent"`           // receivers for whom LINE accepted it
	Failed int   `json:"failed"`         // receivers in dead letters
	// Position is a place in the outbox log: no entry of the chunks in Open, and
	// none of Next and those behind it, stands before it. 0 says that there are
	// no such entries.
	Position engine.Pos `json:"position,omitempty"`
}

// content is what a campaign sends, as it is stored.
type content struct {
	Messages []json.RawMessage `json:"messages"`
}

// Campaign is a campaign as it is at a moment.
type Campaign struct {
	ID, Channel, Name, Audience string
	State                       string
	Reason                      string // why it paused by itself, or of its last failure; "" for none
	Users                       int    // receivers, groups and rooms too; 1 for a broadcast, whose receivers only LINE knows
	Duplicates                  int    // receivers that were named more than once
	Sent                        int    // receivers for whom LINE accepted it
	Failed                      int    // receivers in dead letters
	InOutbox                    int    // receivers to whom it is being sent, also when it is paused or cancelled
	Calls, CallsDone            int    // chunks: each is one call, or a push to each of its receivers
	Created, Ended              time.Time
	StartAt                     time.Time         // when it is, or was, to start; zero for when it was created
	Messages                    []json.RawMessage // only of Get
}
