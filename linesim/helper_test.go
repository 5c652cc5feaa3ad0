package linesim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
)

// discardLog silences a server of which errors are expected.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// sha256Hex returns the hash of a text in hexadecimal digits.
func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
