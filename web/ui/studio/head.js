// @ts-check
/** The head that the pages of the studio share: one place in the sidebar leads to all of them. */
import { h } from "../dom.js";

const PLACES = [["#/studio", "Make", "make"], ["#/avatars", "Avatars", "avatars"], ["#/media", "Library", "library"]];

/** @param {any} context see app.js @param {string} current the address of this page @param {{title: string, lead?: string}} words @param {...any} deeds */
export function studioHead({ menuButton }, current, { title, lead }, ...deeds) {
  return [h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "studio-title" }, title), lead ? h("p.lead", {}, lead) : null), ...deeds),
    h("nav.tabs", { "aria-label": "Studio" }, ...PLACES.map(([href, text, id]) => h("a.tab", { href, "aria-current": href === current ? "page" : null, data: { testid: `studio-tab-${id}` } }, text)))];
}

/** Nothing there yet, and what to do about it. @param {any} picture @param {string} title @param {string} words @param {...any} deeds */
export function emptyPlace(picture, title, words, ...deeds) {
  return h("div.empty-place", { data: { testid: "empty" } }, picture, h("h2", {}, title), h("p", {}, words), ...deeds);
}
