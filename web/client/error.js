// @ts-check

/** Why a request failed. `closed` and `timeout` are the connection's, `full` and `too_big` this side's, all other codes the server's. */
export class ChatError extends Error {
  /** @param {string} code @param {string} [text] for people @param {number} [retryMs] 0: trying again does not help */
  constructor(code, text, retryMs = 0) {
    super(text || code);
    this.code = code;
    this.retryMs = retryMs;
  }
}
