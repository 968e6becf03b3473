// @ts-check
/** The cast: a card for each character. A card begins a new conversation; one that is under way can be continued. */
import { avatar, h, icon } from "./dom.js";
import { toastError } from "./overlays.js";

/** Whether a character fits what was typed. @param {any} character @param {string} query */
export function fits(character, query) {
  const words = [character.name, character.tagline, character.category, ...(character.tags ?? [])].join(" ").toLowerCase();
  return query.toLowerCase().split(/\s+/).every((part) => words.includes(part));
}

export class CharactersView {
  title = "Characters";

  /** @param {any} context see app.js */
  constructor({ state, menuButton, navigate }) {
    this.state = state;
    this.navigate = navigate;
    this.busy = false;
    this.search = h("input", { type: "search", id: "character-search", placeholder: "Find by name, mood or subject", autocomplete: "off",
      data: { testid: "character-search" }, oninput: () => this.draw() });
    this.grid = h("ul.cast", {});
    this.none = h("p.cast-none", { role: "status" });
    this.element = h("section.page", { "aria-labelledby": "cast-title" },
      h("header.page-head", {}, menuButton(),
        h("div.page-words", {}, h("h1", { id: "cast-title" }, "Who would you like to meet?"),
          h("p.lead", {}, "Choose a character to begin a conversation."))),
      h("div.cast-search", {}, h("label.visually-hidden", { for: "character-search" }, "Find a character"), icon("search"), this.search),
      this.grid, this.none);
    this.stops = [state.on("characters", () => this.draw()), state.on("conversations", () => this.draw())];
    this.draw();
  }

  draw() {
    const all = [...this.state.characters.values()];
    const query = this.search.value.trim();
    const shown = query ? all.filter((character) => fits(character, query)) : all;
    const focused = document.activeElement?.closest?.("[data-key]")?.getAttribute("data-key");
    this.grid.replaceChildren(...shown.map((character) => this.#card(character)));
    if (focused) this.grid.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.none.textContent = shown.length || !all.length ? "" : `No character fits “${query}”.`;
    this.none.hidden = !this.none.textContent;
  }

  #card(character) {
    const latest = this.state.latestWith(character.id);
    const begin = h("button.card-main", { type: "button", data: { testid: "character-card", characterId: character.id, slug: character.slug, key: `begin-${character.id}` },
      onclick: () => this.#begin(character) },
    avatar(character, "large"),
    h("span.card-words", {},
      h("span.card-name", {}, character.name),
      h("span.card-tagline", {}, character.tagline ?? ""),
      character.tags?.length ? h("span.card-tags", {}, ...character.tags.slice(0, 4).map((tag) => h("span.tag", {}, tag))) : null));
    const card = h("li.card", {}, begin,
      latest?.lastMessage ? h("a.card-continue", { href: `#/c/${latest.id}`, data: { key: `continue-${character.id}` } }, icon("chat"), "Continue where you left off") : null);
    if (/^#[0-9a-f]{6}$/i.test(character.color ?? "")) card.style.setProperty("--tint", character.color);
    return card;
  }

  async #begin(character) {
    if (this.busy) return;
    this.busy = true;
    try {
      const conversation = await this.state.startWith(character.id);
      this.navigate(`#/c/${conversation.id}`);
    } catch (error) {
      toastError(error, `The conversation with ${character.name} could not be opened`);
    } finally {
      this.busy = false;
    }
  }

  destroy() {
    for (const stop of this.stops) stop();
  }
}
