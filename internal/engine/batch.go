package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A message of a log is one version byte, then for each record its length as
// an unsigned varint and its bytes. A new layout gets a new version byte;
// every version that was released stays readable.
const batchVersion = 1

// Batch is one message of a log as it was read. Its bytes are shared by all
// who hold it: nobody changes them.
type Batch struct {
	Seq    uint64
	Stored time.Time // by the engine's clock
	data   []byte
}

var errBatch = errors.New("damaged batch")

// Records yields the records of the batch in order. It stops early, with a
// nil record as the last one, when the rest of the batch is damaged.
func (b Batch) Records() iter.Seq2[Pos, []byte] {
	return func(yield func(Pos, []byte) bool) {
		if len(b.data) == 0 || b.data[0] != batchVersion {
			yield(newPos(b.Seq, 0), nil)
			return
		}
		rest := b.data[1:]
		for i := 0; len(rest) > 0; i++ {
			n, width := binary.Uvarint(rest)
			if width <= 0 || n > uint64(len(rest)-width) {
				yield(newPos(b.Seq, i), nil)
				return
			}
			end := width + int(n)
			if !yield(newPos(b.Seq, i), rest[width:end:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// Record returns the record at p.
func (b Batch) Record(p Pos) ([]byte, error) {
	for at, rec := range b.Records() {
		if at == p && rec != nil {
			return rec, nil
		}
	}
	return nil, fmt.Errorf("record %v: %w", p, errBatch)
}

// Size returns the bytes that the batch holds in memory.
func (b Batch) Size() int { return len(b.data) }

// chunk is a message that is being filled.
type chunk struct {
	data    []byte
	records int
	seq     uint64 // set when it is stored
}

func newChunk() *chunk { return &chunk{data: []byte{batchVersion}} }

// add appends one record and returns its index.
func (c *chunk) add(rec []byte) int {
	c.data = binary.AppendUvarint(c.data, uint64(len(rec)))
	c.data = append(c.data, rec...)
	c.records++
	return c.records - 1
}
