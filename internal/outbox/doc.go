// Package outbox brings stored sends to LINE: once, in order within a
// conversation, within LINE's rates, and in few calls.
//
// # Life of a send
//
// The dispatcher stores an entry with all that one event sends. The outbox
// reads the log of entries and keeps one queue per receiving conversation. A
// call takes up to five messages: the next of the first send, with the sends
// behind it that fit in whole. It goes by reply while one of them has a reply
// token that lives; everything else is pushed. The same push to different users
// becomes a multicast of up to 500: the first one goes at once, what follows
// within 20 ms waits that long for company. An entry may also name its users, or
// all friends (a broadcast); such campaigns give way to what people are
// answered.
//
// Before a call is made it is noted in the log as tried, with all that it takes,
// and afterwards what became of it. After a crash the notes tell which calls may
// have reached LINE, and what they said:
//
//   - a call with a retry key is made again with the same key, which is made
//     from the first part's ID, and the same body; LINE answers 409 when it took
//     the first one. It keeps keys for 24 hours: what is not decided by then
//     becomes a dead letter.
//   - a reply is tried again with the same token. "Invalid reply token" within
//     the token's minute then means that the first one arrived; it is never
//     followed by a push. After that minute nobody can tell any more, and the
//     channel's setting decides.
//
// A shared call that LINE refuses is parted: each of its sends goes alone, so
// that only what is at fault becomes a dead letter.
//
// # Lanes
//
// A lane is one endpoint of one channel, with LINE's rate, an own line and own
// calls under way.
//
//   - A 429 lets its conversation wait. When others are refused too, the lane
//     goes on at the rate that LINE was seen to take (see pacer).
//   - When the monthly quota is used up, the lane waits; replies go on, and
//     overtake what waits for the same people.
//   - When calls fail one after the other LINE counts as down: the lane probes
//     with calls that were tried before, and everything else waits untried,
//     because a reply whose outcome stays unknown cannot be mended. The first
//     success lets all go on at full rate.
//
// # What it stores
//
// Notes in the outbox log (see engine.Tried and engine.Settled), and per channel
// the place of the first entry that is not done, checkpoint.outbox.<channel> in
// the control bucket. An entry waiting in memory takes about 400 bytes; its
// messages stay in the log.
//
// # Goroutines
//
// Run owns all of them: one reads the log, one runs each lane, up to MaxInFlight
// calls per lane are under way, one stores checkpoints. Timers of waiting calls
// only touch memory; what they leave behind after the end is read again at the
// next start.
package outbox
