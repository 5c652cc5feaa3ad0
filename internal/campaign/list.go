package campaign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxUsers bounds the audience of a campaign: telling duplicates takes about
	// 30 bytes of memory for each user while it is read.
	maxUsers = 5_000_000
	// maxLine bounds a line of a list, in bytes.
	maxLine = 1024
	// maxFaults is how many faulty lines an error names.
	maxFaults = 10
	// faultText is how much of a faulty line an error repeats, in bytes.
	faultText = 40
)

// lineFault is a line of a list that is no user's ID.
type lineFault struct {
	line int // from 1
	what string
}

// readList calls found with each user of a list, in order: one user ID a line.
// Empty lines, and what stands behind a '#', mean nothing. When lines are faulty
// all are read, and the error tells how many and names the first ones. found may
// return an error to end the reading.
func readList(list io.Reader, found func(userID) error) error {
	lines := bufio.NewScanner(bufio.NewReaderSize(list, 64<<10))
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	var faults []lineFault
	n, faulty := 0, 0
	for lines.Scan() {
		n++
		text := lines.Bytes()
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark, as some editors write
		}
		text, _, _ = bytes.Cut(text, []byte("#"))
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			continue
		}
		user, ok := parseUser(string(text))
		if !ok {
			faulty++
			if len(faults) < maxFaults {
				faults = append(faults, lineFault{n, faultOf(string(text))})
			}
			continue
		}
		if err := found(user); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return invalid("line %d of the list is longer than %d bytes; it takes one user ID a line", n+1, maxLine)
	} else if err != nil {
		return fmt.Errorf("read the list of users: %w", err)
	}
	return faultyLines(faults, faulty)
}

// faultOf tells what is wrong with a line that is no user's ID.
func faultOf(text string) string {
	switch idKind(text) {
	case 'C':
		return "is a group ID; a list takes users only, groups are named one by one (--to)"
	case 'R':
		return "is a room ID; a list takes users only, rooms are named one by one (--to)"
	}
	if len(text) > faultText {
		text = text[:faultText] + "…"
	}
	return fmt.Sprintf("%q is no user ID, which is U and 32 hexadecimal digits in lower case", text)
}

// faultyLines returns the error for faulty lines, nil for none.
func faultyLines(faults []lineFault, all int) error {
	if all == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "faulty lines in the list of users: %d", all)
	for _, f := range faults {
		fmt.Fprintf(&b, "\n  line %d: %s", f.line, f.what)
	}
	if more := all - len(faults); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return &refusal{ErrInvalid, b.String()}
}
