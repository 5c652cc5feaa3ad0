// Package chatload is the other side of the chat's measurements: members who
// connect, join, send and receive by docs/chat-protocol.md, and who check what
// they get. Every member follows the chain of its room, so a message that is
// missing, doubled or out of order fails the measurement.
//
// It costs as little as it can, because it shares the cores with what it
// measures: WebSocket frames are read by hand, many with one call, and a message
// is recognised by its first bytes and searched for three numbers.
//
// [Run] does one [Job]. [Child] runs it in a process of its own, so that neither
// its memory nor its garbage collector are the server's.
package chatload
