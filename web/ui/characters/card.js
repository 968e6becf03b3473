// @ts-check
/** A character as a card: the card begins a conversation, a line below leads to its page or to the one under way. */
import { avatar, h, icon } from "../dom.js";
import { stars } from "./rating.js";

const MAX_TAGS = 4;

/** Whether a character fits what was typed. @param {any} character @param {string} query */
export function fits(character, query) {
  const words = [character.name, character.tagline, character.category, ...(character.tags ?? [])].join(" ").toLowerCase();
  return query.toLowerCase().split(/\s+/).every((part) => words.includes(part));
}

/** Gives an element the character's colour. @param {HTMLElement} element @param {any} character */
export function tint(element, character) {
  if (/^#[0-9a-f]{6}$/i.test(character.color ?? "")) element.style.setProperty("--tint", character.color);
  return element;
}

/** @param {any} character @param {{begin: () => void, latest?: any}} options */
export function characterCard(character, { begin, latest }) {
  const main = h("button.card-main", { type: "button", data: { testid: "character-card", characterId: character.id, slug: character.slug, key: `begin-${character.id}` }, onclick: begin },
    avatar(character, "large"),
    h("span.card-words", {},
      h("span.card-name", {}, character.name, character.premium ? h("span.tag", { data: { tone: "warn" } }, "premium") : null),
      h("span.card-tagline", {}, character.tagline ?? ""),
      character.tags?.length ? h("span.card-tags", {}, ...character.tags.slice(0, MAX_TAGS).map((tag) => h("span.tag", {}, tag))) : null));
  const { rating } = character.statistics ?? {};
  return tint(h("li.card", {}, main, h("div.card-foot", {},
    latest?.lastMessage ? h("a.card-link", { href: `#/c/${latest.id}`, data: { key: `continue-${character.id}`, testid: "card-continue" } }, icon("chat"), "Continue") : h("span", {}),
    rating ? h("span.card-rating", {}, stars(rating)) : null,
    h("a.card-link.card-about", { href: `#/characters/${character.slug}`, "aria-label": `About ${character.name}`, data: { key: `about-${character.id}`, testid: "card-about" } }, "About", icon("arrow")))), character);
}
