// @ts-check
/** @import { Message } from "../client.js" */
/** @import { Store } from "./store.js" */
import { actionButton } from "./action.js";
import { byId, fill, icon } from "./dom.js";
import { Part } from "./part.js";
import { t } from "./words.js";

/** Rooms whose unfinished text is kept. */
const DRAFTS_KEPT = 100;

/** The text grows to this height, in pixels. */
const TALLEST = 160;

/** The lower end of a room: text and quick replies. */
export class Composer extends Part {
  /**
   * What the last key wants, until something is put in: "newline" asks for one; "taken" does not, though some drivers insert one all the same.
   * A new line that comes with neither is the Enter of a phone's keyboard.
   */
  #key = "";
  #text = /** @type {HTMLTextAreaElement} */ (byId("text"));
  #send = /** @type {HTMLButtonElement} */ (byId("send"));
  #note = byId("composer-note");
  /** The room that the text is for. */ #room = "";
  /** @type {Map<string, string>} */ #drafts = new Map();
  /** What is being edited. @type {Message|undefined} */ #editing;
  /** Sends one after the other, in the order they were asked for. @type {Promise<unknown>} */ #queue = Promise.resolve();

  /** Set by the page. @type {() => Message|undefined} */ lastOwn = () => undefined;

  /** @param {Store} store */
  start(store) {
    super.start(store);
    fill(this.#send, icon("send"));
    byId("composer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("keydown", (event) => this.#onKey(event));
    this.#text.addEventListener("beforeinput", (event) => {
      if (event.inputType !== "insertLineBreak" || this.#key === "newline") return;
      event.preventDefault();
      if (this.#key === "" && !event.isComposing) this.#submit();
    });
    this.#text.addEventListener("input", () => {
      this.#key = "";
      this.#resize();
      if (this.#text.value.trim() !== "" && !this.#editing) this.store.room?.type();
    });
    byId("edit-cancel").addEventListener("click", () => this.edit(undefined));
    store.on("open", () => this.#open());
    for (const name of ["room", "messages"]) store.on(name, () => this.#show());
    this.#open();
  }

  focusText() {
    this.#text.focus();
  }

  /** Puts a message into the field, to change it. @param {Message|undefined} message undefined ends it */
  edit(message) {
    if (!message && !this.#editing) return;
    if (message && !this.#editing) this.#keepDraft();
    this.#editing = message;
    byId("editing").hidden = !message;
    this.#text.value = message ? String(message.body.text ?? "") : (this.#drafts.get(this.#room) ?? "");
    this.#resize();
    this.#text.focus();
  }

  #keepDraft() {
    this.#drafts.delete(this.#room);
    if (this.#text.value) this.#drafts.set(this.#room, this.#text.value);
    if (this.#drafts.size > DRAFTS_KEPT) this.#drafts.delete(/** @type {string} */ (this.#drafts.keys().next().value));
  }

  #open() {
    const name = this.store.room?.name ?? "";
    if (name !== this.#room) {
      if (!this.#editing) this.#keepDraft();
      this.#editing = undefined;
      byId("editing").hidden = true;
      this.#room = name;
      this.#text.value = this.#drafts.get(name) ?? "";
      this.#note.textContent = "";
    }
    this.#show();
  }

  #show() {
    const { room } = this.store;
    const known = room !== undefined && room.epoch !== "";
    const closed = room?.error ? t("no-room", { why: room.error.message }) : known && !room.canSend ? t("not-sending") : "";
    this.#text.disabled = room === undefined || closed !== "";
    if (closed) this.#note.textContent = closed;
    this.#note.hidden = this.#note.textContent === "";
    this.#showQuickReplies();
    this.#resize();
  }

  /** LINE shows the quick replies of the newest message alone. */
  #showQuickReplies() {
    const { room, me } = this.store;
    const newest = room?.pending.length ? undefined : room?.messages.at(-1);
    const items = newest && newest.user !== me && Array.isArray(newest.body.quickReply?.items) ? newest.body.quickReply.items : [];
    const box = byId("quick-replies");
    const key = `${room?.name} ${newest?.id}`;
    if (box.dataset.of === key) return;
    box.dataset.of = key;
    box.hidden = items.length === 0;
    const send = (/** @type {Record<string, any>} */ body) => {
      this.#post(body);
      this.#text.focus();
    };
    fill(box, ...items.map((/** @type {any} */ item) => actionButton(item?.action, { send }, "quick-reply")));
  }

  #resize() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight + 2, TALLEST)}px`;
    this.#send.disabled = this.#text.disabled || this.#text.value.trim() === "";
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    this.#key = event.key !== "Enter" ? "" : event.shiftKey ? "newline" : "taken";
    // keyCode 229: Safari ends the composition before the Enter that ended it.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key === "Enter" && !event.shiftKey && !composing) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#editing) {
      event.preventDefault();
      this.edit(undefined);
    } else if (event.key === "ArrowUp" && this.#text.value === "" && !composing) {
      const last = this.lastOwn();
      if (!last) return;
      event.preventDefault();
      this.edit(last);
    }
  }

  #submit() {
    const text = this.#text.value.trim();
    if (text === "" || this.#text.disabled) return;
    const editing = this.#editing;
    if (editing) {
      this.edit(undefined);
      if (text !== editing.body.text) this.#do(() => this.store.edit(editing, text));
      return;
    }
    this.#text.value = "";
    this.#drafts.delete(this.#room);
    this.#resize();
    this.#post({ type: "text", text });
  }

  /** @param {Record<string, any>} body */
  #post(body) {
    this.#do(() => this.store.send(body));
  }

  /** @param {() => Promise<string>} run resolves with what to tell the reader */
  #do(run) {
    this.#queue = this.#queue.then(async () => {
      this.#note.textContent = await run();
      this.#note.hidden = this.#note.textContent === "";
    });
  }
}
