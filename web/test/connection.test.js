// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "./fakes.js";
import { only, received, start, text, texts } from "./helper.js";

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
  const hosts = server.tried.map((url) => new URL(url).host);
  assert.deepEqual(hosts.slice(0, 6), ["a", "b", "c", "a", "b", "c"]);
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

test("a connection that was being made without a network is soon left when the network is back", async () => {
  const { clock, server, browser } = start();
  server.instead.hello = () => {};
  const client = browser.tab();
  await clock.pass(45_000);
  while (client.status.state !== "connecting") await clock.pass(1_000);
  assert.ok(client.status.attempt > 2);
  delete server.instead.hello;
  browser.wakers[0]();
  await clock.pass(5_000);
  assert.equal(client.status.state, "waiting");
  await clock.pass(500);
  assert.equal(client.status.state, "connected", "the wait was one of a first attempt");
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
