// Package outbox brings stored sends to LINE: once, in order within a
// conversation, and within LINE's rates.
//
// # Life of a send
//
// The dispatcher stores an entry with all that one event sends. The outbox
// reads the log of entries, keeps one queue per receiving conversation, and
// makes calls of up to five messages of them. The first call of an answer goes
// by reply while the event's reply token lives; everything else is pushed.
//
// Before a call is made it is noted in the log as tried, and afterwards what
// became of it. After a crash the notes tell which calls may have reached LINE:
//
//   - a push is tried again with the same retry key, which is made from the
//     entry's ID; LINE answers 409 when it took the first one. It keeps keys for
//     24 hours: what is not decided by then becomes a dead letter.
//   - a reply is tried again with the same token. "Invalid reply token" within
//     the token's minute then means that the first one arrived; it is never
//     followed by a push. After that minute nobody can tell any more, and the
//     send becomes a dead letter rather than a doubled message.
//
// # Lanes
//
// A lane is one endpoint of one channel, with LINE's rate. A 429 pauses its own
// lane only. When the monthly quota is used up, pushes of that channel wait and
// replies go on.
//
// # What it stores
//
// Notes in the outbox log (see engine.Tried and engine.Settled), and per channel
// the place of the first entry that is not done, checkpoint.outbox.<channel> in
// the control bucket. An entry waiting in memory takes about 200 bytes; its
// messages stay in the log.
//
// # Goroutines
//
// Run owns all of them: one reads the log, one runs each lane, up to
// MaxInFlight calls per channel are under way, one stores checkpoints.
package outbox
