// @ts-check
/** @import { Store } from "./store.js" */

/** A part of the page: an element that shows something of the store. */
export class Part extends HTMLElement {
  /** @type {Store} */ store = /** @type {any} */ (undefined);

  /** Called once, when there is a login. @param {Store} store */
  start(store) {
    this.store = store;
  }
}

/**
 * Makes a function that runs at most once a frame, after the last call of it.
 * @param {() => void} run
 */
export function perFrame(run) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    // A tab that is not seen has no frames, but its title and its announcements go on.
    const now = () => {
      due = false;
      run();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(now);
    else setTimeout(now, 100);
  };
}
