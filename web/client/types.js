// @ts-check
// The shapes of the client.

/**
 * A message of a room. IDs grow within the room, with gaps.
 * @typedef {object} Message
 * @property {number} id
 * @property {number} prev the ID before it in the room, 0 for none
 * @property {string} user
 * @property {string} name
 * @property {string} [cid] the sender's own name for it
 * @property {number} ts ms since 1970
 * @property {Record<string, any>} body a LINE message object
 * @property {number} [edited] the ID of the newest change of its body
 * @property {boolean} [deleted] its sender took it back: the body is {}
 */

/**
 * A send that has no answer yet, or was refused.
 * @typedef {object} Entry
 * @property {string} cid
 * @property {string} user whose it is: another user's tab leaves it alone
 * @property {string} room
 * @property {Record<string, any>} body
 * @property {number} [edit] ID of the message whose body it replaces
 * @property {number} [del] ID of the message that it takes back
 * @property {number} at ms since 1970
 * @property {number} order grows with each entry
 * @property {EntryState} state
 * @property {string} [code] why it was refused
 * @property {string} [text] the same for people
 * @property {number} [id] once stored
 * @property {number} [maybe] since when it may have been sent, by any tab (not kept: what was loaded may have been from its beginning)
 */

/**
 * saving: not on this device's disk yet. queued: waits for a connection or for the one before it. sending: no answer yet.
 * later: the server asked to try again in a while. stored: acknowledged, and about to appear among the messages. refused: never
 * to be taken. unsure: nobody knows whether it arrived; `retry` or `discard` it.
 * @typedef {"saving"|"queued"|"sending"|"later"|"stored"|"refused"|"unsure"} EntryState
 */

/**
 * Where the outbox is kept. Entries are plain objects; `put` replaces the one of the same cid.
 * @typedef {object} Store
 * @property {(entry: Entry) => Promise<void>} put
 * @property {(cid: string) => Promise<void>} remove
 * @property {() => Promise<Entry[]>} all
 */

/** @typedef {{user: string, name: string}} Member */

/** @typedef {{room: string, kind: string, title: string, head: number, ts: number, unread: number, user?: string}} RoomSummary */

/**
 * stopped → connecting → connected; broken: waiting → connecting …; login: the server wants another login first.
 * @typedef {"stopped"|"connecting"|"connected"|"waiting"|"login"} State
 */

/**
 * How the frames go: by a WebSocket, or, where none comes through, by server-sent events and POST.
 * @typedef {"websocket"|"events"} Way
 */

/**
 * @typedef {object} Status
 * @property {State} state
 * @property {number} attempt connections that failed in a row
 * @property {number} retryAt when the next one begins, ms since 1970; 0 unless waiting
 * @property {string} url the server in use or next
 * @property {Way} way the one in use or tried last
 * @property {string} server the name that the server gave itself
 * @property {number} reconnects how often a broken connection was replaced
 */

/**
 * @typedef {object} Options
 * @property {string|string[]} urls of the servers' WebSockets; one after the other is tried. Relative ones belong to the page
 * @property {string|(() => string|Promise<string>)} [token] for the hello; without one the session's cookie speaks
 * @property {string} [user] who is logged in, if that is known: what is said before the first connection is then kept as well
 * @property {Store} [store] default: IndexedDB, or memory where there is none
 * @property {string} [name] of the database and the lock, when a page has several clients
 * @property {Partial<Platform>} [platform] for tests
 */

/**
 * What a browser lends; tests lend their own.
 * @typedef {object} Platform
 * @property {(url: string) => WebSocket} connect
 * @property {(url: string, init: RequestInit) => Promise<Response>} fetch
 * @property {() => number} now
 * @property {(run: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random from 0 to 1
 * @property {LockManager} [locks]
 * @property {(name: string) => BroadcastChannel|undefined} channel
 * @property {(wake: () => void) => () => void} onWake calls `wake` when the tab or the network comes back; returns what ends it
 */

export {};
