// Package enginetest starts the store's server for tests of several instances,
// whose packages do not know NATS.
package enginetest

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startLimit bounds the start of a server.
const startLimit = 20 * time.Second

// StartNATS starts a NATS server with JetStream on 127.0.0.1, which ends with
// the test; port -1 is any.
func StartNATS(t testing.TB, port int, dir string) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir,
		JetStreamMaxStore: 16 << 30, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { StopNATS(srv) })
	if !srv.ReadyForConnections(startLimit) {
		t.Fatal("NATS server does not start")
	}
	return srv
}

// StopNATS ends a server and waits for it.
func StopNATS(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}
