// @ts-check
/** The lorebook as a table: a row for each entry, opened to change all of it. */
import { h, icon, iconButton } from "../../dom.js";

const RULES = [["and_any", "any of these too"], ["and_all", "all of these too"], ["not_any", "none of these"], ["not_all", "not all of these"]];
const PLACES = [["before_character", "before the character"], ["after_character", "after the character"]];
const BLANK = { name: "", keys: [], secondaryKeys: [], secondaryRule: "and_any", useRegex: false, caseSensitive: false, content: "", enabled: true, constant: false, order: 100, priority: 10, position: "before_character" };
const MAX_ENTRIES = 500;
const list = (/** @type {string} */ text) => text.split(",").map((part) => part.trim()).filter(Boolean);

/** @param {ReturnType<typeof import("./fields.js").binder>} bind @returns {import("./fields.js").Bound} */
export function lorebook(bind) {
  const path = "settings.lorebook.entries";
  const entries = () => bind.draft.settings?.lorebook?.entries ?? [];
  const body = h("tbody", {});
  const problem = h("p.field-error", { role: "alert", hidden: true });
  let open = -1;

  function set(index, change) {
    bind.write(path, entries().map((old, position) => (position === index ? { ...old, ...change } : old)));
  }

  function draw() {
    body.replaceChildren(...entries().flatMap((entry, index) => [row(entry, index), ...(index === open ? [h("tr.lore-open", {}, h("td", { colSpan: 6 }, form(entry, index)))] : [])]));
    if (!entries().length) body.append(h("tr", {}, h("td.muted", { colSpan: 6 }, "No entry yet. An entry is brought up when one of its keys is spoken of.")));
  }

  function row(entry, index) {
    const name = entry.name || entry.keys[0] || `Entry ${index + 1}`;
    return h("tr", { data: { testid: "lore-entry" } },
      h("td", {}, h("input", { type: "checkbox", checked: entry.enabled, "aria-label": `${name} is on`, onchange: (event) => set(index, { enabled: event.target.checked }) })),
      h("td.lore-name", {}, h("button.link", { type: "button", "aria-expanded": String(index === open), data: { testid: "lore-toggle" }, onclick: () => {
        open = open === index ? -1 : index;
        draw();
        /** @type {any} */ (body.querySelector(open === index ? ".lore-open input" : `tr:nth-child(${index + 1}) .link`))?.focus();
      } }, name)),
      h("td", {}, entry.constant ? h("span.tag", { data: { tone: "good" } }, "always") : entry.keys.join(", ")), h("td.lore-text", {}, entry.content.slice(0, 120)), h("td", { data: { number: "true" } }, String(entry.order)),
      h("td.table-action", {}, iconButton("trash", `Take away ${name}`, { onclick: () => {
        bind.write(path, entries().filter((_, position) => position !== index));
        open = -1;
        draw();
        add.focus();
      } })));
  }

  function form(entry, index) {
    const line = (label, value, change, attributes = {}) => {
      const input = h("input", { type: "text", dir: "auto", ...attributes, oninput: () => set(index, change(input.value)) });
      input.value = value;
      return h("label.lore-field", {}, h("span", {}, label), input);
    };
    const check = (label, key) => h("label.check", {}, h("input", { type: "checkbox", checked: Boolean(entry[key]), onchange: (event) => set(index, { [key]: event.target.checked }) }), label);
    const select = (label, key, options) => h("label.lore-field", {}, h("span", {}, label), h("select", { onchange: (event) => set(index, { [key]: event.target.value }) }, ...options.map(([value, text]) => h("option", { value, selected: entry[key] === value }, text))));
    const content = h("textarea", { rows: "5", dir: "auto", maxLength: 8000, data: { testid: "lore-content" }, oninput: () => set(index, { content: content.value }) });
    content.value = entry.content;
    return h("div.lore-form", {}, line("Name", entry.name, (name) => ({ name }), { maxLength: 200, data: { testid: "lore-entry-name" } }), line("Keys", entry.keys.join(", "), (text) => ({ keys: list(text) }), { data: { testid: "lore-keys" } }),
      line("Second keys", entry.secondaryKeys.join(", "), (text) => ({ secondaryKeys: list(text) })), select("and then", "secondaryRule", RULES),
      h("label.lore-field.wide", {}, h("span", {}, "What it brings up"), content),
      line("Order", String(entry.order), (text) => ({ order: Number(text) || 0 }), { type: "number" }), line("Priority", String(entry.priority), (text) => ({ priority: Number(text) || 0 }), { type: "number" }), select("Where it stands", "position", PLACES),
      h("div.lore-checks", {}, check("Always there", "constant"), check("Keys are regular expressions", "useRegex"), check("Capital letters count", "caseSensitive")));
  }

  const add = h("button.button.quiet.small", { type: "button", data: { testid: "lore-add" }, onclick: () => {
    if (entries().length >= MAX_ENTRIES) return;
    bind.write(path, [...entries(), { ...BLANK }]);
    open = entries().length - 1;
    draw();
    /** @type {any} */ (body.querySelector(".lore-open input"))?.focus();
  } }, icon("plus"), "Add an entry");
  draw();
  return { path: "settings.lorebook", focus: () => add.focus(), setProblem: (message) => {
    problem.textContent = message;
    problem.hidden = !message;
  }, element: h("div.field.lore", {}, h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": "Lorebook" }, h("table.lore-table", {},
    h("thead", {}, h("tr", {}, ...["On", "Name", "Keys", "Text", "Order"].map((text) => h("th", { scope: "col" }, text)), h("th", {}, h("span.visually-hidden", {}, "Take away")))), body)), add, problem) };
}
