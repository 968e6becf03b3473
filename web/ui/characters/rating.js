// @ts-check
/** Stars: how a character is rated, and rating it oneself (five radio buttons, so that the arrow keys choose). */
import { h, icon, setText } from "../dom.js";
import { toastError } from "../overlays.js";
import { formatNumber } from "../time.js";

const MOST = 5;
const WORDS = ["", "Not for me", "So so", "Good", "Very good", "Wonderful"];

/** @param {number} value */
export function stars(value) {
  const element = h("span.stars", { role: "img", "aria-label": `${formatNumber(value)} of ${MOST} stars` }, h("span.stars-full", { "aria-hidden": "true" }, "★★★★★"), h("span", { "aria-hidden": "true" }, formatNumber(value)));
  element.style.setProperty("--share", `${Math.round((value / MOST) * 100)}%`);
  return element;
}

/** @param {import("../../api.js").Api} api @param {any} character @param {(rating: any) => void} rated */
export function ratingForm(api, character, rated) {
  const said = h("p.muted", { role: "status", data: { testid: "rating-said" } }, character.myRating ? WORDS[character.myRating] : "Your rating");
  const radios = Array.from({ length: MOST }, (_, at) => h("input", { type: "radio", name: "rating", value: String(at + 1), id: `rating-${at + 1}`, checked: character.myRating === at + 1,
    data: { testid: `rating-${at + 1}` }, onchange: () => send(at + 1) }));
  let latest = 0;

  async function send(/** @type {number} */ value) {
    const stamp = ++latest;
    try {
      const answer = await api.post(`/api/characters/${character.id}/rating`, { rating: value });
      if (stamp !== latest) return;
      setText(said, `${WORDS[value]}. Thank you.`);
      rated(answer);
    } catch (error) {
      radios[value - 1].checked = false;
      toastError(error, "Your rating was not taken");
    }
  }

  return h("fieldset.rate", { data: { testid: "rating" } }, h("legend", {}, `How do you like ${character.name}?`),
    h("div.rate-stars", {}, ...[...radios].reverse().flatMap((radio) => [radio, h("label", { for: radio.id, title: WORDS[Number(radio.value)] }, icon("star"), h("span.visually-hidden", {}, `${radio.value} of ${MOST}: ${WORDS[Number(radio.value)]}`))])), said);
}
