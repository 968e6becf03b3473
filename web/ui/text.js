// @ts-check
/**
 * Message text as DOM nodes: paragraphs, line breaks, *emphasis*, **strong**, _action_ and `code`. Never markup: every
 * character that was written ends up in a text node.
 */
import { h } from "./dom.js";

/** An opening mark stands before a word and a closing one after it, so that 2 * 3 * 4 and snake_case stay as they are. */
const MARKS = /\*\*(?=\S)([^\n]*?\S)\*\*|\*(?=[^\s*])([^*\n]*[^\s*])\*|(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\p{L}\p{N}_])|`([^`\n]+)`/u;
const MAX_DEPTH = 3;

/** @param {string} text @param {number} depth @returns {any[]} */
function inline(text, depth = 0) {
  const nodes = [];
  for (let rest = text; rest;) {
    const found = depth < MAX_DEPTH ? MARKS.exec(rest) : null;
    if (!found) {
      nodes.push(rest);
      break;
    }
    if (found.index) nodes.push(rest.slice(0, found.index));
    const [whole, strong, emphasis, action, code] = found;
    if (strong !== undefined) nodes.push(h("strong", {}, ...inline(strong, depth + 1)));
    else if (emphasis !== undefined) nodes.push(h("em", {}, ...inline(emphasis, depth + 1)));
    else if (action !== undefined) nodes.push(h("em.action", {}, ...inline(action, depth + 1)));
    else nodes.push(h("code", {}, code));
    rest = rest.slice(found.index + whole.length);
  }
  return nodes;
}

/** @param {string} source one paragraph */
function paragraph(source) {
  const lines = source.split("\n");
  return h("p", { dir: "auto" }, ...lines.flatMap((line, at) => (at ? [h("br"), ...inline(line)] : inline(line))));
}

/**
 * Shows text in an element, touching only the paragraphs that changed: a growing reply keeps its nodes and a reader's
 * selection. @param {any} element @param {string} text
 */
export function showText(element, text) {
  const wanted = text.replace(/\r\n?/g, "\n").split(/\n{2,}/).filter((part) => part.trim());
  const shown = element.shownParagraphs ?? [];
  wanted.forEach((source, at) => {
    if (shown[at] === source) return;
    const node = paragraph(source);
    if (element.children[at]) element.children[at].replaceWith(node);
    else element.append(node);
  });
  while (element.children.length > wanted.length) element.lastElementChild.remove();
  element.shownParagraphs = wanted;
}

/** One line of plain text for a list. @param {string} text */
export function preview(text) {
  return text.replace(/[*_`]+/g, "").replace(/\s+/g, " ").trim().slice(0, 140);
}
