// @ts-check
/** @import { Store } from "./store.js" */
import { byId, fill, h, icon } from "./dom.js";
import { Part } from "./part.js";
import { t } from "./words.js";

/** A connection may take this long, in ms, before the page says anything: most are there at once. */
const PATIENCE = 800;

/** How long the page says that it is connected again, in ms. */
const GOOD_NEWS = 4_000;

/** What the connection does, where that is not what it should, and what is kept for later. */
export class Status extends Part {
  /** When the connection was first seen missing, 0 while it is there. */ #since = 0;
  /** The page has said that it is missing. */ #told = false;
  /** Until when good news is shown. */ #newsUntil = 0;
  #fault = false;
  #hadUnsent = false;
  /** The last server. @type {string|undefined} */ #server;
  #moved = false;
  /** What is shown. */ #shown = "";
  /** @type {any} */ #timer;

  /** @param {Store} store */
  start(store) {
    super.start(store);
    for (const name of ["state", "messages", "open"]) store.on(name, () => this.#show());
    for (const name of ["online", "offline"]) addEventListener(name, () => this.#show());
    store.client.addEventListener("fault", () => {
      this.#fault = true;
      this.#show();
    });
    this.#show();
  }

  #show() {
    const now = Date.now();
    const { status } = this.store.client;
    const connected = status.state === "connected";
    const unsent = this.store.unsent().length;
    if (!connected) {
      this.#since ||= now;
      this.#newsUntil = 0;
      if (unsent > 0) this.#hadUnsent = true;
    } else if (this.#since > 0) {
      if (status.reconnects > 0 && (this.#told || now - this.#since > PATIENCE / 4)) this.#newsUntil = now + GOOD_NEWS;
      this.#since = 0;
      this.#told = false;
    }
    if (connected && status.server !== this.#server) {
      this.#moved = this.#server !== undefined;
      this.#server = status.server;
    } else if (!connected) {
      this.#moved = false;
    }
    byId("me").title = connected && status.way === "events" ? t("over-http") : "";
    document.body.dataset.state = connected ? "connected" : "broken";
    if (connected) this.#showConnected(now, unsent);
    else this.#showBroken(now, unsent);
  }

  /** @param {number} now @param {number} unsent */
  #showConnected(now, unsent) {
    const { server } = this.store.client.status;
    if (now < this.#newsUntil) {
      const all = this.#hadUnsent && unsent === 0 ? t("all-sent") : "";
      this.#put("good", [icon("check"), h("span", {}, this.#moved ? t("back-at", { server }) : t("back-again")), all && h("span", {}, all)]);
      this.#again(this.#newsUntil - now);
      return;
    }
    this.#hadUnsent = false;
    if (this.#fault) this.#put("bad", [icon("warn"), h("span", {}, t("fault"))]);
    else this.#put("", []);
  }

  /** @param {number} now @param {number} unsent */
  #showBroken(now, unsent) {
    const { state, retryAt } = this.store.client.status;
    const missing = now - this.#since;
    if (missing < PATIENCE && unsent === 0) return this.#again(PATIENCE - missing);
    const first = this.#server === undefined;
    const seconds = Math.ceil((retryAt - now) / 1000);
    const what = !navigator.onLine ? t("offline") : first ? t("connecting") : state === "waiting" && seconds > 1 ? t("broken-in", { n: seconds }) : t("broken-now");
    const kept = unsent === 0 ? "" : unsent === 1 ? t("broken-unsent-1") : t("broken-unsent", { n: unsent });
    const retry = h("button", { class: "pill", type: "button", onclick: () => this.store.client.wake() }, t("try-now"));
    this.#told = true;
    this.#put("bad", [icon("warn"), h("span", {}, what), kept && h("span", { class: "kept" }, kept), retry]);
    this.#again(500);
  }

  /** Draws again only what is different, so that a screen reader does not say it twice. @param {string} look @param {(Node|string|false)[]} children */
  #put(look, children) {
    const words = children.map((c) => (c instanceof Element ? (c.textContent ?? "") : c)).join(" ");
    const counted = words.replace(/\d+/g, "#");
    if (this.#shown === words) return;
    // A countdown is for the eyes.
    this.setAttribute("aria-live", counted === this.#shown.replace(/\d+/g, "#") ? "off" : "polite");
    const focused = this.contains(document.activeElement);
    this.#shown = words;
    this.dataset.look = look;
    // Spaces, for those who hear it as one sentence.
    fill(this, ...children.flatMap((child) => [child, " "]));
    if (focused) this.querySelector("button")?.focus();
  }

  /** @param {number} ms */
  #again(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#show(), ms + 10);
  }
}
