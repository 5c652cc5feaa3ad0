package linesim_test

import (
	"io"
	"log"
)

// discardLog silences a server of which errors are expected.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
