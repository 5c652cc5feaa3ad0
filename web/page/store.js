// @ts-check
/** @import { ChatRoom, Message, RoomSummary } from "../client.js" */
import { ChatClient } from "../client.js";
import { t } from "./words.js";

/** Rooms that are joined from the start, so that they are there at once and count their own unread; the others are as the server lists them. */
const JOINED_MOST = 20;

/** The list is asked for again this long after the first reason to, in ms, and that long after a failure. */
const REFRESH_AFTER = 300;
const REFRESH_AGAIN = 5_000;

/** Names that are remembered. */
const NAMES_MOST = 5_000;

/** The room that is opened when there is no other. */
const FIRST_ROOM = "lobby";

/**
 * A line of the list of rooms.
 * @typedef {object} Line
 * @property {string} room
 * @property {string} kind
 * @property {string} title
 * @property {string} [other] whom a direct message is with
 * @property {number} ts of the newest message, 0 for none
 * @property {Message} [last] if it is known
 * @property {number} unread
 */

/**
 * What the page shows: the client, the rooms of the user, and which one is open. Its events: `rooms` when the list changed,
 * `open` when another room is open, `messages` and `room` when the open one changed, `state` when the connection did.
 */
export class Store extends EventTarget {
  /** @type {ChatRoom|undefined} */ room;
  /** The first message that was new when the open room was opened, -1 for none: its mark stays. */
  firstNew = -1;
  /** Nothing of the open room was shown yet. */ #unseen = true;
  /** @type {Map<string, RoomSummary>} */ #summaries = new Map();
  /** What users are called, of those that were seen. @type {Map<string, string>} */ #names = new Map();
  /** @type {Set<ChatRoom>} */ #joined = new Set();
  /** @type {any} */ #refreshing;

  /** @param {import("./session.js").Session} session @param {string[]} urls */
  constructor(session, urls) {
    super();
    this.session = session;
    this.client = new ChatClient({ urls, user: session.user });
    this.client.addEventListener("state", () => this.#onState());
    this.client.addEventListener("arrived", (event) => this.#learn([/** @type {CustomEvent} */ (event).detail.message]));
    for (const name of ["room", "messages"]) {
      this.client.addEventListener(name, (event) => this.#onRoom(name, /** @type {CustomEvent<ChatRoom>} */ (event).detail));
    }
    document.addEventListener("visibilitychange", () => this.markRead());
    addEventListener("focus", () => this.markRead());
  }

  get me() {
    return this.session.user;
  }

  start() {
    this.client.join(this.#inbox);
    this.client.start();
  }

  get #inbox() {
    return `user.${this.me}`;
  }

  /** @param {string} name @param {() => void} run */
  on(name, run) {
    this.addEventListener(name, run);
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }

  #onState() {
    if (this.client.status.state === "connected") this.#refreshSoon(0);
    this.#tell("state");
  }

  /** @param {string} event @param {ChatRoom} room */
  #onRoom(event, room) {
    if (room.name === this.#inbox) {
      if (room.live && event === "messages") this.#refreshSoon(REFRESH_AFTER);
      return;
    }
    if (event === "room") this.#learn([...room.members.values(), ...(room.live ? room.messages : [])]);
    if (room === this.room) {
      this.markRead();
      this.#tell(event);
    }
    this.#tell("rooms");
  }

  /** @param {number} ms */
  #refreshSoon(ms) {
    this.#refreshing ??= setTimeout(() => void this.#refresh(), ms);
  }

  async #refresh() {
    try {
      const list = await this.client.rooms();
      this.#summaries = new Map(list.filter((s) => s.room !== this.#inbox).map((s) => [s.room, s]));
      for (const s of [...this.#summaries.values()].slice(0, JOINED_MOST)) this.#join(s.room);
      if (!this.room) this.open(list.find((s) => s.room !== this.#inbox)?.room ?? FIRST_ROOM);
    } catch {
      if (!this.room) this.open(FIRST_ROOM);
      if (this.client.status.state === "connected") setTimeout(() => this.#refreshSoon(0), REFRESH_AGAIN);
    } finally {
      this.#refreshing = undefined;
    }
    this.#tell("rooms");
  }

  /** @param {string} name */
  #join(name) {
    const room = this.client.join(name);
    this.#joined.add(room);
    return room;
  }

  /** The server knows who is here; this page also who was. @param {import("../client.js").Member[]} people */
  #learn(people) {
    for (const { user, name } of people) {
      if (!name || name === user) continue;
      this.#names.delete(user);
      this.#names.set(user, name);
      if (this.#names.size > NAMES_MOST) this.#names.delete(/** @type {string} */ (this.#names.keys().next().value));
    }
  }

  /** Opens a room. @param {string} name */
  open(name) {
    if (name === this.room?.name) return;
    this.room = this.#join(name);
    this.firstNew = -1;
    this.#unseen = true;
    this.#tell("open");
    this.markRead();
    this.#tell("rooms");
  }

  /** Opens the direct messages with a user. @param {import("../client.js").Member} other */
  openDirect({ user, name }) {
    this.#learn([{ user, name }]);
    if (user !== this.me) this.open(`dm.${[this.me, user].sort().join(".")}`);
  }

  /** What the reader sees counts as read. */
  markRead() {
    const { room } = this;
    if (!room?.live) return;
    // To a newcomer all is new, and nothing needs a mark.
    if (this.#unseen && room.readTo > 0) this.firstNew = room.messages.find((m) => m.id > room.readTo && m.user !== this.me)?.id ?? -1;
    this.#unseen = false;
    if (document.visibilityState === "visible" && document.hasFocus() && document.body.dataset.view === "room") room.read(room.last);
  }

  /** @returns {Line[]} the rooms, the one with the newest message first */
  lines() {
    const names = new Set([...this.#summaries.keys(), ...[...this.#joined].map((r) => r.name)]);
    const lines = [...names].map((name) => this.line(name));
    return lines.sort((a, b) => b.ts - a.ts || a.title.localeCompare(b.title));
  }

  /** @param {string} name @returns {Line} */
  line(name) {
    const summary = this.#summaries.get(name);
    const room = [...this.#joined].find((r) => r.name === name);
    const last = room?.messages.at(-1);
    const known = room && room.epoch !== "";
    const [kind, ...users] = name.split(".");
    const other = kind === "dm" ? users.find((u) => u !== this.me) : undefined;
    return {
      room: name,
      kind: (known && room.kind) || summary?.kind || (users.length > 0 ? kind : "room"),
      title: this.#names.get(other ?? "") || (known && room.title !== name && room.title) || summary?.title || other || name,
      other,
      ts: Math.max(last?.ts ?? 0, summary?.ts ?? 0),
      last,
      unread: known ? room.messages.filter((m) => m.id > room.readTo && m.user !== this.me && !m.deleted).length : (summary?.unread ?? 0),
    };
  }

  /** What is not sent, in all rooms. */
  unsent() {
    return this.client.pending().filter((e) => e.state !== "stored");
  }

  /**
   * Sends to the open room.
   * @param {Record<string, any>} body
   * @returns {Promise<string>} what to tell the reader, "" when all is well
   */
  async send(body) {
    return this.#try(async () => this.room?.send(body));
  }

  /** @param {Message} message @param {string} text */
  async edit(message, text) {
    return this.#try(async () => this.room?.edit(message.id, { ...message.body, text }));
  }

  /** @param {() => Promise<unknown>} run */
  async #try(run) {
    try {
      await run();
      return "";
    } catch (err) {
      const { code, message } = /** @type {any} */ (err);
      return code === "too_big" ? t("too-big") : code === "full" ? t("full") : String(message);
    }
  }
}
