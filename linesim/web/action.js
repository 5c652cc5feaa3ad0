// @ts-check
import { h, icon, safeURL } from "./dom.js";

/** @import { PhoneMessage } from "./types.js" */

/**
 * What a tap on an action does; the page's phone implements it.
 * @typedef {object} Hands
 * @property {(action: Record<string, any>) => void} act
 * @property {(userId: string) => string} nameOf
 */

/** Opening schemes that LINE's uri action knows. */
const URI_SCHEMES = ["https:", "http:", "tel:", "line:"];

/**
 * A tappable button for a LINE action: a link for uri, a button for all else.
 * @param {unknown} action
 * @param {Hands} hands
 * @param {string} [className]
 * @returns {HTMLElement|null} null if it is not an action
 */
export function actionButton(action, hands, className = "action") {
  if (typeof action !== "object" || action === null) return null;
  const a = /** @type {Record<string, any>} */ (action);
  const label = String(a.label ?? a.text ?? a.type ?? "Action");
  const uri = a.type === "uri" ? safeURL(a.uri, URI_SCHEMES) : "";
  if (uri) {
    const link = { class: className, href: uri, target: "_blank", rel: "noopener noreferrer", data: { action: "uri" } };
    return h("a", link, h("span", {}, label), icon("link"));
  }
  const title = a.type === "postback" ? `postback: ${a.data ?? ""}` : undefined;
  const onclick = () => hands.act(a);
  return h("button", { class: className, type: "button", title, onclick, data: { action: a.type } }, h("span", {}, label));
}

/**
 * All actions within a message part, once each, in the order of their place: a Flex Message may have them at any depth.
 * @param {unknown} part
 * @param {number} [most]
 * @returns {Record<string, any>[]}
 */
export function actionsIn(part, most = 20) {
  /** @type {Map<string, Record<string, any>>} */
  const found = new Map();
  /** @type {unknown[]} */
  const todo = [part];
  while (todo.length > 0 && found.size < most) {
    const value = todo.shift();
    if (typeof value !== "object" || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (/action$/i.test(key) && typeof child?.type === "string") found.set(JSON.stringify(child), child);
      else todo.push(child);
    }
  }
  return [...found.values()];
}
