package dispatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/line-frontdesk/frontdesk/internal/engine"
)

// slotSize is one place in the log, big endian; zero means that the slot is free.
const slotSize = 8

// runningFile tells which events were being handled when the process ended.
// It is written without a flush: what the system has taken outlives the
// process, and after a power loss nobody is to blame.
type runningFile struct {
	file *os.File
	left []engine.Pos // what the last process was at

	mu   sync.Mutex
	free []int
}

func openRunning(name string, slots int) (*runningFile, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	r := &runningFile{file: f, free: make([]int, slots)}
	for i := range r.free {
		r.free[i] = slots - 1 - i
	}
	var slot [slotSize]byte
	for {
		if _, err := io.ReadFull(f, slot[:]); err != nil {
			break // the end; a torn slot is one that nobody finished writing
		}
		if pos := engine.Pos(binary.BigEndian.Uint64(slot[:])); pos != 0 {
			r.left = append(r.left, pos)
		}
	}
	return r, nil
}

// forget empties the file, once what it told is in a checkpoint.
func (r *runningFile) forget() error {
	r.left = nil
	if err := r.file.Truncate(0); err != nil {
		return fmt.Errorf("empty file of running events: %w", err)
	}
	return nil
}

// noSlot is what enter returns when it could not write.
const noSlot = -1

// enter notes that an event is being handled.
func (r *runningFile) enter(pos engine.Pos) (slot int) {
	r.mu.Lock()
	if len(r.free) == 0 { // unreachable: the pool is as large
		r.mu.Unlock()
		return noSlot
	}
	slot = r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	r.mu.Unlock()
	r.write(slot, pos)
	return slot
}

// leave notes that the event in a slot is over.
func (r *runningFile) leave(slot int) {
	if slot == noSlot {
		return
	}
	r.write(slot, 0)
	r.mu.Lock()
	r.free = append(r.free, slot)
	r.mu.Unlock()
}

// write ignores errors: without the note an event that kills the process is
// tried more often, and nothing else changes.
func (r *runningFile) write(slot int, pos engine.Pos) {
	var b [slotSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(pos))
	_, _ = r.file.WriteAt(b[:], int64(slot)*slotSize)
}

// close empties the file: an orderly end blames nobody. What an earlier process
// left stays until it is in a checkpoint.
func (r *runningFile) close() error {
	if len(r.left) > 0 {
		return r.file.Close()
	}
	return errors.Join(r.file.Truncate(0), r.file.Close())
}
