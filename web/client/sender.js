// @ts-check
/** @import { Entry, Message, Platform } from "./types.js" */
/** @import { Connection, Welcome } from "./connection.js" */
/** @import { Outbox } from "./outbox.js" */

/** How long a send may go without an answer on a live connection, in ms: then the server is stuck. */
const ANSWER_LIMIT = 10_000;

/** Pages of the history that are searched for a send whose outcome is not known; if that is not enough, a person decides. */
const SEARCH_PAGES = 20;
const SEARCH_PAGE = 100;

/** A clock may differ from the server's by this much, in ms, beyond what the welcome told. */
const CLOCK_SLACK = 60_000;

/** Greater than every ID. */
const NEWEST = Number.MAX_SAFE_INTEGER;

/** Brings what the outbox holds over the connection: of each room one at a time, in order, until each has an answer. */
export class Sender {
  #platform;
  #connection;
  #outbox;
  #onFail;
  /** Timers of entries by cid: an answer that is due, or a later try. @type {Map<string, any>} */ #due = new Map();
  /** @type {Welcome} */ #welcome = { user: "", name: "", maxBytes: 65_536, dedupMs: 120_000, skew: 0 };

  /**
   * @param {Platform} platform
   * @param {Connection} connection
   * @param {Outbox} outbox
   * @param {(entry: Entry) => void} onFail called for what was refused or is unsure
   */
  constructor(platform, connection, outbox, onFail) {
    this.#platform = platform;
    this.#connection = connection;
    this.#outbox = outbox;
    this.#onFail = onFail;
  }

  /** @param {Welcome} welcome */
  welcome(welcome) {
    this.#welcome = welcome;
  }

  /** The connection is gone, and with it all answers. */
  broken() {
    for (const cid of this.#due.keys()) this.settled(cid);
    this.#outbox.unsend();
  }

  /** Nothing waits for an answer. */
  idle() {
    return !this.#outbox.list().some((e) => e.state === "sending");
  }

  /** Sends what may be sent. */
  flush() {
    if (!this.#connection.connected) return;
    if (this.#connection.moving) return this.#connection.moveOn();
    for (const entry of this.#outbox.next()) {
      const forgotten = entry.maybe !== undefined && this.#platform.now() - entry.maybe > this.#welcome.dedupMs;
      if (forgotten) void this.#search(entry);
      else this.#write(entry);
    }
  }

  /** @param {Entry} entry */
  #write(entry) {
    const { cid, room, body, edit, del } = entry;
    entry.maybe ??= this.#platform.now();
    this.#outbox.mark(entry, "sending");
    this.#connection.post({ t: "send", room, cid, edit, del, body: del ? undefined : body });
    this.#after(cid, ANSWER_LIMIT, () => this.#connection.drop());
  }

  /** Looks in the history for what may have been sent so long ago that the server has forgotten its cid. @param {Entry} entry */
  async #search(entry) {
    const { socket } = this.#connection;
    this.#outbox.mark(entry, "sending");
    let found;
    try {
      found = await this.#find(entry);
    } catch (err) {
      if (socket !== this.#connection.socket) return;
      if (/** @type {any} */ (err).code === "timeout") return this.#connection.drop();
    }
    if (socket !== this.#connection.socket || this.#outbox.get(entry.cid) !== entry) return;
    if (found === undefined) return this.#fail(entry, "unsure");
    if (found > 0) return this.onAck({ cid: entry.cid, id: found });
    entry.maybe = undefined;
    this.#write(entry);
  }

  /** @param {Entry} entry @returns {Promise<number|undefined>} its message's ID, 0 if there is none, undefined if the search ended without a result */
  async #find({ room, cid, maybe }) {
    const since = Number(maybe) + this.#welcome.skew - CLOCK_SLACK;
    let before = NEWEST;
    for (let i = 0; i < SEARCH_PAGES; i++) {
      const page = await this.#connection.ask({ t: "history", room, before, limit: SEARCH_PAGE });
      /** @type {Message[]} */
      const msgs = page.msgs ?? [];
      const found = msgs.find((m) => m.cid === cid && m.user === this.#welcome.user);
      if (found) return found.id;
      if (!page.more || msgs.length === 0 || msgs[0].ts < since) return 0;
      before = msgs[0].id;
    }
    return undefined;
  }

  /** @param {Entry} entry @param {"refused"|"unsure"} state @param {{code?: string, text?: string}} [why] */
  #fail(entry, state, { code, text } = {}) {
    Object.assign(entry, { code, text });
    this.#outbox.mark(entry, state);
    this.#onFail(entry);
    this.flush();
  }

  /** @param {any} f */
  onAck(f) {
    const entry = this.#outbox.get(f.cid);
    if (!entry) return;
    entry.id = f.id;
    this.#outbox.done(entry);
    this.flush();
  }

  /** @param {any} f */
  onNack(f) {
    const entry = this.#outbox.get(f.cid);
    if (entry?.state !== "sending") return;
    this.settled(entry.cid);
    if (!(f.retry_ms > 0)) return this.#fail(entry, "refused", f);
    this.#outbox.mark(entry, "later");
    this.#after(entry.cid, f.retry_ms, () => {
      this.#outbox.mark(entry, "queued");
      this.flush();
    });
    this.#connection.moveOn();
  }

  /** Nothing is due for a cid any more. @param {string} cid */
  settled(cid) {
    this.#platform.clearTimeout(this.#due.get(cid));
    this.#due.delete(cid);
  }

  /** @param {string} cid @param {number} ms @param {() => void} run */
  #after(cid, ms, run) {
    this.settled(cid);
    const timer = this.#platform.setTimeout(() => {
      this.#due.delete(cid);
      run();
    }, ms);
    this.#due.set(cid, timer);
  }
}
