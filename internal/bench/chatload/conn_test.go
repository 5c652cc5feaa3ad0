package chatload

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// served returns a server's frame.
func served(op byte, payload string) []byte {
	b := []byte{128 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// TestTakeFindsLines cuts frames at every place.
func TestTakeFindsLines(t *testing.T) {
	long, longer := strings.Repeat("a", 300), strings.Repeat("b", 1<<16)
	stream := slices.Concat(
		served(opText, "one"), served(opText, "two\nthree"), served(opPong, "x"), served(opText, ""), served(opText, "four\n"),
		served(opText, "\n"+long), served(opText, longer+"\nlast"),
	)
	want := []string{"one", "two", "three", "four", "", long, longer, "last"}
	for _, step := range []int{1, 2, 3, 7, 64, 1000, len(stream)} {
		var got []string
		c := &conn{line: func(line []byte) error { got = append(got, string(line)); return nil }}
		var rest []byte
		for chunk := range slices.Chunk(stream, step) {
			rest = append(rest, chunk...)
			used, err := c.take(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[used:]
		}
		if !slices.Equal(got, want) || len(rest) > 0 || c.left > 0 {
			t.Errorf("in steps of %d bytes: got %.100q, %d bytes and %d of a frame are left", step, got, len(rest), c.left)
		}
	}
}

func TestTakeTellsTheCloseCode(t *testing.T) {
	c := &conn{}
	_, err := c.take(served(opClose, "\x0f\xa8slow"))
	if err == nil || !strings.Contains(err.Error(), "4008 slow") {
		t.Errorf("got %v", err)
	}
}

func FuzzTake(f *testing.F) {
	f.Add(slices.Concat(served(opText, "one\ntwo"), served(opClose, "\x03\xe8")))
	f.Add(served(opText, strings.Repeat("a", 300)))
	f.Add([]byte{129, 127, 255, 255, 255, 255, 255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &conn{line: func([]byte) error { return nil }}
		if b = slices.DeleteFunc(b, func(c byte) bool { return c&15 == opPing }); len(b) == 0 {
			return // an answer would need a connection
		}
		if used, _ := c.take(b); used < 0 || used > len(b) || c.left < 0 {
			t.Errorf("used %d of %d bytes, %d left", used, len(b), c.left)
		}
	})
}
