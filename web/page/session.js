// @ts-check
// Who one is: the session's cookie, which no script can read.

/** How long the server may take, in ms. */
const LIMIT = 10_000;

/** @typedef {{user: string, name: string}} Session */

/** @returns {Promise<Session|null>} null for nobody; rejects if the server does not answer */
export async function current() {
  const { status, answer } = await call("GET");
  return status === 200 ? answer : null;
}

/**
 * Logs in, as a guest by name or with a token.
 * @param {{name: string}|{token: string}} who
 * @returns {Promise<{session?: Session, error?: string}>} rejects if the server does not answer
 */
export async function logIn(who) {
  const { status, answer } = await call("POST", who);
  return status === 200 ? { session: answer } : { error: String(answer?.text ?? status) };
}

export async function logOut() {
  await call("DELETE");
}

/** @param {string} method @param {object} [body] */
async function call(method, body) {
  const response = await fetch(new URL("chat/session", document.baseURI), {
    method,
    signal: AbortSignal.timeout(LIMIT),
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  const answer = await response.json().catch(() => null);
  return { status: response.status, answer };
}
