// @ts-check
import { explain } from "./api.js";
import { h, put } from "./dom.js";

/**
 * One input of a dialog.
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text"|"number"|"date"|"time"|"datetime-local"|"file"|"select"|"checks"} [type] text if missing
 * @property {string} [value]
 * @property {{value: string, label: string, checked?: boolean}[]} [options] of select and checks
 * @property {Record<string, unknown>} [more] further attributes, such as required or min
 */

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} [note]
 * @property {Field[]} fields
 * @property {string} submit the label of the button that sends
 * @property {(values: FormData) => Promise<void>} send an error it throws is shown in the dialog, which stays open
 */

/**
 * Asks in a modal dialog; it ends with Cancel, Escape or a send that worked. The focus goes back where it was.
 * @param {Question} question
 */
export function ask(question) {
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const submit = h("button", { class: "primary", type: "submit" }, question.submit);
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { method: "dialog", autocomplete: "off" });
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, form);
  put(
    form,
    h("h2", { id: "dialog-title" }, question.title),
    question.note ? h("p", { class: "note" }, question.note) : null,
  );
  put(form, ...question.fields.map(control), error, h("div", { class: "dialog-buttons" }, cancel, submit));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    error.hidden = true;
    try {
      await question.send(new FormData(form));
      dialog.close();
    } catch (err) {
      error.textContent = explain(err);
      error.hidden = false;
    } finally {
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Field} field @returns {HTMLElement} */
function control(field) {
  const { name, label, type = "text", value, options = [], more = {} } = field;
  if (type === "checks") {
    const boxes = options.map((o) =>
      h(
        "label",
        { class: "check" },
        h("input", { type: "checkbox", name, value: o.value, checked: o.checked }),
        h("span", {}, o.label),
      ),
    );
    return h("fieldset", { class: "checks" }, h("legend", {}, label), h("div", {}, ...boxes));
  }
  if (type === "select") {
    const select = h(
      "select",
      { name, ...more },
      ...options.map((o) => h("option", { value: o.value, selected: o.checked }, o.label)),
    );
    return h("label", { class: "field" }, h("span", {}, label), select);
  }
  return h("label", { class: "field" }, h("span", {}, label), h("input", { name, type, value, ...more }));
}
