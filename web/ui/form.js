// @ts-check
/** Forms: labelled fields that say what is wrong with them, and one way to send them. */
import { h, setText } from "./dom.js";

/**
 * A labelled field with its hint and its problem.
 * @param {string} id also its `data-testid`
 * @param {string} label
 * @param {Record<string, any>} [attributes] of the input; required unless they say otherwise
 * @param {{key?: string, hint?: string, kind?: "input"|"textarea"|"select", options?: [string, string][], suggest?: string[]}} [more]
 *   `key`: the field's name in the request, by which the server's problems find it
 */
export function field(id, label, attributes = {}, { key = id, hint, kind = "input", options = [], suggest } = {}) {
  const input = h(kind, { id, name: key, required: true, ...attributes, data: { testid: id } },
    ...options.map(([value, text]) => h("option", { value }, text)));
  const problem = h("p.field-error", { id: `${id}-error`, hidden: true });
  input.setAttribute("aria-describedby", [hint ? `${id}-hint` : "", `${id}-error`].filter(Boolean).join(" "));
  const list = suggest ? h("datalist", { id: `${id}-list` }, ...suggest.map((value) => h("option", { value }))) : null;
  if (list) input.setAttribute("list", list.id);
  const element = h("div.field", {}, h("label", { for: id }, label), input, list,
    hint ? h("p.field-hint", { id: `${id}-hint` }, hint) : null, problem);
  const setProblem = (/** @type {string} */ message) => {
    setText(problem, message);
    problem.hidden = !message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => setProblem(""));
  return { element, input, key, setProblem, value: () => (attributes.type === "password" ? input.value : input.value.trim()) };
}

/** What a refusal says to a person, with the wait that it asks for. @param {any} error */
export function problemOf(error) {
  const wait = error.status === 429 && error.retryAfterS ? ` Try again in ${error.retryAfterS} seconds.` : "";
  return (error.message ?? "Something went wrong.") + wait;
}

/**
 * A form that checks itself, is busy while it is sent, and puts the server's problems where they belong.
 * @param {{id: string, fields: ReturnType<typeof field>[], submit: string, look?: string, extra?: any[],
 *   send: (values: Record<string, string>) => Promise<any>, done?: (answer: any) => void}} parts
 *   `send` gets the values by key, empty ones left out; `done` its answer
 */
export function form({ id, fields, submit, look = "primary", extra = [], send, done = () => {} }) {
  const problem = h("p.form-error", { role: "alert", data: { testid: `${id}-error` }, hidden: true });
  const button = h(`button.button.${look}`, { type: "submit", data: { testid: `${id}-submit` } }, submit);
  const element = h("form.form", { novalidate: true, data: { testid: `${id}-form` }, onsubmit: (event) => {
    event.preventDefault();
    run();
  } }, ...fields.map((item) => item.element), ...extra, problem, button);

  function fail(/** @type {string} */ message) {
    setText(problem, message);
    problem.hidden = !message;
  }

  async function run() {
    if (button.disabled) return;
    fail("");
    const wrong = fields.filter(({ input, setProblem }) => {
      setProblem(input.checkValidity() ? "" : input.validationMessage);
      return !input.checkValidity();
    });
    if (wrong.length) return wrong[0].input.focus();
    const values = Object.fromEntries(fields.map((item) => [item.key, item.value()]).filter(([, value]) => value !== ""));
    button.disabled = true;
    button.classList.add("busy");
    try {
      const answer = await send(values);
      button.disabled = false;
      done(answer);
    } catch (error) {
      const named = fields.filter(({ key }) => error.details?.some((/** @type {any} */ detail) => detail.field === key));
      for (const item of named) item.setProblem(error.details.find((/** @type {any} */ detail) => detail.field === item.key).message);
      fail(named.length ? "" : problemOf(error));
      button.disabled = false;
      (named[0] ?? fields[fields.length - 1])?.input.focus();
    } finally {
      button.disabled = false;
      button.classList.remove("busy");
    }
  }

  return { element, fail, button, reset: () => element.reset() };
}
