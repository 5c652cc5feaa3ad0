// Package gateway stands between a channel and an existing LINE bot, which may
// be written in any language and knows nothing of Frontdesk: it forwards events
// to the bot as LINE's webhooks, and answers the bot's calls as LINE's Messaging
// API.
//
// # Events
//
// A [Gateway] has a handler for each of its channels. It posts one event as a
// webhook, signed with the channel's secret, and waits for the answer: 2xx ends
// the event, anything else is a failed attempt like any handler's. While nobody
// listens at the bot's address attempts do not count, and only one connection in
// a while is tried.
//
// An event's reply token is replaced by one of ours, sealed with a key that is
// kept in the store. It holds all that its use takes, so it outlives the
// process, and works for [tokenLife], longer than LINE's minute: what comes
// later is pushed, or refused where the channel wants it.
//
// # Calls
//
// Reply, push, multicast and broadcast are checked by LINE's published rules and
// stored as one outbox entry each. Only then they are answered, with IDs of
// ours: LINE's are not known yet, and neither are quote tokens. Profiles come
// from the directory, the loading animation waits for LINE's rate, channel access
// tokens are issued here, and what would take the channel away from Frontdesk is
// refused. All other calls go on to LINE with the channel's own token.
//
// # Once
//
// The ID of a reply's entry is made of its event's, that of another call with a
// retry key of the key: whatever the outbox still holds is not stored again. A
// second reply with the same token is refused as LINE does. When the event was
// forwarded again meanwhile, the second reply is answered as the first one was,
// so that a bot that failed after it had replied can come to an end. After a
// start the IDs are read from the outbox; replies and keyed calls wait for that.
//
// # What it stores
//
// Entries in the outbox: <channel>/<event ID>#reply, <channel>#key#<retry key>,
// <channel>#call#<random> for calls without a key. The key of the seals in the
// control bucket, gateway.key. In memory each known ID takes about 50 bytes, as
// long as its entry stays in the outbox.
//
// # Goroutines
//
// Run reads the IDs; everything else runs on its callers'.
package gateway
