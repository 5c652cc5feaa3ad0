// @ts-check
/** @import { Entry, Member, Message, Options, RoomSummary } from "./types.js" */
import { Connection } from "./connection.js";
import { ChatError } from "./error.js";
import { Outbox } from "./outbox.js";
import { browser, randomID } from "./platform.js";
import { ChatRoom } from "./room.js";
import { Sender } from "./sender.js";
import { IndexedStore } from "./store.js";

/** Waits before a join is asked for again, when the server names none, in ms. */
const REJOIN_WAIT = 1_000;

/** Codes after which a join is not asked for again. */
const NEVER = ["no_room", "forbidden", "bad_frame"];

/** What a frame has beside the body, in bytes, at most. */
const FRAME_ROOM = 512;

/**
 * The client: one connection, its rooms, and an outbox. Its events carry their subject in `detail`:
 *
 * | event | detail | when |
 * |---|---|---|
 * | `state` | Status | the connection's state changed |
 * | `room` | ChatRoom | its title, members, liveness, typing or error changed |
 * | `messages` | ChatRoom | its messages or what is pending changed |
 * | `arrived` | {room, message} | a new message came while the room was live |
 * | `refused` | Entry | a send was refused, or nobody knows whether it arrived |
 * | `fault` | Error | this device does not keep the outbox: what is unsent is lost with the page |
 */
export class ChatClient extends EventTarget {
  /** The user that the last welcome named, or the options before. */
  user = "";
  /** That user's name. */
  name = "";

  #platform;
  #connection;
  #outbox;
  #sender;
  #maxBytes = 65_536;
  /** @type {Map<string, ChatRoom>} */ #rooms = new Map();

  /** @param {Options} options */
  constructor({ urls, token, user = "", store, name = "frontdesk-chat", platform }) {
    super();
    this.user = user;
    this.#platform = { ...browser(), ...platform };
    this.#connection = new Connection(this.#platform, randomID(), Array.isArray(urls) ? urls : [urls], token, {
      state: (status) => this.#onState(status),
      welcome: (welcome) => {
        this.#maxBytes = welcome.maxBytes;
        this.#sender.welcome(welcome);
        this.#become(welcome.user, welcome.name);
        this.#outbox.take();
      },
      frame: (frame) => this.#onFrame(frame),
      broken: () => {
        for (const room of this.#rooms.values()) room.onBroken();
        this.#outbox.yield();
        this.#sender.broken();
      },
      idle: () => this.#sender.idle(),
    });
    this.#outbox = new Outbox(this.#platform, store ?? new IndexedStore(name), name, {
      changed: (room) => this.#tellRoom("messages", room),
      ready: () => this.#sender.flush(),
      settled: (cid) => this.#sender.settled(cid),
      awaited: ({ room, id = 0 }) => (this.#rooms.get(room)?.last ?? Infinity) < id,
      fault: (err) => this.#tell("fault", err),
    });
    this.#sender = new Sender(this.#platform, this.#connection, this.#outbox, (entry) => this.#tell("refused", entry));
  }

  get status() {
    return this.#connection.status;
  }

  /** Connects, and stays connected until `stop`. After the state `login` it is called again, once there is a login. */
  start() {
    if (this.user !== "") this.#outbox.open(this.user);
    this.#connection.start();
  }

  /** Disconnects. What is unsent stays in the store, for another tab or the next client. */
  stop() {
    this.#connection.stop();
    this.#outbox.close();
  }

  /** Another token, before a login ends: a live connection takes it over. @param {string} token */
  setToken(token) {
    return this.#connection.setToken(token);
  }

  /** Connects at once instead of waiting, or makes sure that a connection is alive. The browser's wake-ups call it too. */
  wake() {
    this.#connection.wake();
  }

  /**
   * Joins a room, now and after every reconnect.
   * @param {string} name
   * @returns {ChatRoom} the same one each time
   */
  join(name) {
    let room = this.#rooms.get(name);
    if (room) return room;
    room = new ChatRoom(name, {
      user: () => this.user,
      pending: () => this.pending(name),
      send: (what) => this.#send(name, what),
      ask: (frame) => this.#connection.ask({ ...frame, room: name }),
      post: (frame) => this.#connection.post({ ...frame, room: name }),
      rejoin: () => this.#enter(/** @type {ChatRoom} */ (room)),
      now: () => this.#platform.now(),
      later: (run, ms) => this.#platform.setTimeout(run, ms),
      taken: (message) => this.#onOwn(message),
      tell: (event, detail) => this.#tell(event, detail),
    });
    this.#rooms.set(name, room);
    if (this.#connection.connected) this.#enter(room);
    return room;
  }

  /** Leaves a room. What is unsent in it is sent all the same. @param {string} name */
  leave(name) {
    // There is nothing to do about a leave that fails: the next connection will not join.
    if (this.#rooms.delete(name)) this.#connection.ask({ t: "leave", room: name }).catch(() => {});
  }

  /** @returns {Promise<RoomSummary[]>} the user's rooms, newest first */
  async rooms() {
    return (await this.#connection.ask({ t: "rooms" })).rooms ?? [];
  }

  /** @param {string} q the beginning of a name @returns {Promise<(Member & {online: boolean})[]>} */
  async users(q) {
    return (await this.#connection.ask({ t: "users", q })).users ?? [];
  }

  /** What has not appeared among the messages yet, of a room or of all. @param {string} [room] @returns {Entry[]} in order */
  pending(room) {
    return this.#outbox.list().filter((e) => room === undefined || e.room === room);
  }

  /** Tries a refused or unsure send again. @param {string} cid */
  retry(cid) {
    this.#outbox.requeue(cid);
  }

  /** Gives a send up. One that is under way may arrive all the same. @param {string} cid */
  discard(cid) {
    this.#outbox.discard(cid);
  }

  /** @param {string} event @param {unknown} detail */
  #tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }

  /** @param {string} event @param {string} name */
  #tellRoom(event, name) {
    const room = this.#rooms.get(name);
    if (room) this.#tell(event, room);
  }

  /** @param {import("./types.js").Status} status */
  #onState(status) {
    if (status.state === "connected") {
      for (const room of this.#rooms.values()) this.#enter(room);
      this.#sender.flush();
    }
    this.#tell("state", status);
  }

  /** Another user than before has other rooms, and an outbox of their own. @param {string} user @param {string} name */
  #become(user, name) {
    if (user !== this.user) for (const room of this.#rooms.values()) room.forget();
    this.user = user;
    this.name = name;
    this.#outbox.open(user);
  }

  /** @param {any} f */
  #onFrame(f) {
    const room = this.#rooms.get(f.room);
    switch (f.t) {
      case "msg":
        return room?.onMessage(f);
      case "live":
        room?.onLive(f);
        return this.#outbox.tidy();
      case "presence":
        return room?.onPresence(f);
      case "typing":
        return room?.onTyping(f);
      case "ack":
        return this.#sender.onAck(f);
      case "nack":
        return this.#sender.onNack(f);
    }
  }

  /** Joins on this connection, from where the room is. @param {ChatRoom} room */
  #enter(room) {
    const join = room.onJoining();
    const cursor = room.last > 0 ? { last: room.last, epoch: room.epoch } : {};
    const current = () => join === room.joining && this.#rooms.get(room.name) === room;
    this.#connection.request(
      { t: "join", room: room.name, ...cursor },
      (f) => current() && room.onJoined(f),
      (err) => {
        if (err.code === "closed" || !current()) return;
        if (err.code === "timeout") return this.#connection.drop();
        if (err.retryMs === 0 && NEVER.includes(err.code)) return room.onRefused(err);
        this.#platform.setTimeout(() => current() && this.#connection.connected && this.#enter(room), err.retryMs || REJOIN_WAIT);
      },
    );
  }

  /** An own message appeared in its room, which says as much as its ack. @param {Message} message */
  #onOwn(message) {
    if (message.user === this.user && message.cid) this.#sender.onAck({ cid: message.cid, id: message.id });
  }

  /**
   * @param {string} room
   * @param {{body?: Record<string, any>, edit?: number, del?: number}} what
   * @returns {Promise<Entry>} once it is kept on this device
   */
  async #send(room, { body = {}, edit, del }) {
    const size = new TextEncoder().encode(JSON.stringify(body)).length;
    if (size > this.#maxBytes - FRAME_ROOM) throw new ChatError("too_big");
    const at = this.#platform.now();
    /** @type {Entry} */
    const entry = { cid: randomID(), user: this.user, room, body, at, order: at, state: "saving" };
    if (edit) entry.edit = edit;
    if (del) entry.del = del;
    await this.#outbox.add(entry);
    return entry;
  }
}
