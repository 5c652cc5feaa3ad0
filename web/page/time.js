// @ts-check
// Times as the page shows them. Instants are ms since 1970.
import { language, t } from "./words.js";

const CLOCK = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat(language, { weekday: "short", month: "short", day: "numeric" });
const YEAR = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric" });
const SHORT = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const FULL = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" });

/** "12:03". @param {number} ts */
export const clock = (ts) => CLOCK.format(ts);

/** The whole date and time. @param {number} ts */
export const moment = (ts) => FULL.format(ts);

/** A key that differs between days of the reader's time zone. @param {number} ts */
export const dayKey = (ts) => new Date(ts).toDateString();

/** How many midnights ago. @param {number} ts */
function daysAgo(ts) {
  const midnight = (/** @type {number} */ at) => new Date(at).setHours(0, 0, 0, 0);
  return Math.round((midnight(Date.now()) - midnight(ts)) / 86_400_000);
}

/** "Today", "Fri, Nov 20" or, of another year, "Nov 20, 2025". @param {number} ts */
export function day(ts) {
  const ago = daysAgo(ts);
  if (ago === 0) return t("today");
  if (ago === 1) return t("yesterday");
  return (new Date(ts).getFullYear() === new Date().getFullYear() ? DAY : YEAR).format(ts);
}

/** "12:03" of today, "Nov 20" of before. @param {number} ts */
export function brief(ts) {
  return daysAgo(ts) === 0 ? clock(ts) : SHORT.format(ts);
}
