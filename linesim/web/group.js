// @ts-check
/** @import { Group } from "./types.js" */
/** @import { Store } from "./store.js" */
import { del, post } from "./api.js";
import { ask } from "./dialog.js";

/** Users that the dialogs of a group offer at most. */
const OFFERED = 200;

/** A name to show. @param {Group} group */
export const groupName = (group) => group.name || "Group";

/** Asks for a new group, and opens it if the user of the phone is in it. @param {Store} store */
export function askGroup(store) {
  const { users, phone } = store;
  const options = [...users.values()]
    .slice(0, OFFERED)
    .map((u) => ({ value: u.userId, label: u.displayName, checked: u.userId === phone }));
  ask({
    title: "Make a group",
    note: "The bot joins the group and gets a join event.",
    fields: [
      { name: "name", label: "Name", value: "Lunch club", more: { maxlength: 50 } },
      { name: "member", label: "Members", type: "checks", options },
    ],
    submit: "Make the group",
    send: async (values) => {
      const members = values.getAll("member").map(String);
      if (members.length === 0) throw new Error("Choose at least one member.");
      const group = await post("/groups", { name: String(values.get("name")), members });
      if (!store.groups.has(group.groupId)) store.putGroup({ ...group, joined: true });
      if (members.includes(phone)) store.openChat(group.groupId);
    },
  });
}

/**
 * Asks who should be in a group, and adds and removes members, and the bot, accordingly.
 * @param {Store} store
 * @param {Group} group
 */
export function askMembers(store, group) {
  const members = group.members ?? [];
  const ids = [...new Set([...members, ...store.users.keys()])].slice(0, Math.max(OFFERED, members.length));
  const path = `/groups/${encodeURIComponent(group.groupId)}`;
  const people = ids.map((id) => ({ value: id, label: store.nameOf(id), checked: members.includes(id) }));
  const removal = [{ value: "remove", label: "Remove the bot from the group" }];
  ask({
    title: groupName(group),
    note: "The bot gets memberJoined and memberLeft events.",
    fields: [
      { name: "member", label: "Members", type: "checks", options: people },
      { name: "bot", label: "The bot", type: "checks", options: removal },
    ],
    submit: "Save",
    send: async (values) => {
      const wanted = values.getAll("member").map(String);
      for (const id of wanted) if (!members.includes(id)) await post(`${path}/members`, { userId: id });
      for (const id of members) if (!wanted.includes(id)) await del(`${path}/members/${encodeURIComponent(id)}`);
      if (values.get("bot")) await post(`${path}/leave`);
      await store.load();
    },
  });
}
