// @ts-check
/** The cast: a card for each character, with search, filters and orders. A card begins a conversation. */
import { characterCard } from "./card.js";
import { h, icon } from "../dom.js";
import { kept } from "../kept.js";
import { openNewRoom } from "./new-room.js";
import { toastError } from "../overlays.js";

const PAGE = 24;
const SEARCH_AFTER_MS = 220;
const MAX_TAGS = 14;
const SORTS = [["popular", "Most spoken with"], ["rating", "Best rated"], ["newest", "Newest"], ["name", "By name"]];
/** How one looked last; kept while the page lives. */
const last = kept({ q: "", category: "", tag: "", trait: "", sort: "popular" });

export class CharactersView {
  title = "Characters";
  #timer = /** @type {any} */ (0);
  #stamp = 0;
  #items = /** @type {any[]} */ ([]);
  #cursor = /** @type {string|null} */ (null);

  /** @param {any} context see app.js */
  constructor(context) {
    const { state, menuButton } = context;
    this.context = context;
    this.busy = false;
    this.search = h("input", { type: "search", id: "character-search", placeholder: "Find by name, mood or subject", autocomplete: "off", maxLength: 100,
      data: { testid: "character-search" }, oninput: () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#find(), SEARCH_AFTER_MS);
      } });
    this.search.value = last.q;
    this.category = this.#select("category", "Category", "Every category");
    this.trait = this.#select("trait", "Trait", "Every trait");
    this.sort = this.#select("sort", "Order", null);
    this.sort.append(...SORTS.map(([value, text]) => h("option", { value, selected: value === last.sort }, text)));
    this.tags = h("div.chips", { role: "group", "aria-label": "Tags" });
    this.grid = h("ul.cast", { data: { testid: "cast" } });
    this.none = h("p.cast-none", { role: "status" });
    this.more = h("button.button.quiet", { type: "button", hidden: true, data: { testid: "cast-more" }, onclick: () => this.#load() }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "cast-title" },
      h("header.page-head", {}, menuButton(),
        h("div.page-words", {}, h("h1", { id: "cast-title" }, "Who would you like to meet?"),
          h("p.lead", {}, "Choose a character to begin a conversation, or gather several.")),
        h("button.button.quiet.page-deed", { type: "button", data: { testid: "gather" }, onclick: () => openNewRoom(context) }, icon("people"), "Gather several")),
      h("div.cast-tools", {},
        h("div.cast-search", {}, h("label.visually-hidden", { for: "character-search" }, "Find a character"), icon("search"), this.search),
        this.category, this.trait, this.sort),
      this.tags, this.grid, this.none, this.more);
    this.stops = [state.on("characters", () => this.#drawFilters()), state.on("conversations", () => this.#draw())];
    this.#drawFilters();
    this.#loadTraits();
    this.#find();
  }

  #select(name, label, all) {
    return h("select.pick", { "aria-label": label, data: { testid: `cast-${name}` }, onchange: () => this.#find() }, all ? h("option", { value: "" }, all) : null);
  }

  async #loadTraits() {
    try {
      const answer = await this.context.state.traits();
      this.trait.append(...answer.map(({ name, label }) => h("option", { value: name, selected: name === last.trait }, label)));
    } catch { /* the list works without this filter */ }
    this.trait.hidden = this.trait.options.length < 2;
  }

  #drawFilters() {
    const all = [...this.context.state.characters.values()];
    const categories = [...new Set(all.map(({ category }) => category).filter(Boolean))].sort();
    const chosen = this.category.value || last.category;
    this.category.replaceChildren(h("option", { value: "" }, "Every category"), ...categories.map((name) => h("option", { value: name, selected: name === chosen }, name[0].toUpperCase() + name.slice(1))));
    const count = new Map();
    for (const { tags = [] } of all) for (const tag of tags) count.set(tag, (count.get(tag) ?? 0) + 1);
    const tags = [...count].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, MAX_TAGS).map(([tag]) => tag);
    if (last.tag && !tags.includes(last.tag)) tags.unshift(last.tag);
    this.tags.replaceChildren(...tags.map((tag) => h("button.chip", { type: "button", "aria-pressed": String(tag === last.tag), data: { testid: "cast-tag", tag, key: `tag-${tag}` }, onclick: () => {
      last.tag = last.tag === tag ? "" : tag;
      for (const chip of this.tags.children) chip.setAttribute("aria-pressed", String(/** @type {any} */ (chip).dataset.tag === last.tag));
      this.#find();
    } }, tag)));
    this.tags.hidden = !tags.length;
  }

  /** Begins the list anew. */
  #find() {
    Object.assign(last, { q: this.search.value.trim(), category: this.category.value, trait: this.trait.value, sort: this.sort.value });
    this.#cursor = null;
    this.#load(true);
  }

  async #load(anew = false) {
    const stamp = ++this.#stamp;
    const query = new URLSearchParams({ limit: String(PAGE) });
    for (const [key, value] of Object.entries(last)) if (value) query.set(key, value);
    if (!anew && this.#cursor) query.set("cursor", this.#cursor);
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/characters?${query}`);
      if (stamp !== this.#stamp) return;
      const focusNext = anew ? null : this.#items.length;
      this.#items = anew ? items : [...this.#items, ...items];
      this.#cursor = nextCursor ?? null;
      this.loaded = true;
      this.#draw();
      if (focusNext !== null) this.grid.children[focusNext]?.querySelector("button")?.focus();
    } catch (error) {
      if (stamp === this.#stamp) toastError(error, "The characters could not be loaded");
    }
  }

  #draw() {
    const { state } = this.context;
    const focused = document.activeElement?.closest?.("[data-key]")?.getAttribute("data-key");
    this.grid.replaceChildren(...this.#items.map((character) => characterCard(character, { begin: () => this.#begin(character), latest: state.latestWith(character.id) })));
    if (focused) this.grid.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.none.textContent = this.#items.length || !this.loaded ? "" : last.q ? `No character fits “${last.q}”.` : "No character fits these filters.";
    this.none.hidden = !this.none.textContent;
    this.more.hidden = !this.#cursor;
  }

  async #begin(character) {
    if (this.busy) return;
    this.busy = true;
    try {
      const conversation = await this.context.state.startWith(character.id);
      this.context.navigate(`#/c/${conversation.id}`);
    } catch (error) {
      toastError(error, `The conversation with ${character.name} could not be opened`);
    } finally {
      this.busy = false;
    }
  }

  destroy() {
    this.#stamp += 1;
    clearTimeout(this.#timer);
    for (const stop of this.stops) stop();
  }
}
