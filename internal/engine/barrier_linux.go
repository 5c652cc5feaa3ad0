package engine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openFlush returns a function that makes everything written to the file
// system of dir durable, and one that releases it. syncfs reports write-back
// errors since Linux 5.8.
func openFlush(dir string) (flush func() error, release func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	flush = func() error {
		if err := unix.Syncfs(int(f.Fd())); err != nil {
			return fmt.Errorf("flush data folder to disk: %w", err)
		}
		return nil
	}
	return flush, f.Close, nil
}
