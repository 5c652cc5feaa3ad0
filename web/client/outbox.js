// @ts-check
/** @import { Entry, EntryState, Platform, Store } from "./types.js" */
import { ChatError } from "./error.js";

/** Entries at most; more are refused, since a person will not read through them either. */
const ENTRIES_MOST = 1_000;

/**
 * A tab takes the outbox from one that has not sent this tab's message for so long, in ms: phones freeze tabs that are not seen,
 * and with them their locks.
 */
const STEAL_AFTER = 10_000;

/**
 * What the outbox tells its client.
 * @typedef {object} OutboxEvents
 * @property {(room: string) => void} changed
 * @property {() => void} ready there may be something to send
 * @property {(cid: string) => void} settled nothing is due for it any more
 * @property {(entry: Entry) => boolean} awaited its message is stored and will appear in a room that is joined
 * @property {(err: Error) => void} fault the store does not keep
 */

/**
 * What has not been sent. All tabs of a user share one store and tell each other of changes; one that is connected holds the
 * lock and sends for all. When it loses its connection, closes, or is frozen while another one has something to send, the next
 * goes on. A send that two tabs make for that reason has the same cid twice and is stored once. Where there are no locks (pages
 * without TLS) each tab sends its own and, on loading, what was left.
 */
export class Outbox {
  #platform;
  #store;
  #name;
  #events;
  /** @type {Map<string, Entry>} in order */ #entries = new Map();
  #user = "";
  #open = false;
  #owner = false;
  #order = 0;
  /** Ends this tab's ownership, or its wait for it. */ #release = () => {};
  /** @type {BroadcastChannel|undefined} */ #channel;
  /** Writes one after the other. @type {Promise<unknown>} */ #writing = Promise.resolve();

  /** @param {Platform} platform @param {Store} store @param {string} name @param {OutboxEvents} events */
  constructor(platform, store, name, events) {
    this.#platform = platform;
    this.#store = store;
    this.#name = name;
    this.#events = events;
  }

  /** Shows a user's entries. @param {string} user */
  open(user) {
    if (this.#open && user === this.#user) return;
    this.close();
    this.#open = true;
    this.#user = user;
    for (const e of this.#entries.values()) {
      if (e.user === "") this.#keep(Object.assign(e, { user }));
      else if (e.user !== user) this.#entries.delete(e.cid);
    }
    this.#channel = this.#platform.channel(`${this.#name}:${user}`);
    this.#channel?.addEventListener("message", (event) => this.#heard(event.data));
    void this.#load();
  }

  close() {
    this.yield();
    this.#open = false;
    this.#channel?.close();
    this.#channel = undefined;
  }

  /** This tab can send: it does as soon as it may. */
  take() {
    this.#own(false);
  }

  /** Another tab may send now. */
  yield() {
    this.#release();
    this.#release = () => {};
    this.#owner = false;
  }

  /** @returns {Entry[]} in order */
  list() {
    return [...this.#entries.values()];
  }

  /** @param {string} cid */
  get(cid) {
    return this.#entries.get(cid);
  }

  /** @returns {Entry[]} what is to be sent now: at most one of each room */
  next() {
    if (!this.#owner) return [];
    const seen = new Set();
    const next = [];
    for (const e of this.#entries.values()) {
      if (e.state === "refused" || e.state === "unsure" || e.state === "stored" || seen.has(e.room)) continue;
      seen.add(e.room);
      if (e.state === "queued") next.push(e);
    }
    return next;
  }

  /** Keeps an entry: it is on this device when the promise is fulfilled, or a fault was told. @param {Entry} entry */
  async add(entry) {
    if (this.#entries.size >= ENTRIES_MOST) throw new ChatError("full");
    this.#order = entry.order = Math.max(entry.order, this.#order + 1 / 1024);
    this.#entries.set(entry.cid, entry);
    this.#events.changed(entry.room);
    await this.#keep(entry);
    if (entry.state === "saving") entry.state = "queued";
    this.#say({ put: kept(entry) });
    this.#events.changed(entry.room);
    this.#events.ready();
    if (!this.#owner) this.#stealLater(entry.cid);
  }

  /** @param {Entry} entry @param {EntryState} state */
  mark(entry, state) {
    entry.state = state;
    if (state === "sending") this.#say({ sending: entry.cid });
    if (state === "refused" || state === "unsure") {
      void this.#keep(entry);
      this.#say({ put: kept(entry) });
    }
    this.#events.changed(entry.room);
  }

  /** The server stored an entry: it is kept in sight until its message appears, and not on the device. @param {Entry} entry */
  done(entry) {
    this.#events.settled(entry.cid);
    if (entry.state !== "stored") {
      void this.#write(() => this.#store.remove(entry.cid));
      this.#say({ done: entry.cid });
    }
    entry.state = "stored";
    if (!this.#events.awaited(entry)) this.#entries.delete(entry.cid);
    this.#events.changed(entry.room);
  }

  /** @param {string} cid @param {boolean} [tell] */
  discard(cid, tell = true) {
    const entry = this.#entries.get(cid);
    if (!entry) return;
    this.#events.settled(cid);
    this.#entries.delete(cid);
    if (tell) {
      void this.#write(() => this.#store.remove(cid));
      this.#say({ discard: cid });
    }
    this.#events.changed(entry.room);
    this.#events.ready();
  }

  /** @param {string} cid @param {boolean} [tell] */
  requeue(cid, tell = true) {
    const entry = this.#entries.get(cid);
    if (!entry || (entry.state !== "refused" && entry.state !== "unsure")) return;
    entry.maybe = undefined;
    this.mark(entry, "queued");
    if (tell) {
      void this.#keep(entry);
      this.#say({ requeue: cid });
    }
    this.#events.ready();
  }

  /** The connection broke: what had no answer waits again. */
  unsend() {
    for (const e of this.#entries.values()) {
      if (e.state === "sending" || e.state === "later") this.mark(e, "queued");
      if (e.state === "stored") this.#entries.delete(e.cid);
    }
  }

  /** What was awaited has appeared. */
  tidy() {
    for (const e of this.#entries.values()) if (e.state === "stored" && !this.#events.awaited(e)) this.#entries.delete(e.cid);
  }

  /** What is in the store and not here was left by a closed tab, which may have sent it. */
  async #load() {
    const user = this.#user;
    /** @type {Entry[]} */
    let all = [];
    try {
      all = await this.#store.all();
    } catch (err) {
      this.#events.fault(/** @type {Error} */ (err));
    }
    if (user !== this.#user) return;
    for (const e of all) if (e.user === user && !this.#entries.has(e.cid)) this.#adopt(e);
  }

  /** @param {Entry} e of the store or another tab */
  #adopt(e) {
    const entry = { ...e, maybe: e.at };
    this.#order = Math.max(this.#order, e.order);
    const all = [...this.#entries.values(), entry].sort((a, b) => a.order - b.order);
    this.#entries = new Map(all.map((x) => [x.cid, x]));
    this.#events.changed(entry.room);
    this.#events.ready();
  }

  /** @param {boolean} steal from a tab that does not send */
  #own(steal) {
    const { locks } = this.#platform;
    this.yield();
    let open = true;
    const waiting = new AbortController();
    /** @type {Promise<void>} */
    const held = new Promise((resolve) => {
      this.#release = () => {
        open = false;
        waiting.abort();
        resolve();
      };
    });
    const hold = async () => {
      if (!open) return;
      await this.#load();
      if (!open) return;
      this.#owner = true;
      this.#events.ready();
      await held;
    };
    if (!locks) return void hold();
    // With steal the API takes no signal: it never waits.
    const options = steal ? { steal } : { signal: waiting.signal };
    locks.request(`${this.#name}:${this.#user}`, options, hold).catch(() => {
      if (open) this.#own(false);
    });
  }

  /** @param {string} cid of this tab, that another tab should send */
  #stealLater(cid) {
    this.#platform.setTimeout(() => {
      if (this.#channel && !this.#owner && this.#entries.get(cid)?.state === "queued") this.#own(true);
    }, STEAL_AFTER);
  }

  /** @param {Record<string, any>} said by another tab */
  #heard({ put, sending, done, discard, requeue }) {
    if (put && this.#entries.has(put.cid)) {
      Object.assign(/** @type {Entry} */ (this.#entries.get(put.cid)), put);
      this.#events.changed(put.room);
    } else if (put) {
      this.#adopt(put);
    }
    const sent = this.#entries.get(sending);
    if (sent) sent.maybe ??= sent.at;
    if (done || discard) this.discard(done ?? discard, false);
    if (requeue) this.requeue(requeue, false);
    this.#events.ready();
  }

  /** @param {Record<string, unknown>} what */
  #say(what) {
    this.#channel?.postMessage(what);
  }

  /** An entry of a user who is not known yet is kept when they are. @param {Entry} entry */
  async #keep(entry) {
    if (entry.user !== "") await this.#write(() => this.#store.put(kept(entry)));
  }

  /** @param {() => Promise<void>} write */
  #write(write) {
    this.#writing = this.#writing.then(write).catch((err) => this.#events.fault(err));
    return this.#writing;
  }
}

/** An entry as it is kept. @param {Entry} entry @returns {Entry} */
function kept({ maybe: _, ...entry }) {
  return { ...entry, state: entry.state === "refused" || entry.state === "unsure" ? entry.state : "queued" };
}
