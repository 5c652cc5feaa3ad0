// Package linesim is the LINE Platform on your machine: a simulator for one channel, to test a bot
// without an account, a tunnel or the network.
//
// It plays both sides that a bot knows. As the users of LINE it holds phones, friends, groups and rooms,
// and sends what they do as signed webhooks to the bot. As LINE's API it takes the bot's replies, pushes,
// multicasts and broadcasts, checks them by LINE's rules, and shows them on the phones. [Simulator] is an
// [http.Handler] with three faces:
//
//   - /sim/line: LINE's API, for both of its hosts; the base URL to give to an SDK
//   - /sim: the control API, JSON, without a login; every call has a method here
//   - / and /phone/: a page with a phone beside the path of each message
//
// Webhooks of one chat arrive in order, the next after the answer to the one before or its time-out;
// those of different chats arrive side by side. Reply tokens work once and for a minute, retry keys are
// kept 24 hours, the monthly quota counts recipients. Faults let calls fail on purpose, before or after
// they were accepted.
//
// What is not LINE's is bounded: a phone keeps 10,000 messages, the records 100,000 webhooks, calls and
// events each, the stream 10,000 events; 1,000,000 retry keys and as many reply tokens; media up to
// Config.ContentBytes and 100,000 items; 1,000,000 users, 100,000 groups. In each of them but the last two
// the oldest leaves; further users and groups are refused. Webhooks that wait are bounded by
// Config.WebhookQueue, and what would cause one more is refused without effect.
//
// Not here: rich menus, insights, audiences, coupons, LIFF and narrowcasts (unknown paths answer 404),
// LINE's rate limits ([Config.Limit] is their place), redelivery of webhooks, and anything on disk: a
// simulator forgets all when its process ends. It is not for the open internet, since whoever reaches it
// may use the control API.
package linesim
