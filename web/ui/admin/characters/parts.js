// @ts-check
/** The parts of the editor: which fields stand where. */
import { h } from "../../dom.js";
import { lorebook } from "./lorebook.js";

const TEXT = 16000;

/** @param {ReturnType<typeof import("./fields.js").binder>} bind */
export function texts(bind) {
  const speaker = (value, change, now) => {
    const select = h("select.pick", { "aria-label": "Who says it", onchange: () => change({ ...now(), from: select.value }) }, h("option", { value: "user", selected: value.from === "user" }, "Person"), h("option", { value: "character", selected: value.from === "character" }, "Character"));
    return select;
  };
  return [bind.text("name", "Name", { maxLength: 80, required: true }), bind.text("slug", "Address", { maxLength: 80, autocapitalize: "none", spellcheck: "false" }, { hint: "a to z, digits and -; made of the name if it is left empty" }),
    bind.text("tagline", "In one line", { maxLength: 200 }), bind.text("description", "Description", { maxLength: TEXT }, { rows: 6, hint: "Everybody can read it. Markdown." }),
    bind.text("category", "Category", { maxLength: 80 }), bind.text("tags", "Tags", {}, { as: "list", hint: "With commas between them" }),
    bind.text("color", "Colour", { type: "color" }), bind.text("avatarUrl", "Picture", { type: "text", inputmode: "url", spellcheck: "false" }, { as: "optional", hint: "A path of this server under /media/, or an address with https:" }),
    bind.check("premium", "For premium plans alone"),
    bind.text("greeting", "Greeting", { maxLength: TEXT }, { rows: 4, hint: "{{user}} and {{char}} stand for the names." }),
    bind.texts("alternateGreetings", "Other greetings", { add: "Add a greeting", rows: 4 }),
    bind.text("settings.scenario", "Scenario", { maxLength: TEXT }, { rows: 4 }),
    bind.texts("settings.examples", "Example dialogue", { add: "Add a line", rows: 2, blank: () => ({ from: "character", text: "" }), draw: { read: (value) => value.text, write: (old, text) => ({ ...old, text }), before: speaker } })];
}

/** @param {ReturnType<typeof import("./fields.js").binder>} bind @param {{name: string, label: string, description: string}[]} traits */
export function personality(bind, traits) {
  return [bind.text("settings.personality", "Personality", { maxLength: TEXT }, { rows: 6 }), bind.text("tone", "Tone", { maxLength: 80 }, { hint: "A few words: dry, tender, old-fashioned" }), traitList(bind, traits),
    bind.dial("dials.formality", "casual", "formal", "Formality"), bind.dial("dials.humor", "earnest", "playful", "Humor"), bind.dial("dials.empathy", "detached", "warm", "Empathy"),
    bind.dial("dials.creativity", "down to earth", "inventive", "Creativity"), bind.dial("dials.confidence", "hesitant", "sure", "Confidence"), bind.dial("dials.emoji", "none", "many", "Emoji"),
    bind.dial("talkativeness", "waits", "speaks up", "Talkativeness", { hint: "How readily it speaks up in a conversation of many." }), bind.text("voice", "Voice", { maxLength: 80 }, { as: "optional", hint: "The name of a voice for speech" }), replyType(bind)];
}

/** What it usually answers with; who writes to it may ask for another. */
function replyType(bind) {
  const id = "character-reply-type";
  const kinds = [["text", "Text"], ["audio", "Audio, where the plan has it"], ["media", "Something of its gallery, where it fits"]];
  const list = h("select", { id, onchange: () => bind.write("replyType", list.value) }, ...kinds.map(([value, label]) => h("option", { value, selected: (bind.draft.replyType ?? "text") === value }, label)));
  const problem = h("p.field-error", { hidden: true });
  const element = h("div.field", {}, h("label", { for: id }, "Usually answers with"), list, problem);
  return { path: "replyType", element, focus: () => list.focus(), setProblem: (/** @type {string} */ message) => {
    problem.textContent = message;
    problem.hidden = !message;
  } };
}

/** @param {any} bind @param {{name: string, label: string, description: string}[]} traits */
export function traitList(bind, traits) {
  const boxes = traits.map(({ name, label, description }) => h("label.trait", { title: description }, h("input", { type: "checkbox", value: name, checked: (bind.draft.traits ?? []).includes(name), onchange: () => bind.write("traits", [...element.querySelectorAll("input:checked")].map((box) => box.value)) }), label));
  const problem = h("p.field-error", { hidden: true });
  const element = h("fieldset.field", {}, h("legend", {}, "Traits"), h("p.field-hint", {}, "At most 24. Each shapes how it speaks."), h("div.trait-list", {}, ...boxes), problem);
  return { path: "traits", element, focus: () => element.querySelector("input")?.focus(), setProblem: (/** @type {string} */ message) => {
    problem.textContent = message;
    problem.hidden = !message;
  } };
}

/** @param {ReturnType<typeof import("./fields.js").binder>} bind */
export function ai(bind) {
  return [bind.text("settings.ai.provider", "Provider", { maxLength: 80, spellcheck: "false" }, { as: "optional", hint: "By its name in the settings; empty is the default one" }), bind.text("settings.ai.model", "Model", { maxLength: 200, spellcheck: "false" }, { as: "optional", hint: "Empty is the provider's default" }),
    bind.text("settings.ai.fallbacks", "Who else is asked", { spellcheck: "false" }, { as: "lines", rows: 2, hint: "When that fails, one a line: a provider, or provider/model. Then the default one." }),
    bind.dial("settings.ai.temperature", "the likeliest", "the freest", "Temperature", { most: 2 }), bind.text("settings.ai.maxTokens", "Tokens of one reply", { type: "number", min: "1", max: "32000" }, { as: "number" }),
    bind.text("settings.ai.contextTokens", "Tokens of prompt and reply", { type: "number", min: "500", max: "2000000" }, { as: "number" }),
    bind.check("settings.ai.responseCache", "Give kept answers again", "The same prompt gets the same answer for an hour, without asking the model.", ["off", "on"]),
    bind.text("settings.systemPrompt", "System prompt", { maxLength: TEXT }, { as: "optional", rows: 6, hint: "Stands in the place of the description that is made of the other fields." }),
    bind.text("settings.postHistory", "After the history", { maxLength: TEXT }, { as: "optional", rows: 3, hint: "Instructions that stand nearest to the reply." })];
}

/** @param {ReturnType<typeof import("./fields.js").binder>} bind */
export function knowledge(bind) {
  return [bind.text("settings.knowledge", "What it knows", {}, { as: "lines", rows: 10, hint: "One fact a line" }), bind.text("settings.restrictedTopics", "What it keeps from", {}, { as: "lines", rows: 5, hint: "One topic a line; it steers away from them." })];
}

/** @param {ReturnType<typeof import("./fields.js").binder>} bind */
export function lore(bind) {
  return [bind.text("settings.lorebook.scanDepth", "Messages that are scanned", { type: "number", min: "0", max: "1000" }, { as: "number", hint: "Back from the newest; empty is the server's setting" }),
    bind.text("settings.lorebook.tokenBudget", "Tokens of all entries together", { type: "number", min: "0", max: "2000000" }, { as: "number" }), bind.check("settings.lorebook.recursive", "An entry may bring up further entries"), lorebook(bind)];
}
