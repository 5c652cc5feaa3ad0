// @ts-check
/** @import { Hands } from "./action.js" */
import { actionButton } from "./action.js";
import { h, icon, safeURL } from "./dom.js";
import { t } from "./words.js";

/** Addresses within a text. What follows a sentence is not a part of one. */
const LINK = /https?:\/\/[^\s<>"'「」『』（）]+[^\s<>"'「」『』（）.,:;!?。、！？)\]]/g;

/** One to three emoji and nothing else. */
const EMOJI = /^(?:(?:\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic})*|\p{Regional_Indicator}{2})\s*){1,3}$/u;

/**
 * The inside of a bubble. Bodies are as foreign as they came.
 * @param {Record<string, any>} body a LINE message object
 * @param {Hands} hands
 * @returns {HTMLElement}
 */
export function content(body, hands) {
  switch (body.type) {
    case "text":
    case "textV2":
      return text(body);
    case "postback":
      return body.displayText ? text({ text: body.displayText }) : h("div", { class: "text gone" }, t("tapped"));
    case "sticker":
      return sticker(body);
    case "image":
      return picture(body);
    case "video":
      return video(body);
    case "audio":
      return audio(body);
    case "file":
      return file(body);
    case "location":
      return place(body);
    case "template":
      return template(body, hands);
    default:
      return unknown(body);
  }
}

/** How the bubble looks. @param {Record<string, any>} body */
export function look(body) {
  if ((body.type === "text" || body.type === "textV2") && EMOJI.test(String(body.text ?? ""))) return "emoji";
  return ["text", "textV2", "postback"].includes(body.type) ? "plain" : String(body.type ?? "").replace(/[^a-zA-Z]/g, "");
}

/** A line of text that stands for a message where there is no room for it. @param {Record<string, any>} body */
export function summary(body) {
  const { type } = body;
  if (type === "text" || type === "textV2") return String(body.text ?? "");
  if (type === "postback") return String(body.displayText || t("tapped"));
  if (type === "file") return String(body.fileName ?? t("file"));
  if (type === "location") return String(body.title ?? t("location"));
  if (body.altText) return String(body.altText);
  const names = /** @type {Record<string, string>} */ ({ sticker: "sticker", image: "picture", video: "video", audio: "audio" });
  return names[type] ? t(names[type]) : t("in-line", { type: String(type ?? "?") });
}

/** @param {Record<string, any>} body */
function text(body) {
  const all = String(body.text ?? "");
  /** @type {(Node|string)[]} */
  const parts = [];
  let end = 0;
  for (const match of all.matchAll(LINK)) {
    const href = safeURL(match[0]);
    if (!href) continue;
    parts.push(all.slice(end, match.index), h("a", { href, target: "_blank", rel: "noopener noreferrer" }, match[0]));
    end = match.index + match[0].length;
  }
  return h("div", { class: "text" }, ...parts, all.slice(end));
}

/** LINE's artwork stays with LINE: a sticker is a bell with a face. @param {Record<string, any>} body */
function sticker(body) {
  const words = Array.isArray(body.keywords) ? String(body.keywords[0] ?? "") : "";
  const label = words || String(body.text ?? "") || `${body.packageId ?? "?"}/${body.stickerId ?? "?"}`;
  const face = h("img", { src: new URL("sticker.svg", import.meta.url).href, alt: "", width: 96, height: 96 });
  return h("figure", { class: "sticker" }, face, h("figcaption", {}, `${t("sticker")} ${label}`));
}

/** @param {unknown} url @param {string} alt @param {string} [className] */
function image(url, alt, className) {
  const src = safeURL(url);
  if (!src) return h("span", { class: "missing" }, alt);
  const img = h("img", { src, alt, class: className, loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
  img.addEventListener("error", () => img.replaceWith(h("span", { class: "missing" }, alt)), { once: true });
  return img;
}

/** @param {Record<string, any>} body */
function picture(body) {
  const href = safeURL(body.originalContentUrl);
  const shown = image(body.previewImageUrl ?? body.originalContentUrl, t("picture"));
  if (!href) return h("div", { class: "picture" }, shown);
  return h("a", { class: "picture", href, target: "_blank", rel: "noopener noreferrer" }, shown);
}

/** @param {Record<string, any>} body */
function video(body) {
  const src = safeURL(body.originalContentUrl);
  const poster = safeURL(body.previewImageUrl);
  if (!src) return h("div", { class: "picture" }, image(poster, t("video")));
  return h("div", { class: "picture" }, h("video", { src, poster: poster || undefined, controls: true, preload: "none", "aria-label": t("video") }));
}

/** @param {Record<string, any>} body */
function audio(body) {
  const src = safeURL(body.originalContentUrl);
  return h("div", { class: "audio" }, src ? h("audio", { src, controls: true, preload: "none", "aria-label": t("audio") }) : t("audio"));
}

/** @param {Record<string, any>} body */
function file(body) {
  const href = safeURL(body.originalContentUrl);
  const name = String(body.fileName ?? t("file"));
  return h("div", { class: "file" }, icon("file"), href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, name) : h("b", {}, name));
}

/** @param {Record<string, any>} body */
function place(body) {
  const [lat, lon] = [Number(body.latitude), Number(body.longitude)];
  const known = Number.isFinite(lat) && Number.isFinite(lon);
  const href = known ? `https://www.openstreetmap.org/?mlat=${lat}&mlon=${lon}#map=16/${lat}/${lon}` : "";
  return h(
    "div",
    { class: "card place" },
    h("div", { class: "map", "aria-hidden": "true" }, icon("pin")),
    h("div", { class: "card-text" }, h("b", {}, String(body.title ?? t("location"))), h("span", {}, String(body.address ?? ""))),
    href && h("div", { class: "actions" }, h("a", { class: "action", href, target: "_blank", rel: "noopener noreferrer" }, t("map"), icon("link"))),
  );
}

/** @param {Record<string, any>} body @param {Hands} hands */
function template(body, hands) {
  const { template: it } = body;
  /** @type {any[]} */
  const columns = Array.isArray(it?.columns) ? it.columns : [];
  switch (it?.type) {
    case "buttons":
      return card(it, hands);
    case "confirm":
      return card(it, hands, "card confirm");
    case "carousel":
      return strip(columns.map((c) => card(c ?? {}, hands)));
    case "image_carousel":
      return strip(columns.map((c) => card({ thumbnailImageUrl: c?.imageUrl, actions: [c?.action] }, hands)));
    default:
      return unknown(body);
  }
}

/** @param {HTMLElement[]} cards */
function strip(cards) {
  return h("div", { class: "carousel", role: "group", "aria-label": t("carousel", { n: cards.length }), tabindex: 0 }, ...cards);
}

/** @param {Record<string, any>} it @param {Hands} hands */
function card(it, hands, className = "card") {
  const actions = (Array.isArray(it.actions) ? it.actions : []).map((/** @type {unknown} */ a) => actionButton(a, hands));
  const picture = it.thumbnailImageUrl ? h("div", { class: "thumbnail" }, image(it.thumbnailImageUrl, "")) : null;
  const words = it.title || it.text ? h("div", { class: "card-text" }, it.title && h("b", {}, String(it.title)), h("span", {}, String(it.text ?? ""))) : null;
  return h("div", { class: className }, picture, words, h("div", { class: "actions" }, ...actions));
}

/** What the page has no picture for is named, with what it says instead. @param {Record<string, any>} body */
function unknown(body) {
  const type = body.type === "flex" ? "Flex" : String(body.type ?? "?");
  return h("div", { class: "card outline" }, h("div", { class: "card-text" }, body.altText && h("span", {}, String(body.altText)), h("small", {}, t("in-line", { type }))));
}
