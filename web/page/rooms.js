// @ts-check
/** @import { Line, Store } from "./store.js" */
import { avatar, byId, fill, h } from "./dom.js";
import { Part, perFrame } from "./part.js";
import { summary } from "./content.js";
import { brief } from "./time.js";
import { language, t } from "./words.js";

/** The picture of a room, or of whom it is with. @param {Line} line */
export function roomPicture({ room, kind, title, other }) {
  const picture = avatar(other ?? room, title, kind === "bot" ? "bot" : kind === "room" ? "room" : undefined);
  if (kind !== "dm") picture.classList.add("of-room");
  return picture;
}

/** The list of rooms. */
export class Rooms extends Part {
  #list = byId("room-list");
  #draw = perFrame(() => this.#show());
  /** Lines in the page by room. @type {Map<string, HTMLElement>} */ #drawn = new Map();

  /** @param {Store} store */
  start(store) {
    super.start(store);
    for (const name of ["rooms", "open"]) store.on(name, this.#draw);
    this.#draw();
  }

  /** Keeps the elements of lines that stay, so that the focus stays. */
  #show() {
    const lines = this.store.lines();
    const drawn = new Map();
    lines.forEach((line, i) => {
      const el = this.#drawn.get(line.room) ?? h("li");
      drawn.set(line.room, el);
      const key = JSON.stringify([line, line.room === this.store.room?.name]);
      if (el.dataset.key !== key) {
        const focused = el.contains(document.activeElement);
        fill(el, this.#line(line));
        el.dataset.key = key;
        if (focused) el.querySelector("a")?.focus();
      }
      if (this.#list.children[i] !== el) this.#list.insertBefore(el, this.#list.children[i] ?? null);
    });
    for (const [name, el] of this.#drawn) if (!drawn.has(name)) el.remove();
    this.#drawn = drawn;
    const unread = lines.reduce((sum, l) => sum + l.unread, 0);
    const title = this.store.room ? this.store.line(this.store.room.name).title : t("chats");
    document.title = `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${title}`;
  }

  /** @param {Line} line */
  #line(line) {
    const { room, title, ts, last, unread } = line;
    const open = room === this.store.room?.name;
    const who = last && (last.user === this.store.me ? `${t("own")}: ` : line.kind === "dm" || line.kind === "bot" ? "" : `${last.name}: `);
    const about = last ? (last.deleted ? t("deleted") : who + summary(last.body)) : "";
    const hidden = h("span", { class: "visually-hidden" }, t("unread-count", { n: unread > 99 ? "99+" : unread }));
    return h(
      "a",
      { class: "line", href: `#${encodeURIComponent(room)}`, "aria-current": open ? "page" : undefined, data: { room } },
      roomPicture(line),
      h(
        "span",
        { class: "line-text" },
        h("b", { class: unread > 0 && "unread" }, title),
        h("small", { class: unread > 0 && "unread" }, about),
      ),
      h(
        "span",
        { class: "line-end" },
        ts > 0 ? h("time", { datetime: new Date(ts).toISOString(), lang: language }, brief(ts)) : null,
        unread > 0 ? h("span", { class: "badge" }, h("span", { "aria-hidden": true }, unread > 99 ? "99+" : String(unread)), hidden) : null,
      ),
    );
  }
}
