// @ts-check
/** Gathering several characters in one conversation. */
import { fits } from "./card.js";
import { avatar, h, icon, iconButton, setText } from "../dom.js";
import { toastError } from "../overlays.js";

const MAX_CHARACTERS = 8;

/** @param {any} context see app.js @param {string[]} [chosen] ids of characters that are in from the start */
export function openNewRoom({ state, navigate }, chosen = []) {
  if (document.querySelector("dialog[open]")) return;
  const picked = new Set(chosen);
  const title = h("input", { id: "gather-title", maxLength: 120, placeholder: "Without one, the names are the title", data: { testid: "gather-title" } });
  const search = h("input", { type: "search", "aria-label": "Find a character", placeholder: "Find a character", maxLength: 100, oninput: () => draw() });
  const list = h("ul.pick-list", {});
  const told = h("p.muted", { role: "status" });
  const button = h("button.button.primary", { type: "submit", data: { testid: "room-create" } }, "Begin");
  const dialog = h("dialog.new-room", { "aria-labelledby": "new-room-title", onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
    h("form.new-room-inner", { onsubmit: (event) => {
      event.preventDefault();
      create();
    } },
    h("header.side-head", {}, h("h2", { id: "new-room-title" }, "Gather several"), iconButton("close", "Close", { onclick: () => dialog.close() })),
    h("div.cast-search", {}, icon("search"), search), list,
    h("div.field", {}, h("label", { for: "gather-title" }, "Title"), title),
    h("div.confirm-actions", {}, told, button)));

  function draw() {
    const query = search.value.trim();
    const shown = [...state.characters.values()].filter((character) => picked.has(character.id) || fits(character, query));
    list.replaceChildren(...shown.map((character) => h("li", {}, h("label.pick-one", {},
      h("input", { type: "checkbox", checked: picked.has(character.id), value: character.id, data: { testid: "room-pick" }, onchange: (event) => {
        if (event.target.checked) picked.add(character.id);
        else picked.delete(character.id);
        count();
      } }), avatar(character, "small"), h("span.who-words", {}, h("span.who-name", {}, character.name), h("span.who-detail", {}, character.tagline ?? ""))))));
    count();
  }

  function count() {
    for (const box of list.querySelectorAll("input")) box.disabled = picked.size >= MAX_CHARACTERS && !box.checked;
    setText(told, picked.size ? `${picked.size} of at most ${MAX_CHARACTERS}` : "Choose at least one");
    button.disabled = !picked.size;
  }

  async function create() {
    button.disabled = true;
    try {
      const name = title.value.trim();
      const conversation = await state.start({ characterIds: [...picked], ...(name ? { title: name } : {}) });
      dialog.close();
      navigate(`#/c/${conversation.id}`);
    } catch (error) {
      toastError(error, "The conversation could not be opened");
      button.disabled = false;
    }
  }

  draw();
  document.body.append(dialog);
  dialog.showModal();
  search.focus();
}
