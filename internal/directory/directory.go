// Package directory knows the users and groups of each channel: who is a
// friend, who blocked the bot, which groups it is in, and the profiles of
// users as LINE last gave them.
//
// It learns from events as they are handled, and fetches a profile from LINE
// when a handler asks for one that it does not have or that is too old. When a
// user blocks the bot the profile is erased and only the fact remains.
//
// # What it stores
//
// In the directory bucket, as JSON:
//
//	<channel>.user.<user ID>    User
//	<channel>.group.<group ID>  Group (rooms too)
//
// An ID that no key can hold stands there as "=" and its base64.
//
// The records used last, at most 100,000, are also kept in memory.
package directory

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// maxCached bounds the users in memory, about 500 bytes each.
	maxCached = 100_000
	// noProfileFor is how long LINE is not asked again for a profile that it
	// does not have.
	noProfileFor = 10 * time.Minute
	// defaultProfileAge is how old a profile gets before it is fetched again.
	defaultProfileAge = 24 * time.Hour
)

// States of a user.
const (
	StateFriend  = "friend"
	StateBlocked = "blocked"
	StateSeen    = "seen" // wrote to the bot; LINE did not tell whether as a friend
)

// User is a record of the directory. Fields may be added, none may change
// meaning.
type User struct {
	Channel     string             `json:"channel"`
	UserID      string             `json:"userId"`
	State       string             `json:"state"`
	Since       time.Time          `json:"since"`                 // of the state, by LINE's clock
	IsUnblocked bool               `json:"isUnblocked,omitempty"` // became a friend again after a block
	FirstSeen   time.Time          `json:"firstSeen"`
	Profile     *frontdesk.Profile `json:"profile,omitempty"`
	ProfileAt   time.Time          `json:"profileAt,omitzero"` // of the last answer of LINE, also of "none"
}

// Group is a record of the directory.
type Group struct {
	Channel string    `json:"channel"`
	GroupID string    `json:"groupId"`
	Joined  bool      `json:"joined"`
	Since   time.Time `json:"since"`
}

// Config is what a Directory needs.
type Config struct {
	Bucket     *engine.Bucket
	Clients    map[string]*line.Client // by channel
	ProfileAge time.Duration           // default 24 hours
	Logger     *slog.Logger
}

// Directory is safe for concurrent use.
type Directory struct {
	cfg      Config
	fetching singleflight.Group // by key

	// changing holds a lock for each part of the keys: records are read,
	// changed and stored by one at a time, in the bucket and in memory alike.
	changing [64]sync.Mutex

	mu     sync.Mutex
	cached map[string]User // by key
}

// New returns a directory on a bucket.
func New(cfg Config) *Directory {
	if cfg.ProfileAge == 0 {
		cfg.ProfileAge = defaultProfileAge
	}
	return &Directory{cfg: cfg, cached: map[string]User{}}
}

func userKey(channel, userID string) string   { return channel + ".user." + keyWord(userID) }
func groupKey(channel, groupID string) string { return channel + ".group." + keyWord(groupID) }

// plainID is what LINE's IDs consist of, and more.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// keyWord returns an ID as a word of a key. Those that are not LINE's may hold
// anything: they must not hold up their events.
func keyWord(id string) string {
	if plainID.MatchString(id) {
		return id
	}
	return "=" + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// lock keeps others from changing a record; the caller calls what it returns.
func (d *Directory) lock(key string) (unlock func()) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	mu := &d.changing[h.Sum32()%uint32(len(d.changing))]
	mu.Lock()
	return mu.Unlock
}

// Note learns from an event. Telling it twice of the same event, or of events
// out of order, does no harm.
func (d *Directory) Note(ctx context.Context, ev *frontdesk.Event) error {
	switch ev.Type {
	case frontdesk.TypeFollow:
		return d.follow(ctx, ev)
	case frontdesk.TypeUnfollow:
		return d.change(ctx, ev, StateBlocked, func(u *User) { u.Profile, u.ProfileAt, u.IsUnblocked = nil, time.Time{}, false })
	case frontdesk.TypeJoin, frontdesk.TypeLeave:
		return d.noteGroup(ctx, ev)
	case frontdesk.TypeTimer:
		return nil // says nothing of its user
	}
	if ev.Source.Type == "user" && ev.Source.UserID != "" {
		return d.seen(ctx, ev)
	}
	return nil
}

func (d *Directory) follow(ctx context.Context, ev *frontdesk.Event) error {
	return d.change(ctx, ev, StateFriend, func(u *User) {
		u.IsUnblocked = ev.Follow != nil && ev.Follow.IsUnblocked
		u.ProfileAt = time.Time{} // what LINE did not tell of a stranger it may tell now
	})
}

// change sets a user's state, unless a later event already did.
func (d *Directory) change(ctx context.Context, ev *frontdesk.Event, state string, set func(*User)) error {
	if ev.Source.UserID == "" {
		return nil
	}
	defer d.lock(userKey(ev.Channel, ev.Source.UserID))()
	u, err := d.load(ctx, ev.Channel, ev.Source.UserID)
	if errors.Is(err, engine.ErrNotFound) {
		u = User{Channel: ev.Channel, UserID: ev.Source.UserID, FirstSeen: ev.Timestamp}
	} else if err != nil {
		return err
	}
	// That a user wrote says nothing against an older follow that came late.
	upgrade := u.State == StateSeen && state == StateFriend
	if u.Since.After(ev.Timestamp) && !upgrade {
		return nil
	}
	u.State, u.Since = state, ev.Timestamp
	set(&u)
	return d.save(ctx, u)
}

// seen makes a record of a user who is not known yet.
func (d *Directory) seen(ctx context.Context, ev *frontdesk.Event) error {
	if _, err := d.User(ctx, ev.Channel, ev.Source.UserID); !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	defer d.lock(userKey(ev.Channel, ev.Source.UserID))()
	if _, err := d.load(ctx, ev.Channel, ev.Source.UserID); !errors.Is(err, engine.ErrNotFound) {
		return err
	}
	return d.save(ctx, User{
		Channel: ev.Channel, UserID: ev.Source.UserID, State: StateSeen,
		Since: ev.Timestamp, FirstSeen: ev.Timestamp,
	})
}

func (d *Directory) noteGroup(ctx context.Context, ev *frontdesk.Event) error {
	if ev.Conversation == "" {
		return nil
	}
	key := groupKey(ev.Channel, ev.Conversation)
	defer d.lock(key)()
	var g Group
	data, _, err := d.cfg.Bucket.Get(ctx, key)
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return fmt.Errorf("directory: group: %w", err)
	}
	if g.Since.After(ev.Timestamp) {
		return nil
	}
	g = Group{Channel: ev.Channel, GroupID: ev.Conversation, Joined: ev.Type == frontdesk.TypeJoin, Since: ev.Timestamp}
	if data, err = json.Marshal(g); err != nil {
		return err
	}
	return d.cfg.Bucket.Put(ctx, key, data)
}

// User returns a record; an error that is engine.ErrNotFound when there is
// none.
func (d *Directory) User(ctx context.Context, channel, userID string) (User, error) {
	if u, ok := d.recall(userKey(channel, userID)); ok {
		return u, nil
	}
	defer d.lock(userKey(channel, userID))()
	return d.load(ctx, channel, userID)
}

// recall returns a record from memory.
func (d *Directory) recall(key string) (User, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, ok := d.cached[key]
	return u, ok
}

// load returns a record from memory or from the bucket; the caller holds its
// lock.
func (d *Directory) load(ctx context.Context, channel, userID string) (User, error) {
	key := userKey(channel, userID)
	u, ok := d.recall(key)
	if ok {
		return u, nil
	}
	data, _, err := d.cfg.Bucket.Get(ctx, key)
	if err != nil {
		return User{}, fmt.Errorf("directory: user %s: %w", userID, err)
	}
	if err := json.Unmarshal(data, &u); err != nil {
		return User{}, fmt.Errorf("directory: user %s is damaged; forget it with 'frontdesk user forget'", userID)
	}
	d.remember(key, u)
	return u, nil
}

// save stores a record; the caller holds its lock.
func (d *Directory) save(ctx context.Context, u User) error {
	data, err := json.Marshal(u)
	if err != nil {
		return err
	}
	key := userKey(u.Channel, u.UserID)
	if err := d.cfg.Bucket.Put(ctx, key, data); err != nil {
		return fmt.Errorf("directory: user %s: %w", u.UserID, err)
	}
	d.remember(key, u)
	return nil
}

// remember keeps a record in memory, in place of any other when it is full.
func (d *Directory) remember(key string, u User) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cached) >= maxCached {
		for other := range d.cached {
			delete(d.cached, other)
			break
		}
	}
	d.cached[key] = u
}

// Forget erases all that is known of a user; engine.ErrNotFound when nothing
// is.
func (d *Directory) Forget(ctx context.Context, channel, userID string) error {
	key := userKey(channel, userID)
	defer d.lock(key)()
	if _, err := d.load(ctx, channel, userID); errors.Is(err, engine.ErrNotFound) {
		return err
	}
	if err := d.cfg.Bucket.Delete(ctx, key); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cached, key)
	return nil
}

// Users calls fn with the users of a channel, or of all channels for "*", in
// the order of their last change. fn may return false to stop.
func (d *Directory) Users(ctx context.Context, channel string, fn func(User) bool) error {
	var inner error
	err := d.cfg.Bucket.Keys(ctx, channel+".user.*", func(key string) bool {
		data, _, err := d.cfg.Bucket.Get(ctx, key)
		if errors.Is(err, engine.ErrNotFound) {
			return true // forgotten meanwhile
		}
		var u User
		if err == nil {
			err = json.Unmarshal(data, &u)
		}
		if err != nil {
			inner = fmt.Errorf("directory: %s: %w", key, err)
			return false
		}
		return fn(u)
	})
	return errors.Join(inner, err)
}
