// @ts-check
/** @import { User, Group, PhoneMessage, Webhook, Call, Selection } from "./types.js" */
import { get } from "./api.js";

/** How many messages of a phone, and records of webhooks and of calls, the page keeps; the oldest leave. */
const MESSAGES_KEPT = 1_000;
const RECORDS_KEPT = 200;

/** Events held back while the state is loaded; when there are more, the state is loaded again instead. */
const HELD_MAX = 5_000;

/** Changes are announced this many ms after the first of them, together. */
const NOTICE_DELAY = 16;

/** Reads the simulator's list, whether it comes bare or under a name. @param {any} body @param {string} name @returns {any[]} */
const list = (body, name) => (Array.isArray(body) ? body : (body?.[name] ?? []));

/**
 * The page's copy of the simulator: users, groups, the chosen phone and the last webhooks and calls. It announces what
 * changed by events named people, chat, unread, typing, selection, activity and connection.
 */
export class Store extends EventTarget {
  /** @type {Map<string, User>} */ users = new Map();
  /** @type {Map<string, Group>} */ groups = new Map();
  /** The chosen user's ID; "" before there is one. */ phone = "";
  /** What the bot is called. */ botName = "Your bot";
  /** The group shown on the phone; "" is the 1:1 chat with the bot. */ chat = "";
  /** The chosen phone's messages, all chats, by seq. @type {PhoneMessage[]} */ messages = [];
  /** Newest first. @type {Webhook[]} */ webhooks = [];
  /** Newest first. @type {Call[]} */ calls = [];
  /** Unread messages by chatKey. @type {Map<string, number>} */ unread = new Map();
  /** Until when (ms) the loading animation of a user's 1:1 chat runs. @type {Map<string, number>} */ typing = new Map();
  /** @type {Selection|null} */ selection = null;
  /** @type {"connecting"|"connected"|"reconnecting"} */ connection = "connecting";
  /** Why the state could not be loaded; "" when it could. */ loadError = "";
  /** The state was loaded once. */ loaded = false;

  /** @type {Set<string>} */ #changed = new Set();
  /** @type {{name: string, data: any}[]|null} */ #held = null;
  #loads = 0;

  /** @param {string} change @param {() => void} listener */
  on(change, listener) {
    this.addEventListener(change, listener);
  }

  /** Announces changes shortly. @param {...string} changes */
  notify(...changes) {
    if (this.#changed.size === 0) setTimeout(() => this.#announce(), NOTICE_DELAY);
    for (const change of changes) this.#changed.add(change);
  }

  #announce() {
    const changes = this.#changed;
    this.#changed = new Set();
    for (const change of changes) this.dispatchEvent(new Event(change));
  }

  /** Loads everything; what the stream says meanwhile is applied afterwards. */
  async load() {
    this.#held ??= [];
    const turn = ++this.#loads;
    try {
      const [users, groups, stats] = await Promise.all([get("/users"), get("/groups"), get("/stats")]);
      const [webhooks, calls] = await Promise.all([
        get(`/webhooks?after=${before(stats?.webhooks)}`),
        get(`/calls?after=${before(stats?.calls)}`),
      ]);
      if (turn !== this.#loads) return;
      this.users = new Map(list(users, "users").map((u) => [u.userId, u]));
      this.groups = new Map(list(groups, "groups").map((g) => [g.groupId, g]));
      this.webhooks = newestFirst(list(webhooks, "webhooks"));
      this.calls = newestFirst(list(calls, "calls"));
      if (this.chat && !this.chats().some((g) => g.groupId === this.chat)) this.chat = "";
      if (!this.users.has(this.phone)) this.#enter(this.users.keys().next().value ?? "", "");
      await this.#loadMessages();
      if (turn !== this.#loads) return;
      this.loaded = true;
      this.loadError = "";
    } catch (err) {
      if (turn !== this.#loads) return;
      this.loadError = err instanceof Error ? err.message : String(err);
    }
    this.#release();
    this.notify("people", "chat", "unread", "activity", "selection");
  }

  async #loadMessages() {
    const phone = this.phone;
    const messages = phone ? list(await get(`/users/${encodeURIComponent(phone)}/messages`), "messages") : [];
    if (phone === this.phone) this.messages = messages.slice(-MESSAGES_KEPT);
  }

  #release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const { name, data } of held) this.apply(name, data);
  }

  /**
   * Takes over one event of the stream.
   * @param {string} name
   * @param {any} data
   */
  apply(name, data) {
    if (this.#held) {
      this.#held.push({ name, data });
      if (this.#held.length > HELD_MAX) {
        this.#held = [];
        void this.load();
      }
      return;
    }
    switch (name) {
      case "message":
        return this.#addMessage(data);
      case "webhook":
        return this.#addRecord(this.webhooks, data);
      case "call":
        return this.#addRecord(this.calls, data);
      case "user":
        return this.putUser(data);
      case "group":
        return this.putGroup(data);
      case "loading":
        return this.#startTyping(data);
      case "reset":
        return void this.load();
    }
  }

  /** @param {PhoneMessage & {phone: string}} message */
  #addMessage(message) {
    const { phone, groupId = "" } = message;
    if (message.from === "bot" && !groupId) this.#stopTyping(phone);
    if (!isOwn(message, phone) && (phone !== this.phone || groupId !== this.chat)) {
      const key = chatKey(phone, groupId);
      this.unread.set(key, (this.unread.get(key) ?? 0) + 1);
      this.notify("unread");
    }
    if (phone !== this.phone) return;
    if (isOwn(message, phone) && this.selection?.chosen === false) this.selection = null;
    if (message.seq <= (this.messages.at(-1)?.seq ?? 0)) return this.#alter(message);
    this.messages.push(message);
    if (this.messages.length > MESSAGES_KEPT) this.messages.shift();
    this.notify("chat", "selection");
    this.dispatchEvent(new CustomEvent("arrived", { detail: message }));
    this.dispatchEvent(new CustomEvent("trace", { detail: message.webhookEventId }));
  }

  /** Takes over a message that changed after it was sent. @param {PhoneMessage} message */
  #alter(message) {
    const at = this.messages.findIndex((m) => m.seq === message.seq);
    if (at < 0 || this.messages[at].unsent === message.unsent) return;
    Object.assign(this.messages[at], message);
    this.dispatchEvent(new CustomEvent("altered", { detail: message }));
  }

  /** @param {any[]} records newest first @param {any} record */
  #addRecord(records, record) {
    if (record.seq <= (records[0]?.seq ?? 0)) return;
    records.unshift(record);
    if (records.length > RECORDS_KEPT) records.pop();
    this.notify("activity");
    for (const id of record.webhookEventIds ?? [undefined]) this.dispatchEvent(new CustomEvent("trace", { detail: id }));
  }

  /** Adds or replaces a user. @param {User} user */
  putUser(user) {
    this.users.set(user.userId, { ...this.users.get(user.userId), ...user });
    this.notify("people");
  }

  /** Adds or replaces a group. @param {Group} group */
  putGroup(group) {
    this.groups.set(group.groupId, { ...this.groups.get(group.groupId), ...group });
    if (group.groupId === this.chat && !this.chats().some((g) => g.groupId === this.chat)) this.openChat("");
    this.notify("people");
  }

  /** @param {{userId: string, seconds: number}} data */
  #startTyping(data) {
    const { userId: phone, seconds } = data;
    if (!(seconds > 0)) return this.#stopTyping(phone);
    this.typing.set(phone, Date.now() + seconds * 1000);
    setTimeout(() => this.notify("typing"), seconds * 1000 + 10);
    this.notify("typing");
  }

  /** @param {string} phone */
  #stopTyping(phone) {
    if (this.typing.delete(phone)) this.notify("typing");
  }

  /** Takes a user's phone into the hand. @param {string} userId */
  async openPhone(userId) {
    if (userId === this.phone) return;
    this.#enter(userId, "");
    this.messages = [];
    await this.load();
  }

  /** Opens a chat of the phone. @param {string} groupId "" for the 1:1 chat */
  openChat(groupId) {
    if (groupId === this.chat) return;
    this.#enter(this.phone, groupId);
  }

  /** @param {string} phone @param {string} chat */
  #enter(phone, chat) {
    this.phone = phone;
    this.chat = chat;
    this.selection = null;
    this.unread.delete(chatKey(phone, chat));
    this.notify("people", "chat", "unread", "typing", "selection");
  }

  /** Chooses what the path panel shows. @param {Selection|null} selection null for the newest message */
  select(selection) {
    this.selection = selection;
    this.notify("selection");
  }

  /** @returns {Selection|null} what is chosen, or else the newest message of the open chat that belongs to an event */
  selected() {
    if (this.selection) return this.selection;
    const messages = this.open().filter((m) => m.webhookEventId);
    const newest = messages.filter((m) => isOwn(m, this.phone)).at(-1) ?? messages.at(-1);
    return newest ? { eventId: newest.webhookEventId ?? "", seq: newest.seq, chosen: false } : null;
  }

  /** @returns {User|undefined} the user whose phone it is */
  user() {
    return this.users.get(this.phone);
  }

  /** @returns {PhoneMessage[]} the messages of the open chat */
  open() {
    return this.messages.filter((m) => (m.groupId ?? "") === this.chat);
  }

  /** @returns {Group[]} the groups that the user of the phone is in */
  chats() {
    return [...this.groups.values()].filter((g) => (g.members ?? []).includes(this.phone));
  }

  /** @param {string|undefined} userId @returns {string} a name to show */
  nameOf(userId) {
    return this.users.get(userId ?? "")?.displayName ?? "Someone";
  }
}

/**
 * The key of a chat among the chats of all phones.
 * @param {string} phone
 * @param {string} groupId
 */
export function chatKey(phone, groupId) {
  return `${phone}/${groupId}`;
}

/**
 * Reports whether the phone's own user sent the message.
 * @param {PhoneMessage} message
 * @param {string} phone
 */
export function isOwn(message, phone) {
  return message.from === "user" && (message.userId ?? phone) === phone;
}

/**
 * The number that the newest records follow: records are numbered from 1, so their count is the number of the last one.
 * @param {any} counts numbers, at any depth
 * @returns {number}
 */
function before(counts) {
  /** @param {any} value @returns {number} */
  const total = (value) =>
    typeof value === "object" && value ? Object.values(value).reduce((sum, v) => sum + total(v), 0) : Number(value ?? 0);
  return Math.max(0, total(counts) - RECORDS_KEPT);
}

/** @template {{seq: number}} T @param {T[]} records @returns {T[]} */
function newestFirst(records) {
  return records.sort((a, b) => b.seq - a.seq).slice(0, RECORDS_KEPT);
}
