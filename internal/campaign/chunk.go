package campaign

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// A chunk is stored as one byte for its form and the receivers. Every form that
// was released stays readable.
const (
	chunkOfUsers  = 1 // the 16 bytes of each user's ID, for a multicast
	chunkOfSingle = 2 // IDs as a JSON list, each for a push of its own
)

// userID is the 16 bytes behind the U of a user's ID.
type userID [16]byte

func (u userID) String() string { return "U" + hex.EncodeToString(u[:]) }

// idKind returns the letter that an ID of LINE begins with, U for a user, C for
// a group and R for a room, or 0 when it is no such ID: a letter and 32
// hexadecimal digits in lower case (Webhook reference, Source).
func idKind(text string) byte {
	if len(text) != 33 || strings.IndexByte("UCR", text[0]) < 0 {
		return 0
	}
	for _, c := range []byte(text[1:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return 0
		}
	}
	return text[0]
}

// parseUser reads a user's ID.
func parseUser(text string) (u userID, ok bool) {
	if idKind(text) != 'U' {
		return u, false
	}
	_, err := hex.Decode(u[:], []byte(text[1:]))
	return u, err == nil
}

// packUsers returns the stored form of users.
func packUsers(users []userID) []byte {
	packed := make([]byte, 1, 1+len(users)*len(userID{}))
	packed[0] = chunkOfUsers
	for _, u := range users {
		packed = append(packed, u[:]...)
	}
	return packed
}

// packSingles returns the stored form of receivers that get a push each.
func packSingles(ids []string) ([]byte, error) {
	list, err := json.Marshal(ids)
	return append([]byte{chunkOfSingle}, list...), err
}

var errChunk = errors.New("a stored list of receivers is damaged")

// sendsOf returns what the outbox is told to send to the receivers of a stored
// chunk.
func sendsOf(packed []byte, messages []json.RawMessage) ([]engine.Send, error) {
	if len(packed) < 2 {
		return nil, errChunk
	}
	switch body := packed[1:]; packed[0] {
	case chunkOfUsers:
		const width = len(userID{})
		if len(body)%width != 0 || len(body) > line.MaxRecipients*width {
			return nil, errChunk
		}
		users := make([]string, 0, len(body)/width)
		for ; len(body) > 0; body = body[width:] {
			users = append(users, userID(body[:width]).String())
		}
		if len(users) == 1 {
			return []engine.Send{{To: users[0], Messages: messages}}, nil // LINE's advice: a push is faster
		}
		return []engine.Send{{Users: users, Messages: messages}}, nil
	case chunkOfSingle:
		var ids []string
		if json.Unmarshal(body, &ids) != nil || len(ids) == 0 || len(ids) > maxSingles {
			return nil, errChunk
		}
		var sends []engine.Send
		for _, id := range ids {
			sends = append(sends, engine.Send{To: id, Messages: messages})
		}
		return sends, nil
	}
	return nil, errChunk
}

// receivers counts who gets a send; a broadcast counts as one.
func receivers(s engine.Send) int { return max(1, len(s.Users)) }

// entryMark is in the name of every entry of a campaign.
const entryMark = "/campaign/"

// entryID names the outbox entry of a chunk. Retry keys are made of it: it must
// never change.
func (r *record) entryID(n int) string {
	return fmt.Sprintf("%s%s%s/%d", r.Channel, entryMark, r.key(), n)
}

// key is the campaign's ID with the time of its creation: an ID may be used
// again when its campaign is forgotten, and the name of an entry never.
func (r *record) key() string {
	return r.ID + "." + strconv.FormatInt(r.Created.UnixMilli(), 36)
}

// parseEntryID returns a campaign's key and the chunk of an entry; ok is false
// for entries that are not of a campaign.
func parseEntryID(entry string) (key string, n int, ok bool) {
	_, rest, ok := strings.Cut(entry, entryMark)
	if !ok {
		return "", 0, false
	}
	key, number, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || strconv.Itoa(n) != number {
		return "", 0, false
	}
	return key, n, true
}
