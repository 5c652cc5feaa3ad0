package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// rawRecord is a record that is stored as it is.
type rawRecord []byte

func (r rawRecord) AppendBinary(b []byte) ([]byte, error) { return append(b, r...), nil }

// content returns the bytes of the nth test record: all of its kind differ,
// and a reader can tell which one they are and whether one bit is missing.
func content(n, size int) []byte {
	b := make([]byte, max(size, 16))
	h := fnv.New64a()
	fmt.Fprint(h, n)
	x := h.Sum64() | 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	binary.BigEndian.PutUint32(b, uint32(n))
	binary.BigEndian.PutUint32(b[4:], uint32(len(b)))
	return b
}

// number reads back which record it is; an error when it is not what content
// made.
func number(rec []byte) (int, error) {
	if len(rec) < 16 {
		return 0, fmt.Errorf("record of %d bytes", len(rec))
	}
	n, size := int(binary.BigEndian.Uint32(rec)), int(binary.BigEndian.Uint32(rec[4:]))
	if size != len(rec) || !slices.Equal(rec, content(n, size)) {
		return n, fmt.Errorf("record %d is not what was stored", n)
	}
	return n, nil
}

// testConfig is a small store in dir.
func testConfig(dir string) Config {
	return Config{
		Dir: dir, InboxMaxBytes: 64 << 20, OutboxMaxBytes: 64 << 20,
		AppendLimit: 10 * time.Second, // a busy machine is no failure here
		StartLimit:  30 * time.Second,
		Logger:      slog.New(slog.DiscardHandler),
	}
}

func mustOpen(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { e.Close() }) // an error here is another test's subject
	return e
}

func openTemp(t testing.TB) *Engine {
	t.Helper()
	return mustOpen(t, testConfig(t.TempDir()))
}

func mustAppend(t testing.TB, l *Log, records ...[]byte) (first, last Pos) {
	t.Helper()
	first, last, err := tryAppend(l, records...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return first, last
}

func tryAppend(l *Log, records ...[]byte) (first, last Pos, err error) {
	for i, rec := range records {
		_, at, err := l.Append(rawRecord(rec))
		if err != nil {
			return first, last, err
		}
		if last = at; i == 0 {
			first = at
		}
	}
	return first, last, nil
}

// readRecord reads one record from the store.
func readRecord(ctx context.Context, l *Log, p Pos) ([]byte, error) {
	b, err := l.Get(ctx, p)
	if err != nil {
		return nil, err
	}
	return b.Record(p)
}

// scanAll reads all records from from on, with their places.
func scanAll(t testing.TB, l *Log, from Pos) (at []Pos, records [][]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := l.Scan(ctx, from, func(b Batch) bool {
		for p, rec := range b.Records() {
			if rec == nil {
				t.Errorf("batch %d is damaged at %v", b.Seq, p)
			}
			at, records = append(at, p), append(records, slices.Clone(rec))
		}
		return true
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return at, records
}

func exists(t testing.TB, elem ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(elem...))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}
