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
  const tabs = [browser.tab({}, has), browser.tab({}, has)];
  const rooms = tabs.map((t) => t.join("lobby"));
  await settle();
  const sends = () => [...server.sockets].map((s) => s.received.filter((f) => f.t === "send").length);
  return { clock, server, browser, tabs, rooms, sends };
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
  const { clock, server, rooms } = await twoTabs();
  // The first tab's connection is there, but nothing that it says arrives.
  const [frozen] = server.sockets;
  frozen.send = () => {};
  await rooms[1].send(text("hello"));
  await clock.pass(9_000);
  assert.equal(server.log("lobby").length, 0);
  await clock.pass(2_000);
  assert.equal(server.log("lobby").length, 1);
  assert.equal(rooms[1].messages.length, 1);
  await clock.pass(60_000);
  assert.equal(server.log("lobby").length, 1);
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
