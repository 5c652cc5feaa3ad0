// @ts-check
import { h, svg } from "./dom.js";

/** How many colours phone.css has for avatars (hue-0 …). */
const HUES = 6;

/**
 * A round picture with the name's first character, in a colour that stays the user's own. It is decoration: the name stands
 * beside it or on its control.
 * @param {string} id
 * @param {string} name
 * @returns {HTMLElement}
 */
export function avatar(id, name) {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) >>> 0;
  const [first = "?"] = name.trim();
  return h("span", { class: `avatar hue-${sum % HUES}`, "aria-hidden": "true" }, first.toUpperCase());
}

/**
 * Shows a number of unread messages on a button; 0 shows none.
 * @param {Element|null} button
 * @param {number} unread
 */
export function setBadge(button, unread) {
  button?.querySelector(".badge")?.remove();
  if (unread === 0) return;
  const hidden = h("span", { class: "visually-hidden" }, " unread");
  button?.append(h("span", { class: "badge" }, unread > 99 ? "99+" : String(unread), hidden));
}

/** The bot's round picture. @returns {HTMLElement} */
export function botAvatar() {
  const bell = svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24" },
    svg("path", { d: "M5 16.5a7 7 0 0 1 14 0M3.5 19h17M12 9.500V7M10.3 7h3.4" }),
  );
  return h("span", { class: "avatar bot-avatar", "aria-hidden": "true" }, bell);
}
