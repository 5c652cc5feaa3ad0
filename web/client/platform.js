// @ts-check
/** @import { Platform } from "./types.js" */

/** What this browser lends. @returns {Platform} */
export function browser() {
  return {
    connect: (url) => new WebSocket(url),
    fetch: (url, init) => globalThis.fetch(url, init),
    now: () => Date.now(),
    setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    random: () => Math.random(),
    locks: globalThis.navigator?.locks,
    channel: (name) => (typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name)),
    onWake(wake) {
      if (typeof document === "undefined") return () => {};
      const visible = () => document.visibilityState === "visible" && wake();
      // "offline" may be wrong, but a connection that answers all the same shows it.
      for (const name of ["online", "offline", "pageshow"]) addEventListener(name, wake);
      document.addEventListener("visibilitychange", visible);
      return () => {
        for (const name of ["online", "offline", "pageshow"]) removeEventListener(name, wake);
        document.removeEventListener("visibilitychange", visible);
      };
    },
  };
}

/** A WebSocket's address, made of one that may be relative or begin with http. @param {string} url */
export function socketURL(url) {
  const absolute = new URL(url, globalThis.document?.baseURI);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return absolute.href;
}

/** @param {string} text @returns {Record<string, any>|undefined} the object of JSON that it is */
export function parse(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** 22 characters with 128 random bits. crypto.randomUUID is only there with TLS. */
export function randomID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=/g, "");
}

/** @param {unknown} value @param {number} otherwise */
export function positive(value, otherwise) {
  return typeof value === "number" && value > 0 ? value : otherwise;
}
