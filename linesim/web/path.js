// @ts-check
/** @import { PhoneMessage, Selection, Step } from "./types.js" */
/** @import { Store } from "./store.js" */
import { ApiError, explain, get, post } from "./api.js";
import { summary } from "./content.js";
import { byId, fill, h, icon } from "./dom.js";
import { Part } from "./part.js";
import { isOwn } from "./store.js";
import { exactClock, micros, span } from "./time.js";

/** The last step of an event whose answer arrived. */
const ARRIVED = "on the phone";

/** When a path is asked for after it was chosen, in ms, until it has its last step. */
const LOOKS = [0, 150, 400, 1_000, 2_500, 5_000, 10_000];

/** When it is asked for once more after that, in ms: LINE's answer to the bot comes later than its message. */
const LAST_LOOKS = [300, 2_000];

/** How long after news of the stream, in ms, the path is asked for again, and how often at most for one choice. */
const NEWS_DELAY = 60;
const FETCHES_MAX = 60;

/** Steps that mean trouble, by what they say. */
const TROUBLE =
  /\b(got no answer|not delivered|error|failed|refused|dead letter|timeout|timed out|got [45]\d\d|[45]\d\d from LINE)\b/i;

/** The panel that shows the way of the chosen event, step by step, and the records that belong to it. */
export class Path extends Part {
  #list = byId("path");
  #total = byId("path-total");
  #error = byId("path-error");
  #json = byId("path-json");
  /** The event that is shown. */ #eventId = "";
  /** The choice that is shown, as a key. */ #key = "";
  /** @type {Step[]} */ #steps = [];
  /** The event as LINE sent it; null until something shows it. @type {any} */ #event = null;
  #fetches = 0;
  /** @type {Set<number>} */ #timers = new Set();

  /** @param {Store} store */
  start(store) {
    super.start(store);
    store.on("selection", () => this.#choose());
    store.on("activity", () => this.#showRecords());
    store.addEventListener("trace", (event) => this.#onNews(/** @type {CustomEvent<string|undefined>} */ (event).detail));
    this.#json.addEventListener("toggle", () => {
      this.#showRecords();
      void this.#fetchEvent();
    });
    this.#choose();
  }

  #choose() {
    const selection = this.store.selected();
    const key = selection ? `${this.store.phone} ${selection.eventId} ${selection.seq}` : "";
    if (key === this.#key && selection) return;
    const sameEvent = selection?.eventId !== "" && selection?.eventId === this.#eventId;
    this.#key = key;
    this.#showHead(selection);
    if (sameEvent) return this.#showRecords();
    this.#eventId = selection?.eventId ?? "";
    this.#forget();
    byId("path-empty").hidden = selection !== null;
    byId("path-note").hidden = !selection || this.#eventId !== "";
    this.#showRecords();
    void this.#fetchEvent();
    if (this.#eventId) for (const wait of LOOKS) this.#look(wait);
  }

  #forget() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#steps = [];
    this.#event = null;
    this.#fetches = 0;
    this.#showError("");
    this.#list.replaceChildren();
    this.#total.hidden = true;
    this.#tellLink();
  }

  /** @param {number} wait @param {boolean} [always] also when the last step is there */
  #look(wait, always = wait === 0) {
    const timer = window.setTimeout(() => {
      this.#timers.delete(timer);
      if (always || !this.#arrived()) void this.#fetch();
    }, wait);
    this.#timers.add(timer);
  }

  /** @param {string|undefined} eventId the event that something happened to; undefined for a call, which names none */
  #onNews(eventId) {
    if (!this.#eventId || this.#timers.size > LOOKS.length) return;
    if (eventId ? eventId !== this.#eventId : this.#arrived()) return;
    const timer = window.setTimeout(() => {
      this.#timers.delete(timer);
      void this.#fetch();
    }, NEWS_DELAY);
    this.#timers.add(timer);
  }

  #arrived() {
    return this.#steps.some((s) => s.step === ARRIVED);
  }

  async #fetch() {
    const eventId = this.#eventId;
    if (!eventId || ++this.#fetches > FETCHES_MAX) return;
    try {
      const answer = await get(`/path/${encodeURIComponent(eventId)}`);
      if (eventId !== this.#eventId) return;
      this.#showError("");
      this.#show(answer?.steps ?? []);
    } catch (err) {
      if (eventId !== this.#eventId || (err instanceof ApiError && err.status === 404 && this.#fetches < 3)) return;
      this.#showError(explain(err));
    }
  }

  async #fetchEvent() {
    const eventId = this.#eventId;
    const wanted = /** @type {HTMLDetailsElement} */ (this.#json).open || !this.#message(this.store.selected());
    if (!eventId || this.#event || !wanted) return;
    try {
      const event = await get(`/events/${encodeURIComponent(eventId)}`);
      if (eventId === this.#eventId) this.#event = event;
    } catch {
      return; // The record is old, or its phone was elsewhere: the other records are shown without it.
    }
    this.#showHead(this.store.selected());
    this.#showRecords();
  }

  /** @param {string} text "" for none */
  #showError(text) {
    this.#error.textContent = text;
    this.#error.hidden = text === "";
  }

  /** @param {Selection|null} selection */
  #showHead(selection) {
    const message = this.#message(selection);
    const of = byId("path-of");
    if (!selection) return fill(of, "Nothing chosen yet");
    if (!message) return fill(of, this.#event ? `${this.#event.type} event ` : null, h("code", {}, selection.eventId));
    const who = message.from === "bot" ? "The bot" : this.store.nameOf(message.userId ?? this.store.phone);
    const text = summary(message.message);
    const unsend =
      isOwn(message, this.store.phone) &&
      !message.unsent &&
      h("button", { type: "button", class: "link", onclick: () => void this.#unsend(message) }, "Unsend");
    fill(of, `${who}: `, h("q", {}, text.length > 60 ? text.slice(0, 60) + "…" : text), unsend);
  }

  /** @param {Selection|null} selection @returns {PhoneMessage|undefined} */
  #message(selection) {
    return selection?.seq ? this.store.messages.find((m) => m.seq === selection.seq) : undefined;
  }

  /** @param {PhoneMessage} message */
  async #unsend(message) {
    try {
      const answer = await post(`/users/${encodeURIComponent(this.store.phone)}/unsend`, { messageId: message.message.id });
      if (answer?.webhookEventId) this.store.select({ eventId: answer.webhookEventId, seq: 0, chosen: false });
    } catch (err) {
      this.#showError(explain(err));
    }
  }

  /** @param {Step[]} steps in the order of time */
  #show(steps) {
    if (steps.length < this.#steps.length || JSON.stringify(steps) === JSON.stringify(this.#steps)) return;
    const before = this.#arrived();
    this.#steps = steps;
    if (!before && this.#arrived()) for (const wait of LAST_LOOKS) this.#look(wait, true);
    const times = steps.map((s) => micros(s.at));
    const [first = 0] = times;
    const whole = Math.max((times.at(-1) ?? 0) - first, 1);
    this.#list.replaceChildren(
      ...steps.map((step, i) =>
        stepItem(
          step,
          i === 0
            ? null
            : { from: (times[i - 1] - first) / whole, to: (times[i] - first) / whole, us: times[i] - times[i - 1] },
        ),
      ),
    );
    this.#total.hidden = steps.length < 2;
    fill(this.#total, h("span", {}, "Total"), h("b", {}, span(whole)));
    this.#tellLink();
    this.#showRecords();
  }

  /** On a narrow screen the panel is below the phone: the link to it says the total. */
  #tellLink() {
    const text = this.#total.hidden
      ? "The path of the message"
      : `The path: ${this.#steps.length} steps, ${this.#total.querySelector("b")?.textContent}`;
    fill(byId("path-link"), text, icon("down"));
  }

  #showRecords() {
    const message = this.#message(this.store.selected());
    const requests = new Set([message?.requestId, ...this.#steps.map((s) => s.requestId)].filter(Boolean));
    const { messages, webhooks, calls } = this.store;
    const answers = messages.filter((m) => m !== message && this.#eventId && m.webhookEventId === this.#eventId);
    for (const m of answers) if (m.requestId) requests.add(m.requestId);
    const records = [
      ["Message on the phone", message ? [message] : []],
      ["Event", this.#event ? [this.#event] : []],
      ["Webhook", webhooks.filter((w) => this.#eventId && w.webhookEventIds?.includes(this.#eventId))],
      ["Calls of the bot", calls.filter((c) => requests.has(c.requestId))],
      ["Other messages of this event", answers],
    ];
    this.#json.hidden = !this.#eventId && records.every(([, list]) => list.length === 0);
    if (this.#json.hidden || !(/** @type {HTMLDetailsElement} */ (this.#json).open)) return;
    fill(byId("path-records"), ...records.map(([title, list]) => (list.length === 0 ? null : record(String(title), list))));
  }
}

/**
 * @param {Step} step
 * @param {{from: number, to: number, us: number}|null} since where it lies between the first step and the last, and its
 *     distance to the one before; null for the first
 */
function stepItem(step, since) {
  const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("i"));
  const fillBar = /** @type {HTMLElement} */ (bar.firstElementChild);
  fillBar.style.marginLeft = `${(since?.from ?? 0) * 100}%`;
  fillBar.style.width = `${since ? (since.to - since.from) * 100 : 0}%`;
  const kind = TROUBLE.test(step.step) ? "trouble" : step.step === ARRIVED ? "arrived" : "";
  const time = h(
    "time",
    { datetime: step.at, title: exactClock(step.at) },
    since ? `+${span(since.us)}` : exactClock(step.at),
  );
  const name = h("span", { class: "step-name" }, step.step, step.note ? h("small", {}, step.note) : null);
  return h("li", { class: kind, data: { step: step.step, request: step.requestId } }, name, bar, time);
}

/** @param {string} title @param {any} list */
function record(title, list) {
  const text = JSON.stringify(list.length === 1 ? list[0] : list, null, 2);
  const copy = h(
    "button",
    { type: "button", class: "link", onclick: () => void navigator.clipboard?.writeText(text) },
    icon("copy"),
    "Copy",
  );
  return h("section", {}, h("h3", {}, title, copy), h("pre", { tabindex: 0 }, text));
}
