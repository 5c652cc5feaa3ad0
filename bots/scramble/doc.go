// Package scramble is the bot that muddles what it was sent: a joke, and an
// example of the root package with a library and some work of its own.
//
// A Japanese sentence is taken apart into its morphemes. Nouns change places
// with nouns, verbs with verbs in the same form, numbers with numbers, while
// particles, endings and punctuation stay, so that it still reads as a
// sentence:
//
//	猫が魚を食べて、犬が水を飲んだ。  →  魚が犬を食べて、水が猫を飲んだ。
//
// Texts in other languages are muddled by words. A text in which nothing can
// change places gets a hint, never itself. Links and @names stay whole.
//
// The muddle is made from the event's ID: an event that is handled again gets
// the same answer.
//
// # Memory
//
// The dictionary is part of the program, 12 MB of it. It is loaded with the
// first Japanese text, not by [New], so that a check of the configuration and a
// bot that only reads English do without. Loading takes 0.5 s and leaves 93 MB
// in the heap, once for all bots of the process (kagome 2.10 with IPADIC 2.7,
// 2 cores; twice as much for a moment). A text of 5000 characters takes up to
// 0.2 s. The dictionary without its inflected forms would take a third of that
// memory, but the forms are what keeps sentences grammatical.
//
// IPADIC has a licence of its own: whoever passes the program on passes on its
// notice, the file NOTICE.
package scramble
