package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/line"
)

// storePause is the wait before a store that does not answer is asked again.
const storePause = time.Second

// step makes one call and decides what comes next.
func (s *sender) step(ctx context.Context, k *call, from *lane) {
	reason := k.expired(time.Now())
	if reason != "" {
		s.o.cfg.Metrics.sent(s.name, k.way, "undecided")
		if k.way == wayReply && s.channel.PreferDelivered {
			k.triedAt, k.token.noReply = time.Time{}, true
			s.noteRefused(k, wayReply) // a restart pushes, too
			s.part(k, false)
			return
		}
	}
	if s.client == nil {
		reason = "channel " + s.name + " is not in the configuration; retry when it is"
	}
	if reason != "" {
		s.bury(ctx, k, reason)
		return
	}
	body, err := s.load(ctx, k)
	if err != nil {
		s.lg.Error("entry cannot be read from the outbox", "entry", k.id().Entry, "error", err)
		s.retry(k, storePause)
		return
	}
	if err := s.noteTried(k); err != nil {
		s.lg.Error("a try could not be noted, so it is not made yet", "entry", k.id().Entry, "error", err)
		s.retry(k, storePause)
		return
	}
	start := time.Now()
	for _, snd := range k.parts { // the note's flush made their entries durable, too
		s.o.cfg.Trace(snd.entry.eventID, StepStored, start, "")
	}
	result, err := s.transmit(ctx, k, body)
	s.o.cfg.Metrics.called(k.way, time.Since(start))
	s.conclude(ctx, k, from, start, result, err)
}

// body is what a call says.
type body struct {
	messages []json.RawMessage
	token    string // of a reply
	options  []line.SendOption
}

// load reads the messages of a call from the log. The receivers of a gathered
// multicast get the same: those of the first one stand for all.
func (s *sender) load(ctx context.Context, k *call) (b body, err error) {
	receiver := k.parts[0].key()
	for _, snd := range k.parts {
		if snd.key() != receiver {
			break
		}
		stored, err := s.read(ctx, snd)
		if err != nil {
			return b, err
		}
		from := min(snd.next*maxPerCall, len(stored.Messages))
		to := min(from+maxPerCall, len(stored.Messages))
		b.messages = append(b.messages, stored.Messages[from:to]...)
		if snd == k.token {
			b.token = stored.ReplyToken
		}
		b.options = append(b.options, options(stored)...)
	}
	return b, nil
}

// options returns what of a send is beside its messages. One that has any shares
// no call.
func options(stored *engine.Send) (opts []line.SendOption) {
	if stored.Silent {
		opts = append(opts, line.Silently())
	}
	if len(stored.Units) > 0 {
		opts = append(opts, line.InUnits(stored.Units...))
	}
	return opts
}

// read reads a send from the log.
func (s *sender) read(ctx context.Context, snd *send) (*engine.Send, error) {
	rec, err := s.o.cache.Record(ctx, snd.entry.pos)
	if err != nil {
		return nil, err
	}
	v, err := engine.ParseOutbox(rec)
	if err != nil {
		return nil, err
	}
	stored, ok := v.(*engine.Entry)
	if !ok || snd.index >= len(stored.Sends) {
		return nil, errors.New("the record is not the entry that it was") // unreachable unless corrupt
	}
	return &stored.Sends[snd.index], nil
}

// noteTried stores that the call may reach LINE, unless that is known already.
func (s *sender) noteTried(k *call) error {
	if k.undecided() {
		return nil
	}
	note := &engine.Tried{CallID: k.id(), Way: k.way, At: time.Now()}
	for i, snd := range k.parts {
		if i > 0 {
			note.With = append(note.With, snd.callID())
		}
		if snd == k.token {
			note.Token = i
		}
	}
	_, _, err := s.o.eng.Outbox.Append(note)
	return err
}

func (s *sender) transmit(ctx context.Context, k *call, b body) (*line.SendResult, error) {
	head := k.parts[0]
	switch k.way {
	case wayReply:
		return s.client.Reply(ctx, b.token, b.messages, b.options...)
	case wayMulticast:
		return s.client.Multicast(ctx, k.users(), b.messages, retryKey(k.id()), b.options...)
	case wayBroadcast:
		return s.client.Broadcast(ctx, b.messages, retryKey(k.id()), b.options...)
	default:
		return s.client.Push(ctx, head.to, b.messages, retryKey(k.id()), b.options...)
	}
}

// users returns the receivers of a multicast.
func (k *call) users() []string {
	if users := k.parts[0].users; users != nil {
		return users
	}
	users := make([]string, 0, len(k.conversations))
	for _, snd := range k.parts {
		if len(users) == 0 || users[len(users)-1] != snd.to {
			users = append(users, snd.to)
		}
	}
	return users
}
