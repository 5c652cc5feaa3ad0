// Package line is a client of LINE's Messaging API, made for a server that
// sends for many conversations at once and must know what became of every call.
//
// A [Client] speaks for one channel. All its methods may be called
// concurrently, take a context, and end within [Config.Timeout]. Outgoing
// messages are the types of the official SDK; [EncodeMessages] turns them into
// the JSON that the sending calls take, so that a message can be stored before
// it is sent and sent again byte for byte.
//
// # What became of a call
//
// A call that fails returns an [*Error]. Three things decide what may be done
// next, and each has its function:
//
//   - [NotSent]: the request never left this process. It may be sent again in
//     any way.
//   - [OutcomeUnknown]: LINE may have accepted the request. Send it again only
//     with the same retry key (push, multicast, broadcast), or with the same
//     reply token. For any other error LINE has not accepted it.
//   - [Temporary]: the same call may succeed later.
//
// An "already accepted" answer (409) to a call with a retry key is a success:
// an earlier try arrived.
//
// # Tokens
//
// A [TokenSource] gives the channel access token of each call. [FixedToken]
// holds a long-lived one; [NewStatelessToken] issues tokens of 15 minutes from
// channel ID and channel secret and renews them in time.
//
// # What it does not do
//
// It stores nothing, starts no goroutine of its own, keeps to no rate limit
// and does not try again, save once after a 401 with a fresh token. Those are
// the outbox's business. Errors never hold tokens, secrets or message texts.
package line
