// Package timer is the bot that tells its users when the time has come.
//
// Read understands what they write, in Japanese and English. It has no state,
// calls nobody and may be called concurrently.
package timer
