// Package worker lets bots in other languages answer events: by pipe, as
// processes that it starts, and by HTTP, at an address of their own. Both speak
// the protocol of docs/worker-protocol.md.
package worker
