// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, Clock, Server, settle } from "./fakes.js";

/** @param {string} text */
const text = (text) => ({ type: "text", text });

/** @param {{locks?: boolean}} [has] */
async function twoTabs(has) {
  const clock = new Clock();
  const server = new Server(clock);
  const browser = new Browser(server, "hanako");
  const states = [{ frozen: false }, { frozen: false }];
  const tabs = states.map((state, i) => browser.tab({ urls: `ws://${"ab"[i]}/chat/ws` }, { ...has, state }));
  const rooms = tabs.map((t) => t.join("lobby"));
  await settle();
  const sends = () => [...server.sockets].map((s) => s.received.filter((f) => f.t === "send").length);
  return { clock, server, browser, states, tabs, rooms, sends };
}

test("one tab sends for all, and all show it", async () => {
  const { server, browser, tabs, rooms, sends } = await twoTabs();
  server.instead.send = () => {};
  await rooms[1].send(text("from the second"));
  await settle();
  assert.deepEqual(sends(), [1, 0]);
  assert.equal(rooms[0].pending[0].state, "sending");
  assert.equal(rooms[1].pending[0].state, "queued");
  delete server.instead.send;
  tabs[0].stop();
  await settle();
  assert.deepEqual(
    server.log("lobby").map((m) => m.body.text),
    ["from the second"],
  );
  assert.deepEqual(rooms[1].pending, []);
  assert.deepEqual(await browser.store.all(), []);
});

test("a tab takes the outbox from one that is frozen", async () => {
  const { clock, server, states, rooms } = await twoTabs();
  states[0].frozen = true;
  await rooms[1].send(text("hello"));
  await clock.pass(9_000);
  assert.equal(server.log("lobby").length, 0);
  await clock.pass(2_000);
  assert.equal(server.log("lobby").length, 1);
  assert.equal(rooms[1].messages.length, 1);
  states[0].frozen = false;
  await clock.pass(60_000);
  assert.equal(server.log("lobby").length, 1);
});

test("a tab without a connection leaves the outbox to one that has one", async () => {
  const { server, tabs, rooms } = await twoTabs();
  server.down.add("ws://a/chat/ws");
  [...server.sockets][0].end(1006);
  await settle();
  assert.equal(tabs[0].status.state, "waiting");
  await rooms[0].send(text("by the other"));
  await settle();
  assert.equal(server.log("lobby").length, 1);
  assert.deepEqual(rooms[0].pending, []);
});

test("what another tab may have sent is looked for when the server has forgotten it", async () => {
  const { clock, server, tabs, rooms, sends } = await twoTabs();
  server.faults.ack = server.faults.live = 1;
  await rooms[1].send(text("hello"));
  await settle();
  assert.deepEqual(sends(), [1, 0]);
  tabs[1].leave("lobby");
  for (const url of ["ws://a/chat/ws", "ws://b/chat/ws"]) server.down.add(url);
  for (const socket of server.sockets) socket.end(1006);
  tabs[0].stop();
  await clock.pass(3_600_000);
  server.faults.ack = server.faults.live = 0;
  server.down.clear();
  await clock.pass(60_000);
  assert.equal(server.log("lobby").length, 1);
  assert.deepEqual(rooms[1].pending, []);
});

test("what an earlier page left is sent before what this one says", async () => {
  const clock = new Clock();
  const server = new Server(clock);
  const browser = new Browser(server, "hanako");
  const left = { user: "hanako", room: "lobby", at: clock.now, state: /** @type {const} */ ("queued") };
  await browser.store.put({ ...left, cid: "b", order: clock.now + 0.5, body: text("2") });
  await browser.store.put({ ...left, cid: "a", order: clock.now, body: text("1") });
  clock.now += 10;
  const room = browser.tab().join("lobby");
  void room.send(text("3"));
  await settle();
  assert.deepEqual(
    room.messages.map((m) => m.body.text),
    ["1", "2", "3"],
  );
});

test("a refusal is seen, tried again and given up in every tab", async () => {
  const { server, tabs, rooms } = await twoTabs();
  server.instead.send = (s, f) => s.say({ t: "nack", cid: f.cid, room: f.room, code: "forbidden", text: "no" });
  for (const t of ["1", "2"]) await rooms[1].send(text(t));
  await settle();
  for (const room of rooms) assert.deepEqual(room.pending.map((e) => e.state), ["refused", "refused"]);
  tabs[1].discard(rooms[1].pending[0].cid);
  delete server.instead.send;
  tabs[1].retry(rooms[1].pending[0].cid);
  await settle();
  for (const room of rooms) assert.deepEqual(room.pending, []);
  assert.deepEqual(
    server.log("lobby").map((m) => m.body.text),
    ["2"],
  );
});

test("without locks each tab sends its own", async () => {
  const { server, rooms, sends } = await twoTabs({ locks: false });
  await rooms[0].send(text("1"));
  await rooms[1].send(text("2"));
  await settle();
  assert.equal(server.log("lobby").length, 2);
  assert.ok(Math.max(...sends()) <= 2);
});
