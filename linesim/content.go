package linesim

import (
	"bytes"
	"io"
	"time"
)

const (
	// contentItems bounds how many media of users are kept, next to Config.ContentBytes.
	contentItems = 100_000
	// maxFileSize is how large a made-up file may be; it takes no memory.
	maxFileSize = 300 << 20
)

// content is the media of one message of a user.
type content struct {
	data      []byte // shared with the samples, or a user's own; never changed
	own       int64  // bytes that count against the limit
	filler    int64  // where data is nil: the length of a made-up file
	mediaType string
	preview   []byte // nil = none
	readyAt   time.Time
	gone      bool // taken back by the user
}

// contents holds the media of users; Simulator.mu guards it.
type contents struct {
	limit, used int64
	items       recent[*content]
}

func newContents(limit int64) *contents {
	cs := &contents{limit: limit, items: newRecent[*content](contentItems)}
	cs.items.dropped = func(c *content) { cs.used -= c.own }
	return cs
}

// put stores the content of a message. The oldest leave while there is no room; the newest stays in any
// case.
func (cs *contents) put(messageID string, c *content) {
	cs.used += c.own
	cs.items.put(messageID, c)
	cs.items.expire(func(old *content) bool { return cs.used > cs.limit && old != c })
}

// takeBack empties the content of a message that the user unsent.
func (cs *contents) takeBack(messageID string) {
	if c, ok := cs.items.get(messageID); ok {
		cs.used -= c.own
		cs.items.put(messageID, &content{gone: true})
	}
}

// size returns the length in bytes.
func (c *content) size() int64 {
	if c.data != nil {
		return int64(len(c.data))
	}
	return c.filler
}

// open returns the bytes.
func (c *content) open() io.Reader {
	if c.data != nil {
		return bytes.NewReader(c.data)
	}
	return io.LimitReader(lines{}, c.filler)
}

// lines is an endless text, the inside of made-up files.
type lines struct{}

func (lines) Read(p []byte) (int, error) {
	const line = "This file was made by the simulator.\n"
	for i := range p {
		p[i] = line[i%len(line)]
	}
	return len(p), nil
}
