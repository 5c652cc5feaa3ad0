// @ts-check
/** @import { Session } from "./session.js" */
import { byId } from "./dom.js";
import { logIn } from "./session.js";
import { t } from "./words.js";

/** The first thing that a stranger sees. */
export class Login extends HTMLElement {
  #form = /** @type {HTMLFormElement} */ (byId("login-form"));
  #name = /** @type {HTMLInputElement} */ (byId("login-name"));
  #token = /** @type {HTMLInputElement} */ (byId("login-token"));
  #error = byId("login-error");
  #byToken = false;
  /** @type {(session: Session) => void} */ #done = () => {};

  /** To be called once, before `ask`. */
  start() {
    byId("login-other").addEventListener("click", () => {
      this.#byToken = !this.#byToken;
      this.#show();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /**
   * Asks until someone is logged in.
   * @param {string} [note] why
   * @returns {Promise<Session>}
   */
  ask(note) {
    this.hidden = false;
    document.body.dataset.view = "login";
    this.#show();
    if (note) byId("login-form").querySelector(".note")?.replaceChildren(note);
    return new Promise((resolve) => {
      this.#done = (session) => {
        this.hidden = true;
        this.#token.value = ""; // it is of no more use, and the next one is another
        resolve(session);
      };
    });
  }

  #show() {
    byId("login-name-field").hidden = this.#byToken;
    byId("login-token-field").hidden = !this.#byToken;
    byId("login-other").textContent = t(this.#byToken ? "use-name" : "use-token");
    byId("login-form").querySelector(".note")?.replaceChildren(t(this.#byToken ? "login-token-note" : "login-note"));
    this.#error.hidden = true;
    (this.#byToken ? this.#token : this.#name).focus();
  }

  async #submit() {
    const field = this.#byToken ? this.#token : this.#name;
    const value = field.value.trim();
    if (value === "") return field.focus();
    let error = t("login-failed");
    try {
      const answer = await logIn(this.#byToken ? { token: value } : { name: value });
      if (answer.session) return this.#done(answer.session);
      error = answer.error ?? error;
    } catch {
      // Nobody answered, as the error says.
    }
    this.#error.textContent = error;
    this.#error.hidden = false;
    field.focus();
  }
}
