// @ts-check
/** @import { Hands } from "./action.js" */
import { actionButton, actionsIn } from "./action.js";
import { h, safeURL } from "./dom.js";

/**
 * Template and Flex Messages in a reduced form, and a fallback for types the page does not know.
 * @param {Record<string, any>} message
 * @param {Hands} hands
 * @returns {HTMLElement}
 */
export function rich(message, hands) {
  const template = message.template ?? {};
  if (message.type === "template") {
    switch (template.type) {
      case "buttons":
        return column(template, hands);
      case "confirm":
        return column(template, hands, "card confirm");
      case "carousel":
        return strip((template.columns ?? []).map((/** @type {any} */ c) => column(c, hands)));
      case "image_carousel":
        return strip((template.columns ?? []).map((/** @type {any} */ c) => imageColumn(c, hands)));
    }
  }
  return outline(message, hands);
}

/** @param {HTMLElement[]} cards */
function strip(cards) {
  return h("div", { class: "carousel", role: "group", "aria-label": `Carousel of ${cards.length}`, tabindex: 0 }, ...cards);
}

/** @param {unknown} url @param {string} alt */
function thumbnail(url, alt) {
  const src = safeURL(url);
  if (!src) return null;
  const img = h("img", { src, alt, loading: "lazy", referrerpolicy: "no-referrer" });
  const box = h("div", { class: "thumbnail" }, img);
  img.addEventListener("error", () => img.remove(), { once: true });
  return box;
}

/** @param {Record<string, any>} part @param {Hands} hands @param {string} [className] */
function column(part, hands, className = "card") {
  const actions = (part.actions ?? []).map((/** @type {unknown} */ a) => actionButton(a, hands));
  return h(
    "div",
    { class: className },
    thumbnail(part.thumbnailImageUrl, ""),
    h(
      "div",
      { class: "card-text" },
      part.title ? h("b", {}, String(part.title)) : null,
      h("span", {}, String(part.text ?? "")),
    ),
    h("div", { class: "actions" }, ...actions),
  );
}

/** @param {Record<string, any>} part @param {Hands} hands */
function imageColumn(part, hands) {
  return h(
    "div",
    { class: "card" },
    thumbnail(part.imageUrl, ""),
    h("div", { class: "actions" }, actionButton(part.action, hands)),
  );
}

/** The alternative text, the actions within, and the JSON. @param {Record<string, any>} message @param {Hands} hands */
function outline(message, hands) {
  const kind = message.type === "flex" ? `Flex ${message.contents?.type ?? "Message"}` : String(message.type ?? "Message");
  const actions = message.type === "flex" ? actionsIn(message.contents).map((a) => actionButton(a, hands)) : [];
  const json = h(
    "details",
    { class: "json" },
    h("summary", {}, "JSON"),
    h("pre", { tabindex: 0 }, JSON.stringify(message, null, 2)),
  );
  const text = message.altText ?? "This page has no picture for this type of message.";
  return h(
    "div",
    { class: "card outline" },
    h("div", { class: "card-text" }, h("small", { class: "kind" }, kind), h("span", {}, String(text))),
    actions.length > 0 ? h("div", { class: "actions" }, ...actions) : null,
    json,
  );
}
