// @ts-check
/** @import { Entry, Member, Message } from "./types.js" */
/** @import { ChatError } from "./error.js" */

/** Typing is told at most this often, and is over this long after it was last told, in ms. */
const TYPING_EVERY = 3_000;
const TYPING_LASTS = 5_000;

/** Messages of a room in memory: the oldest go first, and can be fetched again. */
const MESSAGES_MOST = 5_000;

/** A page of the history. */
const PAGE = 50;

/** Greater than every ID. */
const NEWEST = Number.MAX_SAFE_INTEGER;

/**
 * What a room needs of its client.
 * @typedef {object} Host
 * @property {() => string} user
 * @property {() => Entry[]} pending
 * @property {(what: {body?: Record<string, any>, edit?: number, del?: number}) => Promise<Entry>} send
 * @property {(frame: Record<string, unknown>) => Promise<any>} ask
 * @property {(frame: Record<string, unknown>) => boolean} post
 * @property {() => void} rejoin
 * @property {() => number} now
 * @property {(run: () => void, ms: number) => any} later
 * @property {(message: Message) => void} taken
 * @property {(event: string, detail: unknown) => void} tell
 */

/** A room that the client is in: what has been said, who is here, and how far this client has read the log. */
export class ChatRoom {
  title = "";
  kind = "";
  /** May one send here? */
  canSend = false;
  /** The members that are here, by user; empty above 100, when only `count` is known. @type {Map<string, Member>} */ members = new Map();
  count = 0;
  /** The ID up to which the user has read, on any device. */
  readTo = 0;
  /** In order, each once, with edits applied. Not to be changed. @type {Message[]} */ messages = [];
  /** There are older messages than the first. */
  more = false;
  /** All that the room has is here, and new messages come as they are sent. */
  live = false;
  /** Why the room cannot be joined. @type {ChatError|undefined} */ error;
  /** The ID of the last message that was received: a reconnect goes on behind it. */
  last = 0;
  epoch = "";
  /** The number of the newest join; answers to older ones are not heard. @internal */
  joining = 0;

  #host;
  #joined = false;
  /** The next message is the first that is known of the room. */
  #fresh = true;
  /** The newest change of each message by its ID: the message itself may come later, with a page of the history. @type {Map<number, any>} */
  #changes = new Map();
  /** @type {Map<string, {name: string, until: number}>} */ #typing = new Map();
  #toldTyping = -Infinity;
  /** @type {Promise<void>|undefined} */ #loading;

  /** @param {string} name @param {Host} host @internal */
  constructor(name, host) {
    this.name = name;
    this.#host = host;
  }

  /** What this device has not sent yet, or has been refused. */
  get pending() {
    return this.#host.pending();
  }

  /** @returns {Member[]} who is typing, without oneself */
  get typing() {
    const now = this.#host.now();
    return [...this.#typing].filter(([, t]) => t.until > now).map(([user, t]) => ({ user, name: t.name }));
  }

  /** @param {Record<string, any>} body a LINE message object @returns {Promise<Entry>} once it is kept on this device */
  send(body) {
    return this.#host.send({ body });
  }

  /** Replaces the body of an own message. @param {number} id @param {Record<string, any>} body */
  edit(id, body) {
    return this.#host.send({ body, edit: id });
  }

  /** Takes an own message back. @param {number} id */
  remove(id) {
    return this.#host.send({ del: id });
  }

  /** Tells the server that all up to a message has been read. @param {number} id */
  read(id) {
    if (id > this.readTo && this.#host.post({ t: "read", id })) this.readTo = id;
  }

  /** Tells that the user is typing; call it on every input. */
  type() {
    const now = this.#host.now();
    if (now - this.#toldTyping < TYPING_EVERY) return;
    if (this.#host.post({ t: "typing" })) this.#toldTyping = now;
  }

  /** Fetches older messages, one page at a time. Rejects with a ChatError when there is no connection. */
  async history() {
    this.#loading ??= this.#loadOlder().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #loadOlder() {
    if (!this.more || this.messages.length >= MESSAGES_MOST) return;
    const { epoch } = this;
    const [first] = this.messages;
    const page = await this.#host.ask({ t: "history", before: first?.id ?? this.last, limit: PAGE });
    if (epoch !== this.epoch || this.messages[0] !== first) return;
    this.more = Boolean(page.more);
    /** @type {any[]} */
    const msgs = (page.msgs ?? []).filter((/** @type {Message} */ m) => m.id < (first?.id ?? NEWEST));
    const older = msgs.filter((m) => !this.#change(m));
    this.messages = [...older.map((m) => this.#changed(toMessage(m))), ...this.messages];
    this.#host.tell("messages", this);
  }

  /** A join is under way: messages that do not follow the last one are not holes now. @internal */
  onJoining() {
    this.live = false;
    this.#joined = false;
    return ++this.joining;
  }

  /** @param {any} f @internal */
  onJoined(f) {
    const reset = Boolean(f.reset) || this.last === 0 || f.epoch !== this.epoch;
    if (reset) this.forget();
    this.#joined = true;
    this.#fresh = reset;
    this.epoch = String(f.epoch ?? "");
    this.title = String(f.title || this.name);
    this.kind = String(f.kind ?? "room");
    this.canSend = Boolean(f.send);
    this.readTo = Math.max(this.readTo, f.read ?? 0);
    this.error = undefined;
    this.members = new Map((f.members ?? []).map((/** @type {Member} */ m) => [m.user, m]));
    this.count = f.count ?? this.members.size;
    this.#host.tell("room", this);
    if (reset) this.#host.tell("messages", this);
  }

  /** @param {ChatError} err @internal */
  onRefused(err) {
    this.error = err;
    this.#host.tell("room", this);
  }

  /** @internal */
  onBroken() {
    const told = this.live || this.members.size > 0;
    this.live = false;
    this.#joined = false;
    this.members = new Map();
    this.count = 0;
    this.#typing.clear();
    if (told) this.#host.tell("room", this);
  }

  /** Drops all that is known, for a log that is another one or went on too far. @internal */
  forget() {
    this.messages = [];
    this.#changes.clear();
    this.last = 0;
    this.more = false;
    this.readTo = 0;
    this.#fresh = true;
  }

  /** @param {any} f @internal */
  onMessage(f) {
    if (!this.#joined || !(f.id > this.last)) return;
    // What is replayed is all that the store has: only a live message can show that one before it was lost on the way.
    if (this.live && f.prev !== this.last) return this.#host.rejoin();
    if (this.#fresh) this.more = f.prev > 0;
    this.#fresh = false;
    this.last = f.id;
    if (!this.#change(f)) {
      const message = this.#changed(toMessage(f));
      this.messages.push(message);
      if (this.messages.length > MESSAGES_MOST) {
        this.messages.splice(0, this.messages.length - MESSAGES_MOST);
        this.more = true;
      }
      this.#typing.delete(f.user);
      this.#host.taken(message);
      if (this.live) this.#host.tell("arrived", { room: this, message });
    } else {
      this.#host.taken(f);
    }
    this.#host.tell("messages", this);
  }

  /** @param {any} f @internal */
  onLive(f) {
    if (!this.#joined) return;
    if (this.live && f.id > this.last) return this.#host.rejoin();
    this.last = Math.max(this.last, f.id ?? 0);
    this.#fresh = false;
    this.live = true;
    this.#host.tell("room", this);
  }

  /** @param {any} f @internal */
  onPresence(f) {
    for (const m of f.on ?? []) this.members.set(m.user, m);
    for (const user of f.off ?? []) this.members.delete(user);
    this.count = f.count ?? this.members.size;
    if (this.count > this.members.size && !f.on && !f.off) this.members.clear();
    this.#host.tell("room", this);
  }

  /** @param {any} f @internal */
  onTyping(f) {
    if (f.user === this.#host.user()) return;
    const until = this.#host.now() + TYPING_LASTS;
    this.#typing.set(f.user, { name: String(f.name ?? f.user), until });
    this.#host.later(() => {
      if (this.#typing.get(f.user)?.until === until) this.#typing.delete(f.user);
      this.#host.tell("room", this);
    }, TYPING_LASTS);
    this.#host.tell("room", this);
  }

  /** Takes note of an edit or a deletion, and applies it if the message is here. @param {any} f @returns {boolean} whether it was one */
  #change(f) {
    const target = f.edit ?? f.del;
    if (!target) return false;
    const known = this.#changes.get(target);
    if (known && (known.del || known.id > f.id)) return true;
    this.#changes.set(target, f);
    const at = this.messages.findIndex((m) => m.id === target);
    if (at >= 0) this.messages[at] = this.#changed(this.messages[at]);
    return true;
  }

  /** @param {Message} message @returns {Message} with its newest change */
  #changed(message) {
    const change = this.#changes.get(message.id);
    if (!change || change.user !== message.user) return message;
    if (change.del) return { ...message, body: {}, deleted: true };
    return { ...message, body: change.body, edited: change.id };
  }
}

/** @param {any} f @returns {Message} */
function toMessage({ id, prev, user, name, cid, ts, body }) {
  return { id, prev, user, name: String(name || user), cid, ts, body: body ?? {} };
}
