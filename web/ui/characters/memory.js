// @ts-check
/** What a character remembers of who looks: each fact can be changed or erased, or all of them. */
import { h, iconButton, setText } from "../dom.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { ago } from "../time.js";

const MAX_LENGTH = 200;
const PAGE = 50;

/** @param {import("../../api.js").Api} api @param {any} character */
export function memory(api, character) {
  const path = `/api/characters/${character.id}/memory`;
  const list = h("ul.memory", { data: { testid: "memory" } });
  const told = h("p.muted", { role: "status" });
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const all = h("button.button.quiet.small", { type: "button", hidden: true, data: { testid: "memory-erase-all" }, onclick: () => eraseAll() }, "Forget all of it");
  const heading = h("h2", { tabindex: "-1" }, "What it remembers of you");
  let cursor = /** @type {string|null} */ (null);

  async function load() {
    try {
      const { items, nextCursor } = await api.get(`${path}?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      list.append(...items.map(line));
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
      settle();
    } catch (error) {
      setText(told, error.status === 404 ? "" : "It could not be loaded.");
    }
  }

  function settle() {
    const count = list.children.length;
    all.hidden = !count;
    setText(told, count ? "" : `Nothing yet. What you tell ${character.name} about yourself is kept here, and you can change it.`);
  }

  function line(item) {
    const text = h("p", { dir: "auto" }, item.fact);
    const row = h("li", { data: { testid: "memory-fact" } }, h("div.memory-words", {}, text, h("p.muted", {}, ago(item.updatedAt ?? item.createdAt))),
      h("div.who-deeds", {}, iconButton("edit", "Change this", { data: { testid: "memory-edit" }, onclick: () => edit() }), iconButton("trash", "Forget this", { data: { testid: "memory-erase" }, onclick: () => erase() })));

    function edit() {
      const input = h("textarea", { rows: "2", maxLength: MAX_LENGTH, "aria-label": "What it should remember", data: { testid: "memory-input" }, onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === "Escape") close();
        else if (event.key === "Enter" && !event.shiftKey) save();
        else return;
        event.preventDefault();
        event.stopPropagation();
      } });
      input.value = item.fact;
      const form = h("div.editor", {}, input, h("div.editor-actions", {}, h("button.button.primary.small", { type: "button", data: { testid: "memory-save" }, onclick: () => save() }, "Save"),
        h("button.button.quiet.small", { type: "button", onclick: () => close() }, "Cancel")));
      const close = () => {
        form.replaceWith(...held);
        /** @type {any} */ (row.querySelector("button"))?.focus();
      };
      const save = async () => {
        const fact = input.value.trim();
        if (!fact) return;
        try {
          await api.put(`${path}/${item.id}`, { fact });
          item.fact = fact;
          setText(text, fact);
          close();
        } catch (error) {
          toastError(error, "It was not changed");
        }
      };
      const held = [...row.children];
      row.replaceChildren(form);
      input.focus();
    }

    async function erase() {
      try {
        await api.delete(`${path}/${item.id}`);
        const next = row.nextElementSibling ?? row.previousElementSibling;
        row.remove();
        settle();
        /** @type {any} */ (next?.querySelector("[data-testid=memory-erase]") ?? heading).focus();
        toast({ title: "Forgotten", level: "success" });
      } catch (error) {
        toastError(error, "It was not forgotten");
      }
    }
    return row;
  }

  async function eraseAll() {
    if (!await confirmed({ title: `Let ${character.name} forget all about you?`, body: "Your conversations stay as they are. This cannot be undone.", action: "Forget all" })) return;
    try {
      await api.delete(path);
      list.replaceChildren();
      cursor = null;
      more.hidden = true;
      settle();
      heading.focus();
      toast({ title: `${character.name} remembers nothing of you`, level: "success" });
    } catch (error) {
      toastError(error, "It was not forgotten");
    }
  }

  load();
  return h("section.panel", { "aria-label": "What it remembers of you" }, heading, list, told, h("div.line-actions", {}, more, all));
}
