package engine

import (
	"os"
	"testing"
)

// childEnv names what a process does that a test started from this binary,
// so that it can be killed. See victim_test.go.
const childEnv = "FRONTDESK_ENGINE_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		os.Exit(runChild(mode))
	}
	os.Exit(m.Run())
}
