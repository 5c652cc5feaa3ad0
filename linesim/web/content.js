// @ts-check
/** @import { Hands } from "./action.js" */
/** @import { PhoneMessage } from "./types.js" */
import { actionButton, actionsIn } from "./action.js";
import { fill, h, icon, safeURL, svg } from "./dom.js";
import { draw, find } from "./stickers.js";
import { rich } from "./template.js";
import { playTime } from "./time.js";

/**
 * The inside of a bubble.
 * @param {PhoneMessage} shown
 * @param {Hands} hands
 * @returns {HTMLElement}
 */
export function content(shown, hands) {
  const { message } = shown;
  if (shown.unsent) return h("div", { class: "text unsent" }, "Message unsent");
  switch (message.type) {
    case "text":
      return h("div", { class: "text" }, String(message.text ?? ""));
    case "textV2":
      return h("div", { class: "text" }, substituted(message, hands));
    case "sticker":
      return sticker(message);
    case "image":
      return picture(shown);
    case "video":
      return video(shown);
    case "audio":
      return audio(shown);
    case "file":
      return file(shown);
    case "location":
      return place(message);
    case "imagemap":
      return imagemap(message, hands);
    default:
      return rich(message, hands);
  }
}

/**
 * A line of text that stands for a message where there is no room for it.
 * @param {Record<string, any>} message
 * @returns {string}
 */
export function summary(message) {
  const { type } = message;
  if (type === "text" || type === "textV2") return String(message.text ?? "");
  if (type === "sticker") return `Sticker ${message.packageId}/${message.stickerId}`;
  if (type === "file") return String(message.fileName ?? "File");
  if (type === "location") return String(message.title ?? "Location");
  if (message.altText) return String(message.altText);
  return { image: "Picture", video: "Video", audio: "Audio" }[String(type)] ?? String(type ?? "Message");
}

/** @param {Record<string, any>} message @param {Hands} hands */
function substituted(message, hands) {
  const values = message.substitution ?? {};
  return String(message.text ?? "").replace(/\{([0-9A-Za-z_]{1,20})\}/g, (whole, key) => {
    const value = values[key];
    if (value?.type === "mention")
      return "@" + (value.mentionee?.type === "all" ? "All" : hands.nameOf(value.mentionee?.userId));
    return value?.type === "emoji" ? "☺" : whole;
  });
}

/** @param {Record<string, any>} message */
function sticker(message) {
  const known = find(message);
  const ids = `${message.packageId}/${message.stickerId}`;
  return h("figure", { class: "sticker", title: ids }, frame(draw(known)), known ? null : h("figcaption", {}, ids));
}

/** Puts an SVG drawing into an element, so that sizes are the element's. @param {Element} drawing */
function frame(drawing) {
  const box = h("span", { class: "drawing" });
  box.append(drawing);
  return box;
}

/** The address of a message's content: the bot's messages name it, users' are with the simulator. @param {PhoneMessage} shown */
function source({ message, contentUrl }) {
  return safeURL(message.originalContentUrl) || safeURL(contentUrl);
}

/** @param {PhoneMessage} shown */
function preview({ message, previewUrl }) {
  return safeURL(message.previewImageUrl) || safeURL(previewUrl);
}

/** @param {string} src @param {string} alt @param {Element} instead shown if there is no picture */
function image(src, alt, instead) {
  if (!src) return instead;
  const img = h("img", { src, alt, loading: "lazy", referrerpolicy: "no-referrer" });
  img.addEventListener("error", () => img.replaceWith(instead), { once: true });
  return img;
}

/** A drawn landscape, for content that the page does not have. @param {string} label */
function landscape(label) {
  return svg(
    "svg",
    { class: "landscape", viewBox: "0 0 160 110", role: "img", "aria-label": label },
    svg("rect", { class: "sky", width: 160, height: 110 }),
    svg("circle", { class: "sun", cx: 118, cy: 34, r: 13 }),
    svg("path", { class: "hill-far", d: "M0 78L44 40l34 30 24-20 58 48v12H0z" }),
    svg("path", { class: "hill-near", d: "M0 96c40-22 76-20 160 2v12H0z" }),
  );
}

/** @param {PhoneMessage} shown */
function picture(shown) {
  return h("div", { class: "picture" }, image(preview(shown) || source(shown), "Picture", landscape("Picture")));
}

/** @param {PhoneMessage} shown */
function video(shown) {
  const { duration } = shown.message;
  const src = source(shown);
  const length = duration ? h("span", { class: "duration" }, playTime(duration)) : null;
  const still = image(preview(shown), "", landscape("Video"));
  if (!src) return h("div", { class: "picture" }, still, length);
  const box = h("div", { class: "picture" });
  const play = () => box.replaceChildren(h("video", { src, controls: true, autoplay: true, "aria-label": "Video" }));
  fill(
    box,
    still,
    h("button", { class: "play", type: "button", "aria-label": "Play the video", onclick: play }, icon("play")),
    length,
  );
  return box;
}

/** @param {PhoneMessage} shown */
function audio(shown) {
  const { message } = shown;
  const src = source(shown);
  const bars = Array.from({ length: 18 }, (_, i) => {
    const height = 6 + ((i * 37 + 11) % 19);
    return svg("rect", { x: i * 6, y: 14 - height / 2, width: 3, height, rx: 1.5 });
  });
  const wave = svg("svg", { class: "wave", viewBox: "0 0 108 28", "aria-hidden": "true" }, ...bars);
  const box = h("div", { class: "audio" });
  const play = () => box.replaceChildren(h("audio", { src, controls: true, autoplay: true, "aria-label": "Audio" }));
  const start = src
    ? h("button", { class: "play", type: "button", "aria-label": "Play the audio", onclick: play }, icon("play"))
    : icon("audio");
  fill(box, start, wave, h("span", {}, playTime(message.duration) || "Audio"));
  return box;
}

/** @param {PhoneMessage} shown */
function file(shown) {
  const { message } = shown;
  const size = Number(message.fileSize ?? message.size);
  const about = Number.isFinite(size) ? `${size.toLocaleString("en")} bytes` : "File";
  const href = source(shown);
  const name = String(message.fileName ?? "File");
  const title = href ? h("a", { href, download: name }, name) : h("b", {}, name);
  return h("div", { class: "file" }, icon("file"), h("span", {}, title, h("small", {}, about)));
}

/** @param {Record<string, any>} message */
function place(message) {
  const at = `${Number(message.latitude).toFixed(4)}, ${Number(message.longitude).toFixed(4)}`;
  const text = h(
    "span",
    {},
    h("b", {}, String(message.title ?? "Location")),
    h("small", {}, String(message.address ?? "")),
    h("small", {}, at),
  );
  return h("div", { class: "place" }, h("span", { class: "map", "aria-hidden": "true" }, icon("pin")), text);
}

/** @param {Record<string, any>} message @param {Hands} hands */
function imagemap(message, hands) {
  const base = safeURL(message.baseUrl);
  const alt = String(message.altText ?? "Imagemap");
  const picture = h("div", { class: "picture" }, image(base && base + "/700", alt, landscape(alt)));
  const actions = (message.actions ?? []).map((/** @type {any} */ a) => {
    const label = a.label ?? a.text ?? a.linkUri;
    return actionButton(a.linkUri ? { ...a, type: "uri", uri: a.linkUri, label } : { ...a, label }, hands);
  });
  return h(
    "div",
    { class: "card" },
    picture,
    h("div", { class: "actions" }, ...actions, ...actionsIn(message.video).map((a) => actionButton(a, hands))),
  );
}
