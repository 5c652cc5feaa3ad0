// @ts-check
// The shapes that the control API under /sim sends. Fields that the page does not read are left out.

/**
 * @typedef {object} User
 * @property {string} userId
 * @property {string} displayName
 * @property {string} [language] a language tag such as "ja" or "en"
 * @property {boolean} [following] the user added the bot as a friend
 * @property {boolean} [blocked] the user blocked the bot
 */

/**
 * @typedef {object} Group
 * @property {string} groupId
 * @property {string} [name]
 * @property {string[]} [members] user IDs
 * @property {boolean} [joined] the bot is a member
 */

/**
 * A message as one phone shows it.
 * @typedef {object} PhoneMessage
 * @property {number} seq grows on one phone
 * @property {"user"|"bot"} from
 * @property {string} [via] how a bot's message came: reply, push, multicast, narrowcast, broadcast or pnp
 * @property {string} at RFC 3339 with nanoseconds
 * @property {Record<string, any>} message LINE's message object, as foreign as it came
 * @property {string} [groupId]
 * @property {string} [userId] the sender, when a user
 * @property {string} [requestId] the bot's call that sent it
 * @property {string} [webhookEventId] the event that it is, or that it answers
 * @property {string} [contentUrl] what a user's picture, video, sound or file holds
 * @property {string} [previewUrl]
 * @property {boolean} [unsent] the user took it back
 */

/**
 * One webhook request to the bot.
 * @typedef {object} Webhook
 * @property {number} seq
 * @property {string[]} [webhookEventIds]
 * @property {number} [status] 0 when there was no answer
 * @property {number} [ms]
 * @property {number} [attempt]
 * @property {string} at
 * @property {string} [reason]
 * @property {string} [detail]
 */

/**
 * One call of the Messaging API by the bot.
 * @typedef {object} Call
 * @property {number} seq
 * @property {string} endpoint
 * @property {number} [status]
 * @property {number} [ms]
 * @property {string} [retryKey]
 * @property {string} at
 * @property {string} [requestId]
 * @property {number} [to] how many phones it reached
 * @property {number} [messages] how many messages it carries
 * @property {number} [recipients] how many ids it names
 * @property {string} [replyToken]
 * @property {string} [bodySha256]
 * @property {string} [fault] what a fault made of it: refused, accepted or outage
 */

/**
 * @typedef {object} Step
 * @property {string} step
 * @property {string} at RFC 3339 with nanoseconds
 * @property {string} [requestId]
 * @property {string} [note]
 */

/**
 * What the path panel shows: an event, and the message on the phone that it was chosen by, if any.
 * @typedef {object} Selection
 * @property {string} eventId "" for a message that answers no event
 * @property {number} seq 0 when chosen by its webhook
 * @property {boolean} chosen picked by hand, so newer messages do not take its place
 */

export {};
