// @ts-check
// Building elements without markup: text that came from elsewhere only ever becomes a text node or an attribute value.

/** @typedef {Node|string|null|undefined|false} Child */
/** @typedef {Record<string, unknown>} Props */

/**
 * Makes an element. In props a function is a listener (`onclick`), `data` an object of data attributes, true an empty
 * attribute; undefined, null and false are left out. ARIA attributes say "true" and "false".
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(el, name, value);
  put(el, ...children);
  return el;
}

/** @param {HTMLElement} el @param {string} name @param {unknown} value */
function setProp(el, name, value) {
  if (name.startsWith("aria-") && typeof value === "boolean") value = String(value);
  if (value === undefined || value === null || value === false) return;
  if (typeof value === "function") {
    el.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  } else if (name === "data") {
    for (const [key, v] of Object.entries(value)) if (v !== undefined) el.dataset[key] = String(v);
  } else {
    el.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Appends the children that there are. @param {Element} el @param {...Child} children */
export function put(el, ...children) {
  for (const child of children) if (child) el.append(child);
}

/** Replaces all children. @param {Element} el @param {...Child} children */
export function fill(el, ...children) {
  el.replaceChildren();
  put(el, ...children);
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, string|number>} [attributes]
 * @param {...Element} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, String(value));
  el.append(...children);
  return /** @type {SVGElement} */ (el);
}

/** Outlines on a 24 by 24 grid. @type {Record<string, string>} */
const ICONS = {
  plus: "M12 5v14M5 12h14",
  send: "M4 12l16-7-6 15-3-6-7-2zM11 14l9-9",
  sticker: "M20 12a8 8 0 1 0-8 8c1 0 8-7 8-8zM9 10h.01M15 10h.01M9 14c1.5 1.6 3.5 1.6 5 0",
  image: "M5 5h14a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zM4 16l5-5 4 4 2-2 5 5M15.5 9h.01",
  video: "M4 7h11v10H4zM15 11l5-3v8l-5-3",
  audio: "M12 4a2.5 2.5 0 0 1 2.5 2.500v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11a5.5 5.5 0 0 0 11 0M12 17v3",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  pin: "M12 21c4-5 6-8 6-11a6 6 0 0 0-12 0c0 3 2 6 6 11zM12 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  people:
    "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 5.500a3 3 0 0 1 0 5M17.5 14.500c2 .7 3.5 2.3 3.5 4.5",
  down: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  play: "M8 5l11 7-11 7z",
  link: "M10 14l9-9M13 5h6v6M18 14v5H5V6h5",
  copy: "M9 9h10v10H9zM5 15V5h10",
  bell: "M4 17h16M6 17a6 6 0 0 1 12 0M12 11V8M10 8h4M3 20h18",
};

/**
 * A decorative icon; the control around it carries the name.
 * @param {string} name a key of ICONS
 * @returns {SVGElement}
 */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] ?? "" }));
}

/**
 * The element with this id; the page is broken without it.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const el = document.getElementById(id);
  if (!el) throw new Error(`the page has no element #${id}`);
  return el;
}

/**
 * The address if a page may show or open it; "" otherwise (javascript: and the like). A path is one of this server.
 * @param {unknown} value
 * @param {string[]} [schemes]
 * @returns {string}
 */
export function safeURL(value, schemes = ["https:", "http:"]) {
  if (typeof value !== "string" || value === "") return "";
  try {
    const url = new URL(value, document.baseURI);
    return schemes.includes(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
}
