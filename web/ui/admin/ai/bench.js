// @ts-check
/** Try a character: what it would say to this, and the prompt that makes it say so. Nothing is stored in a conversation. */
import { panel } from "../../account/parts.js";
import { h } from "../../dom.js";
import { field, form } from "../../form.js";
import { formatNumber } from "../../time.js";
import { dollars, millis } from "./units.js";

/** @param {import("./ai.js").Place} place */
export function bench({ api, state, onEnd }) {
  const character = field("bench-character", "Character", {}, { key: "characterId", kind: "select", options: names(state) });
  const message = field("bench-message", "You say", { rows: "3", maxLength: 5000, placeholder: "Good evening. Who are you?" }, { key: "message", kind: "textarea" });
  const result = h("div.admin-body", { "aria-live": "polite", data: { testid: "bench-result" } });
  const ask = form({ id: "bench", fields: [character, message], submit: "Ask",
    send: (values) => api.post("/api/ai/test", values),
    done: (answer) => result.replaceChildren(...shown(answer, character.input.selectedOptions[0]?.textContent ?? "It")) });
  onEnd(state.on("characters", () => {
    const chosen = character.input.value;
    character.input.replaceChildren(...names(state).map(([value, text]) => h("option", { value }, text)));
    if (chosen) character.input.value = chosen;
  }));
  if (!state.characters.size) state.loadCharacters().catch(() => {});
  return [panel("Rehearsal", h("p.muted", {}, "The answer comes from the character's own provider and is accounted to you."), ask.element), result];
}

/** @param {import("../../../state.js").State} state @returns {[string, string][]} */
function names(state) {
  return [...state.characters.values()].map((one) => /** @type {[string, string]} */ ([one.id, one.name])).sort((a, b) => a[1].localeCompare(b[1]));
}

/** @param {any} answer @param {string} name */
function shown(answer, name) {
  const { usage = {} } = answer;
  const facts = /** @type {[string, string][]} */ ([["Answered by", [answer.provider, answer.model].filter(Boolean).join(" · ")], ["Cost", dollars(answer.costMicros ?? 0)],
    ["First word after", answer.firstTokenMs == null ? "–" : millis(answer.firstTokenMs)], ["Whole answer after", millis(answer.tookMs ?? 0)],
    ["Tokens in, of them cached, out", [usage.promptTokens, usage.cachedTokens, usage.completionTokens].map((count) => formatNumber(count ?? 0)).join(" · ")], ["Ended", answer.finish ?? "–"]]);
  const line = (/** @type {any} */ part) => h("li.bench-part", { data: { role: part.role } },
    h("p.bench-role", {}, h("b", {}, part.role), h("span.muted", {}, `${formatNumber(part.tokens ?? 0)} tokens`)), h("pre.bench-text", {}, part.content));
  return [
    panel(`${name} says`, h("p.bench-reply", { data: { testid: "bench-reply" } }, answer.reply), h("dl.facts", {}, ...facts.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value))))),
    panel(`The prompt, ${formatNumber(answer.promptTokens ?? 0)} tokens`, h("ol.bench-prompt", { data: { testid: "bench-prompt" } }, ...(answer.prompt ?? []).map(line))),
  ];
}
