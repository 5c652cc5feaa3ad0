package outbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// digest stands for messages: equal ones have equal digests, and nobody can
// make others that do.
type digest [16]byte

func digestOf(msgs []json.RawMessage) digest {
	h := sha256.New()
	for _, m := range msgs {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(m)))
		h.Write(size[:])
		h.Write(m)
	}
	return digest(h.Sum(nil)[:16])
}

// digestOfSends returns the digest of what sends say one after the other.
func digestOfSends(sends []*send) digest {
	if len(sends) == 1 {
		return sends[0].content
	}
	h := sha256.New()
	for _, snd := range sends {
		h.Write(snd.content[:])
	}
	return digest(h.Sum(nil)[:16])
}
