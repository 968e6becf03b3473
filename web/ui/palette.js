// @ts-check
/** Ctrl+K: a character or a conversation by a few typed letters. A combobox over a list, as ARIA describes it. */
import { conversationTitle } from "./conversations/list.js";
import { fits } from "./characters/card.js";
import { avatar, h, icon } from "./dom.js";
import { toastError } from "./overlays.js";

const MAX_ROWS = 12;

/** @param {{state: import("../state.js").State, navigate: (hash: string) => void}} context */
export function openPalette({ state, navigate }) {
  if (document.querySelector("dialog[open]")) return;
  let rows = /** @type {any[]} */ ([]);
  let at = 0;
  const input = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
    "aria-label": "Go to a character or conversation", placeholder: "Go to a character or conversation", autocomplete: "off", spellcheck: "false",
    data: { testid: "palette-input" }, oninput: () => draw(), onkeydown: (event) => steer(event) });
  const list = h("ul.palette-list", { id: "palette-list", role: "listbox", "aria-label": "Results" });
  const dialog = h("dialog.palette", { "aria-label": "Go to", data: { testid: "palette" },
    onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
  h("div.palette-inner", {}, h("div.palette-search", {}, icon("search"), input, h("kbd", {}, "Esc")), list));

  function find(query) {
    const characters = [...state.characters.values()].filter((character) => fits(character, query))
      .map((character) => ({ who: character, name: character.name, detail: character.tagline ?? "", kind: "Character",
        open: async () => (state.latestWith(character.id) ?? await state.startWith(character.id)).id }));
    const conversations = state.conversationList()
      .map((conversation) => ({ who: state.character(conversation.characters?.[0]?.id, conversation), name: conversationTitle(conversation, state),
        detail: conversation.lastMessage?.content.slice(0, 80) ?? "", kind: "Conversation", open: async () => conversation.id }))
      .filter(({ name, detail }) => query && `${name} ${detail}`.toLowerCase().includes(query.toLowerCase()));
    const begins = ({ name }) => Number(query !== "" && name.toLowerCase().startsWith(query.toLowerCase()));
    const said = query ? [{ who: null, name: `Search for “${query}”`, detail: "in everything that was said", kind: "Search", open: async () => `#/search/${encodeURIComponent(query)}` }] : [];
    return [...[...characters.sort((a, b) => begins(b) - begins(a)), ...conversations].slice(0, MAX_ROWS), ...said];
  }

  function draw() {
    rows = find(input.value.trim());
    at = 0;
    list.replaceChildren(...rows.map((row, index) => h("li", { id: `palette-${index}`, role: "option", onclick: () => choose(row),
      onmousemove: () => { if (at !== index) { at = index; mark(); } } },
    row.who ? avatar(row.who) : h("span.palette-icon", {}, icon("search")), h("span.palette-words", {}, h("span.palette-name", {}, row.name), h("span.palette-detail", {}, row.detail)),
    h("span.palette-kind", {}, row.kind))));
    if (!rows.length) list.append(h("li.palette-none", { role: "presentation" }, "Nothing fits."));
    mark();
  }

  function mark() {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    if (rows.length) input.setAttribute("aria-activedescendant", `palette-${at}`);
    else input.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function steer(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && rows.length) {
      at = (at + step + rows.length) % rows.length;
      mark();
    } else if (event.key === "Enter" && rows[at]) {
      choose(rows[at]);
    } else {
      return;
    }
    event.preventDefault();
  }

  async function choose(row) {
    dialog.close();
    try {
      const place = await row.open();
      navigate(place.startsWith("#") ? place : `#/c/${place}`);
    } catch (error) {
      toastError(error, "The conversation could not be opened");
    }
  }

  draw();
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
