// @ts-check
/** @import { ChatRoom, Entry, Message } from "../client.js" */
/** @import { Store } from "./store.js" */
import { content, look, summary } from "./content.js";
import { avatar, byId, fill, h, icon } from "./dom.js";
import { Part, perFrame } from "./part.js";
import { clock, day, dayKey, moment } from "./time.js";
import { language, t } from "./words.js";

/** Messages of one sender that follow each other so soon, in ms, stand together. */
const TOGETHER = 5 * 60_000;

/** Within how many pixels of its end the list counts as read to the end, and follows new messages. */
const NEAR_END = 80;

/** Within how many pixels of its beginning older messages are fetched. */
const NEAR_BEGINNING = 400;

/**
 * A message in the page, sent or not.
 * @typedef {object} Item
 * @property {string} key stays the same when a message is sent
 * @property {Message} message
 * @property {Entry} [entry] what of it is not sent
 * @property {boolean} own
 * @property {boolean} again the sender's name and picture stand above
 * @property {boolean} ends the next one is not of the same group
 */

/** The messages of the open room. */
export class Log extends Part {
  #list = byId("log");
  #scroller = byId("scroller");
  #toNewest = byId("to-newest");
  #older = byId("older");
  #draw = perFrame(() => this.#show());
  /** Elements and what they show, by key. @type {Map<string, {el: HTMLElement, shows: string, item?: Item}>} */ #drawn = new Map();
  /** @type {ChatRoom|undefined} whose messages are in the page */ #room;
  /** The key of the message that Tab reaches. */ #current = "";
  /** The key of the message whose buttons are shown. */ #chosen = "";
  /** The end was in view at the last look; kept while pictures load and the keyboard opens. */ #following = true;
  /** Where the list was scrolled to at the last look. */ #top = 0;
  #failed = false;

  /** Set by the page. @type {(message: Message) => void} */ onEdit = () => {};
  /** Set by the page. @type {(message: Message) => Promise<void>} */ onRemove = async () => {};
  /** Set by the page. */ onLeave = () => {};

  /** @param {Store} store */
  start(store) {
    super.start(store);
    for (const name of ["open", "messages", "room", "state"]) store.on(name, this.#draw);
    store.client.addEventListener("arrived", (event) => this.#announce(/** @type {any} */ (event).detail));
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#list.addEventListener("focusin", ({ target }) => {
      // Not for a link inside: Tab would pass it and then miss the message that it was to reach.
      if (target instanceof Element && target.matches(".message")) this.#setCurrent(keyOf(target));
    });
    this.#list.addEventListener("load", () => this.#keepEnd(), true);
    this.#toNewest.addEventListener("click", () => this.#toEnd());
    this.#scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    const sizes = new ResizeObserver(() => this.#keepEnd());
    sizes.observe(this.#scroller);
    sizes.observe(this.#list);
    this.#draw();
  }

  /** Moves the focus to the newest message. */
  focusNewest() {
    const el = /** @type {HTMLElement|undefined} */ ([...this.#list.querySelectorAll(".message")].at(-1));
    el?.focus();
  }

  /** @returns {Message|undefined} the newest own text that can be edited */
  lastOwn() {
    return this.#items().findLast((i) => i.own && !i.entry && i.message.body.type === "text")?.message;
  }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    // What grows below the eye is no scrolling away from the end.
    const back = scrollTop < this.#top;
    this.#top = scrollTop;
    if (scrollHeight - scrollTop - clientHeight < NEAR_END) this.#following = true;
    else if (back) this.#following = false;
    if (this.#following) this.#showNewest(false);
    else if (this.#toNewest.hidden && scrollHeight - scrollTop - clientHeight > clientHeight) this.#showNewest(true, "to-end");
    if (scrollTop < NEAR_BEGINNING) void this.#fetchOlder();
  }

  async #fetchOlder() {
    const { room } = this.store;
    if (!room?.live || !room.more || this.#failed) return;
    try {
      await room.history();
    } catch {
      // Tried again by the next scroll, but not at once.
      this.#failed = true;
      setTimeout(() => (this.#failed = false), 2_000);
    }
  }

  #keepEnd() {
    if (this.#following) this.#toEnd();
  }

  #toEnd() {
    this.#following = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#showNewest(false);
  }

  /** @param {boolean} on @param {string} [word] */
  #showNewest(on, word = "to-newest") {
    this.#toNewest.hidden = !on;
    if (on) fill(this.#toNewest, icon("down"), t(word));
  }

  /** @returns {Item[]} */
  #items() {
    const { room, me } = this.store;
    if (!room) return [];
    const pending = room.pending;
    const changes = new Map(pending.filter((e) => e.edit || e.del).map((e) => [e.edit ?? e.del, e]));
    /** @type {Item[]} */
    const items = room.messages.map((message) => {
      const own = message.user === me;
      const entry = changes.get(message.id);
      const shown = entry ? { ...message, body: entry.del ? {} : entry.body, deleted: Boolean(entry.del) } : message;
      return { key: own && message.cid ? `c${message.cid}` : `m${message.id}`, message: shown, entry, own, again: false, ends: true };
    });
    const shown = new Set(items.map((i) => i.key));
    for (const entry of pending) {
      const key = `c${entry.cid}`;
      if (entry.edit || entry.del || shown.has(key)) continue;
      const message = { id: 0, prev: 0, user: me, name: this.store.session.name, cid: entry.cid, ts: entry.at, body: entry.body };
      items.push({ key, message, entry: entry.state === "stored" ? undefined : entry, own: true, again: false, ends: true });
    }
    items.forEach((item, i) => {
      const before = items[i - 1];
      if (!before) return;
      const [a, b] = [before.message, item.message];
      item.again = a.user === b.user && b.ts - a.ts < TOGETHER && dayKey(a.ts) === dayKey(b.ts) && b.id !== this.store.firstNew;
      before.ends = !item.again;
    });
    return items;
  }

  #show() {
    const { room } = this.store;
    if (!room) return;
    const changed = room !== this.#room;
    if (changed) this.#enter(room);
    const items = this.#items();
    const grown = items.length > 0 && !this.#drawn.has(items.at(-1)?.key ?? "");
    const own = items.at(-1)?.own ?? false;
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    const first = this.#list.querySelector(".message");
    this.#put(items);
    this.#showBeginning(room, items.length);
    this.#showTyping(room);
    if (changed || this.#following || (grown && own)) this.#toEnd();
    else if (first !== this.#list.querySelector(".message")) this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
    else if (grown) this.#showNewest(true);
    if (this.#scroller.scrollHeight <= this.#scroller.clientHeight + NEAR_BEGINNING) void this.#fetchOlder();
  }

  /** @param {ChatRoom} room */
  #enter(room) {
    this.#room = room;
    this.#drawn.clear();
    this.#list.replaceChildren();
    this.#current = "";
    this.#chosen = "";
    this.#following = true;
  }

  /** Keeps the elements of messages that stay, so that focus, selection and the screen reader's place stay. @param {Item[]} items */
  #put(items) {
    const fresh = this.#drawn.size === 0;
    if (!items.some((i) => i.key === this.#current)) this.#current = items.at(-1)?.key ?? "";
    const drawn = new Map();
    /** @type {Element|null} */
    let next = this.#list.firstElementChild;
    const place = (/** @type {string} */ key, /** @type {string} */ shows, /** @type {() => HTMLElement} */ make, /** @type {Item} */ item) => {
      let known = this.#drawn.get(key);
      if (known?.shows !== shows) {
        const old = known?.el;
        known = this.#redraw(old, shows, make());
        if (old && old === next) next = known.el;
      }
      drawn.set(key, { ...known, item });
      if (known.el === next) next = next.nextElementSibling;
      else this.#list.insertBefore(known.el, next);
    };
    let today = "";
    for (const item of items) {
      const { message } = item;
      const key = dayKey(message.ts);
      if (key !== today) place(`d${key}`, day(message.ts), () => h("h3", { class: "day" }, h("span", {}, day(message.ts))), item);
      today = key;
      if (message.id === this.store.firstNew) place("new", "", () => h("p", { class: "new-mark" }, h("span", {}, t("unread"))), item);
      place(item.key, this.#shows(item), () => this.#message(item, fresh), item);
    }
    for (const [key, { el }] of this.#drawn) if (!drawn.has(key)) el.remove();
    this.#drawn = drawn;
  }

  /** @param {HTMLElement|undefined} old @param {string} shows @param {HTMLElement} el */
  #redraw(old, shows, el) {
    const focused = old?.contains(document.activeElement);
    if (old) el.classList.add("settled");
    old?.replaceWith(el);
    if (focused) el.focus({ preventScroll: true });
    return { el, shows };
  }

  /** All that the element depends on. @param {Item} item */
  #shows({ key, message: m, entry, again, ends }) {
    const chosen = key === this.#chosen;
    return JSON.stringify([m.id > 0, m.ts, m.edited, m.deleted, entry?.cid, entry?.state, again, ends, key === this.#current, chosen]);
  }

  /** @param {Item} item @param {boolean} fresh not to be moved into the page */
  #message(item, fresh) {
    const { key, message: m, entry, own, again, ends } = item;
    const failed = entry?.state === "refused" || entry?.state === "unsure";
    const state = failed ? "failed" : entry ? (entry.state === "sending" ? "sending" : "unsent") : "";
    const about = m.deleted ? t("deleted") : summary(m.body);
    const label = [own ? t("own") : m.name, clock(m.ts), about, m.edited && t("edited"), own && this.#stateWord(item)];
    const inside = m.deleted ? h("div", { class: "text gone" }, t("deleted")) : content(m.body, { send: (body) => void this.store.send(body) });
    const bubble = h("div", { class: "bubble", data: { look: m.deleted ? "plain" : look(m.body) } }, inside);
    const time = h("time", { datetime: new Date(m.ts).toISOString(), title: moment(m.ts), lang: language }, clock(m.ts));
    const meta = h(
      "span",
      { class: "meta" },
      m.edited !== undefined && !m.deleted && h("span", {}, t("edited")),
      own && this.#mark(item),
      (ends || state !== "") && time,
    );
    const chosen = key === this.#chosen;
    const more =
      !m.deleted && !failed && h("button", { class: "more", type: "button", tabindex: -1, "aria-label": t("actions"), "aria-expanded": chosen }, icon("more"));
    return h(
      "article",
      {
        class: `message ${own ? "own" : "other"}${again ? " again" : ""}${ends ? " ends" : ""}${fresh ? " settled" : ""}`,
        tabindex: key === this.#current ? 0 : -1,
        "aria-label": label.filter(Boolean).join(", "),
        data: { key, state, id: String(m.id), cid: m.cid ?? "" },
      },
      own ? null : again ? h("span", { class: "no-avatar" }) : face(m),
      h(
        "div",
        { class: "body" },
        own || again ? null : h("p", { class: "sender", "aria-hidden": "true" }, m.name),
        h("div", { class: "row" }, bubble, meta, more),
        failed && entry ? this.#failure(entry) : null,
        chosen && !failed ? this.#buttons(item) : null,
      ),
    );
  }

  /** @param {Item} item */
  #stateWord({ entry }) {
    if (!entry) return t("sent");
    if (entry.state === "refused") return t("refused", { why: entry.text || entry.code || "" });
    if (entry.state === "unsure") return t("unsure");
    return t(entry.state === "sending" ? "sending" : "unsent");
  }

  /** How far an own message is. @param {Item} item */
  #mark(item) {
    const { entry, ends } = item;
    if (!entry) return ends ? h("span", { class: "mark", title: t("sent") }, icon("check")) : null;
    if (entry.state === "refused" || entry.state === "unsure") return h("span", { class: "mark bad" }, icon("warn"));
    const word = this.#stateWord(item);
    return h("span", { class: "mark", title: word }, icon("clock"), entry.state === "sending" ? null : h("span", { "aria-hidden": "true" }, word));
  }

  /** @param {Entry} entry */
  #failure(entry) {
    const { client } = this.store;
    return h(
      "div",
      { class: "failure" },
      h("span", {}, entry.state === "unsure" ? t("unsure") : t("refused", { why: entry.text || entry.code || "" })),
      h("button", { class: "pill", type: "button", onclick: () => client.retry(entry.cid) }, t("retry")),
      h("button", { class: "pill", type: "button", onclick: () => client.discard(entry.cid) }, t("discard")),
    );
  }

  /** @param {Item} item */
  #buttons({ message: m, own, entry }) {
    const text = m.body.type === "text" ? String(m.body.text ?? "") : "";
    const button = (/** @type {string} */ word, /** @type {() => void} */ run) =>
      h(
        "button",
        {
          class: "pill",
          type: "button",
          onclick: () => {
            this.#choose("");
            run();
          },
        },
        t(word),
      );
    const mine = own && m.id > 0 && !entry;
    return h(
      "div",
      { class: "buttons" },
      text && navigator.clipboard ? button("copy", () => void navigator.clipboard.writeText(text)) : null,
      mine && text ? button("edit", () => this.onEdit(m)) : null,
      mine ? button("remove", () => void this.onRemove(m)) : null,
    );
  }

  /** @param {ChatRoom} room @param {number} shown */
  #showBeginning(room, shown) {
    const known = room.epoch !== "";
    this.#older.hidden = !known || (shown === 0 && !room.live);
    this.#older.className = shown === 0 ? "older empty" : "older";
    const direct = room.kind === "dm" ? t("empty-dm") : "";
    if (room.more) fill(this.#older, room.live ? t("loading") : "");
    else if (shown === 0) fill(this.#older, h("img", { src: "chat/page/sticker.svg", alt: "", width: 88, height: 88 }), h("b", {}, t("empty")), h("span", {}, direct));
    else fill(this.#older, t("beginning"));
    this.#list.setAttribute("aria-label", t("log-of", { room: this.store.line(room.name).title }));
  }

  /** @param {ChatRoom} room */
  #showTyping(room) {
    const { typing } = room;
    const box = byId("typing");
    box.hidden = typing.length === 0;
    if (typing.length === 0) return;
    const words = typing.length === 1 ? t("typing", { name: typing[0].name }) : t("typing-many", { n: typing.length });
    if (box.textContent !== words) fill(box, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}, words));
  }

  /** @param {string} key */
  #setCurrent(key) {
    if (!key || key === this.#current) return;
    for (const k of [this.#current, key]) this.#drawn.get(k)?.el.setAttribute("tabindex", k === key ? "0" : "-1");
    this.#current = key;
    // Elements that only changed their tabindex show what they should.
    for (const known of this.#drawn.values()) if (known.item && known.el.matches(".message")) known.shows = this.#shows(known.item);
  }

  /** Shows the buttons of a message. @param {string} key */
  #choose(key) {
    this.#chosen = key;
    this.#show();
  }

  /** @param {Event} event */
  #onClick(event) {
    const target = /** @type {Element} */ (event.target);
    const key = keyOf(target);
    if (!key || getSelection()?.isCollapsed === false) return;
    if (target.closest(".more") || (target.closest(".bubble") && !target.closest("a, button, video, audio"))) {
      this.#setCurrent(key);
      this.#choose(this.#chosen === key ? "" : key);
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const el = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape") return this.#onEscape(event);
    if (!el.matches(".message") || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll(".message")]);
    const at = all.indexOf(el);
    const item = this.#drawn.get(keyOf(el))?.item;
    const steps = /** @type {Record<string, number>} */ ({ ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 });
    const mine = item && item.own && item.message.id > 0 && !item.entry && !item.message.deleted;
    if (event.key in steps) all[steps[event.key]]?.focus();
    else if (event.key === "Enter" || event.key === " ") this.#choose(this.#chosen === keyOf(el) ? "" : keyOf(el));
    else if (event.key === "e" && mine && item.message.body.type === "text") this.onEdit(item.message);
    else if ((event.key === "Delete" || event.key === "Backspace") && mine) void this.onRemove(item.message);
    else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #onEscape(event) {
    event.preventDefault();
    if (this.#chosen) this.#choose("");
    else this.onLeave();
  }

  /** Says a new message to those who do not see it. @param {{room: ChatRoom, message: Message}} arrived */
  #announce({ room, message }) {
    if (room !== this.store.room || message.user === this.store.me) return;
    byId("announce").textContent = `${message.name}: ${summary(message.body)}`;
  }
}

/** @param {Message} m */
function face({ user, name }) {
  const picture = avatar(user, name, user === "bot" ? "bot" : undefined);
  if (user === "bot") picture.classList.add("of-bot");
  return picture;
}

/** The key of the message that an element belongs to, or "". @param {EventTarget|null} target */
function keyOf(target) {
  const el = target instanceof Element ? target.closest(".message") : null;
  return el instanceof HTMLElement ? (el.dataset.key ?? "") : "";
}
