package linesim

import (
	"fmt"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

const (
	// maxUsers bounds how many users there can be; they are never removed.
	maxUsers = 1_000_000
	// phoneMessages is how many messages one phone keeps; the oldest leave.
	phoneMessages = 10_000
	// strangerWindow is the time in which a bot may push to a user who wrote to it without being its
	// friend (Messaging API reference, "Send push message").
	strangerWindow = 7 * 24 * time.Hour
)

// User is one LINE user as the simulator and its page show them.
type User struct {
	UserID        string `json:"userId"`
	DisplayName   string `json:"displayName"`
	Language      string `json:"language,omitempty"`
	PictureURL    string `json:"pictureUrl,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
	// Following is true while the user is a friend of the bot.
	Following bool `json:"following"`
	// Blocked is true from an unfollow to the next follow.
	Blocked bool `json:"blocked"`
	// RichMenuID is the rich menu that the bot linked to the user; empty where they see the default one.
	RichMenuID string `json:"richMenuId,omitempty"`
}

// NewUser describes a user to add.
type NewUser struct {
	// UserID is U and 32 hexadecimal digits. Empty: made up.
	UserID string `json:"userId,omitempty"`
	// DisplayName is required.
	DisplayName string `json:"displayName"`
	// Language is a BCP 47 tag such as "ja" or "en". Empty: the profile has none, as with users who
	// did not agree to LINE's privacy policy.
	Language string `json:"language,omitempty"`
	// PictureURL and StatusMessage are passed on in profiles where set.
	PictureURL    string `json:"pictureUrl,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
	// PhoneNumber in the form +818000001234 lets messages to phone numbers reach the user. It is shown to
	// nobody.
	PhoneNumber string `json:"phoneNumber,omitempty"`
	// Stranger adds the user without making them a friend of the bot: no follow event is sent.
	Stranger bool `json:"stranger,omitempty"`
}

// account is a user with the state that only the simulator knows; Simulator.mu guards it.
type account struct {
	User
	phone        phone
	loadingUntil time.Time
	// wroteAt is when the user last wrote to the bot in a one-on-one chat.
	wroteAt time.Time
}

// reachable reports whether a message of the bot would arrive now.
func (a *account) reachable(now time.Time) bool {
	if a.Blocked {
		return false
	}
	return a.Following || !a.wroteAt.IsZero() && now.Sub(a.wroteAt) <= strangerWindow
}

// profileVisible reports whether the bot may read the profile (Messaging API reference, "Get
// profile": friends, and users who wrote to the bot; not those who blocked it).
func (a *account) profileVisible() bool {
	return !a.Blocked && (a.Following || !a.wroteAt.IsZero())
}

// AddUser adds a user with a phone. Unless they are a stranger they become a friend of the bot, and a
// follow event is sent. A user id that is taken is ErrConflict.
func (s *Simulator) AddUser(u NewUser) (User, error) {
	user, _, err := s.addUser(u)
	return user, err
}

// addUser is AddUser that also tells the id of the follow event.
func (s *Simulator) addUser(u NewUser) (User, string, error) {
	if u.DisplayName == "" {
		return User{}, "", fmt.Errorf("%w displayName: it is empty, give the user a name", ErrInvalid)
	}
	if u.UserID == "" {
		u.UserID = newChatID('U')
	}
	if !rule.ChatID(u.UserID, "U") {
		return User{}, "", fmt.Errorf("%w userId: want U and 32 hexadecimal digits in lower case", ErrInvalid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[u.UserID]; ok {
		return User{}, "", fmt.Errorf("%w: user %s exists already", ErrConflict, u.UserID)
	}
	if len(s.users) >= maxUsers {
		return User{}, "", fmt.Errorf("%w: there are %d users already, the most the simulator holds", ErrConflict, maxUsers)
	}
	if err := s.roomLocked(); err != nil {
		return User{}, "", err
	}
	a := &account{
		User: User{
			UserID: u.UserID, DisplayName: u.DisplayName, Language: u.Language,
			PictureURL: u.PictureURL, StatusMessage: u.StatusMessage, Following: !u.Stranger,
		},
		phone: newPhone(),
	}
	s.users[a.UserID] = a
	s.userOrder = append(s.userOrder, a)
	if u.PhoneNumber != "" {
		s.byPhone[hashPhone(u.PhoneNumber)] = a
	}
	s.publishLocked(streamUser, a.User)
	if u.Stranger {
		return a.User, "", nil
	}
	return a.User, s.emitLocked(followEvent(a.UserID, false)), nil
}

// Users returns all users in the order they were added.
func (s *Simulator) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]User, len(s.userOrder))
	for i, a := range s.userOrder {
		out[i] = a.User
	}
	return out
}

// User returns one user, or ErrNotFound.
func (s *Simulator) User(userID string) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.accountLocked(userID)
	if err != nil {
		return User{}, err
	}
	return a.User, nil
}

// Follow makes the user a friend of the bot, again where they had blocked it, and sends a follow
// event. It returns the event's id.
func (s *Simulator) Follow(userID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.readyLocked(userID)
	if err != nil {
		return "", err
	}
	unblocked := a.Blocked
	a.Following, a.Blocked = true, false
	s.publishLocked(streamUser, a.User)
	return s.emitLocked(followEvent(userID, unblocked)), nil
}

// Unfollow lets the user block the bot and sends an unfollow event. It returns the event's id.
func (s *Simulator) Unfollow(userID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.readyLocked(userID)
	if err != nil {
		return "", err
	}
	a.Following, a.Blocked = false, true
	s.publishLocked(streamUser, a.User)
	return s.emitLocked(outgoing{event: event{Type: "unfollow", Source: userSource(userID)}, chatID: userID}), nil
}

// accountLocked finds a user.
func (s *Simulator) accountLocked(userID string) (*account, error) {
	a, ok := s.users[userID]
	if !ok {
		return nil, fmt.Errorf("user %s: %w, add the user first", quoteID(userID), ErrNotFound)
	}
	return a, nil
}

// readyLocked finds a user for something that sends a webhook, and makes sure it has room.
func (s *Simulator) readyLocked(userID string) (*account, error) {
	a, err := s.accountLocked(userID)
	if err != nil {
		return nil, err
	}
	return a, s.roomLocked()
}
