// @ts-check
// A server of the chat's protocol, a clock, a browser's locks and its tabs: all in one process, and all as slow, as broken and as
// random as a test wants.
import { ChatClient, MemoryStore } from "../client.js";

/** A clock that stands until it is moved. */
export class Clock {
  now = 1_800_000_000_000;
  #n = 0;
  /** @type {Map<number, {at: number, run: () => void}>} */ #timers = new Map();

  /** @param {() => void} run @param {number} ms */
  set(run, ms) {
    this.#timers.set(++this.#n, { at: this.now + Math.max(0, ms), run });
    return this.#n;
  }

  /** @param {number} timer */
  clear(timer) {
    this.#timers.delete(timer);
  }

  /** How long until the next timer, in ms. */
  next() {
    return Math.min(...[...this.#timers.values()].map((t) => t.at)) - this.now;
  }

  /** Lets time pass, timer by timer, with all that follows at once from each. @param {number} ms */
  async pass(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort(([m, a], [n, b]) => a.at - b.at || m - n)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.now = Math.max(this.now, due[1].at);
      due[1].run();
      await settle();
    }
    this.now = end;
  }
}

/** Waits for all that needs no time. */
export async function settle() {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Random numbers that repeat with their seed. @param {number} seed */
export function seeded(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The client's end of a connection. */
export class Socket extends EventTarget {
  readyState = 0;
  /** @type {any[]} */ received = [];
  /** @type {Map<string, boolean>} */ rooms = new Map();
  user = "";

  /** @param {Server} server @param {string} url */
  constructor(server, url) {
    super();
    this.server = server;
    this.url = url;
  }

  /** @param {string} text */
  send(text) {
    if (this.readyState !== 1) throw new Error("the socket is not open");
    const frame = JSON.parse(text);
    this.received.push(frame);
    queueMicrotask(() => this.readyState === 1 && this.server.onFrame(this, frame));
  }

  close() {
    this.end(1005);
  }

  /** @param {...any} frames in one frame of the WebSocket */
  say(...frames) {
    const data = frames.map((f) => JSON.stringify(f)).join("\n");
    queueMicrotask(() => this.readyState === 1 && this.dispatchEvent(Object.assign(new Event("message"), { data })));
  }

  /** @param {number} code */
  end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.server.sockets.delete(this);
    queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("close"), { code })));
  }
}

/** The server's end of a stream of server-sent events, with the frames that are posted for it. */
export class Stream extends Socket {
  readyState = 1;
  conn;
  body;
  /** @type {any} */ #out;

  /** @param {Server} server @param {string} url of the WebSocket in whose place it is @param {string} conn */
  constructor(server, url, conn) {
    super(server, url);
    this.conn = conn;
    this.body = new ReadableStream({ start: (out) => (this.#out = out) });
  }

  /** @param {...any} frames each an event */
  say(...frames) {
    for (const f of frames) this.#write(`data: ${JSON.stringify(f)}\n\n`);
  }

  /** @param {number} code 1006 for a network that breaks in the middle of it */
  end(code) {
    if (this.readyState === 3) return;
    if (code !== 1006) this.say({ t: "close", code, reason: "" });
    this.readyState = 3;
    this.server.sockets.delete(this);
    if (code === 1006) this.#out.error(new TypeError("the network broke"));
    else this.#out.close();
  }

  /** Writes in two pieces, cut anywhere. @param {string} text */
  #write(text) {
    if (this.readyState === 3) return;
    const bytes = new TextEncoder().encode(text);
    const cut = Math.floor(this.server.random() * bytes.length);
    for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) if (piece.length > 0) this.#out.enqueue(piece);
  }
}

/**
 * All instances of a server: they share the rooms. Faults are probabilities.
 */
export class Server {
  /** @type {Set<Socket>} */ sockets = new Set();
  /** @type {Map<string, any[]>} */ logs = new Map();
  /** @type {Map<string, {id: number, ts: number}>} */ known = new Map();
  /** URLs that refuse connections. @type {Set<string>} */ down = new Set();
  /** All that were tried. @type {string[]} */ tried = [];
  /** The answer to a POST gets lost: post. */
  faults = { ack: 0, live: 0, frame: 0, nack: 0, post: 0 };
  /** Requests in the place of WebSockets. @type {{url: string, init: any}[]} */ requests = [];
  /** Answers to requests, instead of the server's own, by the last part of their path. @type {Record<string, (init: any) => Promise<any>>} */
  insteadOf = {};
  welcome = { dedup_s: 120, ping_s: 25 };
  replayMost = 1000;
  epoch = "e1";
  /** Answers to frames of a kind, instead of the server's own. @type {Record<string, (socket: Socket, frame: any) => void>} */ instead = {};
  #id = 0;

  /** @param {Clock} clock @param {() => number} random */
  constructor(clock, random = () => 0.5) {
    this.clock = clock;
    this.random = random;
  }

  /** @param {string} url @param {string} user */
  connect(url, user) {
    const socket = new Socket(this, url);
    socket.user = user;
    this.tried.push(url);
    if (this.down.has(url)) {
      socket.end(1006);
    } else {
      this.sockets.add(socket);
      queueMicrotask(() => {
        if (socket.readyState !== 0) return;
        socket.readyState = 1;
        socket.dispatchEvent(new Event("open"));
      });
    }
    return socket;
  }

  /** What is asked for in the place of a WebSocket. @param {string} url @param {any} init @param {string} user @returns {Promise<any>} */
  async fetch(url, init, user) {
    this.requests.push({ url, init });
    init.signal.throwIfAborted();
    const { host, pathname, searchParams } = new URL(url);
    const what = pathname.slice("/chat/".length);
    const socketURL = `ws://${host}/chat/ws`;
    if (what === "events") this.tried.push(url);
    const instead = this.insteadOf[what];
    if (instead) return instead(init);
    if (this.down.has(socketURL)) throw new TypeError("there is no server");
    return what === "events" ? this.#stream(socketURL, init, user) : this.#take(searchParams.get("conn"), init);
  }

  /** @param {string} url @param {any} init @param {string} user */
  #stream(url, init, user) {
    const stream = new Stream(this, url, `conn ${this.requests.length}`);
    stream.user = user;
    init.signal.addEventListener("abort", () => stream.end(1006));
    this.sockets.add(stream);
    this.onFrame(stream, { t: "hello" });
    return new Response(stream.body, { headers: { "Content-Type": "text/event-stream" } });
  }

  /** @param {string|null} conn @param {any} init */
  async #take(conn, init) {
    const stream = [...this.sockets].find((s) => s instanceof Stream && s.conn === conn);
    if (!stream) return new Response("", { status: 404 });
    for (const line of init.body.split("\n")) {
      const frame = JSON.parse(line);
      stream.received.push(frame);
      if (stream.readyState === 1) this.onFrame(stream, frame);
    }
    await null;
    init.signal.throwIfAborted();
    if (this.#happens("post")) throw new TypeError("the network broke");
    return new Response(null, { status: 204 });
  }

  /** @param {keyof Server["faults"]} fault */
  #happens(fault) {
    return this.random() < this.faults[fault];
  }

  /** @param {string} room */
  log(room) {
    let log = this.logs.get(room);
    if (!log) this.logs.set(room, (log = []));
    return log;
  }

  /** @param {Socket} s @param {any} f */
  onFrame(s, f) {
    if (this.#happens("frame")) return s.end(1006);
    const instead = this.instead[f.t];
    if (instead) return instead(s, f);
    switch (f.t) {
      case "hello":
        return s.say({
          t: "welcome",
          conn: s instanceof Stream ? s.conn : "c",
          user: s.user,
          name: s.user.toUpperCase(),
          epoch: this.epoch,
          max_bytes: 65536,
          server: s.url,
          time: this.clock.now,
          ...this.welcome,
        });
      case "join":
        return this.#join(s, f);
      case "leave":
        s.rooms.delete(f.room);
        return s.say({ t: "ok", n: f.n });
      case "send":
        return this.#send(s, f);
      case "history": {
        const older = this.log(f.room).filter((m) => m.id < f.before);
        return s.say({ t: "page", n: f.n, room: f.room, msgs: older.slice(-f.limit), more: older.length > f.limit });
      }
      case "rooms":
        return s.say({ t: "rooms", n: f.n, rooms: [] });
      case "users":
        return s.say({ t: "users", n: f.n, users: [] });
      case "auth":
        return s.say({ t: "ok", n: f.n });
      case "ping":
        return s.say({ t: "pong" });
    }
  }

  /** @param {Socket} s @param {any} f */
  #join(s, f) {
    const log = this.log(f.room);
    const head = log.at(-1)?.id ?? 0;
    const behind = log.filter((m) => m.id > (f.last ?? 0));
    const resume = f.last > 0 && f.epoch === this.epoch && behind.length <= this.replayMost;
    const joined = { t: "joined", n: f.n, room: f.room, kind: "room", title: f.room, head, epoch: this.epoch, send: true, count: 1, read: 0 };
    s.rooms.set(f.room, true);
    const reset = f.last > 0 && !resume ? { reset: true } : {};
    s.say({ ...joined, ...reset }, ...(resume ? behind : log.slice(-50)), { t: "live", room: f.room, id: head });
  }

  /** @param {Socket} s @param {any} f */
  #send(s, f) {
    const key = `${s.user}:${f.cid}`;
    const known = this.known.get(key);
    if (known && this.clock.now - known.ts <= this.welcome.dedup_s * 1000) {
      s.say({ t: "ack", cid: f.cid, room: f.room, id: known.id, ts: known.ts, dup: true });
      return;
    }
    if (this.#happens("nack")) return s.say({ t: "nack", cid: f.cid, room: f.room, code: "busy", text: "busy", retry_ms: 700 });
    const m = this.say(f.room, s.user, f.body, f);
    this.known.set(key, { id: m.id, ts: m.ts });
    if (this.#happens("ack")) return;
    s.say({ t: "ack", cid: f.cid, room: f.room, id: m.id, ts: m.ts });
  }

  /** Stores a message, and shows it to all who are in. @param {string} room @param {string} user @param {any} body @param {any} [more] */
  say(room, user, body, { cid, edit, del } = {}) {
    const log = this.log(room);
    const m = { t: "msg", room, id: (this.#id += 1 + Math.floor(this.random() * 3)), prev: log.at(-1)?.id ?? 0, user, name: user, cid, ts: this.clock.now, body, edit, del };
    log.push(m);
    for (const s of this.sockets) if (s.rooms.has(room) && !this.#happens("live")) s.say(m);
    return m;
  }
}

/** A browser's locks for one origin. */
export class Locks {
  /** @type {Map<string, {held?: Waiter, waiting: Waiter[]}>} */ #names = new Map();

  /** @param {string} name @param {any} options @param {() => Promise<void>} run */
  request(name, { signal, steal }, run) {
    const lock = this.#names.get(name) ?? { waiting: [] };
    this.#names.set(name, lock);
    return new Promise((resolve, reject) => {
      /** @type {Waiter} */
      const waiter = { run, resolve, reject };
      signal?.addEventListener("abort", () => {
        if (!lock.waiting.includes(waiter)) return;
        lock.waiting.splice(lock.waiting.indexOf(waiter), 1);
        reject(new Error("aborted"));
      });
      if (steal) {
        lock.held?.reject(new Error("stolen"));
        lock.held = undefined;
        lock.waiting.unshift(waiter);
      } else {
        lock.waiting.push(waiter);
      }
      this.#grant(lock);
    });
  }

  /** @param {{held?: Waiter, waiting: Waiter[]}} lock */
  #grant(lock) {
    if (lock.held) return;
    const waiter = lock.waiting.shift();
    if (!waiter) return;
    lock.held = waiter;
    queueMicrotask(async () => {
      await waiter.run();
      waiter.resolve();
      if (lock.held === waiter) {
        lock.held = undefined;
        this.#grant(lock);
      }
    });
  }
}

/** @typedef {{run: () => Promise<void>, resolve: () => void, reject: (err: Error) => void}} Waiter */

/** Channels between tabs: what one says, the others of its name hear. */
class Channels {
  /** @type {Set<{name: string, target: EventTarget}>} */ #all = new Set();

  /** @param {string} name @param {{frozen: boolean}} state @returns {any} */
  open(name, state) {
    const channel = { name, target: new EventTarget() };
    this.#all.add(channel);
    return {
      addEventListener: (/** @type {string} */ event, /** @type {any} */ run) =>
        channel.target.addEventListener(event, (heard) => state.frozen || run(heard)),
      close: () => this.#all.delete(channel),
      /** @param {unknown} data */
      postMessage: (data) => {
        const copy = structuredClone(data);
        for (const other of this.#all) {
          if (other === channel || other.name !== name) continue;
          queueMicrotask(() => this.#all.has(other) && other.target.dispatchEvent(Object.assign(new Event("message"), { data: copy })));
        }
      },
    };
  }
}

/** A browser: its tabs share a store, locks and channels. */
export class Browser {
  /** No WebSocket comes through. */ blocked = false;
  store = new MemoryStore();
  locks = new Locks();
  channels = new Channels();
  /** @type {(() => void)[]} */ wakers = [];

  /** @param {Server} server @param {string} user */
  constructor(server, user) {
    this.server = server;
    this.user = user;
  }

  /**
   * Opens a tab. One that is frozen runs nothing.
   * @param {Partial<import("../client.js").Options>} [options]
   * @param {{locks?: boolean, state?: {frozen: boolean}}} [has]
   */
  tab(options = {}, { locks = true, state = { frozen: false } } = {}) {
    const { clock, random } = this.server;
    const client = new ChatClient({
      urls: "ws://a/chat/ws",
      store: this.store,
      user: this.user,
      platform: {
        connect: (url) => {
          const socket = this.server.connect(url, this.user);
          if (this.blocked) socket.end(1006);
          const listen = socket.addEventListener.bind(socket);
          socket.addEventListener = (/** @type {string} */ name, /** @type {any} */ run) => listen(name, (event) => state.frozen || run(event));
          return /** @type {any} */ (socket);
        },
        fetch: (url, init) => this.server.fetch(url, init, this.user),
        now: () => clock.now,
        setTimeout: (run, ms) => clock.set(() => state.frozen || run(), ms),
        clearTimeout: (timer) => clock.clear(timer),
        random,
        locks: locks ? /** @type {any} */ (this.locks) : undefined,
        channel: (name) => this.channels.open(name, state),
        onWake: (wake) => {
          this.wakers.push(wake);
          return () => {};
        },
      },
      ...options,
    });
    client.start();
    return client;
  }
}
