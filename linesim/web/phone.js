// @ts-check
// The phone page: introduces its parts to each other and to the simulator.
import { Activity } from "./activity.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { byId } from "./dom.js";
import { Log } from "./log.js";
import { Path } from "./path.js";
import { People } from "./people.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";

customElements.define("sim-people", People);
customElements.define("sim-chat", Chat);
customElements.define("sim-composer", Composer);
customElements.define("sim-path", Path);
customElements.define("sim-activity", Activity);

const store = new Store();
const people = /** @type {People} */ (byId("people"));
const chat = /** @type {Chat} */ (byId("chat"));
const composer = /** @type {Composer} */ (byId("composer"));

rememberPlace();
people.start(store);
composer.start(store);
chat.start(store);
chat.onCreate = (user) => people.create(user);
chat.addEventListener("failed", (event) => composer.fail(/** @type {CustomEvent<string>} */ (event).detail));
store.on("people", () => {
  if (store.loadError && store.users.size > 0) composer.fail(store.loadError);
});
new Log(store, composer.hands);
/** @type {Path} */ (byId("path-panel")).start(store);
/** @type {Activity} */ (byId("activity")).start(store);
showConnection();
openStream();

/** The address keeps which phone and chat are open, so that two windows can be two phones. */
function rememberPlace() {
  const place = new URLSearchParams(location.search);
  store.phone = place.get("phone") ?? "";
  store.chat = place.get("chat") ?? "";
  store.on("people", () => {
    if (!store.loaded) return;
    const now = new URLSearchParams();
    if (store.phone) now.set("phone", store.phone);
    if (store.chat) now.set("chat", store.chat);
    history.replaceState(null, "", now.size > 0 ? `?${now}` : location.pathname);
  });
}

function showConnection() {
  store.on("connection", () => {
    const el = byId("connection");
    el.dataset.state = store.connection;
    /** @type {HTMLElement} */ (el.lastElementChild).textContent = store.connection;
  });
}

/** The state is loaded at the first answer of the stream and after each break, so nothing falls between the two. */
function openStream() {
  const stream = new Stream(
    (name, data) => store.apply(name, data),
    (connected) => {
      store.connection = connected ? "connected" : "reconnecting";
      store.notify("connection");
      if (connected || !store.loaded) void store.load();
    },
  );
  stream.open();
}
