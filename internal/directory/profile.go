package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// fetchLimit bounds one question to LINE, also when the handler that asked
// first has gone: others wait for the same answer.
const fetchLimit = 10 * time.Second

// Profile returns a user's profile, from memory, from the store or from LINE:
// as a member of the source's group where it has one. It returns
// frontdesk.ErrNoProfile when LINE has none, and an old profile rather than an
// error when LINE does not answer or ctx ends.
func (d *Directory) Profile(ctx context.Context, channel string, source frontdesk.Source, userID string) (frontdesk.Profile, error) {
	u, err := d.User(ctx, channel, userID)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return frontdesk.Profile{}, err
	}
	age := time.Since(u.ProfileAt)
	switch {
	case u.Profile != nil && age < d.cfg.ProfileAge:
		return *u.Profile, nil
	case u.Profile == nil && age < noProfileFor && source.Type == "user":
		return frontdesk.Profile{}, frontdesk.ErrNoProfile
	}
	fetched := d.fetching.DoChan(userKey(channel, userID)+source.Conversation(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchLimit)
		defer cancel()
		return d.fetch(ctx, channel, source, userID)
	})
	var got singleflight.Result
	select {
	case got = <-fetched:
	case <-ctx.Done(): // the answer is kept for the next who asks
		got = singleflight.Result{Val: frontdesk.Profile{}, Err: fmt.Errorf("directory: profile: %w", ctx.Err())}
	}
	v, err := got.Val, got.Err
	if err != nil && !errors.Is(err, frontdesk.ErrNoProfile) && u.Profile != nil {
		d.cfg.Logger.Warn("an old profile is used: LINE did not give a new one", "channel", channel, "user", userID, "error", err)
		return *u.Profile, nil
	}
	return v.(frontdesk.Profile), err
}

// fetch asks LINE and keeps the answer.
func (d *Directory) fetch(ctx context.Context, channel string, source frontdesk.Source, userID string) (frontdesk.Profile, error) {
	client := d.cfg.Clients[channel]
	if client == nil {
		return frontdesk.Profile{}, fmt.Errorf("directory: channel %s is not configured", channel)
	}
	var got *line.Profile
	var err error
	switch source.Type {
	case "group":
		got, err = client.GroupMemberProfile(ctx, source.GroupID, userID)
	case "room":
		got, err = client.RoomMemberProfile(ctx, source.RoomID, userID)
	default:
		got, err = client.Profile(ctx, userID)
	}
	if err != nil && !errors.Is(err, line.ErrNotFound) {
		return frontdesk.Profile{}, fmt.Errorf("directory: profile: %w", err)
	}
	defer d.lock(userKey(channel, userID))()
	u, known := d.load(ctx, channel, userID)
	switch {
	case errors.Is(known, engine.ErrNotFound):
		u = User{Channel: channel, UserID: userID, State: StateSeen, Since: time.Now(), FirstSeen: time.Now()}
	case known != nil:
		return frontdesk.Profile{}, known
	}
	if err != nil {
		if source.Type == "user" && u.State != StateBlocked {
			u.Profile, u.ProfileAt = nil, time.Now()
			return frontdesk.Profile{}, errors.Join(frontdesk.ErrNoProfile, d.save(ctx, u))
		}
		return frontdesk.Profile{}, frontdesk.ErrNoProfile
	}
	profile := frontdesk.Profile{
		UserID: got.UserID, DisplayName: got.DisplayName, Language: got.Language,
		PictureURL: got.PictureURL, StatusMessage: got.StatusMessage,
	}
	if u.Profile != nil && profile.Language == "" {
		profile.Language = u.Profile.Language // LINE does not tell it of members
	}
	u.Profile, u.ProfileAt = &profile, time.Now()
	// A member of a group may have blocked the bot: then nothing is kept.
	if u.State != StateBlocked {
		if err := d.save(ctx, u); err != nil {
			return frontdesk.Profile{}, err
		}
	}
	return profile, nil
}
