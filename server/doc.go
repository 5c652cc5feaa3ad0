// Package server is Frontdesk as a whole: it introduces the front desk, the
// dispatcher, the outbox and the directory to each other and to the store,
// starts them, and ends them in order.
//
//	cfg := server.Config{Channels: []server.Channel{{Name: "main", Secrets: …, AccessToken: …}}}
//	err := server.Run(ctx, cfg, handler)
//
// # Shutdown
//
// When the context of Run ends: no more webhooks are taken (those under way
// are answered), running handlers are waited for, what can be sent at once is
// sent, checkpoints are stored, the store is closed. Every step has a limit.
//
// # Faces
//
// The public port serves LINE's webhooks. The internal port, if set, serves
// /metrics, /healthz, /readyz and /debug/pprof; it has no login and belongs on
// a private address. The commands of the command line talk to the server
// through the socket "admin.sock" in the data folder, which only its owner can
// open.
package server
