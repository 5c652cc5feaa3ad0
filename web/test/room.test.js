// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError } from "../client.js";
import { settle } from "./fakes.js";
import { only, received, start, text, texts } from "./helper.js";

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
