package engine

import "fmt"

// Pos is the place of a record in a log. Positions grow with the log; 0 is
// before the first record.
type Pos uint64

// indexBits is how much of a Pos counts records within one message.
const indexBits = 16

// maxBatchRecords is how many records fit one message.
const maxBatchRecords = 1 << indexBits

func newPos(seq uint64, index int) Pos { return Pos(seq<<indexBits | uint64(index)) }

// Seq returns the sequence of the message that holds the record.
func (p Pos) Seq() uint64 { return uint64(p) >> indexBits }

// Index returns the record's place within its message, from 0.
func (p Pos) Index() int { return int(p & (maxBatchRecords - 1)) }

// String formats p as sequence.index.
func (p Pos) String() string { return fmt.Sprintf("%d.%d", p.Seq(), p.Index()) }

// After returns the place behind the last record of a batch.
func After(b Batch) Pos { return newPos(b.Seq+1, 0) }
