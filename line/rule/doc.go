// Package rule checks requests to LINE's Messaging API by the rules that LINE
// publishes, and says what is wrong in LINE's words: message objects of every
// type, the bodies of the sending calls, IDs and retry keys.
//
// A [Rule] looks at one JSON value and adds what it finds to a [Report], with
// the place of the value. [Messages] holds those of message objects; they are
// made once and may be used from many goroutines. What a caller is told is a
// [Refusal], in LINE's form of an error.
//
// LINE knows more than it publishes: what passes here may still be refused
// there. Colors and sizes of flex messages are not looked at.
package rule
