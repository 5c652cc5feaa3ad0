// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, EventSocket } from "../client/events.js";
import { Clock, seeded, settle } from "./fakes.js";
import { only, received, start, text, texts } from "./helper.js";

const FIRST = Number(process.env.CHAT_SEED ?? Date.now() % 1_000_000);

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text);

for (const { name, stream, want } of [
  { name: "one", stream: "data: a\n\n", want: ["a"] },
  { name: "without a space", stream: "data:a\n\ndata:  b\n\n", want: ["a", " b"] },
  { name: "line ends of each kind", stream: "data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\r\n\rdata: e\n\r\n", want: ["a", "b", "c", "d", "e"] },
  { name: "several lines", stream: "data: a\ndata\ndata: b\n\n", want: ["a\n\nb"] },
  { name: "other fields", stream: "retry: 5\n\nid: 7\nevent: x\ndatabase: 1\nDATA: 2\n data: 3\ndata: a\n\n", want: ["a"] },
  { name: "comments", stream: ": \n:data: no\n\ndata: a\n: x\ndata: b\n\n:\n", want: ["a\nb"] },
  { name: "a BOM at the beginning", stream: "\ufeffdata: a\n\n\ufeffdata: b\n\n", want: ["a"] },
  { name: "separators that are no line ends", stream: "data: a\u2028b\u0085c\n\n", want: ["a\u2028b\u0085c"] },
  { name: "an end in the middle", stream: "data: a\n\ndata: b\n", want: ["a"] },
]) {
  test(`events: ${name}`, () => {
    assert.deepEqual(new EventParser().push(bytes(stream)), want);
    const parser = new EventParser();
    assert.deepEqual(
      [...bytes(stream)].flatMap((b) => parser.push(Uint8Array.of(b))),
      want,
    );
  });
}

test(`random cuts give the same events (seeds ${FIRST} to ${FIRST + 199})`, () => {
  for (let seed = FIRST; seed < FIRST + 200; seed++) {
    const random = seeded(seed);
    /** @template T @param {T[]} list */
    const pick = (list) => list[Math.floor(random() * list.length)];
    /** @type {string[]} */
    const want = [];
    let stream = pick(["", "\ufeff"]);
    // After a \r, an empty line that is ended by \n would be none.
    const line = (/** @type {string} */ text) => (stream += text + pick(text === "" && stream.endsWith("\r") ? ["\r\n", "\r"] : ["\r\n", "\n", "\r"]));
    for (let i = 0; i < 30; i++) {
      const lines = Array.from({ length: pick([1, 1, 1, 2, 3]) }, () => Array.from({ length: random() * 9 }, () => pick(["é", "語", "🙂", "a", ":", " ", "\u2028", "\ufeff"])).join(""));
      for (const data of lines) {
        if (random() < 0.2) line(`: ${data}`);
        if (random() < 0.2) line(`id: ${i}`);
        line(`data: ${data}`);
      }
      line("");
      want.push(lines.join("\n"));
    }
    const all = bytes(stream);
    const parser = new EventParser();
    /** @type {string[]} */
    const got = [];
    for (let at = 0; at < all.length; ) {
      const end = at + Math.floor(random() * pick([2, 10, 200]));
      got.push(...parser.push(all.subarray(at, end)));
      at = end;
    }
    assert.deepEqual(got, want, `seed ${seed}`);
  }
});

test("an event that does not end is too big at some point", () => {
  for (const piece of ["x".repeat(1 << 20), `data: ${"x".repeat(1 << 20)}\n`]) {
    const parser = new EventParser();
    assert.throws(() => {
      for (let i = 0; i < 20; i++) parser.push(bytes(piece));
    }, RangeError);
  }
});

/** A socket whose requests the test answers. */
function open() {
  const clock = new Clock();
  /** @type {{url: string, init: any, answer: (answer: Response) => void, fail: () => void}[]} */
  const requests = [];
  const socket = new EventSocket(
    {
      fetch: (url, init) => new Promise((answer, reject) => requests.push({ url, init, answer, fail: () => reject(new TypeError("broken")) })),
      setTimeout: (run, ms) => clock.set(run, ms),
      clearTimeout: (timer) => clock.clear(timer),
    },
    "wss://a.example/team/chat/ws?tenant=1",
  );
  /** @type {any[]} */
  const heard = [];
  for (const name of ["open", "message", "close"]) {
    socket.addEventListener(name, (/** @type {any} */ e) => heard.push(e.data ?? e.code ?? name));
  }
  /** @type {any} */
  let out;
  const body = new ReadableStream({ start: (controller) => (out = controller) });
  const stream = new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  return { clock, requests, socket, heard, stream, write: (/** @type {string} */ text) => out.enqueue(bytes(text)), end: () => out.close() };
}

const HELLO = '{"t":"hello","v":1,"client":"c","token":"secret"}';
const WELCOME = '{"t":"welcome","conn":"x/1"}';

/** One that was welcomed. */
async function welcomed() {
  const it = open();
  await settle();
  it.socket.send(HELLO);
  it.requests[0].answer(it.stream);
  it.write(`retry: 1\n\ndata: ${WELCOME}\n\n`);
  await settle();
  assert.deepEqual(it.heard.splice(0), ["open", WELCOME]);
  return it;
}

test("the GET is the hello, and its token stands in the header alone", async () => {
  const { requests, socket } = open();
  assert.equal(socket.readyState, 0);
  await settle();
  assert.equal(socket.readyState, 1);
  assert.equal(requests.length, 0);
  socket.send(HELLO);
  const [{ url, init }] = requests;
  assert.equal(url, "https://a.example/team/chat/events?tenant=1");
  assert.equal(init.headers.Authorization, "Bearer secret");
  assert.equal(init.body, undefined);
  assert.equal(init.credentials, "include");
  assert.equal(init.redirect, "error");
});

test("without a token the cookie speaks", async () => {
  const { requests, socket } = open();
  await settle();
  socket.send('{"t":"hello","v":1}');
  assert.equal("Authorization" in requests[0].init.headers, false);
});

test("frames are posted in order, one POST at a time, together where they may be", async () => {
  const { requests, socket } = await welcomed();
  socket.send('{"n":1}');
  socket.send('{"n":2}');
  await settle();
  assert.equal(requests.length, 2);
  assert.equal(requests[1].url, "https://a.example/team/chat/frames?tenant=1&conn=x%2F1");
  assert.equal(requests[1].init.headers.Authorization, "Bearer secret");
  assert.equal(requests[1].init.body, '{"n":1}\n{"n":2}');
  // 5,000 of 3 bytes: four go into 64 KiB.
  const large = Array.from({ length: 6 }, (_, n) => JSON.stringify({ n, text: "語".repeat(5000) }));
  for (const frame of large) socket.send(frame);
  await settle();
  assert.equal(requests.length, 2);
  for (const [i, want] of [large.slice(0, 4), large.slice(4)].entries()) {
    requests[i + 1].answer(new Response(null, { status: 204 }));
    await settle();
    assert.equal(requests.length, i + 3);
    assert.equal(requests[i + 2].init.body, want.join("\n"));
  }
});

test("only what waits is bounded", async () => {
  const { requests, socket } = await welcomed();
  for (let i = 1; i <= 300; i++) {
    socket.send("x".repeat(64_000));
    await settle();
    requests[i].answer(new Response(null, { status: 204 }));
  }
  await settle();
  assert.equal(socket.readyState, 1);
});

test("what is sent before the welcome waits for it", async () => {
  const { requests, socket, stream, write } = open();
  await settle();
  socket.send(HELLO);
  socket.send('{"n":1}');
  requests[0].answer(stream);
  await settle();
  assert.equal(requests.length, 1);
  write(`data: ${WELCOME}\n\n`);
  await settle();
  assert.equal(requests[1].init.body, '{"n":1}');
});

test("a new token is that of all later requests", async () => {
  const { requests, socket } = await welcomed();
  socket.send('{"t":"auth","n":1,"token":"newer"}');
  await settle();
  assert.equal(requests[1].init.headers.Authorization, "Bearer newer");
});

test("a frame may stand on several lines", async () => {
  const { heard, write } = await welcomed();
  write('data: {"t":\ndata: "ping"}\n\n');
  await settle();
  assert.deepEqual(heard, ['{"t": "ping"}']);
});

for (const { name, answer, want } of [
  { name: "no login", answer: new Response("", { status: 401 }), want: 4003 },
  { name: "another origin", answer: new Response("", { status: 403 }), want: 1006 },
  { name: "too many", answer: new Response("", { status: 429 }), want: 1013 },
  { name: "overloaded", answer: new Response("", { status: 503 }), want: 1013 },
  { name: "a page of somebody in between", answer: new Response("data: {}\n\n", { headers: { "Content-Type": "text/html" } }), want: 1006 },
  { name: "a broken proxy", answer: new Response("data: {}\n\n", { status: 502, headers: { "Content-Type": "text/event-stream" } }), want: 1006 },
]) {
  test(`refused: ${name}`, async () => {
    const { heard, requests, socket } = open();
    await settle();
    socket.send(HELLO);
    requests[0].answer(answer);
    await settle();
    assert.deepEqual(heard, ["open", want]);
    assert.equal(socket.readyState, 3);
    assert.ok(requests[0].init.signal.aborted);
  });
}

/** @type {{name: string, run: (it: Awaited<ReturnType<typeof welcomed>>) => Promise<any>|void, want: any[]}[]} */
const ENDS = [
  { name: "the server says why", run: ({ write }) => write('data: {"t":"close","code":4008,"reason":"slow"}\n\ndata: {"t":"late"}\n\n'), want: [4008] },
  { name: "the stream just ends", run: ({ end }) => end(), want: [1006] },
  { name: "an event does not end", run: ({ write }) => write(`data: ${"x".repeat(9 << 20)}`), want: [1009] },
  {
    name: "too much waits",
    want: [1006],
    run: ({ socket }) => {
      for (let i = 0; i < 300; i++) socket.send("x".repeat(64_000));
    },
  },
  {
    name: "a POST comes to no server",
    want: [1006],
    run: async ({ requests, socket }) => {
      socket.send("{}");
      await settle();
      requests[1].fail();
    },
  },
  {
    name: "the stream is not at this server",
    want: [1006],
    run: async ({ requests, socket }) => {
      socket.send("{}");
      await settle();
      requests[1].answer(new Response("", { status: 404 }));
    },
  },
  {
    name: "a POST has no answer for 10 s",
    want: [1006],
    run: async ({ clock, heard, socket }) => {
      socket.send("{}");
      await clock.pass(9_999);
      assert.deepEqual(heard, []);
      await clock.pass(1);
    },
  },
  { name: "this side closes", run: ({ socket }) => socket.close(), want: [1005] },
];
for (const { name, run, want } of ENDS) {
  test(`ended: ${name}`, async () => {
    const it = await welcomed();
    await run(it);
    await settle();
    assert.deepEqual(it.heard, want);
    assert.ok(it.requests.every(({ init }) => init.signal.aborted));
    const { length } = it.requests;
    it.socket.send('{"n":1}');
    await settle();
    assert.equal(it.requests.length, length);
  });
}

test("where WebSockets do not come through, all goes by events", async () => {
  const { clock, server, browser } = start();
  browser.blocked = true;
  const client = browser.tab({ token: "secret" });
  const room = client.join("lobby");
  assert.equal(client.status.way, "websocket");
  await clock.pass(2_000);
  assert.equal(client.status.state, "connected");
  assert.equal(client.status.way, "events");
  assert.equal(client.status.url, "ws://a/chat/ws");
  await room.send(text("hello"));
  await settle();
  server.say("lobby", "taro", text("hello, Hanako"));
  only(server).say({ t: "ping" });
  await settle();
  assert.deepEqual(texts(room), ["hello", "hello, Hanako"]);
  assert.deepEqual(room.pending, []);
  assert.equal(received(server, "pong").length, 1);
  assert.ok(server.requests.every(({ init }) => init.headers.Authorization === "Bearer secret"));
  only(server).end(4003);
  await settle();
  assert.equal(client.status.state, "login");
});

test("the ways are tried in turn, each at every server, and the one that was welcomed is the next one", async () => {
  const { clock, server, browser } = start();
  const urls = ["ws://a/chat/ws", "ws://b/chat/ws"];
  for (const url of urls) server.down.add(url);
  const client = browser.tab({ urls });
  await clock.pass(120_000);
  const events = ["http://a/chat/events", "http://b/chat/events"];
  assert.deepEqual(server.tried.slice(0, 8), [...urls, ...events, ...urls, ...events]);

  server.down.clear();
  browser.blocked = true;
  while (client.status.state !== "connected") await clock.pass(100);
  for (let i = 0; i < 5; i++) {
    const { length } = server.tried;
    only(server).end(1006);
    await clock.pass(30_000);
    assert.equal(client.status.way, "events");
    assert.equal(server.tried.length, length + 1);
  }
  const { length } = server.tried;
  for (const url of urls) server.down.add(url);
  only(server).end(1006);
  await clock.pass(60_000);
  assert.deepEqual(
    server.tried.slice(length, length + 6).map((url) => new URL(url).protocol),
    ["http:", "http:", "ws:", "ws:", "http:", "http:"],
  );
});

test("a WebSocket that came through once is given more time, and anew when the tab or the network comes back", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  await settle();
  const socket = "ws://a/chat/ws";
  const events = "http://a/chat/events";
  server.down.add(socket);
  only(server).end(1006);
  await clock.pass(180_000);
  assert.deepEqual(server.tried.slice(1, 11), [...Array(6).fill(socket), events, socket, events, socket]);
  assert.equal(client.status.state, "waiting");

  const { length } = server.tried;
  browser.wakers[0]();
  await clock.pass(120_000);
  assert.deepEqual(server.tried.slice(length, length + 7), [...Array(6).fill(socket), events]);
});

test("a login that is missing says nothing of the way", async () => {
  const { clock, server, browser } = start();
  server.instead.hello = (s) => s.end(4003);
  const client = browser.tab();
  for (let i = 0; i < 4; i++) {
    await clock.pass(1_000);
    assert.equal(client.status.state, "login");
    client.start();
  }
  assert.equal(client.status.way, "websocket");
});

test("events that do not come, as where somebody in between keeps them, are given up", async () => {
  const { clock, server, browser } = start();
  browser.blocked = true;
  /** @type {any} */
  let asked;
  server.insteadOf.events = (init) => new Promise(() => (asked = init));
  const client = browser.tab();
  await clock.pass(1_000);
  assert.equal(client.status.way, "events");
  await clock.pass(10_000);
  assert.ok(asked.signal.aborted);
  assert.notEqual(client.status.state, "connected");
  delete server.insteadOf.events;
  await clock.pass(30_000);
  assert.equal(client.status.state, "connected");
});
