package systrace

import (
	"strings"
	"testing"
)

// As strace prints what two threads do: the flush of the first overlaps with a
// write of the second.
const overlapping = `1 write(7</d/jetstream/1.blk>, "one", 3) = 3
1 syncfs(5</d> <unfinished ...>
2 write(7</d/jetstream/1.blk>, "two", 3) = 3
1 <... syncfs resumed>) = 0
2 write(9<socket:[1]>, "ack one", 7) = 7
2 write(9<socket:[1]>, "ack two", 7) = 7
1 syncfs(5</d>) = -1 EIO (Input/output error)
1 syncfs(5</e>) = 0
2 write(9<socket:[1]>, "ack two again", 13) = 13
1 +++ exited with 0 +++`

func TestFlushedBetween(t *testing.T) {
	tr := parse(overlapping)
	for _, tc := range []struct {
		stored, told string
		ok           bool
	}{
		{"one", "ack one", true},
		{"two", "ack one", false},
		{"two", "ack two", false},       // the flush had begun before
		{"two", "ack two again", false}, // that failed, and that was another folder
	} {
		told := tr.Find(0, func(c Call) bool { return strings.Contains(c.Text, tc.told) })
		if err := tr.FlushedBetween("/d", tr.Stored("/d", tc.stored), told); (err == nil) != tc.ok {
			t.Errorf("%q before %q: got %v, want ok %v", tc.stored, tc.told, err, tc.ok)
		}
	}
	if i := tr.Stored("/d", "ack"); i >= 0 {
		t.Errorf("a write to a socket counts as stored: %v", tr[i])
	}
}
