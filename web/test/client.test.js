// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError } from "../client.js";
import { Browser, Clock, Server, settle } from "./fakes.js";

/** @param {string} text */
const text = (text) => ({ type: "text", text });
/** @param {import("../client.js").ChatRoom} room */
const texts = (room) => room.messages.map((m) => m.body.text);
/** @param {import("../client.js").ChatRoom} room */
const states = (room) => room.pending.map((e) => `${e.body.text} ${e.state}`);

function start() {
  const clock = new Clock();
  const server = new Server(clock);
  return { clock, server, browser: new Browser(server, "hanako") };
}

/** @param {Server} server */
const only = (server) => [...server.sockets][0];

/** @param {Server} server @param {string} kind */
const received = (server, kind) => [...server.sockets].flatMap((s) => s.received.filter((f) => f.t === kind));

test("a message is kept, sent, acknowledged and shown once", async () => {
  const { server, browser } = start();
  const client = browser.tab();
  const room = client.join("lobby");
  await settle();
  await room.send(text("hello"));
  await settle();
  assert.deepEqual(texts(room), ["hello"]);
  assert.deepEqual(room.pending, []);
  assert.deepEqual(await browser.store.all(), []);
  assert.equal(server.log("lobby").length, 1);
  assert.equal(client.user, "hanako");
  assert.equal(client.name, "HANAKO");
});

test("a message is in the store before it is on the wire", async () => {
  const { server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  /** @type {() => void} */
  let written = () => {};
  const { put } = browser.store;
  browser.store.put = async (entry) => {
    await new Promise((resolve) => (written = () => resolve(undefined)));
    await put.call(browser.store, entry);
  };
  const sent = room.send(text("hello"));
  await settle();
  assert.deepEqual(states(room), ["hello saving"]);
  assert.equal(received(server, "send").length, 0);
  written();
  await sent;
  await settle();
  assert.equal(received(server, "send").length, 1);
});

test("what was said without a connection is sent once there is one, in order, one at a time a room", async () => {
  const { clock, server, browser } = start();
  server.down.add("ws://a/chat/ws");
  const client = browser.tab();
  const room = client.join("lobby");
  const other = client.join("other");
  for (const t of ["1", "2", "3"]) await room.send(text(t));
  await other.send(text("x"));
  await clock.pass(60_000);
  assert.deepEqual(states(room), ["1 queued", "2 queued", "3 queued"]);
  server.down.clear();
  server.instead.send = () => {};
  client.wake();
  await settle();
  assert.deepEqual(
    received(server, "send").map((f) => f.body.text),
    ["1", "x"],
  );
  delete server.instead.send;
  only(server).end(1006);
  await clock.pass(1000);
  assert.deepEqual(texts(room), ["1", "2", "3"]);
  assert.deepEqual(texts(other), ["x"]);
  assert.deepEqual(client.pending(), []);
});

test("without an answer for 10 s the client reconnects and sends the same cid again", async () => {
  const { clock, server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  server.faults.ack = 1;
  server.faults.live = 1;
  await room.send(text("hello"));
  await clock.pass(9_999);
  const first = only(server);
  assert.deepEqual(states(room), ["hello sending"]);
  server.faults.ack = 0;
  await clock.pass(2_000);
  assert.notEqual(only(server), first);
  assert.deepEqual(texts(room), ["hello"]);
  assert.equal(server.log("lobby").length, 1);
});

test("a page that is loaded again sends what the last one left", async () => {
  const { server, browser } = start();
  server.down.add("ws://a/chat/ws");
  const before = browser.tab();
  await before.join("lobby").send(text("left"));
  before.stop();
  server.down.clear();
  const room = browser.tab().join("lobby");
  await settle();
  assert.deepEqual(texts(room), ["left"]);
  assert.deepEqual(await browser.store.all(), []);
});

test("another user's entries are left alone", async () => {
  const { server, browser } = start();
  await browser.store.put({ cid: "c", user: "taro", room: "lobby", body: text("mine"), at: 1, order: 1, state: "queued" });
  const room = browser.tab().join("lobby");
  await settle();
  assert.deepEqual(room.pending, []);
  assert.equal(server.log("lobby").length, 0);
  assert.equal((await browser.store.all()).length, 1);
});

test("a nack with a time is tried again then, and holds the room's order", async () => {
  const { clock, server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  server.faults.nack = 1;
  await room.send(text("1"));
  await room.send(text("2"));
  await settle();
  assert.deepEqual(states(room), ["1 later", "2 queued"]);
  server.faults.nack = 0;
  await clock.pass(699);
  assert.deepEqual(texts(room), []);
  await clock.pass(1);
  assert.deepEqual(texts(room), ["1", "2"]);
});

test("a nack without a time is told, and does not hold the others", async () => {
  const { server, browser } = start();
  const client = browser.tab();
  const room = client.join("lobby");
  await settle();
  /** @type {string[]} */
  const refused = [];
  client.addEventListener("refused", (e) => refused.push(/** @type {any} */ (e).detail.code));
  server.instead.send = (s, f) => {
    if (f.body.text === "bad") s.say({ t: "nack", cid: f.cid, room: f.room, code: "forbidden", text: "no" });
    else server.say(f.room, s.user, f.body, f);
  };
  await room.send(text("bad"));
  await room.send(text("good"));
  await settle();
  assert.deepEqual(refused, ["forbidden"]);
  assert.deepEqual(states(room), ["bad refused"]);
  assert.deepEqual(texts(room), ["good"]);
  assert.equal((await browser.store.all())[0].state, "refused");

  delete server.instead.send;
  client.retry(room.pending[0].cid);
  await settle();
  assert.deepEqual(texts(room), ["good", "bad"]);
});

test("a discarded send is gone from the store too", async () => {
  const { server, browser } = start();
  const client = browser.tab();
  const room = client.join("lobby");
  await settle();
  only(server).end(1006);
  await settle();
  await room.send(text("no"));
  client.discard(room.pending[0].cid);
  client.wake();
  await settle();
  assert.deepEqual(texts(room), []);
  assert.deepEqual(await browser.store.all(), []);
});

for (const { name, was, want, pending } of [
  { name: "is found in the history", was: true, want: ["old"], pending: [] },
  { name: "is not in the history, and sent", was: false, want: ["old"], pending: [] },
]) {
  test(`a send of unknown outcome, older than the server remembers, ${name}`, async () => {
    const { clock, server, browser } = start();
    if (was) server.say("lobby", "hanako", text("old"), { cid: "cid1" });
    for (let i = 0; i < 150; i++) server.say("lobby", "taro", text("noise"));
    await browser.store.put({ cid: "cid1", user: "hanako", room: "lobby", body: text("old"), at: clock.now, order: 1, state: "queued" });
    clock.now += 3_600_000;
    const room = browser.tab().join("lobby");
    await settle();
    assert.deepEqual(states(room), pending);
    assert.deepEqual(
      server
        .log("lobby")
        .filter((m) => m.cid)
        .map((m) => m.body.text),
      want,
    );
    assert.equal(received(server, "send").length, was ? 0 : 1);
  });
}

test("a send that cannot be found in a long history is left to the user", async () => {
  const { clock, server, browser } = start();
  await browser.store.put({ cid: "cid1", user: "hanako", room: "lobby", body: text("old"), at: clock.now, order: 1, state: "queued" });
  for (let i = 0; i < 2500; i++) server.say("lobby", "taro", text("noise"));
  clock.now += 3_600_000;
  const client = browser.tab();
  const room = client.join("lobby");
  await clock.pass(10);
  await clock.pass(10);
  await clock.pass(10);
  assert.deepEqual(states(room), ["old unsure"]);
  client.retry("cid1");
  await settle();
  assert.equal(server.log("lobby").at(-1).body.text, "old");
});

test("doubles are ignored, and a hole is filled by joining again from the cursor", async () => {
  const { server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  const first = server.say("lobby", "taro", text("1"));
  await settle();
  only(server).say(first, first);
  await settle();
  assert.equal(received(server, "join").length, 1);
  server.faults.live = 1;
  server.say("lobby", "taro", text("2"));
  server.faults.live = 0;
  server.say("lobby", "taro", text("3"));
  await settle();
  assert.deepEqual(texts(room), ["1", "2", "3"]);
  assert.deepEqual(
    received(server, "join").map((f) => f.last),
    [undefined, first.id],
  );
});

test("a hole that the store has is no reason to join for ever", async () => {
  const { clock, server, browser } = start();
  const room = browser.tab().join("lobby");
  for (const t of ["1", "2", "3", "4"]) server.say("lobby", "taro", text(t));
  server.log("lobby").splice(1, 1);
  await settle();
  assert.deepEqual(texts(room), ["1", "3", "4"]);
  only(server).end(1006);
  for (const t of ["5", "6", "7"]) server.say("lobby", "taro", text(t));
  server.log("lobby").splice(3, 1);
  await clock.pass(1000);
  server.say("lobby", "taro", text("8"));
  await settle();
  assert.deepEqual(texts(room), ["1", "3", "4", "6", "7", "8"]);
  assert.equal(received(server, "join").length, 1);
});

test("a server that says that a room is live further on than it told is asked for the rest", async () => {
  const { server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  server.faults.live = 1;
  const { id } = server.say("lobby", "taro", text("lost"));
  only(server).say({ t: "live", room: "lobby", id });
  await settle();
  assert.deepEqual(texts(room), ["lost"]);
});

test("a room that went on too far, or another store, is shown anew", async () => {
  const { clock, server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  server.say("lobby", "taro", text("old"));
  await settle();
  server.replayMost = 10;
  only(server).end(1006);
  for (let i = 0; i < 60; i++) server.say("lobby", "taro", text(String(i)));
  await clock.pass(1000);
  assert.equal(room.messages.length, 50);
  assert.equal(room.more, true);
  assert.equal(texts(room).at(-1), "59");

  server.epoch = "e2";
  server.logs.clear();
  server.say("lobby", "taro", text("new world"));
  only(server).end(1006);
  await clock.pass(1000);
  assert.deepEqual(texts(room), ["new world"]);
});

test("history is fetched in pages, with the edits that came later", async () => {
  const { server, browser } = start();
  const ids = Array.from({ length: 120 }, (_, i) => server.say("lobby", "taro", text(String(i))).id);
  server.log("lobby")[30].edit = ids[7];
  server.log("lobby")[12].edit = ids[10];
  server.say("lobby", "taro", text("seven, edited"), { edit: ids[7] });
  server.say("lobby", "taro", {}, { del: ids[8] });
  const room = browser.tab().join("lobby");
  await settle();
  assert.equal(room.messages.length, 48);
  assert.equal(room.more, true);
  await Promise.all([room.history(), room.history()]);
  assert.equal(room.messages.length, 97);
  await room.history();
  assert.equal(room.messages.length, 118, "all but the edits");
  assert.equal(room.more, false);
  assert.equal(room.messages[7].body.text, "seven, edited");
  assert.equal(room.messages[8].deleted, true);
  assert.equal(room.messages[10].body.text, "12");
  assert.deepEqual(
    room.messages.map((m) => m.id),
    ids.filter((_, i) => i !== 30 && i !== 12),
  );
});

test("own messages are edited and taken back", async () => {
  const { server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  await room.send(text("helo"));
  await settle();
  const { id } = room.messages[0];
  await room.edit(id, text("hello"));
  await settle();
  assert.deepEqual(texts(room), ["hello"]);
  assert.ok(room.messages[0].edited);
  assert.deepEqual(room.pending, []);
  await room.remove(id);
  await settle();
  assert.equal(room.messages[0].deleted, true);
  await room.send(text("mine"));
  await settle();
  server.say("lobby", "taro", text("not his"), { edit: room.messages[1].id });
  server.say("lobby", "hanako", text("too late"), { edit: id });
  await settle();
  assert.equal(room.messages[0].deleted, true);
  assert.equal(room.messages[1].body.text, "mine");
});

test("waits are random below a bound that doubles up to 30 s, without end, over all servers", async () => {
  const { clock, server, browser } = start();
  const urls = ["ws://a/chat/ws", "ws://b/chat/ws", "ws://c/chat/ws"];
  for (const url of urls) server.down.add(url);
  server.random = () => 0.999;
  const client = browser.tab({ urls });
  /** @type {number[]} */
  const waits = [];
  for (let i = 0; i < 12; i++) {
    await settle();
    assert.equal(client.status.state, "waiting");
    waits.push(Math.round(clock.next() / 0.999));
    await clock.pass(clock.next());
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000, 30000, 30000]);
  assert.deepEqual(server.tried.slice(0, 6), [...urls, ...urls]);
  await clock.pass(3_600_000);
  assert.equal(client.status.state, "waiting");
  server.down.clear();
  await clock.pass(30_000);
  assert.equal(client.status.state, "connected");
});

test("an overloaded server is left alone for longer", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  await settle();
  only(server).end(1013);
  await settle();
  assert.equal(client.status.state, "waiting");
  assert.equal(clock.next(), 4000); // half of 0.5 s · 2^4
});

test("a server that falls silent is left", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  await settle();
  const first = only(server);
  await clock.pass(34_999);
  assert.equal(only(server), first);
  await clock.pass(600);
  assert.equal(client.status.reconnects, 1);
  await clock.pass(30_000);
  only(server).say({ t: "ping" });
  await clock.pass(34_000);
  assert.equal(client.status.reconnects, 1);
  assert.equal(received(server, "pong").length, 1);
});

test("a server that takes the connection and says nothing is left", async () => {
  const { clock, server, browser } = start();
  server.instead.hello = () => {};
  const client = browser.tab();
  await clock.pass(9_999);
  assert.equal(client.status.state, "connecting");
  await clock.pass(1);
  assert.equal(client.status.state, "waiting");
});

test("a tab that wakes up asks for a sign of life, and waits no longer", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  await settle();
  browser.wakers[0]();
  await clock.pass(5_001);
  assert.equal(client.status.reconnects, 0, "the pong came");
  server.instead.ping = () => {};
  browser.wakers[0]();
  await clock.pass(5_400);
  assert.equal(client.status.reconnects, 1, "no pong came");

  server.down.add("ws://a/chat/ws");
  only(server).end(1006);
  await clock.pass(120_000);
  server.down.clear();
  assert.equal(client.status.state, "waiting");
  browser.wakers[0]();
  browser.wakers[0]();
  await settle();
  assert.equal(client.status.state, "connected");
  assert.equal(server.sockets.size, 1);
});

test("a login that ended stops the client until there is another", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  const room = client.join("lobby");
  await settle();
  only(server).end(4003);
  await settle();
  assert.equal(client.status.state, "login");
  await room.send(text("later"));
  client.wake();
  await clock.pass(600_000);
  assert.equal(server.tried.length, 1);
  client.start();
  await settle();
  assert.deepEqual(texts(room), ["later"]);
});

test("another user on the same page has other messages and another outbox", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  const room = client.join("lobby");
  await settle();
  server.instead.send = () => {};
  await room.send(text("hanako's"));
  browser.user = "taro";
  only(server).end(1006);
  await clock.pass(1000);
  delete server.instead.send;
  assert.equal(client.user, "taro");
  assert.deepEqual(room.pending, []);
  await room.send(text("taro's"));
  await settle();
  assert.deepEqual(
    server.log("lobby").map((m) => m.user),
    ["taro"],
  );
});

test("a drained server is left for the next one when all is answered", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab({ urls: ["ws://a/chat/ws", "ws://b/chat/ws"] });
  const room = client.join("lobby");
  await settle();
  server.instead.send = (s, f) => void clock.set(() => server.say(f.room, s.user, f.body, f), 500);
  only(server).say({ t: "drain", after_ms: 1000, deadline_ms: 5000 });
  await clock.pass(900);
  await room.send(text("in flight"));
  await clock.pass(200);
  assert.equal(only(server).url, "ws://a/chat/ws", "it waits for the ack");
  await clock.pass(400);
  assert.equal(only(server).url, "ws://b/chat/ws");
  assert.equal(client.status.state, "connected");
  assert.deepEqual(texts(room), ["in flight"]);
  assert.equal(server.log("lobby").length, 1);

  server.instead.send = () => {};
  await room.send(text("never answered"));
  only(server).say({ t: "drain", after_ms: 100, deadline_ms: 2000 });
  await clock.pass(1_999);
  assert.equal(only(server).url, "ws://b/chat/ws");
  delete server.instead.send;
  await clock.pass(10);
  assert.equal(only(server).url, "ws://a/chat/ws");
  assert.equal(server.log("lobby").length, 2);
});

test("a refused join is told, one that cannot be now is tried again", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  server.instead.join = (s, f) => s.say({ t: "error", n: f.n, code: "forbidden", text: "members only" });
  const room = client.join("secret");
  await settle();
  assert.ok(room.error instanceof ChatError);
  assert.equal(room.error.code, "forbidden");

  server.instead.join = (s, f) => s.say({ t: "error", n: f.n, code: "busy", text: "later", retry_ms: 300 });
  const busy = client.join("busy");
  await settle();
  assert.equal(busy.error, undefined);
  delete server.instead.join;
  await clock.pass(300);
  assert.equal(busy.live, true);
});

test("typing is told at most once in 3 s, and ends by itself", async () => {
  const { clock, server, browser } = start();
  const room = browser.tab().join("lobby");
  await settle();
  for (let i = 0; i < 40; i++) {
    room.type();
    await clock.pass(100);
  }
  assert.equal(received(server, "typing").length, 2);
  only(server).say({ t: "typing", room: "lobby", user: "taro", name: "Taro" });
  await settle();
  assert.deepEqual(room.typing, [{ user: "taro", name: "Taro" }]);
  await clock.pass(5_000);
  assert.deepEqual(room.typing, []);
});

test("requests without a connection or an answer fail", async () => {
  const { clock, server, browser } = start();
  const client = browser.tab();
  await assert.rejects(client.rooms(), { code: "closed" });
  await settle();
  assert.deepEqual(await client.rooms(), []);
  server.instead.users = () => {};
  const asked = client.users("a");
  const failed = assert.rejects(asked, { code: "timeout" });
  await clock.pass(10_000);
  await failed;
});

test("what is too big, or too much, is refused at once", async () => {
  const { server, browser } = start();
  server.down.add("ws://a/chat/ws");
  const room = browser.tab().join("lobby");
  await assert.rejects(room.send(text("あ".repeat(30_000))), { code: "too_big" });
  for (let i = 0; i < 1000; i++) await room.send(text("x"));
  await assert.rejects(room.send(text("x")), { code: "full" });
});

test("a store that fails is told, and the message is sent all the same", async () => {
  const { server, browser } = start();
  browser.store.put = () => Promise.reject(new Error("no room on this device"));
  const client = browser.tab();
  const faults = [];
  client.addEventListener("fault", (e) => faults.push(/** @type {any} */ (e).detail.message));
  const room = client.join("lobby");
  await settle();
  await room.send(text("hello"));
  await settle();
  assert.deepEqual(faults, ["no room on this device"]);
  assert.equal(server.log("lobby").length, 1);
});

test("a token is asked for before each hello, and handed on without a reconnect", async () => {
  const { clock, server, browser } = start();
  let n = 0;
  const client = browser.tab({ token: async () => `token${++n}` });
  await settle();
  assert.equal(received(server, "hello")[0].token, "token1");
  only(server).end(1006);
  await clock.pass(500);
  assert.equal(received(server, "hello")[0].token, "token2");
  await client.setToken("mine");
  assert.equal(received(server, "auth")[0].token, "mine");
});
