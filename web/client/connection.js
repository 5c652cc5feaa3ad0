// @ts-check
/** @import { Platform, State, Status, Way } from "./types.js" */
import { ChatError } from "./error.js";
import { EventSocket } from "./events.js";
import { parse, positive, socketURL } from "./platform.js";

/** The version of the protocol that is spoken here. */
const PROTOCOL = 1;

/** From the beginning of a connection to its welcome, in ms. */
const CONNECT_LIMIT = 10_000;

/** A wait before a reconnect is random between 0 and BACKOFF_BASE·2^n, at most BACKOFF_MAX, in ms. */
const BACKOFF_BASE = 500;
const BACKOFF_MAX = 30_000;

/** The least n after a server said that it has too much to do. */
const OVERLOADED = 4;

/** A connection that lived this long, in ms, was a good one: the next waits begin short again. */
const STABLE_AFTER = 10_000;

/** How much later than promised a ping may come, in ms. */
const PING_SLACK = 10_000;

/** How long a server may take to show that it is there, in ms, after a tab wakes up. */
const WAKE_LIMIT = 5_000;

/** How many attempts in a row may bring no welcome before the other way is tried: where a WebSocket never came through, and where one did. */
const PATIENCE = 2;
const PATIENCE_PROVEN = 6;

/** How long a request may go without an answer on a live connection, in ms. */
const ANSWER_LIMIT = 10_000;

/** From which states a state may be entered. @type {Record<State, State[]>} */
const FROM = {
  stopped: ["connecting", "connected", "waiting", "login"],
  connecting: ["stopped", "waiting", "login", "connected"],
  connected: ["connecting"],
  waiting: ["connecting", "connected"],
  login: ["connecting", "connected"],
};

/**
 * What the server said of itself and of the limits.
 * @typedef {object} Welcome
 * @property {string} user
 * @property {string} name
 * @property {number} maxBytes of a frame
 * @property {number} dedupMs how long the server knows a cid
 * @property {number} skew the server's clock less this one's, in ms
 */

/**
 * What a connection tells its client.
 * @typedef {object} ConnectionEvents
 * @property {(status: Status) => void} state
 * @property {(welcome: Welcome) => void} welcome before the state becomes connected
 * @property {(frame: any) => void} frame one that is no answer to a request
 * @property {() => void} broken all that waited for an answer has none; before the state changes
 * @property {() => boolean} idle nothing waits for an answer, so that the connection may move to another server
 */

/** @typedef {{done: (answer: any) => void, failed: (err: ChatError) => void, timer: any}} Request */

/**
 * The connection to one of the servers: at most one at any time, replaced without end when it breaks, falls silent or is drained.
 * A refused login ends the trying until `start` is called again.
 */
export class Connection {
  /** Names this client to the server, over all its connections. */
  #id;
  #platform;
  #events;
  #urls;
  #url = 0;
  /** @type {Way} the one that was welcomed last */ #way = "websocket";
  /** A WebSocket was welcomed. */ #proven = false;
  /** Attempts in a row that brought no welcome. */ #failed = 0;
  /** @type {string|(() => string|Promise<string>)|undefined} */ #token;
  /** @type {Status} */ #status;
  /** @type {WebSocket|EventSocket|undefined} the connection in use: what another one says is not heard */ #socket;
  /** @type {Map<number, Request>} */ #requests = new Map();
  #n = 0;
  #pingMs = 25_000;
  #triedAt = 0;
  #openedAt = 0;
  #welcomed = false;
  #moving = false;
  /** By name: retry, open, alive, drain and deadline. @type {Map<string, any>} */ #timers = new Map();
  #unwake = () => {};

  /**
   * @param {Platform} platform
   * @param {string} id
   * @param {string[]} urls
   * @param {string|(() => string|Promise<string>)|undefined} token
   * @param {ConnectionEvents} events
   */
  constructor(platform, id, urls, token, events) {
    this.#platform = platform;
    this.#id = id;
    this.#urls = urls.map(socketURL);
    this.#token = token;
    this.#events = events;
    this.#status = { state: "stopped", attempt: 0, retryAt: 0, url: this.#urls[0], way: this.#way, server: "", reconnects: 0 };
  }

  /** @returns {Status} */
  get status() {
    return { ...this.#status };
  }

  get connected() {
    return this.#status.state === "connected";
  }

  /** The connection is about to move: nothing new is to be sent over it. */
  get moving() {
    return this.#moving;
  }

  /** Something that differs with every socket. @returns {unknown} */
  get socket() {
    return this.#socket;
  }

  /** Connects, and stays so until `stop`. */
  start() {
    const { state } = this.#status;
    if (state === "stopped") this.#unwake = this.#platform.onWake(() => this.#onWake());
    if (state === "stopped" || state === "login") this.#connect();
  }

  stop() {
    if (this.#status.state === "stopped") return;
    this.#unwake();
    this.#end();
    this.#to("stopped");
  }

  /** @param {string} token */
  async setToken(token) {
    this.#token = token;
    if (this.connected) await this.ask({ t: "auth", token });
    else if (this.#status.state === "login") this.start();
  }

  /** Waits no longer for the next connection; asks a live one, or one that is being made, for a sign of life. */
  wake() {
    if (this.#status.state === "waiting") {
      this.#status.attempt = 0;
      return this.#connect();
    }
    if (this.#status.state === "connecting") {
      this.#status.attempt = 0;
      const left = this.#triedAt + CONNECT_LIMIT - this.#platform.now();
      if (left > WAKE_LIMIT) this.#after("open", WAKE_LIMIT, () => this.drop());
    }
    if (!this.connected) return;
    this.post({ t: "ping" });
    this.#watch(WAKE_LIMIT);
  }

  /** The tab or the network is back: what failed without them says nothing of the way. */
  #onWake() {
    this.#failed = 0;
    this.wake();
  }

  /** @param {Record<string, unknown>} frame @returns {boolean} whether there was a connection to write it to */
  post(frame) {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * Sends a frame that is answered.
   * @param {Record<string, unknown>} frame
   * @param {(answer: any) => void} done called before the next frame is looked at
   * @param {(err: ChatError) => void} failed
   */
  request(frame, done, failed) {
    const n = ++this.#n;
    if (!this.connected || !this.post({ ...frame, n })) return failed(new ChatError("closed"));
    const timer = this.#platform.setTimeout(() => {
      this.#requests.delete(n);
      failed(new ChatError("timeout"));
    }, ANSWER_LIMIT);
    this.#requests.set(n, { done, failed, timer });
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<any>} the answer; rejects with a ChatError */
  ask(frame) {
    return new Promise((resolve, reject) => this.request(frame, resolve, reject));
  }

  /** The connection is of no use: another one, please. */
  drop() {
    if (this.#socket) this.#closed(0);
  }

  /** Goes to the next server if this one is drained and nothing waits for it any more. */
  moveOn() {
    if (this.#moving && this.#events.idle()) this.#move();
  }

  /** @param {State} state @param {Partial<Status>} [more] */
  #to(state, more) {
    const { state: from } = this.#status;
    if (!FROM[state].includes(from)) throw new Error(`chat: ${from} cannot become ${state}`);
    this.#status = { ...this.#status, retryAt: 0, ...more, state };
    this.#events.state(this.status);
  }

  #connect() {
    this.#clear("retry");
    const url = this.#urls[this.#url];
    const way = this.#choose();
    this.#to("connecting", { url, way });
    /** @type {WebSocket|EventSocket} */
    let socket;
    try {
      socket = way === "websocket" ? this.#platform.connect(url) : new EventSocket(this.#platform, url);
    } catch {
      return this.#wait(0);
    }
    this.#socket = socket;
    const mine = () => this.#socket === socket;
    socket.addEventListener("open", () => mine() && void this.#hello(socket));
    socket.addEventListener("message", (/** @type {any} */ event) => mine() && this.#receive(event.data));
    socket.addEventListener("close", (/** @type {any} */ event) => mine() && this.#closed(event.code));
    this.#triedAt = this.#platform.now();
    this.#after("open", CONNECT_LIMIT, () => this.drop());
  }

  /** The way of the next attempt: once the usual one has failed too often, both in turn, each at every server. @returns {Way} */
  #choose() {
    const over = this.#failed - (this.#proven ? PATIENCE_PROVEN : PATIENCE);
    const usual = over < 0 || Math.floor(over / this.#urls.length) % 2 === 1;
    return usual === (this.#way === "websocket") ? "websocket" : "events";
  }

  /** @param {WebSocket|EventSocket} socket */
  async #hello(socket) {
    try {
      const token = typeof this.#token === "function" ? await this.#token() : this.#token;
      if (this.#socket === socket) this.post({ t: "hello", v: PROTOCOL, client: this.#id, token });
    } catch {
      if (this.#socket === socket) this.drop();
    }
  }

  /** @param {unknown} data objects of JSON, divided by \n */
  #receive(data) {
    const socket = this.#socket;
    if (this.connected) this.#watch(this.#pingMs + PING_SLACK);
    for (const line of String(data).split("\n")) {
      const frame = parse(line);
      if (frame) this.#onFrame(frame);
      if (this.#socket !== socket) return;
    }
  }

  /** @param {any} f */
  #onFrame(f) {
    if (f.t === "welcome") this.#onWelcome(f);
    else if (f.t === "ping") this.post({ t: "pong" });
    else if (f.t === "drain") this.#onDrain(f);
    else if (f.n !== undefined) this.#answered(f);
    else this.#events.frame(f);
  }

  /** @param {any} f */
  #onWelcome(f) {
    if (this.#status.state !== "connecting") return;
    this.#clear("open");
    this.#openedAt = this.#platform.now();
    this.#failed = 0;
    this.#way = this.#status.way;
    if (this.#way === "websocket") this.#proven = true;
    this.#pingMs = positive(f.ping_s, 25) * 1000;
    this.#events.welcome({
      user: String(f.user),
      name: String(f.name || f.user),
      maxBytes: positive(f.max_bytes, 65_536),
      dedupMs: positive(f.dedup_s, 120) * 1000,
      skew: f.time > 0 ? f.time - this.#openedAt : 0,
    });
    const reconnects = this.#status.reconnects + (this.#welcomed ? 1 : 0);
    this.#welcomed = true;
    this.#watch(this.#pingMs + PING_SLACK);
    this.#to("connected", { server: String(f.server ?? ""), reconnects });
  }

  /** @param {any} f */
  #answered(f) {
    const request = this.#requests.get(f.n);
    if (!request) return;
    this.#requests.delete(f.n);
    this.#platform.clearTimeout(request.timer);
    if (f.t === "error") request.failed(new ChatError(String(f.code), f.text, f.retry_ms));
    else request.done(f);
  }

  /** @param {any} f */
  #onDrain(f) {
    const after = positive(f.after_ms, 0);
    this.#after("drain", after, () => {
      this.#moving = true;
      this.moveOn();
    });
    this.#after("deadline", Math.max(positive(f.deadline_ms, 0), after), () => this.#move());
  }

  #move() {
    this.#end();
    if (this.#status.state === "stopped") return; // by a listener
    this.#url = (this.#url + 1) % this.#urls.length;
    this.#connect();
  }

  /** @param {number} code */
  #closed(code) {
    if (this.connected && this.#platform.now() - this.#openedAt >= STABLE_AFTER) this.#status.attempt = 0;
    this.#end();
    if (this.#status.state === "stopped") return; // by a listener
    if (code === 4003) return this.#to("login");
    this.#url = (this.#url + 1) % this.#urls.length;
    this.#wait(code === 1013 || code === 4029 ? OVERLOADED : 0);
  }

  /** Forgets the connection and all that waits for it. */
  #end() {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#moving = false;
    for (const name of this.#timers.keys()) this.#clear(name);
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { timer, failed } of requests) {
      this.#platform.clearTimeout(timer);
      failed(new ChatError("closed"));
    }
    this.#events.broken();
    socket?.close();
  }

  /** Waits before the next connection, which never ends the trying. @param {number} least the exponent to begin with */
  #wait(least) {
    if (this.#status.state === "connecting") this.#failed++;
    const attempt = this.#status.attempt + 1;
    const n = Math.min(Math.max(attempt - 1, least), 10);
    const ms = this.#platform.random() * Math.min(BACKOFF_MAX, BACKOFF_BASE * 2 ** n);
    this.#to("waiting", { attempt, retryAt: this.#platform.now() + ms, url: this.#urls[this.#url] });
    this.#after("retry", ms, () => this.#connect());
  }

  /** Every frame shows that the server lives; if none comes for so long, it does not. @param {number} ms */
  #watch(ms) {
    this.#after("alive", ms, () => this.drop());
  }

  /** @param {string} name @param {number} ms @param {() => void} run */
  #after(name, ms, run) {
    this.#clear(name);
    this.#timers.set(name, this.#platform.setTimeout(run, ms));
  }

  /** @param {string} name */
  #clear(name) {
    this.#platform.clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
