// @ts-check
/** @import { Platform } from "./types.js" */
import { parse, positive } from "./platform.js";

/** How much an event, or a line that does not end, may hold: more than the server ever writes. In UTF-16 units. */
const EVENT_MOST = 8 << 20;

/** What one POST may hold, in bytes: the protocol's limit. */
const POST_MOST = 64 << 10;

/** What may wait to be posted, in bytes: a frame for each of the rooms that a connection may join, and more. */
const WAITING_MOST = 256 * POST_MOST;

/** How long a POST may take, in ms. */
const POST_LIMIT = 10_000;

/** Close codes: of a connection that broke, of one that was closed here, and those that the answer to the GET stands for. */
const BROKEN = 1006;
const CLOSED = 1005;
const TOO_BIG = 1009;
/** @type {Record<number, number>} */
const REFUSED = { 401: 4003, 429: 1013, 503: 1013 };

/**
 * Makes events of the bytes of a stream of server-sent events, wherever these are cut; of each event its data alone.
 * Source: the HTML standard, "Server-sent events".
 */
export class EventParser {
  #decoder = new TextDecoder(); // leaves a BOM out
  /** What has come of the last line. */ #line = "";
  /** The last line ended with \r, to which a \n may belong that is still to come. */ #cr = false;
  /** @type {string[]} of the event that has not ended */ #data = [];
  #size = 0;

  /**
   * @param {Uint8Array} bytes
   * @returns {string[]} the data of the events that ended
   * @throws {RangeError} when one is too big
   */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    const cr = text.endsWith("\r");
    if (this.#cr && text.startsWith("\n")) text = text.slice(1);
    this.#cr = cr;
    const [first, ...more] = text.split(/\r\n|\n|\r/);
    this.#line += first;
    /** @type {string[]} */
    const events = [];
    for (const line of more) {
      this.#end(events);
      this.#line = line;
    }
    if (this.#size + this.#line.length > EVENT_MOST) throw new RangeError("an event is too big");
    return events;
  }

  /** A line has ended, and with an empty one an event. @param {string[]} events that ended */
  #end(events) {
    const line = this.#line;
    if (line === "") {
      if (this.#data.length > 0) events.push(this.#data.join("\n"));
      this.#data = [];
      this.#size = 0;
    } else if (line === "data" || line.startsWith("data:")) {
      const data = line.slice(line[5] === " " ? 6 : 5);
      this.#data.push(data);
      this.#size += data.length;
    }
  }
}

/**
 * What a connection needs of a WebSocket, over HTTP: the frames of the server are a stream of server-sent events, those of the
 * client are posted. The GET is the hello, and takes the place of that frame: it brings the token, if there is one, as every POST
 * does. Its events are `open`, `message` and `close`, with the codes of the protocol.
 */
export class EventSocket extends EventTarget {
  /** As a WebSocket's: 0 before `open`, 1 until 3. */
  readyState = 0;
  #platform;
  #url;
  #ended = new AbortController();
  /** The server's name for the stream, once there was a welcome. */ #conn = "";
  /** @type {string|undefined} */ #token;
  #greeted = false;
  /** @type {{text: string, size: number}[]} */ #waiting = [];
  #size = 0;
  #posting = false;

  /** @param {Pick<Platform, "fetch"|"setTimeout"|"clearTimeout">} platform @param {string} url of the server's WebSocket */
  constructor(platform, url) {
    super();
    this.#platform = platform;
    this.#url = url;
    queueMicrotask(() => {
      if (this.readyState !== 0) return;
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }

  /** Sends a frame; the first one is the hello. @param {string} text */
  send(text) {
    const { t, token } = parse(text) ?? {};
    if (token !== undefined) this.#token = token; // of hello or auth
    if (t === "hello" && !this.#greeted) {
      this.#greeted = true;
      return void this.#listen();
    }
    const size = new TextEncoder().encode(text).length + 1;
    this.#waiting.push({ text, size });
    this.#size += size;
    if (this.#size > WAITING_MOST) return this.#end(BROKEN);
    queueMicrotask(() => this.#post()); // with what is sent at the same time
  }

  close() {
    this.#end(CLOSED);
  }

  /** Reads the stream up to its end. */
  async #listen() {
    try {
      const answer = await this.#request("events", { headers: { Accept: "text/event-stream" } });
      const isStream = answer.status === 200 && answer.headers.get("Content-Type")?.startsWith("text/event-stream");
      if (!isStream || !answer.body) return this.#end(REFUSED[answer.status] ?? BROKEN);
      const reader = answer.body.getReader();
      const parser = new EventParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        for (const data of parser.push(value)) this.#hear(data);
      }
    } catch (err) {
      if (err instanceof RangeError) return this.#end(TOO_BIG);
    }
    this.#end(BROKEN);
  }

  /** @param {string} data of an event: one frame */
  #hear(data) {
    if (this.readyState !== 1) return;
    const frame = parse(data);
    if (frame?.t === "close") return this.#end(positive(frame.code, BROKEN));
    if (frame?.t === "welcome") this.#conn = String(frame.conn);
    // Lines divide the frames of a message; within one they are mere space.
    this.dispatchEvent(new MessageEvent("message", { data: data.replaceAll("\n", " ") }));
    this.#post();
  }

  /** Posts what waits, one request after the other. */
  async #post() {
    if (this.#posting || this.#conn === "") return;
    this.#posting = true;
    while (this.#waiting.length > 0 && this.readyState === 1) {
      const timer = this.#platform.setTimeout(() => this.#end(BROKEN), POST_LIMIT);
      try {
        const { status } = await this.#request("frames", { method: "POST", body: this.#take() });
        if (status !== 204) this.#end(BROKEN);
      } catch {
        this.#end(BROKEN);
      } finally {
        this.#platform.clearTimeout(timer);
      }
    }
    this.#posting = false;
  }

  /** Takes as many of the frames that wait as one POST may hold. */
  #take() {
    let n = 0;
    let size = 0;
    while (n < this.#waiting.length && (n === 0 || size + this.#waiting[n].size <= POST_MOST)) size += this.#waiting[n++].size;
    this.#size -= size;
    return this.#waiting
      .splice(0, n)
      .map((frame) => frame.text)
      .join("\n");
  }

  /** @param {"events"|"frames"} what @param {{headers?: Record<string, string>, method?: string, body?: string}} init */
  #request(what, init) {
    const url = new URL(this.#url);
    url.protocol = url.protocol.replace(/^ws/, "http");
    url.pathname = url.pathname.replace(/[^/]*$/, what);
    if (what === "frames") url.searchParams.set("conn", this.#conn);
    const login = this.#token ? { Authorization: `Bearer ${this.#token}` } : undefined;
    return this.#platform.fetch(url.href, {
      ...init,
      headers: { ...init.headers, ...login },
      signal: this.#ended.signal,
      credentials: "include", // a balancer's cookie keeps the requests at one server
      cache: "no-store",
      redirect: "error", // frames and tokens are for this server alone
    });
  }

  /** @param {number} code */
  #end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#ended.abort();
    queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("close"), { code })));
  }
}
