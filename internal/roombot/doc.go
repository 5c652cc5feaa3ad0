// Package roombot makes the bot a member of rooms of the chat, so that whoever
// writes to it from a page is served like a user of LINE.
//
// # In
//
// What is sent to a room with the bot is stored in the room first. Then [Service.Take]
// makes an event of the channel "web" of it and appends it to the inbox, and only
// then the send is acknowledged: an ack means both. The event has the shape of
// LINE's, and an ID made of the user and the cid, so that a send that comes again
// makes the same event, which the dispatcher knows.
//
// The conversation of the room bot.U is the user U. A room with several people is
// like a group to the bot: its conversation and groupId are "room/" and its name,
// which no user is called.
//
// # Out
//
// [Service.Client] is a client of LINE's API as any other, but its requests go no
// further than this package: a push becomes messages of the room. Their cids are
// made of the retry key, and the room's newest messages are looked through for
// them: so a push that is repeated after a crash appears once. Everything before
// that, the order of a conversation, retries, dead letters and timers, is the
// work of the dispatcher and the outbox, which cannot tell.
//
// # Bounds
//
// Sends that wait for the inbox are bounded by the connections that wait for their
// acks. The names of the 10,000 users who wrote last are in memory, and up to
// 10,000 rooms in which the bot is typing.
package roombot
