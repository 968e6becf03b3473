// @ts-check
/** Reactions: the chips under a message, and the small picker. The list is bounded and the same for all. */
import { focusOn, h, icon } from "../dom.js";

/** Each with its name for a screen reader and for the tooltip. @type {[string, string][]} */
export const EMOJI = [["👍", "Thumbs up"], ["❤️", "Heart"], ["😂", "Tears of joy"], ["😮", "Astonished"], ["😢", "Sad"], ["🎉", "Celebration"],
  ["👏", "Applause"], ["🙏", "Thanks"], ["🔥", "Fire"], ["✨", "Sparkles"], ["🤔", "Thinking"], ["👀", "Eyes"],
  ["😊", "Smile"], ["😍", "In love"], ["😅", "Relieved laugh"], ["😴", "Asleep"], ["🥳", "Party"], ["😡", "Angry"],
  ["💡", "Idea"], ["✅", "Done"], ["❌", "No"], ["☕", "Coffee"], ["🌙", "Moon"], ["👎", "Thumbs down"]];
const COLUMNS = 6;
const SHOWN_NAMES = 8;
const nameOf = (emoji) => EMOJI.find(([one]) => one === emoji)?.[1] ?? emoji;

/** @param {any} message @param {import("./message.js").Deeds} deeds @param {any} entry */
export function reactionChips(message, deeds, entry) {
  const reactions = message?.reactions ?? [];
  if (!reactions.length) return null;
  return h("div.reactions", { role: "group", "aria-label": "Reactions" }, ...reactions.map(({ emoji, userIds }) => {
    const mine = userIds.includes(deeds.userId);
    const names = userIds.slice(0, SHOWN_NAMES).map((id) => (id === deeds.userId ? "you" : deeds.who(id).name));
    const who = names.join(", ") + (userIds.length > SHOWN_NAMES ? ` and ${userIds.length - SHOWN_NAMES} more` : "");
    return h("button.reaction", { type: "button", "aria-pressed": String(mine), title: `${nameOf(emoji)}: ${who}`, "aria-label": `${nameOf(emoji)}, ${userIds.length}: ${who}`,
      data: { testid: "reaction", emoji, key: `reaction-${emoji}` }, onclick: () => deeds.react(entry, emoji, mine) }, h("span", { "aria-hidden": "true" }, emoji), h("span", {}, String(userIds.length)));
  }));
}

/**
 * The picker: a grid that the arrow keys walk. @param {(emoji: string) => void} choose @param {() => void} close
 */
export function reactionPicker(choose, close) {
  const buttons = EMOJI.map(([emoji, name], at) => h("button", { type: "button", title: name, "aria-label": name, tabindex: at ? "-1" : "0",
    data: { testid: "reaction-choice", emoji }, onclick: () => choose(emoji) }, emoji));
  const element = h("div.picker", { role: "group", "aria-label": "Choose a reaction", data: { testid: "reaction-picker" }, onkeydown: steer,
    onfocusout: (event) => { if (event.relatedTarget && !element.contains(event.relatedTarget)) close(); } },
  h("div.picker-grid", {}, ...buttons), h("button.icon-button", { type: "button", "aria-label": "Close the reactions", onclick: close }, icon("close")));

  function steer(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      return close();
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    const at = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const next = step === undefined ? undefined : buttons[at + step];
    if (at < 0 || step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  return { element, focus: () => focusOn(buttons[0]) };
}
