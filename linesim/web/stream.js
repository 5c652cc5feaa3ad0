// @ts-check
import { address } from "./api.js";

/** The names of the stream's events. */
const NAMES = ["message", "webhook", "call", "user", "group", "loading", "reset"];

/** Waits before a refused stream is opened again, in ms: doubled each time between these. */
const RETRY_MIN = 1_000;
const RETRY_MAX = 10_000;

/**
 * The Server-Sent Events of the simulator. The browser reconnects by itself and resumes by Last-Event-ID; what it gives up
 * on (an answer other than 200) is opened again here.
 */
export class Stream {
  /** @type {EventSource|undefined} */ #source;
  /** @type {(name: string, data: any) => void} */ #onEvent;
  /** @type {(connected: boolean) => void} */ #onState;
  #retry = RETRY_MIN;

  /**
   * @param {(name: string, data: any) => void} onEvent called for each event, with its decoded data
   * @param {(connected: boolean) => void} onState called when the stream opens and when it breaks
   */
  constructor(onEvent, onState) {
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  /** Opens the stream; to be called once. */
  open() {
    const source = new EventSource(address("/stream"));
    this.#source = source;
    for (const name of NAMES) source.addEventListener(name, (event) => this.#receive(name, event.data));
    source.addEventListener("open", () => {
      this.#retry = RETRY_MIN;
      this.#onState(true);
    });
    source.addEventListener("error", () => {
      this.#onState(false);
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    });
  }

  #reopen() {
    setTimeout(() => this.open(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, RETRY_MAX);
  }

  /** @param {string} name @param {string} text */
  #receive(name, text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return;
    }
    this.#onEvent(name, data);
  }
}
