// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./fakes.js";
import { only, received, start, states, text, texts } from "./helper.js";

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
