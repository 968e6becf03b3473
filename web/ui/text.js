// @ts-check
/**
 * Message text as DOM nodes. `marked` reads the Markdown into tokens; from here on nodes are made one by one, of a closed
 * list of elements. No HTML is ever written or parsed, so there is nothing to sanitise and nothing of what was said is lost:
 * tags, entities and addresses that may not be followed are shown as the text that they are. See `vendor/README.md`.
 */
import { Marked } from "../vendor/marked/marked.esm.js";
import { h } from "./dom.js";

/** Deeper lists and quotes are shown as text; deeper nesting only ever comes from somebody who tries. */
const MAX_DEPTH = 12;
/** A longer text is shown as plain paragraphs: reading Markdown could take its time. */
const MAX_MARKDOWN = 40000;
const SAFE = new Set(["http:", "https:", "mailto:"]);
const nothing = () => undefined;

/** HTML, link definitions and text that is merely indented are not marks here: they are what somebody wrote. */
const reader = new Marked({ gfm: true, breaks: true, tokenizer: { html: nothing, tag: nothing, def: nothing, code: nothing, lheading: nothing } });

/** Where a link may lead, or null. @param {string} href */
function address(href) {
  try {
    const url = new URL(href);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A link to another place: it opens beside this page, which it learns nothing of. @param {string} href @param {...any} content */
export function outside(href, ...content) {
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, ...content);
}

/** @param {any[]} tokens @param {number} depth @returns {any[]} */
function inline(tokens, depth) {
  return (tokens ?? []).flatMap((token) => {
    if (depth > MAX_DEPTH) return token.raw;
    const inner = () => inline(token.tokens, depth + 1);
    switch (token.type) {
      case "strong": return h("strong", {}, ...inner());
      case "em": return h(token.raw.startsWith("_") ? "em.action" : "em", {}, ...inner());
      case "del": return h("del", {}, ...inner());
      case "codespan": return h("code", {}, token.text);
      case "br": return h("br");
      case "escape": return token.text;
      case "link": return link(token, depth);
      case "image": return link({ ...token, text: token.text || "Picture", tokens: null, image: true }, depth);
      case "text": return token.tokens ? inner() : token.text;
      default: return token.raw;
    }
  });
}

function link(token, depth) {
  const href = address(token.href);
  if (!href) return token.raw;
  const words = token.tokens ? inline(token.tokens, depth + 1) : [token.text];
  const said = token.text === token.href || href.includes(token.text) ? [] : [h("span.link-host", {}, ` (${new URL(href).host || href})`)];
  return outside(href, ...words, ...said);
}

/** @param {any} token @param {number} depth @returns {any} */
function block(token, depth) {
  if (depth > MAX_DEPTH) return h("p", { dir: "auto" }, token.raw);
  switch (token.type) {
    case "paragraph": return h("p", { dir: "auto" }, ...inline(token.tokens, depth));
    case "text": return h("p", { dir: "auto" }, ...inline(token.tokens ?? [token], depth));
    case "heading": return h("p.text-heading", { dir: "auto", role: "heading", "aria-level": String(Math.min(6, token.depth + 3)) }, ...inline(token.tokens, depth));
    case "blockquote": return h("blockquote", { dir: "auto" }, ...blocks(token.tokens, depth + 1));
    case "code": return h("pre", { tabindex: "0" }, h("code", {}, token.text));
    case "hr": return h("hr");
    case "list": return list(token, depth);
    case "table": return table(token, depth);
    default: return h("p", { dir: "auto" }, token.raw);
  }
}

const blocks = (tokens, depth) => (tokens ?? []).filter(({ type }) => type !== "space").map((token) => block(token, depth));

function list(token, depth) {
  const items = token.items.map((item) => h("li", { dir: "auto" }, item.task ? (item.checked ? "☑ " : "☐ ") : null,
    ...(item.loose ? blocks(item.tokens, depth + 1) : item.tokens.flatMap((part) => part.type === "text" ? inline(part.tokens ?? [part], depth + 1) : part.type === "space" ? [] : [block(part, depth + 1)]))));
  return token.ordered ? h("ol", { start: Number(token.start) || 1 }, ...items) : h("ul", {}, ...items);
}

function table(token, depth) {
  const cells = (tag, row) => row.map((cell) => h(tag, { dir: "auto", scope: tag === "th" ? "col" : null }, ...inline(cell.tokens, depth + 1)));
  return h("div.text-table", { tabindex: "0", role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, ...cells("th", token.header))), h("tbody", {}, ...token.rows.map((row) => h("tr", {}, ...cells("td", row))))));
}

/** @param {string} text @returns {any[]} blocks in order */
function read(text) {
  const plain = () => text.split(/\n{2,}/).filter((part) => part.trim()).map((raw) => ({ type: "plain", raw }));
  if (text.length > MAX_MARKDOWN) return plain();
  try {
    return reader.lexer(text).filter(({ type }) => type !== "space");
  } catch {
    return plain();
  }
}

/**
 * Shows text in an element, touching only the blocks that changed: a growing reply keeps its nodes and a reader's
 * selection. @param {any} element @param {string} text
 */
export function showText(element, text) {
  const tokens = read(text.replace(/\r\n?/g, "\n"));
  const shown = element.shownBlocks ?? [];
  const keys = tokens.map(({ type, raw }) => `${type} ${raw}`);
  tokens.forEach((token, at) => {
    if (shown[at] === keys[at]) return;
    const node = block(token, 0);
    if (element.children[at]) element.children[at].replaceWith(node);
    else element.append(node);
  });
  while (element.children.length > tokens.length) element.lastElementChild.remove();
  element.shownBlocks = keys;
}

/** One line of plain text for a list. @param {string} text */
export function preview(text) {
  return text.replace(/[*_`#>]+/g, "").replace(/\s+/g, " ").trim().slice(0, 140);
}

/**
 * A greeting as it will be said: the names in the place of `{{char}}` and `{{user}}`. The server knows the other macros;
 * what is shown before a conversation begins needs these. @param {string} text @param {string} character @param {string} user
 */
export function spoken(text, character, user) {
  return text.replace(/\{\{char\}\}|<BOT>/gi, () => character).replace(/\{\{user\}\}|<USER>/gi, () => user);
}
