// @ts-check
import { Composer } from "./composer.js";
import { avatar, byId, fill, h, icon } from "./dom.js";
import { Log } from "./log.js";
import { Login } from "./login.js";
import { Finder, People } from "./people.js";
import { roomPicture, Rooms } from "./rooms.js";
import { current, logOut } from "./session.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { t, translate } from "./words.js";

customElements.define("chat-login", Login);
customElements.define("chat-rooms", Rooms);
customElements.define("chat-log", Log);
customElements.define("chat-composer", Composer);
customElements.define("chat-people", People);
customElements.define("chat-status", Status);

/** What each shortcut does, for the dialog. */
const SHORTCUTS = [
  ["Enter", "key-send"],
  ["Shift Enter", "key-newline"],
  ["↑", "key-edit"],
  ["Alt ↑ ↓", "key-room"],
  ["Alt N", "key-find"],
  ["Alt M", "key-log"],
  ["Esc", "key-cancel"],
];

/** Wide enough for the list and a room side by side. */
const WIDE = matchMedia("(min-width: 760px)");

/** The addresses of the servers: this one, and others that the page was told of. */
function servers() {
  const others = document.querySelector('meta[name="chat-servers"]')?.getAttribute("content") ?? "";
  return [new URL("chat/ws", document.baseURI).href, ...others.split(" ").filter(Boolean)];
}

/** The room that the address names. */
const named = () => decodeURIComponent(location.hash.slice(1));

/** The page, once somebody is logged in. @param {Store} store */
function run(store) {
  const log = /** @type {Log} */ (byId("log-part"));
  const composer = /** @type {Composer} */ (byId("composer"));
  const people = /** @type {People} */ (byId("people"));
  const finder = new Finder(store);
  for (const part of [byId("rooms"), log, composer, people, byId("status")]) /** @type {import("./part.js").Part} */ (part).start(store);
  fill(byId("me"), avatar(store.me, store.session.name), h("span", {}, store.session.name));
  byId("chat").hidden = false;

  composer.lastOwn = () => log.lastOwn();
  log.onLeave = () => composer.focusText();
  log.onEdit = (message) => composer.edit(message);
  log.onRemove = async (message) => {
    if (await ask(t("remove-ask"), t("remove-text"), t("remove"))) await store.room?.remove(message.id);
  };

  const view = () => {
    const alone = !WIDE.matches && !named();
    document.body.dataset.view = alone ? "list" : "room";
    if (named()) store.open(named());
    store.markRead();
  };
  addEventListener("hashchange", view);
  WIDE.addEventListener("change", view);
  store.on("open", () => {
    const name = store.room?.name ?? "";
    if (named() !== name) location.hash = encodeURIComponent(name);
    if (WIDE.matches && document.body.dataset.view === "room") composer.focusText();
    else if (document.body.dataset.view === "room") byId("room-title").focus();
  });
  for (const name of ["open", "room", "rooms"]) store.on(name, () => showHead(store));
  byId("back").addEventListener("click", () => (location.hash = ""));
  byId("find").addEventListener("click", () => finder.open());
  byId("help").addEventListener("click", () => /** @type {HTMLDialogElement} */ (byId("help-dialog")).showModal());
  byId("leave").addEventListener("click", () => void leave(store));
  addEventListener("keydown", (event) => onKey(event, store, log, finder));
  view();
  store.start();
}

/** @param {Store} store */
function showHead(store) {
  const { room } = store;
  if (!room) return;
  const line = store.line(room.name);
  fill(byId("room-picture"), roomPicture(line));
  byId("room-title").textContent = line.title;
  const online = line.other !== undefined && room.members.has(line.other);
  byId("room-about").textContent =
    line.kind === "dm" ? t(online ? "direct-online" : "direct") : line.kind === "bot" ? t("bot") : line.title === room.name ? "" : `#${room.name}`;
}

/** @param {KeyboardEvent} event @param {Store} store @param {Log} log @param {Finder} finder */
function onKey(event, store, log, finder) {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const lines = store.lines();
    const at = lines.findIndex((l) => l.room === store.room?.name) + (event.key === "ArrowDown" ? 1 : -1);
    if (lines[at]) store.open(lines[at].room);
  } else if (event.code === "KeyN") {
    finder.open();
  } else if (event.code === "KeyM") {
    log.focusNewest();
  } else {
    return;
  }
  event.preventDefault();
}

/** @param {string} title @param {string} text @param {string} yes @returns {Promise<boolean>} */
function ask(title, text, yes) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("ask-dialog"));
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

/** @param {Store} store */
async function leave(store) {
  const n = store.unsent().length;
  if (!(await ask(t("log-out-ask"), n > 0 ? t("log-out-unsent", { n }) : t("log-out-text"), t("log-out")))) return;
  for (const { cid } of store.unsent()) store.client.discard(cid);
  await logOut().catch(() => {});
  location.replace(location.pathname);
}

/** Runs the chat for whoever is logged in, now or after asking. */
async function main() {
  translate();
  for (const [id, name] of Object.entries({ back: "back", find: "write", help: "help", leave: "out" })) fill(byId(id), icon(name));
  fill(byId("help-list"), ...SHORTCUTS.map(([keys, word]) => h("div", {}, h("dt", {}, ...keys.split(" ").map((k) => h("kbd", {}, k))), h("dd", {}, t(word)))));
  const login = /** @type {Login} */ (byId("login"));
  login.start();
  const session = (await current().catch(() => null)) ?? (await login.ask());
  const store = new Store(session, servers());
  store.on("state", async () => {
    if (store.client.status.state !== "login") return;
    byId("chat").hidden = true;
    const again = await login.ask(t(store.me.startsWith("g-") ? "guest-ended" : "login-again"));
    // Another user's page begins anew; a guest is always another one.
    if (again.user !== store.me) return location.reload();
    byId("chat").hidden = false;
    dispatchEvent(new Event("hashchange"));
    store.client.start();
  });
  run(store);
}

void main();
