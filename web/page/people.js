// @ts-check
/** @import { Member } from "../client.js" */
/** @import { Store } from "./store.js" */
import { avatar, byId, fill, h, icon } from "./dom.js";
import { Part, perFrame } from "./part.js";
import { t } from "./words.js";

/** A name is looked for this long after the last key, in ms. */
const SEARCH_AFTER = 200;

/** Who is in the open room; a tap opens the direct messages with someone. */
export class People extends Part {
  #button = byId("people-open");
  #draw = perFrame(() => this.#show());

  /** @param {Store} store */
  start(store) {
    super.start(store);
    for (const name of ["open", "room"]) store.on(name, this.#draw);
    fill(byId("people-close"), icon("close"));
    this.#button.addEventListener("click", () => this.toggle(document.body.dataset.people !== "open"));
    byId("people-close").addEventListener("click", () => this.toggle(false));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.toggle(false);
    });
    this.toggle(false, false);
    this.#draw();
  }

  /** @param {boolean} open @param {boolean} [move] the focus too */
  toggle(open, move = true) {
    document.body.dataset.people = open ? "open" : "";
    this.hidden = !open;
    this.#button.setAttribute("aria-expanded", String(open));
    if (move) (open ? byId("people-close") : this.#button).focus();
  }

  #show() {
    const { room, me } = this.store;
    if (!room) return;
    const members = [...room.members.values()].sort((a, b) => a.name.localeCompare(b.name));
    // Of two, or of one and the bot, the header tells enough.
    const alone = ["dm", "bot"].includes(this.store.line(room.name).kind);
    this.#button.hidden = room.count === 0 || alone;
    if (alone && !this.hidden) this.toggle(false, false);
    fill(this.#button, icon("people"), h("span", {}, t("people-button", { n: room.count })));
    const list = byId("people-list");
    const focused = list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.user : "";
    fill(list, ...members.map((m) => personLine(m, m.user === me ? t("you") : "", m.user === me ? undefined : () => this.store.openDirect(m))));
    if (focused) /** @type {HTMLElement|null} */ (list.querySelector(`[data-user="${CSS.escape(focused)}"]`))?.focus();
    const more = byId("people-more");
    more.hidden = members.length > 0 || room.count === 0;
    more.textContent = t("people-count", { n: room.count });
  }
}

/** @param {Member} m @param {string} about @param {() => void} [onclick] */
function personLine({ user, name }, about, onclick) {
  const inside = [avatar(user, name), h("span", { class: "person-name" }, name), about && h("small", {}, about)];
  if (!onclick) return h("li", {}, h("span", { class: "person" }, ...inside));
  return h("li", {}, h("button", { class: "person", type: "button", data: { user }, onclick }, ...inside));
}

/** The dialog that finds people by name. */
export class Finder {
  #dialog = /** @type {HTMLDialogElement} */ (byId("find-dialog"));
  #text = /** @type {HTMLInputElement} */ (byId("find-text"));
  #note = byId("find-note");
  /** @type {any} */ #timer;
  #asked = 0;

  /** @param {Store} store */
  constructor(store) {
    this.store = store;
    this.#text.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#search(), SEARCH_AFTER);
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      byId("find-list").querySelector("button")?.click();
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#text.value = "";
    fill(byId("find-list"));
    this.#note.textContent = t("find-hint");
    this.#dialog.showModal();
    this.#text.focus();
  }

  async #search() {
    const q = this.#text.value.trim();
    const asked = ++this.#asked;
    /** @type {(Member & {online: boolean})[]} */
    let found = [];
    let failed = false;
    if (q) found = await this.store.client.users(q).catch(() => ((failed = true), []));
    if (asked !== this.#asked) return;
    found = found.filter((m) => m.user !== this.store.me);
    const line = (/** @type {typeof found[0]} */ m) =>
      personLine(m, m.online ? t("online") : "", () => {
        this.#dialog.close();
        this.store.openDirect(m);
      });
    fill(byId("find-list"), ...found.map(line));
    this.#note.textContent = failed ? t("find-offline") : q === "" ? t("find-hint") : found.length === 0 ? t("find-none") : "";
  }
}
