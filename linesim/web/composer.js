// @ts-check
/** @import { PhoneMessage, User } from "./types.js" */
/** @import { Store } from "./store.js" */
/** @import { Hands } from "./action.js" */
import { actionButton } from "./action.js";
import { explain, post } from "./api.js";
import { byId, fill, h, icon } from "./dom.js";
import { askMedia, askTime, MEDIA } from "./media.js";
import { Part } from "./part.js";
import { chatKey } from "./store.js";
import { draw, STICKERS } from "./stickers.js";

/** Chats whose unsent text is kept. */
const DRAFTS_KEPT = 100;

/** The lower end of the phone: text, stickers, media, quick replies, and what a tap on a bot's button does. */
export class Composer extends Part {
  /** Enter was pressed for a new line, not to send. Some drivers insert one although the key was taken. */
  #newLine = false;
  #text = /** @type {HTMLTextAreaElement} */ (byId("composer-text"));
  #send = /** @type {HTMLButtonElement} */ (byId("composer-send"));
  #error = byId("composer-error");
  #note = byId("composer-note");
  /** The chat the text is for. */ #key = "";
  /** @type {Map<string, string>} */ #drafts = new Map();
  /** Sends one after the other, in the order they were asked for. @type {Promise<unknown>} */ #queue = Promise.resolve();
  /** @type {Hands} */ hands = {
    act: (action) => void this.#act(action).catch((err) => this.fail(explain(err))),
    nameOf: (id) => this.store.nameOf(id),
  };

  /** @param {Store} store */
  start(store) {
    super.start(store);
    fill(byId("composer-add"), icon("plus"));
    fill(byId("composer-sticker"), icon("sticker"));
    fill(this.#send, icon("send"));
    this.#fillMenus();
    byId("composer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#sendText(this.#text.value, true);
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    this.#text.addEventListener("beforeinput", (event) => {
      if (event.inputType === "insertLineBreak" && !this.#newLine) event.preventDefault();
    });
    this.#text.addEventListener("input", () => this.#resize());
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#closeMenus(true);
    });
    byId("composer-mention").addEventListener("click", () => this.#mention());
    for (const change of ["people", "chat"]) store.on(change, () => this.#show());
    store.on("connection", () => {
      if (store.connection === "connected") this.fail("");
    });
    this.#show();
  }

  #fillMenus() {
    const add = MEDIA.map(({ type, label, icon: name }) => {
      const onclick = () => {
        this.#closeMenus(true);
        askMedia(type, (message) => this.#post(message));
      };
      return h("button", { type: "button", onclick, data: { add: type } }, icon(name), label);
    });
    fill(byId("add-menu"), ...add);
    const stickers = STICKERS.map((s) => {
      const onclick = () => {
        this.#closeMenus(true);
        void this.#try({ type: "sticker", packageId: s.packageId, stickerId: s.stickerId });
      };
      const button = h("button", {
        type: "button",
        onclick,
        title: s.label,
        data: { sticker: `${s.packageId}/${s.stickerId}` },
      });
      button.append(draw(s));
      return button;
    });
    fill(byId("sticker-menu"), ...stickers);
    byId("composer-add").addEventListener("click", () => this.#toggle("composer-add", "add-menu"));
    byId("composer-sticker").addEventListener("click", () => this.#toggle("composer-sticker", "sticker-menu"));
  }

  /** @param {string} button @param {string} menu */
  #toggle(button, menu) {
    const open = byId(menu).hidden;
    this.#closeMenus(false);
    byId(menu).hidden = !open;
    byId(button).setAttribute("aria-expanded", String(open));
    if (open) byId(menu).querySelector("button")?.focus();
  }

  /** @param {boolean} refocus puts the focus of a closed menu back into the text */
  #closeMenus(refocus) {
    for (const [button, menu] of [
      ["composer-add", "add-menu"],
      ["composer-sticker", "sticker-menu"],
    ]) {
      const inside = byId(menu).contains(document.activeElement);
      byId(menu).hidden = true;
      byId(button).setAttribute("aria-expanded", "false");
      if (inside && refocus) this.#text.focus();
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    this.#newLine = event.key === "Enter" && event.shiftKey;
    // keyCode 229: Safari ends the composition before the Enter that ended it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    void this.#sendText(this.#text.value, true);
  }

  #resize() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, 132)}px`;
    this.#send.disabled = this.#text.disabled || this.#text.value.trim() === "";
  }

  #show() {
    const store = this.store;
    const user = store.user();
    const why = !user ? "" : this.#whyOff(user);
    const off = !user || why !== "";
    this.#note.hidden = why === "";
    this.#note.textContent = why;
    this.#text.disabled = off;
    byId("composer-mention").hidden = off || !store.chat;
    byId("composer-mention").title = `Mention @${store.botName}`;
    for (const id of ["composer-add", "composer-sticker"]) /** @type {HTMLButtonElement} */ (byId(id)).disabled = off;
    if (off) this.#closeMenus(false);
    this.#swapDraft(chatKey(store.phone, store.chat));
    this.#showQuickReplies(off ? undefined : store.open().at(-1));
    this.#resize();
  }

  /** Why nothing can be written here; "" if it can. @param {User} user */
  #whyOff(user) {
    const { chat, groups } = this.store;
    if (!chat) return user.blocked ? "The bot is blocked: it gets nothing from here, and nothing it sends arrives." : "";
    return groups.get(chat)?.joined === false ? "The bot is not in this group any more." : "";
  }

  /** @param {string} key */
  #swapDraft(key) {
    if (key === this.#key) return;
    this.#drafts.delete(this.#key);
    if (this.#text.value) this.#drafts.set(this.#key, this.#text.value);
    if (this.#drafts.size > DRAFTS_KEPT) this.#drafts.delete(/** @type {string} */ (this.#drafts.keys().next().value));
    this.#key = key;
    this.#text.value = this.#drafts.get(key) ?? "";
    this.fail("");
  }

  /** Puts the bot's @name at the end of the text: the simulator makes a mention of it. */
  #mention() {
    const text = this.#text.value;
    this.#text.value = `${text}${text === "" || text.endsWith(" ") ? "" : " "}@${this.store.botName} `;
    this.#text.focus();
    this.#resize();
  }

  /** LINE shows the quick replies of the newest message alone. @param {PhoneMessage|undefined} newest */
  #showQuickReplies(newest) {
    const items = newest?.from === "bot" ? (newest.message.quickReply?.items ?? []) : [];
    const box = byId("quick-replies");
    const key = `${this.#key} ${newest?.seq}`;
    if (box.dataset.of === key) return;
    box.dataset.of = key;
    box.hidden = items.length === 0;
    fill(box, ...items.map((/** @type {any} */ item) => actionButton(item?.action, this.hands, "quick-reply")));
  }

  /** Shows an error above the text; "" takes it away. @param {string} message */
  fail(message) {
    this.#error.textContent = message;
    this.#error.hidden = message === "";
  }

  /** @param {string} text @param {boolean} typed came from the text field, which is emptied, or filled again on failure */
  async #sendText(text, typed) {
    if (text.trim() === "" || this.#text.disabled) return;
    if (typed) {
      this.#text.value = "";
      this.#text.focus();
      this.#resize();
    }
    const sent = await this.#try({ type: "text", text });
    if (!sent && typed && this.#text.value === "") {
      this.#text.value = text;
      this.#resize();
    }
  }

  /** @param {Record<string, any>} message @returns {Promise<boolean>} */
  async #try(message) {
    try {
      await this.#post(message);
      return true;
    } catch (err) {
      this.fail(explain(err));
      return false;
    }
  }

  /**
   * Sends a message from the phone into the open chat.
   * @param {Record<string, any>} message
   */
  async #post(message) {
    const { phone, chat } = this.store;
    const body = chat ? { ...message, groupId: chat } : message;
    await this.#inTurn(() => post(`/users/${encodeURIComponent(phone)}/messages`, body));
    this.#sent(null);
  }

  /**
   * After anything was sent: the path follows it, and a page without a stream fetches it.
   * @param {string|null} eventId of what has no bubble; null for the newest message
   */
  #sent(eventId) {
    this.fail("");
    this.store.select(eventId === null ? null : { eventId, seq: 0, chosen: false });
    if (this.store.connection !== "connected") void this.store.load();
  }

  /** @template T @param {() => Promise<T>} run @returns {Promise<T>} */
  #inTurn(run) {
    const done = this.#queue.then(run);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  /** Does what a tap on a button of the bot does. @param {Record<string, any>} action */
  async #act(action) {
    switch (action.type) {
      case "message":
        return this.#sendText(String(action.text ?? ""), false);
      case "postback":
        return this.#postback(action.data, undefined, action.displayText ?? action.text);
      case "richmenuswitch":
        return this.#postback(action.data, { newRichMenuAliasId: String(action.richMenuAliasId), status: "SUCCESS" });
      case "datetimepicker":
        return askTime(action, (params) => this.#postback(action.data, params));
      case "camera":
      case "cameraRoll":
        return askMedia("image", (message) => this.#post(message));
      case "location":
        return askMedia("location", (message) => this.#post(message));
      case "clipboard":
        return navigator.clipboard.writeText(String(action.clipboardText ?? ""));
      default:
        throw new Error(`The phone page does not know the action “${action.type}”.`);
    }
  }

  /** @param {unknown} data @param {Record<string, string>} [params] @param {unknown} [text] is shown as the user's */
  async #postback(data, params, text) {
    const { phone, chat } = this.store;
    const displayText = String(text ?? "");
    const body = { data: String(data ?? ""), displayText, ...(params && { params }), ...(chat && { groupId: chat }) };
    const answer = await this.#inTurn(() => post(`/users/${encodeURIComponent(phone)}/postback`, body));
    this.#sent(answer?.webhookEventId ?? null);
  }
}
