// @ts-check
/** A character's page: who it is, how it speaks, how it is liked, its gallery, and what it remembers of who looks. */
import { tint } from "./card.js";
import { avatar, h, icon } from "../dom.js";
import { gallery } from "./media.js";
import { memory } from "./memory.js";
import { openNewRoom } from "./new-room.js";
import { ratingForm, stars } from "./rating.js";
import { toastError } from "../overlays.js";
import { showText, spoken } from "../text.js";
import { ago, formatNumber } from "../time.js";

const DIALS = { formality: ["Casual", "Formal"], humor: ["Earnest", "Playful"], empathy: ["Detached", "Warm"], creativity: ["Down to earth", "Inventive"], confidence: ["Hesitant", "Sure"], emoji: ["No emoji", "Emoji"] };
const MIDDLE = 0.5;
const SHOWN_FROM = 0.08;

export class CharacterPage {
  title = "Character";

  /** @param {any} context see app.js @param {string} slug */
  constructor(context, slug) {
    this.context = context;
    this.slug = slug;
    this.body = h("div.character-body", {}, h("p.muted", { role: "status" }, "Loading"));
    this.element = h("section.page.character-page", { "aria-label": "Character", data: { testid: "character-page" } },
      h("header.page-head", {}, context.menuButton(), h("a.back", { href: "#/" }, icon("back"), "All characters")), this.body);
    this.#load();
    this.stop = context.client.on("character:update", ({ character, characterId, deleted }) => {
      if (character && character.id === this.character?.id) this.#draw({ ...this.character, ...character });
      else if (deleted && characterId === this.character?.id) this.body.replaceChildren(h("p.cast-none", { role: "status" }, "This character has left the house."));
    });
  }

  async #load() {
    const { api } = this.context;
    try {
      const [character, traits] = await Promise.all([api.get(`/api/characters/${encodeURIComponent(this.slug)}`), this.context.state.traits().catch(() => [])]);
      if (this.gone) return;
      this.traits = new Map(traits.map((one) => [one.name, one]));
      this.#draw(character);
      this.context.client.command("character:subscribe", { characterId: character.id }).catch(() => {});
    } catch (error) {
      const words = error.status === 404 ? "There is no such character, or it has left the house." : "The character could not be loaded.";
      this.body.replaceChildren(h("div.cast-none", { role: "alert" }, h("p", {}, words), h("a.link", { href: "#/" }, "To all characters")));
    }
  }

  #draw(character) {
    this.character = character;
    this.title = character.name;
    this.element.setAttribute("aria-label", character.name);
    this.context.titled(this);
    const description = h("div.message-text.prose", {});
    showText(description, character.description ?? "");
    const admin = this.context.state.user.role === "admin";
    const facts = h("div", {}, ...this.#facts(character));
    this.gallery?.end();
    this.gallery = gallery(this.context, character);
    this.body.replaceChildren(
      tint(h("div.character-head", {}, avatar(character, "portrait"),
        h("div.character-words", {}, h("h1", {}, character.name), h("p.lead", {}, character.tagline ?? ""),
          h("p.card-tags", {}, character.premium ? h("span.tag", { data: { tone: "warn" } }, "premium") : null, character.category ? h("span.tag", { data: { tone: "good" } }, character.category) : null, ...(character.tags ?? []).map((tag) => h("span.tag", {}, tag))),
          h("div.character-deeds", {}, ...this.#deeds(character, admin)))), character),
      h("div.character-columns", {},
        h("div.character-main", {},
          character.description ? h("section.panel", { "aria-label": "About" }, h("h2", {}, "About"), description) : null,
          this.#manner(character), this.#greetings(character),
          this.gallery.element),
        h("div.character-side", {},
          h("section.panel", { "aria-label": "Liked" }, h("h2", {}, "Liked"), facts, ratingForm(this.context.api, character, ({ average, ratings }) => {
            character.statistics = { ...character.statistics, rating: average, ratings };
            facts.replaceChildren(...this.#facts(character));
          })),
          memory(this.context.api, character))));
  }

  #deeds(character, admin) {
    const latest = this.context.state.latestWith(character.id);
    return [h("button.button.primary", { type: "button", data: { testid: "begin-chat" }, onclick: () => this.#begin({ greeting: 0 }) }, icon("chat"), `Talk with ${character.name.split(" ")[0]}`),
      latest?.lastMessage ? h("a.button.quiet", { href: `#/c/${latest.id}` }, "Continue where you left off") : null,
      h("button.button.quiet", { type: "button", onclick: () => openNewRoom(this.context, [character.id]) }, icon("people"), "Gather several"),
      admin ? h("a.button.quiet", { href: `#/admin/characters/${character.slug}`, data: { testid: "edit-character" } }, icon("edit"), "Edit") : null].filter(Boolean);
  }

  #facts(character) {
    const { conversations, messages, ratings, rating, views, lastActiveAt } = character.statistics ?? {};
    const rows = [["Rating", rating ? [stars(rating), h("span.muted", {}, ` by ${formatNumber(ratings)}`)] : "Nobody has rated yet"], ["Conversations", formatNumber(conversations ?? 0)], ["Messages", formatNumber(messages ?? 0)],
      ["Views", formatNumber(views ?? 0)], ["Last spoken with", lastActiveAt ? ago(lastActiveAt) : "Not yet"]];
    return [h("dl.facts", { data: { testid: "character-facts" } }, ...rows.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))))];
  }

  /** Traits and dials; a dial in the middle says nothing and is left out. */
  #manner(character) {
    const traits = (character.traits ?? []).map((name) => this.traits?.get(name) ?? { name, label: name, description: "" });
    const dials = Object.entries(DIALS).filter(([key]) => Math.abs((character.dials?.[key] ?? MIDDLE) - MIDDLE) > SHOWN_FROM);
    if (!traits.length && !dials.length && !character.tone) return null;
    return h("section.panel", { "aria-label": "Manner" }, h("h2", {}, "Manner"), character.tone ? h("p", {}, `Tone: ${character.tone}`) : null,
      traits.length ? h("ul.traits", {}, ...traits.map(({ label, description }) => h("li", {}, h("b", {}, label), description ? h("span", {}, description) : null))) : null,
      dials.length ? h("dl.dials", {}, ...dials.map(([key, [low, high]]) => {
        const value = character.dials[key];
        const bar = h("span.dial", { "aria-hidden": "true" }, h("i", {}));
        bar.style.setProperty("--at", `${Math.round(value * 100)}%`);
        return h("div", {}, h("dt", {}, h("span.visually-hidden", {}, key), h("span", { "aria-hidden": "true" }, low), bar, h("span", { "aria-hidden": "true" }, high)), h("dd.visually-hidden", {}, `${Math.round(value * 100)} of 100, from ${low} to ${high}`));
      })) : null);
  }

  /** Several ways to begin: each can be chosen. */
  #greetings(character) {
    const all = [character.greeting, ...(character.alternateGreetings ?? [])].filter(Boolean);
    if (!all.length) return null;
    return h("section.panel", { "aria-label": "Greetings" }, h("h2", {}, all.length > 1 ? "Ways to begin" : "How it begins"), h("ul.greetings", {}, ...all.map((greeting, at) => {
      const text = h("div.message-text", {});
      showText(text, spoken(greeting, character.name, this.context.state.user.displayName || this.context.state.user.username));
      return h("li", { data: { testid: "greeting" } }, text, all.length > 1 ? h("button.button.quiet.small", { type: "button", data: { testid: `begin-with-${at}` }, onclick: () => this.#begin({ greeting: at, anew: true }) }, "Begin like this") : null);
    })));
  }

  async #begin({ greeting, anew = false }) {
    try {
      const { state, navigate } = this.context;
      const conversation = anew ? await state.start({ characterId: this.character.id, greeting }) : await state.startWith(this.character.id);
      navigate(`#/c/${conversation.id}`);
    } catch (error) {
      toastError(error, "The conversation could not be opened");
    }
  }

  destroy() {
    this.gone = true;
    this.gallery?.end();
    this.stop();
    if (this.character) this.context.client.tell("character:unsubscribe", { characterId: this.character.id });
  }
}
