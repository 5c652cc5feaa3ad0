// @ts-check
// Building elements without markup: text that came from elsewhere only ever becomes a text node or an attribute value.

/** @typedef {Node|string|null|undefined|false} Child */

/**
 * Makes an element. In props a function is a listener (`onclick`), `data` an object of data attributes, true an empty
 * attribute; undefined, null and false are left out. ARIA attributes say "true" and "false".
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, given] of Object.entries(props)) {
    const value = name.startsWith("aria-") && typeof given === "boolean" ? String(given) : given;
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") el.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "data") Object.assign(el.dataset, value);
    else el.setAttribute(name, value === true ? "" : String(value));
  }
  fill(el, ...children);
  return el;
}

/** Replaces all children with those that there are. @param {Element} el @param {...Child} children */
export function fill(el, ...children) {
  el.replaceChildren(.../** @type {(Node|string)[]} */ (children.filter(Boolean)));
}

/** Outlines on a 24 by 24 grid. @type {Record<string, string>} */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.500l4.500 4.500L19 7.500",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.500l3 2",
  down: "M12 5v14M6 13l6 6 6-6",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  help: "M9 9.500a3 3 0 1 1 4.500 2.600c-1 .600-1.500 1.200-1.500 2.400M12 18h.01",
  link: "M10 14l9-9M13 5h6v6M18 14v5H5V6h5",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  out: "M14 5H6v14h8M11 12h9M17 9l3 3-3 3",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 5.500a3 3 0 0 1 0 5M17.5 14.500c2 .7 3.5 2.3 3.5 4.5",
  pin: "M12 21c4-5 6-8 6-11a6 6 0 0 0-12 0c0 3 2 6 6 11zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  room: "M9 4L7 20M17 4l-2 16M4.500 9h16M3.500 15h16",
  bot: "M5 16.500a7 7 0 0 1 14 0M3.500 19h17M12 9.500V7M10.300 7h3.400",
  send: "M4 12l16-7-6 15-3-6-7-2zM11 14l9-9",
  warn: "M12 4.500l9 15H3zM12 10v4M12 17h.01",
  write: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
};

/** A decorative icon; the control around it carries the name. @param {string} name a key of ICONS */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

/** The element with this id; the page is broken without it. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const el = document.getElementById(id);
  if (!el) throw new Error(`the page has no element #${id}`);
  return el;
}

/**
 * The address if a page may show or open it; "" otherwise (javascript: and the like).
 * @param {unknown} value
 * @param {string[]} [schemes]
 */
export function safeURL(value, schemes = ["https:", "http:"]) {
  if (typeof value !== "string") return "";
  try {
    const url = new URL(value);
    return schemes.includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}

/** How many colours base.css has for avatars (hue-0 …). */
const HUES = 6;

/**
 * A round picture with the name's first character, in a colour that stays the user's own. It is decoration: the name stands
 * beside it or on its control.
 * @param {string} id
 * @param {string} name
 * @param {string} [drawn] an icon instead of the character
 */
export function avatar(id, name, drawn) {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) >>> 0;
  const [{ segment: first } = { segment: "?" }] = new Intl.Segmenter().segment(name.trim());
  return h("span", { class: `avatar hue-${sum % HUES}`, "aria-hidden": "true" }, drawn ? icon(drawn) : first.toUpperCase());
}
