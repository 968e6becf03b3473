// @ts-check
/** Shows whatever the control endpoints answer: known shapes as tables, others as named values, nothing is dropped. */
import { h } from "./dom.js";
import { duration, formatNumber, fullMoment } from "./time.js";

const MAX_DEPTH = 4;
const MAX_ROWS = 200;
const TIME = /^\d{4}-\d\d-\d\dT/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}$/i;

/** "latencyMs" -> "Latency (ms)". @param {string} key */
export function label(key) {
  if (/^(uptime|age)Ms$/.test(key)) return label(key.slice(0, -2));
  const units = { Ms: " (ms)", Bytes: " (bytes)", Percent: " (%)" };
  const unit = Object.keys(units).find((suffix) => key.endsWith(suffix) && key.length > suffix.length);
  const words = (unit ? key.slice(0, -unit.length) : key).replace(/([a-z\d])([A-Z])/g, "$1 $2").replace(/[_-]+/g, " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1) + (unit ? units[/** @type {keyof typeof units} */ (unit)] : "");
}

/** @param {any} value @param {string} [key] @returns {any} text or a node */
export function shown(value, key = "") {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return /seconds$/i.test(key) ? duration(value) : /^(uptime|age)Ms$/.test(key) ? duration(value / 1000) : formatNumber(value);
  if (typeof value === "string" && TIME.test(value)) return h("time", { datetime: value }, fullMoment(value));
  if (typeof value === "string" && UUID.test(value)) return h("code", { title: value }, value.slice(-8));
  if (typeof value === "object") return Array.isArray(value) ? `${value.length}` : Object.entries(value).map(([k, v]) => `${label(k)} ${plain(v)}`).join(", ");
  return String(value);
}

const plain = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : typeof value === "number" ? formatNumber(value) : String(value));

/** Named values; objects become groups. @param {any} value @param {number} [depth] @param {string} [heading] */
export function facts(value, depth = 0, heading = "h3") {
  const entries = Object.entries(value ?? {});
  const flat = entries.filter(([, v]) => typeof v !== "object" || v === null);
  const deep = entries.filter(([, v]) => typeof v === "object" && v !== null);
  return h("div.facts-group", {},
    flat.length ? h("dl.facts", {}, ...flat.map(([key, v]) => h("div", {}, h("dt", {}, label(key)), h("dd", {}, shown(v, key))))) : null,
    ...deep.map(([key, v]) => h("div.facts-deep", {}, h(heading, {}, label(key)),
      depth >= MAX_DEPTH ? JSON.stringify(v) : Array.isArray(v) ? table(v) : facts(v, depth + 1))));
}

/** The rows of an answer, whatever list it comes in. @param {any} answer @param {string} name */
export function rowsOf(answer, name) {
  const list = Array.isArray(answer) ? answer : answer?.items ?? answer?.[name] ?? [];
  return Array.isArray(list) ? list : [];
}

/**
 * @param {any[]} rows @param {{first?: string[], action?: (row: any) => any, empty?: string}} [options]
 *   `first`: columns to put in front; `action`: a last cell
 */
export function table(rows, { first = [], action, empty = "Nothing here now." } = {}) {
  if (!rows.length) return h("p.muted", {}, empty);
  if (typeof rows[0] !== "object") return h("p", {}, rows.slice(0, MAX_ROWS).join(", "));
  const keys = [...new Set(rows.slice(0, MAX_ROWS).flatMap((row) => Object.keys(row)))];
  const columns = [...first.filter((key) => keys.includes(key)), ...keys.filter((key) => !first.includes(key))];
  return h("div.table-scroll", { tabindex: "0", data: { key: "table" }, role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, ...columns.map((key) => h("th", { scope: "col" }, label(key))), action ? h("th", {}, h("span.visually-hidden", {}, "Actions")) : null)),
    h("tbody", {}, ...rows.slice(0, MAX_ROWS).map((row) => h("tr", {}, ...columns.map((key) => h("td", { data: { number: String(typeof row[key] === "number") } }, shown(row[key], key))),
      action ? h("td.table-action", {}, action(row)) : null)))),
  rows.length > MAX_ROWS ? h("p.muted", {}, `${formatNumber(rows.length - MAX_ROWS)} more are not shown.`) : null);
}

/** The actor tree as nested lists. @param {any} node */
export function tree(node) {
  const { name, kind, id, state, branches, actors, children = branches ?? actors, ...rest } = node;
  const values = Object.entries(rest).filter(([, value]) => value !== null && typeof value !== "object");
  const others = Object.entries(rest).filter(([, value]) => value !== null && typeof value === "object");
  const bad = (key, value) => (/restart/i.test(key) && value > 0) || (/mailbox|depth/i.test(key) && value > 100);
  return h("li", {}, h("div.actor", {},
    h("span.actor-name", {}, name ?? kind ? String(name ?? kind) : id ? shown(id) : "greenroom"),
    kind && name && kind !== name ? h("span.tag", {}, String(kind)) : null,
    state ? h("span.tag", { data: { tone: /run|up|live|ok/i.test(state) ? "good" : "warn" } }, String(state)) : null,
    ...values.map(([key, value]) => h("span.actor-value", { data: { tone: bad(key, value) ? "warn" : "" } }, `${label(key)} `, h("b", {}, shown(value, key)))),
    ...others.map(([key, value]) => h("span.actor-value", {}, `${label(key)} `, h("b", {}, shown(value, key))))),
  Array.isArray(children) && children.length ? h("ul", {}, ...children.slice(0, MAX_ROWS).map(tree)) : null);
}
