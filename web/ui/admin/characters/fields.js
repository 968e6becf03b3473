// @ts-check
/** The editor's fields: each is bound to a place of the character, by the name under which the server tells its problems. */
import { h, iconButton, setText } from "../../dom.js";
import { field } from "../../form.js";

/**
 * What a field is to the editor. @typedef {object} Bound
 * @property {any} element @property {string} path @property {(message: string) => void} setProblem @property {() => void} focus
 */

/** @param {any} from @param {string} path */
export const at = (from, path) => path.split(".").reduce((value, key) => value?.[key], from);

/** What is set of these. @param {string[]} keys @param {any} from */
export const given = (keys, from) => Object.fromEntries(keys.map((key) => [key, from?.[key]]).filter(([, value]) => value !== undefined));

/** @param {any} into @param {string} path @param {any} value */
export function put(into, path, value) {
  const keys = path.split(".");
  const last = /** @type {string} */ (keys.pop());
  keys.reduce((place, key) => (place[key] ??= {}), into)[last] = value;
}

const list = (/** @type {string} */ text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const lines = (/** @type {string} */ text) => text.split("\n").map((part) => part.trim()).filter(Boolean);
const WAYS = {
  text: { show: (value) => value ?? "", read: (text) => text },
  optional: { show: (value) => value ?? "", read: (text) => text.trim() || null },
  number: { show: (value) => (value ?? ""), read: (text) => (text === "" ? undefined : Number(text)) },
  list: { show: (value) => (value ?? []).join(", "), read: list },
  lines: { show: (value) => (value ?? []).join("\n"), read: lines },
};

/** Makes the fields of one character. @param {{draft: any, touched: () => void}} editor */
export function binder({ draft, touched }) {
  const write = (path, value) => {
    put(draft, path, value);
    touched();
  };
  const idOf = (path) => `editor-${path.replaceAll(".", "-")}`;

  /** @param {string} path @param {string} label @param {Record<string, any>} [attributes] @param {{as?: keyof typeof WAYS, hint?: string, rows?: number}} [more] @returns {Bound} */
  function text(path, label, attributes = {}, { as = "text", hint, rows } = {}) {
    const way = WAYS[as];
    const one = field(idOf(path), label, { required: false, ...(rows ? { rows: String(rows) } : {}), dir: "auto", ...attributes }, { hint, kind: rows ? "textarea" : "input" });
    one.input.value = way.show(at(draft, path));
    one.input.addEventListener("input", () => write(path, way.read(one.input.value)));
    return { element: one.element, path, setProblem: one.setProblem, focus: () => one.input.focus() };
  }

  /** A dial from 0 to `most`. @returns {Bound} */
  function dial(path, low, high, label, { most = 1, step = 0.05, hint = "" } = {}) {
    const said = h("output", { for: idOf(path) });
    const input = h("input", { type: "range", id: idOf(path), min: "0", max: String(most), step: String(step), "aria-label": label, data: { testid: idOf(path) }, oninput: () => {
      write(path, Number(input.value));
      say();
    } });
    const say = () => setText(said, Number(input.value).toFixed(2).replace(/0$/, ""));
    input.value = String(at(draft, path) ?? most / 2);
    say();
    const problem = h("p.field-error", { hidden: true });
    return { path, focus: () => input.focus(), setProblem: (message) => {
      setText(problem, message);
      problem.hidden = !message;
    }, element: h("div.field.editor-dial", {}, h("div.editor-dial-head", {}, h("label", { for: idOf(path) }, label), said), h("div.editor-dial-row", {}, h("span", {}, low), input, h("span", {}, high)), hint ? h("p.field-hint", {}, hint) : null, problem) };
  }

  /** `values` are what is written for not checked and checked. @param {string} path @param {string} label @param {string} [hint] @param {any[]} [values] @returns {Bound} */
  function check(path, label, hint, [off, on] = [false, true]) {
    const input = h("input", { type: "checkbox", id: idOf(path), checked: at(draft, path) === on, data: { testid: idOf(path) }, onchange: () => write(path, input.checked ? on : off) });
    return { path, focus: () => input.focus(), setProblem: () => {}, element: h("div.field", {}, h("label.check", { for: idOf(path) }, input, label), hint ? h("p.field-hint", {}, hint) : null) };
  }

  /**
   * A list of longer texts that can be added to and taken from. @param {string} path @param {string} label
   * @param {{add: string, rows?: number, blank?: () => any, draw?: any, hint?: string}} options @returns {Bound}
   */
  function texts(path, label, { add, rows = 3, blank = () => "", draw = null, hint = "" }) {
    const body = h("ol.editor-list", {});
    const problem = h("p.field-error", { hidden: true });
    const values = () => at(draft, path) ?? [];
    const set = (index, value) => write(path, values().map((/** @type {any} */ old, /** @type {number} */ position) => (position === index ? value : old)));
    const show = () => body.replaceChildren(...values().map((/** @type {any} */ value, /** @type {number} */ index) => {
      const input = h("textarea", { rows: String(rows), dir: "auto", "aria-label": `${label} ${index + 1}`, oninput: () => set(index, draw ? draw.write(values()[index], input.value) : input.value) });
      input.value = draw ? draw.read(value) : value;
      return h("li", {}, draw?.before ? draw.before(value, (/** @type {any} */ changed) => set(index, changed), () => values()[index]) : null, input, iconButton("trash", `Take away ${label.toLowerCase()} ${index + 1}`, { onclick: () => {
        write(path, values().filter((/** @type {any} */ _, /** @type {number} */ position) => position !== index));
        show();
        button.focus();
      } }));
    }));
    const button = h("button.button.quiet.small", { type: "button", onclick: () => {
      write(path, [...values(), blank()]);
      show();
      body.lastElementChild?.querySelector("textarea")?.focus();
    } }, add);
    show();
    return { path, focus: () => button.focus(), setProblem: (message) => {
      setText(problem, message);
      problem.hidden = !message;
    }, element: h("fieldset.field.editor-texts", {}, h("legend", {}, label), hint ? h("p.field-hint", {}, hint) : null, body, button, problem) };
  }

  return { text, dial, check, texts, write, draft };
}
