// Package timer fires timers: once, never early, and at most milliseconds late.
//
// # Life of a timer
//
// A handler's timers stand in the outbox entry of its event, which is the record
// that the event is done. The service reads the outbox as a log and does to the
// store of timers what entries say: it sets them, one for each channel,
// conversation and key, and cancels them. In memory it has 16 bytes of each: when
// it is due, and its sequence in the store.
//
// When a timer is due it is read from the store; one that is gone was replaced
// or cancelled. It becomes an event in the inbox, which goes to the handler in the
// order of its conversation, or, if it sends, an entry in the outbox. Then it is
// removed, or put again for its next time. Timers of a channel that is not
// configured stay in the store and do not fire until it is. What was stored before the timer was
// due, such as that it is cancelled, is done first.
//
// # Once
//
// The names of events and entries are made of the place in the outbox where the
// timer was set and how often it was due, so every try makes the same. A few times
// a second a checkpoint tells how far the outbox is applied and where the inbox
// ended when everything that was fired had been removed. A restart applies what
// stands behind it again, which changes nothing, and removes the timers whose
// events or entries it finds there. Because of that a timer does not fire before
// the checkpoint behind the entry that set it is on disk, and no checkpoint is
// taken while a timer that may have been fired is not removed.
//
// # Clocks
//
// Durations are held against the monotonic clock, times of day against the wall
// clock, which is looked at every second in case somebody sets it. After a restart
// both go by the wall clock.
//
// # What it stores
//
// Timers in the stream TIMERS (see engine.Timers), and checkpoint.timers in the
// control bucket. The queue in memory is as long as there are timers, and the
// store of those has a limit; timers that were replaced or cancelled are thinned
// out when they are more than half of it.
//
// # Goroutines
//
// Run owns all of them: one reads the outbox, one fires, one stores checkpoints.
// Timers are fired in batches of at most 128, and as long as more are due the
// store is left to others half of the time.
package timer
