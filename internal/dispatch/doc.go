// Package dispatch hands stored events to the bot: in order within a
// conversation, many conversations at once, each event once.
//
// # What it keeps
//
// The dispatcher reads the inbox as a log. In memory it has, for each of the
// 16 shards of conversations, the events that are not done, as places in the
// log and not as bytes, in one queue per conversation; and an index of the IDs
// of all events that the inbox still holds, by which a second delivery is
// known. Each unhandled event takes about 100 bytes, each kept ID about 40.
//
// A few times a second it stores a checkpoint per shard in the control bucket
// (checkpoint.inbox.<shard>): the first event that is not done, which ones
// behind it are, how often the failing ones were tried, and a place in the
// outbox. What is done behind the last checkpoint is known from the outbox:
// an event's entry there is the record that it is done. So an event that sent
// something is handled once however the process ends; one that sent nothing
// may run again after a crash.
//
// # Slow handlers
//
// In a channel with a [Button], the reply token of an event whose handler still
// runs shortly before the token ends is spent on the button, by an entry of its
// own, <event>#button. What the handler then sends to the event's conversation
// is parked in the store instead of being pushed. The tap is an event of the
// same conversation, so its turn comes after the handler; the dispatcher takes
// it itself and sends what is parked with the tap's reply token. That a button
// was stored is known after a restart from the outbox and the checkpoint, so no
// event has two, and the answer of one that is handled again is parked as well.
// An answer that nobody asks for becomes a dead letter after AnswerLife.
//
// # Goroutines
//
// Run owns all of them: one reads the log, one writes checkpoints, one loads
// old IDs into the index after a start, one gives up old parked answers, and up to MaxConcurrent work on one
// conversation each. When that many handlers run, further conversations wait
// in line. A conversation that waits for its next try holds no goroutine.
//
// # Crashes
//
// A handler that kills the process leaves its event's place in the file
// "running", which needs no disk flush to survive the process. After such an
// end these events are tried first one, then a few at a time, and those that
// were there at two ends apart from each other, so that the one to blame is
// found; after the third end it becomes a dead letter.
package dispatch
