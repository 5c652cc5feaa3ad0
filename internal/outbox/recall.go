package outbox

import (
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// recallTried takes a note of an earlier process: a call may have reached LINE.
func (s *sender) recallTried(note *engine.Tried) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recalled == nil {
		return
	}
	k := &call{way: note.Way, triedAt: note.At}
	for i, id := range append([]engine.CallID{note.CallID}, note.With...) {
		snd := s.find(id)
		if snd == nil {
			continue // done, and the place of its entry is behind
		}
		if snd.user == 0 {
			snd.next = id.Call
		}
		snd.call = k
		k.parts = append(k.parts, snd)
		k.bulk = snd.entry.bulk
		if i == note.Token && note.Way == wayReply {
			k.token = snd
		}
	}
	if len(k.parts) == 0 {
		return
	}
	if k.way == wayReply && k.token == nil {
		k.token = k.parts[0]
	}
	s.recalled[note.CallID] = k
}

// recallSettled takes a note of an earlier process: what became of a call.
func (s *sender) recallSettled(note *engine.Settled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.recalled[note.CallID]
	if k == nil {
		snd := s.find(note.CallID)
		if snd == nil {
			return
		}
		k = &call{way: note.Way, parts: []*send{snd}, token: snd}
	}
	delete(s.recalled, note.CallID)
	for _, snd := range k.parts {
		snd.call = nil
	}
	switch note.Outcome {
	case engine.OutcomeRefused:
		s.recallRefused(k, note.Way)
	case engine.OutcomeDead:
		for _, snd := range k.parts {
			snd.markDone(true)
		}
	case engine.OutcomeSent:
		if !note.Last {
			k.parts[0].next = note.Call + 1
			return
		}
		for _, snd := range k.parts {
			snd.markDone(false)
		}
	}
}

// recallRefused takes up a call that LINE certainly did not take; the caller
// holds mu.
func (s *sender) recallRefused(k *call, way string) {
	switch {
	case way == wayReply && k.token != nil:
		k.token.noReply = true
	case way == wayMulticast && k.parts[0].way == wayMulticast:
		k.parts[0].divide()
	case way == wayMulticast:
		for _, snd := range k.parts {
			snd.alone = true
		}
	}
}

// find returns the send that a note is about, or nil; the caller holds mu.
func (s *sender) find(id engine.CallID) *send {
	if e := s.byID[id.Entry]; e != nil {
		return e.find(id)
	}
	return nil
}
