package desktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/line"
)

// Desk is a frontdesk.Desk that keeps what a handler sends. One may serve any
// number of events; methods may be called concurrently.
type Desk struct {
	profiles map[string]frontdesk.Profile
	contents map[string]content
	err      error

	mu       sync.Mutex
	sends    []Sent
	timers   []frontdesk.Timer // that wait
	nameless int               // timers that got a key
}

var _ frontdesk.Desk = (*Desk)(nil)

type content struct {
	contentType string
	data        []byte
}

// Sent is one message that a handler sent.
type Sent struct {
	// To is the receiver of a Push, or "" for the event's own conversation.
	To string
	// Message is what the handler gave.
	Message frontdesk.Message
	// JSON is the message as LINE would get it.
	JSON json.RawMessage
}

// Option prepares a Desk.
type Option func(*Desk)

// WithProfile gives the desk a user's profile. Users without one get
// frontdesk.ErrNoProfile.
func WithProfile(p frontdesk.Profile) Option {
	return func(d *Desk) { d.profiles[p.UserID] = p }
}

// WithContent gives the desk the bytes of a message that a user sent; they are
// not copied. Messages without them get frontdesk.ErrGone.
func WithContent(messageID, contentType string, data []byte) Option {
	return func(d *Desk) { d.contents[messageID] = content{contentType, data} }
}

// WithError lets Profile and Content fail, as they do when LINE does not answer.
func WithError(err error) Option { return func(d *Desk) { d.err = err } }

// New returns a desk that nothing was sent through yet.
func New(opts ...Option) *Desk {
	d := &Desk{profiles: map[string]frontdesk.Profile{}, contents: map[string]content{}}
	for _, opt := range opts {
		opt(d)
	}
	return d
}

// Send keeps messages for the event's own conversation.
func (d *Desk) Send(msgs ...frontdesk.Message) error { return d.add("", msgs) }

// Push keeps messages for another conversation.
func (d *Desk) Push(to string, msgs ...frontdesk.Message) error {
	if to == "" {
		return frontdesk.Drop(errors.New("push without a user, group or room ID"))
	}
	return d.add(to, msgs)
}

func (d *Desk) add(to string, msgs []frontdesk.Message) error {
	encoded, err := line.EncodeMessages(msgs...)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sends)+len(msgs) > frontdesk.MaxMessages {
		return frontdesk.Drop(fmt.Errorf("more than %d messages for one event", frontdesk.MaxMessages))
	}
	for i, m := range msgs {
		d.sends = append(d.sends, Sent{To: to, Message: m, JSON: encoded[i]})
	}
	return nil
}

// Profile returns a profile that was given to New.
func (d *Desk) Profile(_ context.Context, userID string) (frontdesk.Profile, error) {
	if d.err != nil {
		return frontdesk.Profile{}, d.err
	}
	p, ok := d.profiles[userID]
	if !ok {
		return frontdesk.Profile{}, frontdesk.ErrNoProfile
	}
	return p, nil
}

// Content returns content that was given to New.
func (d *Desk) Content(_ context.Context, messageID string) (*frontdesk.Media, error) {
	if d.err != nil {
		return nil, d.err
	}
	c, ok := d.contents[messageID]
	if !ok {
		return nil, frontdesk.ErrGone
	}
	return &frontdesk.Media{
		ContentType: c.contentType, Length: int64(len(c.data)), Body: io.NopCloser(bytes.NewReader(c.data)),
	}, nil
}

// Sent returns all messages in the order they were sent.
func (d *Desk) Sent() []Sent {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.sends)
}

// Texts returns the texts that were sent to a receiver, "" for the event's own
// conversation. A message of another type stands there as its type in brackets,
// such as "[sticker]".
func (d *Desk) Texts(to string) (texts []string) {
	for _, s := range d.Sent() {
		if s.To == to {
			texts = append(texts, s.text())
		}
	}
	return texts
}

// text names a message in a few words.
func (s Sent) text() string {
	var m struct{ Type, Text string }
	if err := json.Unmarshal(s.JSON, &m); err != nil {
		panic("desktest: a message that was encoded cannot be decoded") // unreachable
	}
	if m.Type == "text" || m.Type == "textV2" {
		return m.Text
	}
	return "[" + m.Type + "]"
}
