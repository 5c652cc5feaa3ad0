// Package campaign sends the same messages to many users: to a list, to all
// friends that the directory knows, or to all friends by LINE's broadcast.
//
// # Life of a campaign
//
// [Runner.Create] reads and stores the audience, in chunks of the 500 users of
// a multicast, then what is sent, then the record of the campaign. From then on
// it runs: for each chunk an entry is appended to the outbox, with a name made
// of the campaign's ID and the chunk's number. Only a few chunks are open in the
// outbox at a time, so that a pause or a cancellation acts at once and what
// people are answered waits for little. The outbox tells what became of them.
//
//	scheduled ──▶ running     its time has come
//	running ──▶ done          all chunks have come to an end
//	running ◀─▶ paused        by the operator, or by itself when LINE takes nothing
//	scheduled ◀─▶ paused      by the operator
//	scheduled, running, paused ──▶ cancelled
//
// A campaign with a start time is scheduled until the wall clock has reached it;
// then it runs within milliseconds. One whose time came while no process ran, or
// while it was paused, runs as soon as it can.
//
// What is in the outbox when a campaign is paused or cancelled is still sent.
//
// # After a crash
//
// The record may be older than the log: entries were appended, and sent, that it
// does not tell of. It names a place in the log before all of them. A Runner that
// starts reads the log from there, and adds the chunks that it finds with what is
// noted of them, before it appends the next one. So no chunk is stored twice or
// left out, however long the process was down. [Runner.Floor] keeps the log from
// being trimmed beyond that place. An append whose outcome is not known is looked
// up in the same way.
//
// # What it stores
//
// In the campaigns bucket:
//
//	record.<id>     JSON  how far it is; see record
//	content.<id>    JSON  the messages
//	chunk.<id>.<n>        receivers; see chunk.go
//
// The receivers are deleted when a campaign ends, the rest 30 days later, or
// when 1,000 others have ended since.
//
// # What it does not do
//
// It calls LINE for the quota and to check messages only: rates, retry keys,
// quota and dead letters of what is sent are the outbox's business.
//
// # Goroutines
//
// Run is the only one. It appends and looks up; the other methods change a
// campaign's state and wake it.
package campaign
