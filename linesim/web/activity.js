// @ts-check
/** @import { Call, Webhook } from "./types.js" */
/** @import { Store } from "./store.js" */
import { byId, fill, h } from "./dom.js";
import { Part } from "./part.js";
import { exactClock, micros, span } from "./time.js";

/** The list is drawn again this many ms after the first change, with all that came meanwhile. */
const DRAW_DELAY = 100;

/** Rows in the list at most. */
const ROWS = 150;

/**
 * A row of the list.
 * @typedef {object} Row
 * @property {string} key
 * @property {"webhook"|"call"} kind
 * @property {number} at microseconds
 * @property {boolean} failed
 * @property {string} text what a filter looks into
 * @property {() => HTMLElement} draw
 */

/** The list of the last webhooks to the bot and calls by it, newest first. A click on a webhook shows its event's path. */
export class Activity extends Part {
  #rows = byId("activity-rows");
  #form = /** @type {HTMLFormElement} */ (byId("activity-filter"));
  /** Rows in the page by key. @type {Map<string, HTMLElement>} */ #drawn = new Map();
  /** @type {number|undefined} */ #timer;

  /** @param {Store} store */
  start(store) {
    super.start(store);
    store.on("activity", () => this.#soon());
    for (const type of ["input", "change"]) this.#form.addEventListener(type, () => this.#show());
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#show();
  }

  #soon() {
    this.#timer ??= window.setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, DRAW_DELAY);
  }

  #show() {
    const { webhooks, calls } = this.store;
    const form = new FormData(this.#form);
    const show = form.get("show");
    const words = /** @type {HTMLInputElement} */ (byId("activity-search")).value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...webhooks.map((w) => this.#webhookRow(w)), ...calls.map(callRow)];
    const rows = all
      .filter(
        (r) => (show === "failed" ? r.failed : show === "all" || r.kind === show) && words.every((w) => r.text.includes(w)),
      )
      .sort((a, b) => b.at - a.at)
      .slice(0, ROWS);
    this.#put(rows);
    const empty = byId("activity-empty");
    empty.hidden = rows.length > 0;
    empty.textContent =
      all.length > 0
        ? "Nothing matches the filter."
        : "Nothing yet. Each webhook to your bot and each call of your bot is listed here as it happens.";
  }

  /** Keeps the elements of rows that stay, so that focus and selection stay too. @param {Row[]} rows */
  #put(rows) {
    const drawn = new Map();
    /** @type {Element|null} */
    let next = this.#rows.firstElementChild;
    for (const row of rows) {
      const el = this.#drawn.get(row.key) ?? row.draw();
      drawn.set(row.key, el);
      if (el === next) next = next.nextElementSibling;
      else this.#rows.insertBefore(el, next);
    }
    for (const [key, el] of this.#drawn) if (!drawn.has(key)) el.remove();
    this.#drawn = drawn;
  }

  /** @param {Webhook} w @returns {Row} */
  #webhookRow(w) {
    const ids = w.webhookEventIds ?? [];
    const failed = !(Number(w.status) >= 200 && Number(w.status) < 300);
    const what = w.reason || (ids.length === 1 ? "1 event" : `${ids.length} events`);
    const details = (w.attempt ?? 1) > 1 ? `attempt ${w.attempt}` : (ids[0] ?? "");
    const choose = () => this.store.select({ eventId: ids[0], seq: this.#seqOf(ids[0]), chosen: true });
    const name = () =>
      ids.length > 0
        ? h("button", { type: "button", class: "link", title: "Show its path", onclick: choose }, "webhook")
        : "webhook";
    return {
      key: `w${w.seq}`,
      kind: "webhook",
      at: micros(w.at),
      failed,
      text: `webhook ${w.status} ${what} ${w.detail ?? ""} ${ids.join(" ")}`.toLowerCase(),
      draw: () => row("webhook", w, failed, [name(), h("small", {}, what)], details, w.detail || ids.join(" ")),
    };
  }

  /** @param {string} eventId */
  #seqOf(eventId) {
    return this.store.open().find((m) => m.from === "user" && m.webhookEventId === eventId)?.seq ?? 0;
  }
}

/** @param {Call} c @returns {Row} */
function callRow(c) {
  const failed = !(Number(c.status) >= 200 && Number(c.status) < 300);
  const to = c.to ? h("small", {}, c.to === 1 ? "1 phone" : `${c.to} phones`) : null;
  const key = c.retryKey ? `key ${c.retryKey.slice(0, 8)}` : "";
  const fault = c.fault ? h("small", { title: "A fault made this answer" }, `fault: ${c.fault}`) : null;
  return {
    key: `c${c.seq}`,
    kind: "call",
    at: micros(c.at),
    failed,
    text: `call ${c.endpoint} ${c.status} ${c.retryKey ?? ""} ${c.requestId ?? ""} ${c.fault ?? ""}`.toLowerCase(),
    draw: () => row("call", c, failed, [h("span", {}, c.endpoint), to, fault], key, c.retryKey ?? ""),
  };
}

/**
 * @param {"webhook"|"call"} kind
 * @param {Webhook|Call} record
 * @param {boolean} failed
 * @param {(HTMLElement|string|null)[]} what
 * @param {string} details
 * @param {string} title
 */
function row(kind, record, failed, what, details, title) {
  const direction = h(
    "i",
    { class: `way way-${kind}`, title: kind === "webhook" ? "LINE to bot" : "bot to LINE", "aria-hidden": "true" },
    kind === "webhook" ? "→" : "←",
  );
  const [clock, fraction] = exactClock(record.at).split(".");
  const status = record.status ? String(record.status) : "none";
  const cell = h("td", { class: "what" });
  fill(cell, direction, ...what);
  return h(
    "tr",
    { class: failed ? "failed" : "", data: { kind, seq: record.seq, status } },
    h("td", { class: "at" }, clock, h("span", { class: "fraction" }, `.${fraction}`)),
    cell,
    h("td", {}, h("span", { class: failed ? "status bad" : "status good" }, status)),
    h("td", { class: "ms" }, span(Number(record.ms ?? 0) * 1000)),
    h("td", { class: "details", title }, details),
  );
}
