// @ts-check
/** Conversations that are public: featured ones first, by category, with search. */
import { avatar, h, icon } from "../dom.js";
import { highlighted } from "../hits.js";
import { toastError } from "../overlays.js";
import { ago, formatNumber } from "../time.js";

const PAGE = 24;
const AFTER_MS = 280;
const SORTS = [["recent", "Last spoken in"], ["popular", "Most read"]];

export class PublicView {
  title = "Public conversations";
  #stamp = 0;
  #timer = /** @type {any} */ (0);
  #cursor = /** @type {string|null} */ (null);

  /** @param {any} context see app.js @param {string} [category] */
  constructor(context, category = "") {
    this.context = context;
    this.category = category;
    this.input = h("input", { type: "search", id: "public-search", placeholder: "Search in public conversations", "aria-label": "Search in public conversations", maxLength: 200, data: { testid: "public-search" }, oninput: () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#load(true), AFTER_MS);
    } });
    this.sort = h("select.pick", { "aria-label": "Order", data: { testid: "public-sort" }, onchange: () => this.#load(true) }, ...SORTS.map(([value, text]) => h("option", { value }, text)));
    this.chips = h("nav.chips", { "aria-label": "Categories" });
    this.list = h("ul.cast.stories", {});
    this.none = h("p.cast-none", { role: "status" });
    this.more = h("button.button.quiet", { type: "button", hidden: true, onclick: () => this.#load(false) }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "public-title" },
      h("header.page-head", {}, context.menuButton(), h("div.page-words", {}, h("h1", { id: "public-title" }, "Told in public"), h("p.lead", {}, "Conversations that their owners have published."))),
      h("div.cast-tools", {}, h("div.cast-search", {}, icon("search"), this.input), this.sort), this.chips, this.list, this.none, this.more);
    this.#loadCategories();
    this.#load(true);
  }

  async #loadCategories() {
    try {
      const answer = await this.context.api.get("/api/conversations/categories");
      const rows = answer.items ?? answer.categories ?? [];
      const chip = (name, text) => h("a.chip", { href: name ? `#/public/${encodeURIComponent(name)}` : "#/public", "aria-current": name === this.category ? "page" : null, data: { testid: "public-category" } }, text);
      this.chips.replaceChildren(chip("", "All"), ...rows.map(({ category, conversations }) => chip(category, `${category} ${formatNumber(conversations)}`)));
      this.chips.hidden = !rows.length;
    } catch { /* the list works without */ }
  }

  async #load(anew) {
    const stamp = ++this.#stamp;
    const q = this.input.value.trim();
    const query = new URLSearchParams({ limit: String(PAGE) });
    if (q) query.set("q", q);
    else {
      query.set("scope", "public");
      query.set("sort", this.sort.value);
      if (this.category) query.set("category", this.category);
    }
    if (!anew && this.#cursor) query.set("cursor", this.#cursor);
    this.sort.hidden = Boolean(q);
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/conversations${q ? "/search" : ""}?${query}`);
      if (stamp !== this.#stamp) return;
      if (anew) this.list.replaceChildren();
      this.list.append(...items.map((item) => this.#card(item.conversation ?? item, item.highlights)));
      this.#cursor = nextCursor ?? null;
      this.more.hidden = !this.#cursor;
      this.none.textContent = this.list.children.length ? "" : q ? `Nothing fits “${q}”.` : "Nothing is published here yet. A conversation is published by its owner, under “About this conversation”.";
      this.none.hidden = !this.none.textContent;
    } catch (error) {
      if (stamp === this.#stamp) toastError(error, "The conversations could not be loaded");
    }
  }

  #card(story, highlights) {
    const mine = this.context.state.conversations.has(story.id);
    return h("li.card.story", { data: { testid: "public-conversation", slug: story.slug } },
      h("a.story-main", { href: `/c/${story.slug}`, target: "_blank", rel: "noopener" },
        h("span.faces", {}, ...(story.characters ?? []).slice(0, 3).map((one) => avatar(one))),
        h("span.card-words", {}, h("span.card-name", {}, story.title, story.featured ? h("span.tag", { data: { tone: "warn" } }, "featured") : null),
          highlights?.length ? h("span.card-tagline", {}, ...highlighted(highlights)) : h("span.card-tagline", {}, `${(story.characters ?? []).map(({ name }) => name).join(", ")}${story.people?.length ? ` with ${story.people.join(", ")}` : ""}`),
          h("span.card-tags", {}, story.category ? h("span.tag", { data: { tone: "good" } }, story.category) : null, ...(story.tags ?? []).slice(0, 4).map((tag) => h("span.tag", {}, tag))))),
      h("div.card-foot", {}, h("span.muted", {}, `${formatNumber(story.messageCount ?? 0)} messages · ${formatNumber(story.views ?? 0)} reads · ${ago(story.updatedAt)}`),
        mine ? h("a.card-link", { href: `#/c/${story.id}` }, icon("chat"), "Yours") : null));
  }

  destroy() {
    this.#stamp += 1;
    clearTimeout(this.#timer);
  }
}
