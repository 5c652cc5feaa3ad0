package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

func (a *adminAPI) listUsers(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit, err := rows(q)
	if err != nil {
		return nil, err
	}
	channel, state, after := q.Get("channel"), q.Get("state"), q.Get("after")
	if channel == "" {
		channel = "*"
	} else if !channelName.MatchString(channel) {
		return nil, badRequest("channel: %q is not the name of a channel", channel)
	}
	page := UserPage{Users: []UserRow{}}
	skipping := after != ""
	err = a.dir.Users(r.Context(), channel, func(u directory.User) bool {
		place := u.Channel + "/" + u.UserID
		switch {
		case skipping:
			skipping = place != after
		case state == "" || u.State == state:
			page.Users = append(page.Users, UserRow(u))
		}
		if len(page.Users) == limit {
			page.Next = place
			return false
		}
		return true
	})
	if err == nil && skipping {
		err = &refusedError{http.StatusConflict, fmt.Sprintf("after: user %s is not among them, or was forgotten meanwhile; begin anew", after)}
	}
	return page, err
}

// userID is what may stand in a key of the store.
var userID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// channelsOf returns the channels that know a user: the asked one, or all.
func (a *adminAPI) channelsOf(ctx context.Context, r *http.Request) (id string, channels []string, err error) {
	id = r.PathValue("id")
	if !userID.MatchString(id) {
		return "", nil, badRequest("%q is not a user ID; LINE's are U and 32 hexadecimal digits", id)
	}
	pattern := "*"
	if channel := r.URL.Query().Get("channel"); channel != "" {
		if !channelName.MatchString(channel) {
			return "", nil, badRequest("channel: %q is not the name of a channel", channel)
		}
		pattern = channel
	}
	err = a.eng.Directory.Keys(ctx, pattern+".user."+id, func(key string) bool {
		channel, _, _ := strings.Cut(key, ".")
		channels = append(channels, channel)
		return true
	})
	if err == nil && len(channels) == 0 {
		err = fmt.Errorf("user %s: %w", id, engine.ErrNotFound)
	}
	return id, channels, err
}

func (a *adminAPI) showUser(r *http.Request) (any, error) {
	id, channels, err := a.channelsOf(r.Context(), r)
	if err != nil {
		return nil, err
	}
	page := UserPage{Users: []UserRow{}}
	for _, channel := range channels {
		u, err := a.dir.User(r.Context(), channel, id)
		if err != nil {
			return nil, err
		}
		page.Users = append(page.Users, UserRow(u))
	}
	return page, nil
}

// forgetUser erases the user's records and transcripts. A damaged record goes as
// well.
func (a *adminAPI) forgetUser(r *http.Request) (any, error) {
	id, channels, err := a.channelsOf(r.Context(), r)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return nil, err
	}
	written, failed := a.chat.Transcripts(r.Context(), id)
	if failed != nil {
		return nil, failed
	}
	asked := r.URL.Query().Get("channel")
	for _, channel := range written {
		if (asked == "" || asked == channel) && !slices.Contains(channels, channel) {
			channels = append(channels, channel)
		}
	}
	if len(channels) == 0 {
		return nil, err
	}
	page := UserPage{Users: []UserRow{}}
	for _, channel := range channels {
		if err := a.forgetTranscript(r.Context(), channel, id); err != nil {
			return nil, err
		}
		if err := a.dir.Forget(r.Context(), channel, id); err != nil && !errors.Is(err, engine.ErrNotFound) {
			return nil, err
		}
		page.Users = append(page.Users, UserRow{Channel: channel, UserID: id})
	}
	return page, a.eng.Flush()
}
