// @ts-check
/** @import { PhoneMessage } from "./types.js" */
/** @import { Store } from "./store.js" */
/** @import { Hands } from "./action.js" */
import { avatar, botAvatar } from "./avatar.js";
import { content, summary } from "./content.js";
import { byId, fill, h } from "./dom.js";
import { isOwn } from "./store.js";
import { clock, day } from "./time.js";

/** Messages in the page at once; older ones of the chat are dropped from view. */
const SHOWN = 300;

/** Within how many pixels of the end the list counts as read to the end, and follows new messages. */
const NEAR_END = 80;

/** The list of messages of the open chat. Enter or a click on a message chooses it for the path panel. */
export class Log {
  #list = byId("log");
  #scroller = byId("chat-scroller");
  #toNewest = byId("to-newest");
  #announce = byId("announce");
  /** @type {Store} */ #store;
  /** @type {Hands} */ #hands;
  /** The chat whose messages are in the page. */ #key = "";
  /** @type {PhoneMessage[]} */ #shown = [];

  /** @param {Store} store @param {Hands} hands */
  constructor(store, hands) {
    this.#store = store;
    this.#hands = hands;
    store.on("chat", () => this.#show());
    store.on("selection", () => this.#mark());
    store.on("people", () => this.#rename());
    store.addEventListener("arrived", (event) => this.#tell(/** @type {CustomEvent<PhoneMessage>} */ (event).detail));
    store.addEventListener("altered", (event) => this.#redraw(/** @type {CustomEvent<PhoneMessage>} */ (event).detail));
    this.#list.addEventListener("click", (event) => this.#onClick(event));
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    this.#toNewest.addEventListener("click", () => this.#toEnd());
    this.#scroller.addEventListener("scroll", () => {
      if (this.#atEnd()) this.#toNewest.hidden = true;
    });
    new ResizeObserver(() => this.#keepEnd()).observe(this.#scroller);
    this.#list.addEventListener("load", () => this.#keepEnd(), true);
  }

  /** The end was in view at the last look; kept while pictures load and the keyboard opens. */
  #following = true;

  #keepEnd() {
    if (this.#following) this.#toEnd();
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END;
    return this.#following;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#toNewest.hidden = true;
  }

  #show() {
    const store = this.#store;
    const key = `${store.phone}/${store.chat}`;
    const messages = store.open().slice(-SHOWN);
    const kept = this.#shown.length;
    const grown = key === this.#key && kept > 0 && messages.includes(this.#shown[kept - 1]);
    const fresh = grown ? messages.slice(messages.indexOf(this.#shown[kept - 1]) + 1) : messages;
    const follow = !grown || this.#atEnd() || fresh.some((m) => isOwn(m, store.phone));
    if (!grown) this.#list.replaceChildren();
    this.#list.classList.toggle("quiet", !grown);
    let before = grown ? this.#shown[kept - 1] : undefined;
    for (const message of fresh) {
      this.#list.append(...this.#items(message, before));
      before = message;
    }
    this.#key = key;
    this.#shown = messages;
    this.#trim();
    this.#mark();
    if (follow) {
      this.#following = true;
      this.#toEnd();
    } else if (fresh.length > 0) {
      this.#toNewest.hidden = false;
    }
  }

  #trim() {
    const items = this.#list.querySelectorAll("[data-seq]");
    for (let i = 0; i < items.length - SHOWN; i++) items[i].remove();
  }

  /** Draws a message again that changed after it was shown. @param {PhoneMessage} message */
  #redraw(message) {
    const bubble = this.#list.querySelector(`[data-seq="${message.seq}"] .bubble`);
    if (bubble && (message.groupId ?? "") === this.#store.chat) fill(bubble, content(message, this.#hands));
  }

  /** Users whose names arrived after their messages. */
  #rename() {
    for (const el of this.#list.querySelectorAll("[data-name-of]")) {
      el.textContent = this.#store.nameOf(/** @type {HTMLElement} */ (el).dataset.nameOf);
    }
  }

  /** @param {PhoneMessage} message @param {PhoneMessage|undefined} before @returns {HTMLElement[]} */
  #items(message, before) {
    const today = day(message.at);
    const items = today && today !== (before && day(before.at)) ? [h("p", { class: "day" }, today)] : [];
    return [...items, this.#item(message, before)];
  }

  /** @param {PhoneMessage} m @param {PhoneMessage|undefined} before */
  #item(m, before) {
    const own = isOwn(m, this.#store.phone);
    const who = m.from === "bot" ? "" : (m.userId ?? this.#store.phone);
    const again = before?.from === m.from && (before.from === "bot" ? "" : (before.userId ?? this.#store.phone)) === who;
    const name = m.from === "bot" ? "Bot" : this.#store.nameOf(who);
    const type = String(m.message.type ?? "");
    const item = h("article", {
      class: `message ${own ? "own" : "other"}${again ? " again" : ""}`,
      tabindex: -1,
      "aria-label": `${own ? "You" : name}, ${clock(m.at)}${m.via ? `, by ${m.via}` : ""}: ${summary(m.message)}`,
      data: { seq: m.seq, type, from: m.from, via: m.via, event: m.webhookEventId, messageId: m.message.id },
    });
    const meta = h(
      "p",
      { class: "meta" },
      m.via ? h("span", { class: `via via-${m.via}` }, m.via) : null,
      h("time", { datetime: m.at }, clock(m.at)),
    );
    const sender = m.groupId && !own && m.from === "user" ? h("p", { class: "sender", data: { nameOf: who } }, name) : null;
    const face = m.from === "bot" ? botAvatar() : avatar(who, name);
    const props = {
      class: `bubble bubble-${type}`,
      lang: this.#store.user()?.language,
      data: { from: m.from, via: m.via, type, event: m.webhookEventId },
    };
    item.append(
      ...(own ? [] : [face]),
      h("div", { class: "body" }, ...(sender ? [sender] : []), h("div", props, content(m, this.#hands)), meta),
    );
    return item;
  }

  /** Marks the chosen message, and lets Tab reach it (or the newest one). */
  #mark() {
    const chosen = String(this.#store.selected()?.seq ?? "");
    const items = /** @type {NodeListOf<HTMLElement>} */ (this.#list.querySelectorAll("[data-seq]"));
    for (const item of items) {
      const on = item.dataset.seq === chosen;
      item.tabIndex = on ? 0 : -1;
      if (on) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    }
    const last = items[items.length - 1];
    if (last && !this.#list.querySelector('[data-seq][tabindex="0"]')) last.tabIndex = 0;
  }

  /** @param {Element|null} item */
  #choose(item) {
    const m = this.#shown.find((s) => String(s.seq) === /** @type {HTMLElement|null} */ (item)?.dataset.seq);
    if (m) this.#store.select({ eventId: m.webhookEventId ?? "", seq: m.seq, chosen: true });
  }

  /** @param {Event} event */
  #onClick(event) {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("button, a, summary, video, audio, pre")) return;
    if (getSelection()?.isCollapsed === false) return;
    this.#choose(target.closest("[data-seq]"));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const item = /** @type {HTMLElement} */ (event.target);
    if (!item.matches("[data-seq]")) return;
    const items = [...this.#list.querySelectorAll("[data-seq]")];
    const at = items.indexOf(item);
    const steps = /** @type {Record<string, number>} */ ({
      ArrowUp: at - 1,
      ArrowDown: at + 1,
      Home: 0,
      End: items.length - 1,
    });
    if (event.key === "Enter" || event.key === " ") this.#choose(item);
    else if (event.key in steps) /** @type {HTMLElement|undefined} */ (items[steps[event.key]])?.focus();
    else return;
    event.preventDefault();
  }

  /** Says an answer to those who do not see it. @param {PhoneMessage} m */
  #tell(m) {
    if ((m.groupId ?? "") !== this.#store.chat || isOwn(m, this.#store.phone)) return;
    this.#announce.textContent = `${m.from === "bot" ? "Bot" : this.#store.nameOf(m.userId)}: ${summary(m.message)}`;
  }
}
