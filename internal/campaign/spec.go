package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/line-frontdesk/frontdesk/line"
)

// Audiences of a campaign.
const (
	AudienceUsers     = "users"     // those of a list
	AudienceAll       = "all"       // all friends that the directory knows
	AudienceBroadcast = "broadcast" // all friends, by LINE's broadcast
)

const (
	// maxSingles bounds Spec.To.
	maxSingles = 500
	// maxContent bounds the messages of a campaign, in bytes of JSON: they stand
	// in each of its entries in the outbox.
	maxContent = 256 << 10
	// maxName bounds a campaign's name, in bytes.
	maxName = 200
)

// Errors that callers decide by. Those that match them say what is wrong.
var (
	ErrInvalid  = errors.New("not a campaign")
	ErrConflict = errors.New("not as things are")
	// ErrOverQuota is of a campaign that does not fit what LINE says is left of
	// the month's messages.
	ErrOverQuota = errors.New("over the quota")
	// ErrNoServer is of what a Runner without channels cannot do.
	ErrNoServer = errors.New("no server runs")
)

// refusal is one of the errors above in other words.
type refusal struct {
	kind error
	text string
}

func (e *refusal) Error() string { return e.text }
func (e *refusal) Unwrap() error { return e.kind }

func invalid(format string, args ...any) error {
	return &refusal{ErrInvalid, fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) error {
	return &refusal{ErrConflict, fmt.Sprintf(format, args...)}
}

// Spec says what a campaign sends, and to whom.
type Spec struct {
	// ID names the campaign: 1 to 64 letters, digits, '-' and '_'; "" makes one
	// up. Creating it again with the same ID does nothing.
	ID       string
	Channel  string // "" for the only one
	Name     string // for people; at most 200 bytes
	Audience string // AudienceUsers, AudienceAll or AudienceBroadcast
	// To names the receivers in place of a list: at most 500 users, groups and
	// rooms. Only with AudienceUsers.
	To []string
	// StartAt is when it starts, by the wall clock: at most 366 days ahead. Zero, and
	// up to a minute ago, is at once.
	StartAt   time.Time
	Messages  []json.RawMessage // 1 to 5, as LINE takes them
	OverQuota bool              // create it although the quota does not suffice
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check refuses what cannot be a campaign. hasList says that a list of users
// comes with it.
func (s *Spec) check(hasList bool) error {
	switch {
	case s.ID != "" && !idForm.MatchString(s.ID):
		return invalid("id: %q is not 1 to 64 letters, digits, '-' or '_'", s.ID)
	case len(s.Name) > maxName || !utf8.ValidString(s.Name):
		return invalid("name: it has more than %d bytes, or is not UTF-8", maxName)
	}
	switch s.Audience {
	case AudienceUsers:
		if hasList == (len(s.To) > 0) {
			return invalid("audience %s: it takes either a list of users or receivers in \"to\"", s.Audience)
		}
	case AudienceAll, AudienceBroadcast:
		if hasList || len(s.To) > 0 {
			return invalid("audience %s: it takes no list of users", s.Audience)
		}
	default:
		return invalid("audience: %q is not %s, %s or %s", s.Audience, AudienceUsers, AudienceAll, AudienceBroadcast)
	}
	if len(s.To) > maxSingles {
		return invalid("to: %d receivers, at most %d; give more as a list of users", len(s.To), maxSingles)
	}
	for _, id := range s.To {
		if idKind(id) == 0 {
			return invalid("to: %q is no ID of LINE, which is U (user), C (group) or R (room) and 32 hexadecimal digits in lower case", id)
		}
	}
	return s.checkMessages()
}

// checkMessages checks the form of the messages; the rest is LINE's to check.
func (s *Spec) checkMessages() error {
	if n := len(s.Messages); n == 0 || n > line.MaxMessages {
		return invalid("messages: there are %d, LINE takes 1 to %d", n, line.MaxMessages)
	}
	size := 0
	for i, m := range s.Messages {
		var typed struct{ Type string }
		if json.Unmarshal(m, &typed) != nil || typed.Type == "" {
			return invalid("messages[%d]: it is not a message object of LINE, with a \"type\"", i)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, m); err != nil { // unreachable: it was just read
			return invalid("messages[%d]: it is not JSON", i)
		}
		s.Messages[i] = compact.Bytes()
		size += compact.Len()
	}
	if size > maxContent {
		return invalid("messages: they have %d bytes, at most %d", size, maxContent)
	}
	return nil
}

// kind returns the call to LINE that most of the campaign goes by.
func (s *Spec) kind() string {
	switch {
	case s.Audience == AudienceBroadcast:
		return "broadcast"
	case len(s.To) == 1:
		return "push"
	}
	return "multicast"
}

// newDigest begins the digest by which the same campaign is known again. Of an
// audience only lists and receivers are in it: they come after this.
func (s *Spec) newDigest() hash.Hash {
	h := sha256.New()
	put := func(part []byte) { fmt.Fprintf(h, "%d:%s", len(part), part) } // a hash never fails
	put([]byte(s.Channel))
	put([]byte(s.Audience))
	for _, m := range s.Messages {
		put(m)
	}
	return h
}

func digestText(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
