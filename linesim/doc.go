// Package linesim is the LINE Platform on your machine: a simulator for one channel, to test a bot
// without an account, a tunnel or the network.
//
// It plays both sides that a bot knows. As the users of LINE it holds phones, friends, groups and rooms,
// and sends what they do as signed webhooks to the bot. As LINE's API it takes the bot's calls, checks them
// by LINE's rules, and shows what they send on the phones. [Simulator] is an [http.Handler] with three faces:
//
//   - /sim/line: LINE's API, for both of its hosts; the base URL to give to an SDK. For one that takes a host
//     and no path, the API answers at the root as well
//   - /sim: the control API, JSON, without a login; every call has a method here
//   - / and /phone/: a page with a phone beside the path of each message
//
// It is strict: what it takes LINE takes, as far as LINE's documents tell. Every operation of the Messaging API
// and of the channel access token API answers; endpoints have LINE's rates ([Rates]); messages have LINE's limits
// and its errors; reply tokens work once and for a minute, and for another after a redelivery up to 20 minutes
// after the event; retry keys are kept 24 hours; the monthly quota counts recipients; who blocked the bot, or never
// was its friend, gets nothing. Webhooks of one chat arrive in order, the next after the answer to the one before
// or its time-out; those of different chats arrive side by side. [Faults] makes all of it fail on purpose, by a
// seed: calls, before or after they were accepted, and webhooks, which come twice, late, out of order, or again
// after an error. [Template] makes events of every type.
//
// LINE does not publish everything. Made up here are the size of token buckets, count and interval of
// redeliveries, how many events share a request, most texts of errors in a message's details, and the limit of
// pushes to one user. Simpler than LINE are narrowcasts and batches, which are done at once and know no audience
// and nobody's age; assertions (JWT), of which the form is checked and not the signature; graphemes, counted by the
// common rules; flex messages, of which the structure is checked and not colors and sizes; quote tokens, of which
// any is taken; and memberships, of which there is one that nobody joined.
//
// What is not LINE's is bounded: a phone keeps 10,000 messages, the records 100,000 webhooks, calls and
// events each, the stream 10,000 events; 1,000,000 retry keys and as many reply tokens; media up to
// Config.ContentBytes and 100,000 items; 1,000,000 users, 100,000 groups. In each of them but the last two
// the oldest leaves; further users and groups are refused. Events that wait are bounded by
// Config.WebhookQueue, and what would cause one more is refused without effect.
//
// Not here: insights, audiences, LIFF, modules (unknown paths answer 404), and anything on disk: a simulator
// forgets all when its process ends. It is not for the open internet, since whoever reaches it may use the
// control API.
package linesim
