package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"time"
)

// Shards is the number of parts that conversations are divided into. It is
// fixed for the life of a store: checkpoints are kept by shard.
const Shards = 16

// Event is a stored webhook event: the record of the inbox.
//
// Stored form: version byte 1, flags byte, run, accepted time (ns since 1970,
// 8 bytes), then channel, conversation and ID with their lengths, then the raw
// bytes up to the end. Integers are varints unless said otherwise.
type Event struct {
	ID           string // LINE's webhookEventId
	Channel      string
	Conversation string // user, group or room ID; the event's ID when it has no source
	Accepted     time.Time
	Redelivered  bool
	Run          int // 0, or how often it was taken back from the dead letters
	Raw          []byte
}

const eventVersion = 1

const flagRedelivered = 1 << 0

// AppendBinary appends the stored form.
func (ev *Event) AppendBinary(b []byte) ([]byte, error) {
	var flags byte
	if ev.Redelivered {
		flags |= flagRedelivered
	}
	b = append(b, eventVersion, flags)
	b = binary.AppendUvarint(b, uint64(ev.Run))
	b = binary.BigEndian.AppendUint64(b, uint64(ev.Accepted.UnixNano()))
	for _, s := range []string{ev.Channel, ev.Conversation, ev.ID} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return append(b, ev.Raw...), nil
}

var errEvent = errors.New("damaged event record")

// ParseEvent reads the stored form. Raw points into rec.
func ParseEvent(rec []byte) (Event, error) {
	if len(rec) < 2 || rec[0] != eventVersion {
		return Event{}, errEvent
	}
	ev := Event{Redelivered: rec[1]&flagRedelivered != 0}
	rest := rec[2:]
	run, n := binary.Uvarint(rest)
	if n <= 0 || len(rest) < n+8 {
		return Event{}, errEvent
	}
	ev.Run = int(run)
	rest = rest[n:]
	ev.Accepted = time.Unix(0, int64(binary.BigEndian.Uint64(rest)))
	rest = rest[8:]
	for _, field := range []*string{&ev.Channel, &ev.Conversation, &ev.ID} {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return Event{}, errEvent
		}
		*field = string(rest[n : n+int(size)])
		rest = rest[n+int(size):]
	}
	ev.Raw = rest
	return ev, nil
}

// Key names one run of the event in its channel. It is the identity by which
// the event is handled once, and the ID of the outbox entry it leaves.
func (ev *Event) Key() string {
	if ev.Run > 0 {
		return fmt.Sprintf("%s/%s~%d", ev.Channel, ev.ID, ev.Run)
	}
	return ev.Channel + "/" + ev.ID
}

// Shard returns the shard of a conversation.
func Shard(channel, conversation string) int {
	h := fnv.New32a()
	h.Write([]byte(channel))
	h.Write([]byte{0})
	h.Write([]byte(conversation))
	return int(h.Sum32() % Shards)
}
