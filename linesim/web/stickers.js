// @ts-check
import { svg } from "./dom.js";

// The simulator ships none of LINE's artwork: a sticker is drawn as a front desk bell with a face. The IDs are LINE's, from
// its list of stickers that a bot may send.

/**
 * @typedef {object} Sticker
 * @property {string} packageId
 * @property {string} stickerId
 * @property {string} label
 * @property {"dot"|"happy"|"closed"|"heart"|"wink"} eyes
 * @property {"smile"|"open"|"flat"|"sad"|"small"} mouth
 * @property {"tear"|"blush"|"spark"|"sweat"|"zzz"|"none"} extra
 * @property {number} tone a class of the dome's colour, 1 to 4
 */

/** @type {readonly Sticker[]} */
export const STICKERS = [
  { packageId: "446", stickerId: "1988", label: "Hello", eyes: "happy", mouth: "open", extra: "none", tone: 1 },
  { packageId: "446", stickerId: "1989", label: "Thank you", eyes: "closed", mouth: "smile", extra: "blush", tone: 2 },
  { packageId: "446", stickerId: "1993", label: "Yes", eyes: "wink", mouth: "smile", extra: "none", tone: 3 },
  { packageId: "446", stickerId: "2005", label: "Sorry", eyes: "dot", mouth: "sad", extra: "sweat", tone: 4 },
  { packageId: "789", stickerId: "10856", label: "Love", eyes: "heart", mouth: "smile", extra: "blush", tone: 2 },
  { packageId: "789", stickerId: "10877", label: "Surprised", eyes: "dot", mouth: "small", extra: "spark", tone: 1 },
  { packageId: "11537", stickerId: "52002734", label: "Great", eyes: "happy", mouth: "open", extra: "spark", tone: 3 },
  { packageId: "11537", stickerId: "52002744", label: "Hmm", eyes: "dot", mouth: "flat", extra: "none", tone: 4 },
  { packageId: "11538", stickerId: "51626518", label: "Crying", eyes: "closed", mouth: "sad", extra: "tear", tone: 4 },
  { packageId: "11539", stickerId: "52114129", label: "Good night", eyes: "closed", mouth: "small", extra: "zzz", tone: 1 },
];

/** @type {Record<Sticker["eyes"], string>} */
const EYES = {
  dot: "M37 52v2M63 52v2",
  happy: "M33 55q4-6 8 0M59 55q4-6 8 0",
  closed: "M33 52q4 5 8 0M59 52q4 5 8 0",
  heart: "M37 57l-4-4a2.5 2.5 0 0 1 4-3 2.5 2.5 0 0 1 4 3zM63 57l-4-4a2.5 2.5 0 0 1 4-3 2.5 2.5 0 0 1 4 3z",
  wink: "M37 52v2M59 54h8",
};

/** @type {Record<Sticker["mouth"], string>} */
const MOUTHS = {
  smile: "M43 62q7 7 14 0",
  open: "M43 61h14q-1 9-7 9t-7-9z",
  flat: "M45 65h10",
  sad: "M43 67q7-7 14 0",
  small: "M48 64a2 2.5 0 1 0 4 0a2 2.5 0 1 0-4 0z",
};

/** @type {Record<Sticker["extra"], string>} */
const EXTRAS = {
  tear: "M34 60q-4 6 0 8q4-2 0-8zM66 60q-4 6 0 8q4-2 0-8z",
  blush: "M29 61h5M66 61h5",
  spark: "M17 22v10M12 27h10M84 16v8M80 20h8",
  sweat: "M76 34q-5 8 0 10q5-2 0-10z",
  zzz: "M78 18h10l-10 11h10M72 34h6l-6 6h6",
  none: "",
};

/** @param {Record<string, any>} message a sticker message @returns {Sticker|undefined} the sticker, if it is a known one */
export function find(message) {
  return STICKERS.find((s) => s.packageId === message.packageId && s.stickerId === message.stickerId);
}

/**
 * Draws a sticker.
 * @param {Sticker|undefined} sticker undefined draws the plain bell
 * @returns {SVGElement}
 */
export function draw(sticker) {
  const s = sticker ?? { eyes: "dot", mouth: "smile", extra: "none", tone: 1, label: "Sticker" };
  return svg(
    "svg",
    { class: `bell tone-${s.tone}`, viewBox: "0 0 100 100", role: "img", "aria-label": `Sticker: ${s.label}` },
    svg("path", { class: "bell-knob", d: "M50 21v-7M42 14h16" }),
    svg("path", { class: "bell-dome", d: "M14 76C14 42 30 22 50 22s36 20 36 54z" }),
    svg("path", { class: "bell-shine", d: "M25 58c2-11 7-19 14-24" }),
    svg("rect", { class: "bell-base", x: 8, y: 76, width: 84, height: 11, rx: 5.5 }),
    svg("path", { class: s.eyes === "heart" ? "bell-heart" : "bell-line", d: EYES[s.eyes] }),
    svg("path", { class: s.mouth === "open" ? "bell-line bell-mouth" : "bell-line", d: MOUTHS[s.mouth] }),
    svg("path", { class: `bell-extra bell-${s.extra}`, d: EXTRAS[s.extra] }),
  );
}
