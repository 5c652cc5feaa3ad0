// @ts-check
/** @import { Group } from "./types.js" */
/** @import { Store } from "./store.js" */
import { explain, get, post } from "./api.js";
import { botAvatar, setBadge } from "./avatar.js";
import { byId, fill, h, icon } from "./dom.js";
import { askGroup, askMembers, groupName } from "./group.js";
import { Part } from "./part.js";
import { FIRST_USERS } from "./people.js";
import { chatKey } from "./store.js";

/** The head of the phone: whose chat is open, the chats to choose from, and what can be done with them. */
export class Chat extends Part {
  /** Makes a user. @type {(user: {displayName: string, language: string}) => Promise<void>} */ onCreate = async () => {};
  /** What the tabs and the buttons were made from. */ #tabsKey = "";
  #buttonsKey = "";

  /** @param {Store} store */
  start(store) {
    super.start(store);
    store.on("people", () => this.#show());
    store.on("chat", () => this.#showWelcome());
    store.on("unread", () => this.#count());
    store.on("typing", () => this.#showTyping());
    byId("chat-tabs").addEventListener("keydown", (event) => this.#onTabKey(event));
    fill(
      byId("typing"),
      botAvatar(),
      h("span", { class: "dots" }, h("i"), h("i"), h("i")),
      h("span", { class: "visually-hidden" }, "The bot is preparing an answer"),
    );
    store.on("connection", () => {
      if (store.connection === "connected") void this.#learnBot();
    });
    this.#show();
  }

  async #learnBot() {
    try {
      const bot = await get("/bot");
      this.store.botName = bot?.displayName || this.store.botName;
      const url = bot?.webhookUrl;
      fill(byId("webhook-url"), ...(url ? ["webhooks to ", h("code", {}, url)] : ["no webhook URL yet"]));
      this.#show();
    } catch {
      // The name is a nicety; the load of the state reports that the simulator is away.
    }
  }

  #show() {
    const store = this.store;
    const group = store.groups.get(store.chat);
    const user = store.user();
    fill(
      byId("chat-picture"),
      group ? h("span", { class: "avatar group-avatar", "aria-hidden": "true" }, icon("people")) : botAvatar(),
    );
    byId("chat-name").textContent = group ? groupName(group) : this.store.botName;
    byId("chat-about").textContent = group
      ? `${plural((group.members ?? []).length, "member")}${group.joined === false ? "" : " and the bot"}`
      : about(user);
    this.#showButtons(group);
    this.#showTabs();
    this.#showWelcome();
    this.#showTyping();
  }

  /** @param {Group|undefined} group */
  #showButtons(group) {
    const user = this.store.user();
    const key = JSON.stringify([user, group]);
    if (key === this.#buttonsKey) return;
    this.#buttonsKey = key;
    if (!user) return fill(byId("chat-buttons"));
    if (group) return fill(byId("chat-buttons"), this.#groupButton(group));
    const path = `/users/${encodeURIComponent(user.userId)}`;
    if (user.blocked)
      fill(
        byId("chat-buttons"),
        this.#button("unblock", "Unblock", () => post(`${path}/follow`)),
      );
    else if (user.following === false)
      fill(
        byId("chat-buttons"),
        this.#button("follow", "Add friend", () => post(`${path}/follow`)),
      );
    else
      fill(
        byId("chat-buttons"),
        this.#button("block", "Block", () => post(`${path}/unfollow`)),
      );
  }

  /** @param {Group} group */
  #groupButton(group) {
    if (group.joined === false)
      return this.#button("group-invite", "Invite the bot", () => post(`/groups/${encodeURIComponent(group.groupId)}/join`));
    return this.#button("group-members", "Members", async () => askMembers(this.store, group));
  }

  /** @param {string} id @param {string} label @param {() => Promise<any>} run */
  #button(id, label, run) {
    const onclick = async () => {
      try {
        const answer = await run();
        if (answer?.webhookEventId) this.store.select({ eventId: answer.webhookEventId, seq: 0, chosen: false });
      } catch (err) {
        this.dispatchEvent(new CustomEvent("failed", { detail: explain(err) }));
      }
    };
    return h("button", { id, type: "button", class: "small", onclick }, label);
  }

  #showTabs() {
    const store = this.store;
    const nav = byId("chat-tabs");
    nav.hidden = !store.phone;
    const focused = nav.contains(document.activeElement) ? document.activeElement?.id : undefined;
    const key = JSON.stringify([store.phone, store.chat, store.botName, store.chats().map((g) => [g.groupId, g.name])]);
    if (key === this.#tabsKey) return;
    this.#tabsKey = key;
    const list = /** @type {HTMLElement} */ (nav.firstElementChild);
    fill(list, this.#tab("", this.store.botName), ...store.chats().map((g) => this.#tab(g.groupId, groupName(g))));
    nav.querySelector("#group-add")?.remove();
    nav.append(
      h(
        "button",
        { id: "group-add", type: "button", class: "chip", onclick: () => askGroup(this.store) },
        icon("plus"),
        "Group",
      ),
    );
    if (focused) document.getElementById(focused)?.focus();
    this.#count();
  }

  #count() {
    const { phone, unread } = this.store;
    for (const tab of byId("chat-tabs").querySelectorAll('[role="tab"]')) {
      setBadge(tab, unread.get(chatKey(phone, /** @type {HTMLElement} */ (tab).dataset.chat ?? "")) ?? 0);
    }
  }

  /** @param {string} groupId @param {string} name */
  #tab(groupId, name) {
    const store = this.store;
    const open = groupId === store.chat;
    const props = {
      role: "tab",
      id: `tab-${groupId || "bot"}`,
      type: "button",
      "aria-selected": open,
      "aria-controls": "chat-panel",
      tabindex: open ? 0 : -1,
      onclick: () => store.openChat(groupId),
      data: { chat: groupId },
    };
    return h("button", props, h("span", {}, name));
  }

  /** @param {KeyboardEvent} event */
  #onTabKey(event) {
    const tabs = /** @type {HTMLElement[]} */ ([...byId("chat-tabs").querySelectorAll('[role="tab"]')]);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = tabs.indexOf(/** @type {HTMLElement} */ (event.target));
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = tabs[(at + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }

  #showWelcome() {
    const welcome = byId("welcome");
    const store = this.store;
    welcome.hidden = store.users.size > 0 || (!store.loaded && !store.loadError);
    const state = welcome.hidden ? "hidden" : store.loadError || "first";
    if (welcome.dataset.state === state) return;
    welcome.dataset.state = state;
    if (welcome.hidden) return fill(welcome);
    if (store.loadError) {
      const again = h(
        "button",
        { type: "button", class: "primary", id: "load-again", onclick: () => void store.load() },
        "Try again",
      );
      return fill(welcome, h("h3", {}, "No connection"), h("p", { class: "error", role: "alert" }, store.loadError), again);
    }
    const error = h("p", { class: "error", role: "alert", hidden: true });
    const buttons = FIRST_USERS.map((user) => {
      const onclick = () =>
        this.onCreate(user).catch((err) => {
          error.textContent = explain(err);
          error.hidden = false;
        });
      return h("button", { type: "button", class: "primary", id: `first-${user.language}`, onclick }, user.label);
    });
    const text =
      "Add someone who becomes a friend of your bot. The bot gets its first webhook, a follow event, and you can say hello.";
    fill(welcome, botAvatar(), h("h3", {}, "Nobody is here yet"), h("p", {}, text), ...buttons, error);
  }

  #showTyping() {
    const store = this.store;
    const typing = !store.chat && (store.typing.get(store.phone) ?? 0) > Date.now();
    byId("typing").hidden = !typing;
    if (typing) byId("typing").scrollIntoView({ block: "nearest" });
  }
}

/** @param {number} n @param {string} noun */
const plural = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** @param {import("./types.js").User|undefined} user */
function about(user) {
  if (!user) return "\u00a0";
  if (user.blocked) return `blocked by ${user.displayName}`;
  return user.following === false ? `not a friend of ${user.displayName}` : `${user.displayName}’s friend`;
}
