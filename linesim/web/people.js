// @ts-check
/** @import { User } from "./types.js" */
/** @import { Store } from "./store.js" */
import { avatar, setBadge } from "./avatar.js";
import { post } from "./api.js";
import { ask } from "./dialog.js";
import { fill, h, icon } from "./dom.js";
import { Part } from "./part.js";

/** Phones shown as buttons; more are found by the dialog that lists them. */
const SHOWN = 6;

/** Users a dialog lists at most. */
const LISTED = 500;

/** The users that an empty simulator offers. */
export const FIRST_USERS = [
  { displayName: "Hanako", language: "ja", label: "Add Hanako (日本語)" },
  { displayName: "Alex", language: "en", label: "Add Alex (English)" },
];

/** The row of phones: one button a user, with a count of what is unread there, and one to add a user. */
export class People extends Part {
  /** The phones shown, in order. @type {string[]} */ #shown = [];
  /** What the buttons were made from. */ #key = "";

  /** @param {Store} store */
  start(store) {
    super.start(store);
    store.on("people", () => this.#show());
    store.on("unread", () => this.#count());
    this.#show();
  }

  #show() {
    const { users, phone } = this.store;
    this.#choose();
    const key = JSON.stringify([phone, users.size, this.#shown.map((id) => users.get(id))]);
    if (key === this.#key) return;
    this.#key = key;
    const focused = this.contains(document.activeElement) ? document.activeElement?.id : undefined;
    const phones = this.#shown.map((id) => this.#button(/** @type {User} */ (users.get(id))));
    const row = h("div", { class: "phones", role: "group", "aria-label": "Phones" }, ...phones);
    const all =
      users.size > SHOWN &&
      h("button", { id: "people-all", type: "button", class: "chip", onclick: () => this.#pick() }, `All ${users.size}`);
    const add = h(
      "button",
      {
        id: "people-add",
        type: "button",
        class: "chip",
        "aria-label": "Add a user",
        title: "Add a user",
        onclick: () => this.add(),
      },
      icon("plus"),
      users.size === 0 ? "Add a user" : null,
    );
    fill(this, row, all, add);
    if (focused) document.getElementById(focused)?.focus();
    this.querySelector(`[data-user="${CSS.escape(phone)}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.#count();
  }

  /** Counts into the buttons that are there: a button must not be replaced under a finger. */
  #count() {
    for (const id of this.#shown) {
      let unread = 0;
      for (const [key, n] of this.store.unread) if (key.startsWith(id + "/")) unread += n;
      setBadge(this.querySelector(`[data-user="${CSS.escape(id)}"]`), unread);
    }
  }

  /** Keeps the shown phones in their places, and the open one among them. */
  #choose() {
    const { users, phone } = this.store;
    const shown = this.#shown.filter((id) => users.has(id));
    for (const id of users.keys()) if (shown.length < SHOWN && !shown.includes(id)) shown.push(id);
    if (users.has(phone) && !shown.includes(phone)) shown.splice(-1, shown.length >= SHOWN ? 1 : 0, phone);
    this.#shown = shown;
  }

  /** @param {User} user */
  #button(user) {
    const store = this.store;
    const open = user.userId === store.phone;
    const away = user.blocked ? " blocked" : "";
    const props = {
      class: "person" + away,
      id: `phone-${user.userId}`,
      type: "button",
      "aria-pressed": open,
      data: { user: user.userId },
      onclick: () => void store.openPhone(user.userId),
    };
    return h("button", props, avatar(user.userId, user.displayName), h("span", { class: "person-name" }, user.displayName));
  }

  #pick() {
    const { users, phone } = this.store;
    const options = [...users.values()].slice(0, LISTED).map((u) => ({ value: u.userId, label: u.displayName }));
    ask({
      title: "Choose a phone",
      note:
        users.size > LISTED
          ? `The first ${LISTED} of ${users.size} users; type the ID of another one.`
          : "Choose a user, or type an ID.",
      fields: [
        { name: "user", label: "User", type: "select", options: options.map((o) => ({ ...o, checked: o.value === phone })) },
        { name: "id", label: "User ID", more: { placeholder: "U…", spellcheck: "false" } },
      ],
      submit: "Open",
      send: async (values) => {
        const id = String(values.get("id") ?? "").trim() || String(values.get("user"));
        if (!users.has(id)) throw new Error("There is no user with this ID.");
        await this.store.openPhone(id);
      },
    });
  }

  /** Asks for a new user and takes the phone into the hand. */
  add() {
    const languages = { ja: "日本語", en: "English", "zh-TW": "繁體中文", th: "ไทย" };
    ask({
      title: "Add a user",
      note: "The user adds your bot as a friend: your bot gets a follow event.",
      fields: [
        { name: "displayName", label: "Name", more: { required: true, maxlength: 20 } },
        {
          name: "language",
          label: "Language",
          type: "select",
          options: Object.entries(languages).map(([value, label]) => ({ value, label })),
        },
      ],
      submit: "Add",
      send: (values) =>
        this.create({ displayName: String(values.get("displayName")), language: String(values.get("language")) }),
    });
  }

  /** Makes a user and opens the phone. @param {{displayName: string, language: string}} user */
  async create({ displayName, language }) {
    const made = await post("/users", { displayName, language });
    if (!this.store.users.has(made.userId)) this.store.putUser(made);
    await this.store.openPhone(made.userId);
    if (made.webhookEventId) this.store.select({ eventId: made.webhookEventId, seq: 0, chosen: false });
    document.getElementById("composer-text")?.focus();
  }
}
