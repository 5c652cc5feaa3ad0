// Package worker lets bots in other languages answer events: by pipe, as
// processes that it starts (Pipe), and by HTTP, at a URL of their own (HTTP).
// Both speak the protocol of docs/worker-protocol.md, and both are handlers: the
// dispatcher hands them one event at a time of each conversation, and what they
// return decides about it. New makes one of an address; nothing is stored here.
//
// # An answer
//
// What a bot writes is foreign. A process's lines are kept as they came until the
// last word on their event, and only then read, by the goroutine of the event's
// handler, and carried out through its desk; so is a response. parseAnswer takes
// exactly what the published schema takes.
//
// # A process
//
// A process is a row of lives, one at a time. The goroutine of process.run
// starts each, waits for its end and for four others: one writes what is pending
// to its standard input, as much at once as there is; two read its outputs; one
// asks whether it lives; one ends it. A life that is over has let go of its events
// before its process has ended, so that their handlers return at once.
//
// Bounds: a process has Config.InFlight events, or as many as it says, and
// maxRoomBytes of them; further handlers wait in line. Its lines have a longest
// length, its answers a size for each event and together, and what is of no use
// ends it after maxIgnored lines.
//
// # Whose fault it was
//
// What happens to a bot must not become the failure of an event that happened to
// be there, and an event that is the cause must not be tried for ever. So the ends
// of processes, and the failures of those that try a bot at a URL for all, are not
// counted at first (frontdesk.Interrupted), but remembered for each event in a
// tally, and counted when there are too many: see trial.go and breaker.go, and
// docs/decisions/0009-who-ended-the-bot.md.
package worker
