// @ts-check
// What the tests of a single tab have in common.
import { Browser, Clock, Server } from "./fakes.js";

/** @param {string} text */
export const text = (text) => ({ type: "text", text });
/** @param {import("../client.js").ChatRoom} room */
export const texts = (room) => room.messages.map((m) => m.body.text);
/** @param {import("../client.js").ChatRoom} room */
export const states = (room) => room.pending.map((e) => `${e.body.text} ${e.state}`);

export function start() {
  const clock = new Clock();
  const server = new Server(clock);
  return { clock, server, browser: new Browser(server, "hanako") };
}

/** @param {Server} server */
export const only = (server) => [...server.sockets][0];

/** @param {Server} server @param {string} kind */
export const received = (server, kind) => [...server.sockets].flatMap((s) => s.received.filter((f) => f.t === kind));
