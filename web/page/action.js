// @ts-check
import { h, icon, safeURL } from "./dom.js";
import { t } from "./words.js";

/**
 * What a tap on a button does.
 * @typedef {object} Hands
 * @property {(body: Record<string, any>) => void} send
 */

/** Opening schemes that LINE's uri action knows. */
const URI_SCHEMES = ["https:", "http:", "tel:", "line:"];

/**
 * A tappable button for a LINE action: a link for uri, a button for all else, which cannot be tapped where only LINE can do it.
 * @param {unknown} action
 * @param {Hands} hands
 * @param {string} [className]
 * @returns {HTMLElement|null} null if it is not an action
 */
export function actionButton(action, hands, className = "action") {
  if (typeof action !== "object" || action === null) return null;
  const a = /** @type {Record<string, any>} */ (action);
  const label = String(a.label ?? a.text ?? a.displayText ?? a.type ?? "");
  const href = a.type === "uri" ? safeURL(a.uri, URI_SCHEMES) : "";
  if (href) return h("a", { class: className, href, target: "_blank", rel: "noopener noreferrer" }, h("span", {}, label), icon("link"));
  const act = doing(a, hands);
  return h("button", { class: className, type: "button", disabled: !act, title: act ? undefined : t("in-line-action"), onclick: act }, h("span", {}, label));
}

/** @param {Record<string, any>} a @param {Hands} hands @returns {(() => void)|undefined} */
function doing(a, hands) {
  switch (a.type) {
    case "message":
      return () => hands.send({ type: "text", text: String(a.text ?? a.label ?? "") });
    case "postback":
      return () => hands.send({ type: "postback", data: String(a.data ?? ""), displayText: a.displayText && String(a.displayText) });
    case "clipboard":
      return () => void navigator.clipboard?.writeText(String(a.clipboardText ?? ""));
    default:
      return undefined;
  }
}
