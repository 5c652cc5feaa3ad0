// @ts-check
/**
 * A client of frontdesk's chat, for pages and for programs: it keeps what it could not send, sends it once, and shows each
 * message of a room once and in one order, over any number of connections to any of several servers. It has no dependencies.
 *
 * @example
 * import { ChatClient } from "/chat/client.js";
 *
 * const client = new ChatClient({ urls: "/chat/ws" });
 * const lobby = client.join("lobby");
 * client.addEventListener("messages", () => render(lobby.messages, lobby.pending));
 * client.start();
 * await lobby.send({ type: "text", text: "hello" }); // kept on this device; sent now or later
 * @module
 */
export { ChatClient } from "./client/client.js";
export { ChatError } from "./client/error.js";
export { ChatRoom } from "./client/room.js";
export { IndexedStore, MemoryStore } from "./client/store.js";

/** @typedef {import("./client/types.js").Entry} Entry */
/** @typedef {import("./client/types.js").EntryState} EntryState */
/** @typedef {import("./client/types.js").Member} Member */
/** @typedef {import("./client/types.js").Message} Message */
/** @typedef {import("./client/types.js").Options} Options */
/** @typedef {import("./client/types.js").RoomSummary} RoomSummary */
/** @typedef {import("./client/types.js").State} State */
/** @typedef {import("./client/types.js").Status} Status */
/** @typedef {import("./client/types.js").Store} Store */
/** @typedef {import("./client/types.js").Way} Way */
