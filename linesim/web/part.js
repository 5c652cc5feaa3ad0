// @ts-check
/** @import { Store } from "./store.js" */

/** A part of the page: a custom element around markup of index.html that starts once it is given the store. */
export class Part extends HTMLElement {
  /** @type {Store|undefined} */ #store;

  /** The page's store; only to be used after start. @returns {Store} */
  get store() {
    if (!this.#store) throw new Error(`<${this.localName}> was used before it was started`);
    return this.#store;
  }

  /** @param {Store} store */
  start(store) {
    this.#store = store;
  }
}
