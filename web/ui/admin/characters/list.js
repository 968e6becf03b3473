// @ts-check
/** Backstage: all characters, and the ways to a new one. */
import { avatar, h, icon } from "../../dom.js";
import { importer } from "./import.js";
import { toastError } from "../../overlays.js";
import { ago, formatNumber } from "../../time.js";

const PAGE = 50;
const AFTER_MS = 220;

export class AdminCharactersView {
  title = "Characters · Backstage";
  #stamp = 0;
  #timer = /** @type {any} */ (0);
  #cursor = /** @type {string|null} */ (null);

  /** @param {any} context see app.js */
  constructor(context) {
    this.context = context;
    this.input = h("input", { type: "search", placeholder: "Find a character", "aria-label": "Find a character", maxLength: 100, data: { testid: "admin-character-search" }, oninput: () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#load(true), AFTER_MS);
    } });
    this.sort = h("select.pick", { "aria-label": "Order", onchange: () => this.#load(true) }, ...[["name", "By name"], ["newest", "Newest"], ["popular", "Most spoken with"], ["rating", "Best rated"]].map(([value, text]) => h("option", { value }, text)));
    this.list = h("ul.admin-cast", {});
    this.told = h("p.cast-none", { role: "status" });
    this.more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => this.#load(false) }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "admin-cast-title" },
      h("header.page-head", {}, context.menuButton(), h("div.page-words", {}, h("a.back", { href: "#/admin" }, icon("back"), "Backstage"), h("h1", { id: "admin-cast-title" }, "Characters")),
        h("a.button.primary.page-deed", { href: "#/admin/characters/new", data: { testid: "admin-new-character" } }, icon("plus"), "New character")),
      importer(context),
      h("div.cast-tools", {}, h("div.cast-search", {}, icon("search"), this.input), this.sort),
      this.list, this.told, this.more);
    this.#load(true);
  }

  async #load(anew) {
    const stamp = ++this.#stamp;
    const query = new URLSearchParams({ limit: String(PAGE), sort: this.sort.value });
    if (this.input.value.trim()) query.set("q", this.input.value.trim());
    if (!anew && this.#cursor) query.set("cursor", this.#cursor);
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/characters?${query}`);
      if (stamp !== this.#stamp) return;
      if (anew) this.list.replaceChildren();
      this.list.append(...items.map(row));
      this.#cursor = nextCursor ?? null;
      this.more.hidden = !this.#cursor;
      this.told.textContent = this.list.children.length ? "" : "No character fits.";
      this.told.hidden = !this.told.textContent;
    } catch (error) {
      if (stamp === this.#stamp) toastError(error, "The characters could not be loaded");
    }
  }

  destroy() {
    this.#stamp += 1;
    clearTimeout(this.#timer);
  }
}

function row(character) {
  const { messages, rating, lastActiveAt } = character.statistics ?? {};
  const numbers = [`${formatNumber(messages ?? 0)} messages`, rating ? `${formatNumber(rating)} stars` : null, lastActiveAt ? ago(lastActiveAt) : null].filter(Boolean).join(" · ");
  return h("li", {}, h("a.admin-one", { href: `#/admin/characters/${character.slug}`, data: { testid: "admin-character", slug: character.slug } }, avatar(character),
    h("span.who-words", {}, h("span.who-name", {}, character.name, character.premium ? h("span.tag", { data: { tone: "warn" } }, "premium") : null, h("span.tag", {}, character.category)),
      h("span.who-detail", {}, character.tagline ?? "")), h("span.admin-numbers", {}, numbers)));
}
