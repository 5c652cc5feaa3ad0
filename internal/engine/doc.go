// Package engine is Frontdesk's store: NATS JetStream, embedded in this
// process without an open port, or an external server. No other package
// imports NATS.
//
// # What it holds
//
//	INBOX       log     subject inbox.batch     every event as LINE sent it
//	OUTBOX      log     subject outbox.batch    every send before it is tried, and what became of it
//	DEAD        stream  subject dead.<channel>  dead letters, one message each
//	PARKED      stream  subject parked.<key>    answers that wait until their users ask for them
//	TIMERS      stream  subject timer.<channel>.<conversation>.<key>  timers that wait
//	ROOMS       stream  subject room.<room>     messages of chat rooms, one message each
//	directory   bucket  see package directory   users, groups, follow state
//	control     bucket  checkpoint.inbox.<shard>, checkpoint.outbox.<channel>, checkpoint.timers,
//	                        checkpoint.transcripts
//	campaigns   bucket  see package campaign   their records, contents and audiences
//	chat        bucket  see package room       rooms, users and what they have read
//
// A [Log] is a stream whose messages each hold a batch of records. Writers
// that append at the same time share one message, one acknowledgement and one
// disk flush; a record is named by its [Pos], the message's sequence and its
// place in the batch. Records are kept until [Log.Trim] takes them away, and
// a full log refuses new records rather than lose old ones.
//
// # Stored means stored
//
// The embedded server acknowledges a message when it has been written, not
// when it is on disk. The [barrier] closes that gap: one syncfs of the data
// folder for all who wait. Append returns after it. With an external server
// the acknowledgement is the promise, and its own settings decide what that
// is worth.
//
// # Start and stop
//
// The data folder belongs to one process at a time (a file lock). After an
// unclean end the stream indexes are thrown away and rebuilt from the data, so
// that an index that is newer than a torn tail cannot mislead the recovery.
// Start-up is bounded in time and memory.
package engine
