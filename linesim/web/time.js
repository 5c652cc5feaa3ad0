// @ts-check
// Times as the page shows them. Instants are microseconds since 1970: Date keeps only whole milliseconds, and much of what
// the path shows takes less than one.

/**
 * Reads an RFC 3339 time.
 * @param {string} text
 * @returns {number} microseconds since 1970, with a fraction; NaN if it is not a time
 */
export function micros(text) {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return NaN;
  return Date.parse(match[1] + match[3]) * 1000 + Number(match[2] ?? 0) * 1e6;
}

/** @param {number} n @param {number} [width] */
const pad = (n, width = 2) => String(n).padStart(width, "0");

/** "12:03", the reader's time zone. @param {string} at */
export function clock(at) {
  const date = new Date(micros(at) / 1000);
  return Number.isNaN(date.getTime()) ? "" : `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** "12:03:04.567", the reader's time zone. @param {string} at */
export function exactClock(at) {
  const date = new Date(micros(at) / 1000);
  if (Number.isNaN(date.getTime())) return "";
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
}

/** "Today" or "Fri, 20 Nov". @param {string} at */
export function day(at) {
  const date = new Date(micros(at) / 1000);
  if (Number.isNaN(date.getTime())) return "";
  if (date.toDateString() === new Date().toDateString()) return "Today";
  return date.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" });
}

/**
 * A length of time with the digits that matter: "0.04 ms", "0.8 ms", "12 ms", "1.25 s", "3 min 20 s".
 * @param {number} us microseconds
 * @returns {string}
 */
export function span(us) {
  const ms = Math.max(0, us) / 1000;
  if (ms < 0.1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** "0:07" for a length given in ms. @param {unknown} ms */
export function playTime(ms) {
  const seconds = Math.round(Number(ms) / 1000);
  return Number.isFinite(seconds) ? `${Math.floor(seconds / 60)}:${pad(seconds % 60)}` : "";
}
