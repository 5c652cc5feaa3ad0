// @ts-check
// Calls of the control API under /sim. Addresses are relative to the page, so it may be served below a prefix.

/** How long a call may take, in ms, before the page says that nobody answers. */
const CALL_TIMEOUT = 10_000;

/** A call that was refused or not answered; its message is meant for the reader of the page. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status 0 when there was no answer
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path below /sim, starting with a slash
 * @returns {string}
 */
export function address(path) {
  return new URL("sim" + path, document.baseURI).href;
}

/** @param {string} path @returns {Promise<any>} */
export const get = (path) => call("GET", path);

/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export const post = (path, body = {}) => call("POST", path, body);

/** @param {string} path @returns {Promise<any>} */
export const del = (path) => call("DELETE", path);

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>} the decoded JSON body; null when it is empty
 */
async function call(method, path, body) {
  /** @type {RequestInit} */
  const init = { method, signal: AbortSignal.timeout(CALL_TIMEOUT) };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "Content-Type": "application/json" };
  }
  let response;
  let text;
  try {
    response = await fetch(address(path), init);
    text = await response.text();
  } catch {
    throw new ApiError("The simulator does not answer. Is it still running?", 0);
  }
  const answer = parse(text);
  if (!response.ok) {
    throw new ApiError(
      answer?.error ?? `The simulator answered ${response.status} to ${method} /sim${path}.`,
      response.status,
    );
  }
  return answer;
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * What to tell the reader about something that was thrown.
 * @param {unknown} err
 * @returns {string}
 */
export function explain(err) {
  return err instanceof Error ? err.message : String(err);
}
