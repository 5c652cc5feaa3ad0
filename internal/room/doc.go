// Package room is the chat: rooms over WebSocket whose messages outlive every
// connection and every instance.
//
// A client says which rooms it wants and the last ID that it has of each; it gets
// what it missed and then what is new. A send is acknowledged when it is durable.
// So a connection holds nothing that could be lost with it: docs/chat-protocol.md
// is the contract, and names the frames.
//
// # The life of a message
//
// A send is checked (the user may, the body is one that clients
// may send) and published into the store under the client's cid, which makes it
// once-only. The store's answer, after the flush, becomes the ack. One reader of
// the store follows the messages of all rooms, in order and durable; the hub
// makes each into a frame once, puts it into the ring of its room's recent
// messages and queues it for every member. A member's queue is written with one
// call, by a goroutine that lives only while there is something to write. Where
// WebSockets do not come through, a client is a stream of server-sent events, which
// its request's goroutine writes, and POSTs.
//
// # The seam
//
// A room that gets its first member is loaded from the store while what is new
// waits; a join takes what it missed from the ring, which is led back to the
// store as far as it takes, and becomes a member under the same lock that new
// messages are handed out under. So nothing is missed and nothing is doubled.
//
// # Bounds
//
// A client that does not read is closed when 1 MiB waits for it. A client that
// missed more than 1,000 messages begins anew. Rings hold 64 MiB in all. What
// more there is to bound stands as constants where it is used.
//
// # What it stores
//
// Messages in the engine's Rooms; records in the bucket chat, see
// [Record].
package room
