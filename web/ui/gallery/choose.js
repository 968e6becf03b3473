// @ts-check
/** A file of one's own, chosen among those in the library. */
import { h } from "../dom.js";
import { fileName } from "../media/details.js";
import { tileFace } from "../media/tile.js";
import { KINDS } from "../media/words.js";
import { toastError } from "../overlays.js";

const PAGE = 24;

/** @param {import("../../api.js").Api} api @param {{title: string}} words @returns {Promise<any>} the file, or null */
export function chosenFile(api, { title }) {
  return new Promise((resolve) => {
    const answer = (/** @type {any} */ file) => {
      resolve(file);
      dialog.close();
    };
    const grid = h("ul.library.chosen", { "aria-label": "Files", data: { testid: "choose-files" } });
    const none = h("p.muted", { role: "status" }, "Loading");
    const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
    let cursor = /** @type {string|null} */ (null);
    let loading = false;

    async function load() {
      if (loading) return;
      loading = true;
      try {
        const { items, nextCursor } = await api.get(`/api/media/list?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
        const first = grid.children.length;
        cursor = nextCursor ?? null;
        more.hidden = !cursor;
        // Of a thumbnail the next one takes the place; what is in a gallery already belongs to its character.
        const fit = items.filter((/** @type {any} */ file) => ["ready", "processing"].includes(file.state) && !["avatar", "gallery"].includes(file.purpose));
        grid.append(...fit.map((/** @type {any} */ file) => h("li", {}, h("button.tile-face", { type: "button", title: fileName(file), "aria-label": `${KINDS[file.kind] ?? "File"}: ${fileName(file)}`, data: { testid: "choose-file" }, onclick: () => answer(file) }, ...tileFace(file)))));
        none.textContent = grid.children.length ? "" : "There is nothing in your library that could be shown.";
        none.hidden = !none.textContent;
        if (first) grid.children[first]?.querySelector("button")?.focus();
      } catch (error) {
        toastError(error, "Your files could not be loaded");
        dialog.close();
      }
      loading = false;
    }

    const dialog = h("dialog.confirm.choose", { "aria-labelledby": "choose-title", data: { testid: "choose" }, onclose: () => { resolve(null); dialog.remove(); }, onclick: (event) => event.target === dialog && dialog.close() },
      h("div.confirm-inner", {}, h("h2", { id: "choose-title" }, title), none, grid, more, h("div.confirm-actions", {}, h("button.button.quiet", { type: "button", onclick: () => dialog.close() }, "Cancel"))));
    document.body.append(dialog);
    dialog.showModal();
    load();
  });
}
