// @ts-check
/** A character's gallery: pictures, videos and sounds; what is for premium plans shows that it is there, and no more. */
import { galleryEditor } from "../admin/characters/gallery.js";
import { blurred } from "../media/blurhash.js";
import { h, icon } from "../dom.js";
import { tileFace } from "../media/tile.js";
import { openViewer } from "../media/viewer.js";
import { KINDS } from "../media/words.js";
import { own } from "../media/file.js";
import { attachment } from "../room/attachment.js";
import { toastError } from "../overlays.js";
import { formatNumber } from "../time.js";

const PAGE = 24;

/** @param {any} context see app.js @param {any} character */
export function gallery(context, character) {
  const { api, state, client } = context;
  const admin = state.user.role === "admin";
  const list = h("ul.media", {});
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const place = h("div", {});
  const manage = admin ? h("button.button.quiet.small", { type: "button", "aria-expanded": "false", data: { testid: "gallery-manage" }, onclick: () => toggle() }, icon("upload"), "Manage the gallery") : null;
  const section = h("section.panel", { "aria-label": "Gallery", hidden: true, data: { testid: "gallery" } }, h("div.panel-head", {}, h("h2", {}, "Gallery"), manage), place, list, more);
  let items = /** @type {any[]} */ ([]);
  let cursor = /** @type {string|null} */ (null);
  let editor = /** @type {ReturnType<typeof galleryEditor>|null} */ (null);

  async function load(anew = false) {
    try {
      const from = !anew && cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      const answer = await api.get(`/api/characters/${character.id}/gallery?limit=${PAGE}${from}`);
      items = anew ? answer.items : [...items, ...answer.items];
      cursor = answer.nextCursor ?? null;
      more.hidden = !cursor;
      draw();
    } catch (error) {
      toastError(error, "The gallery could not be loaded");
    }
  }

  function draw() {
    list.replaceChildren(...items.map(item));
    section.hidden = !items.length && !admin;
  }

  function toggle() {
    const open = !place.children.length;
    manage?.setAttribute("aria-expanded", String(open));
    editor?.end();
    editor = open ? galleryEditor({ api, client }, character, () => load(true)) : null;
    place.replaceChildren(...(editor ? [editor.element] : []));
    list.hidden = open;
    if (!open) load(true);
  }

  function item(one) {
    const name = one.caption || KINDS[one.type];
    const words = h("div.media-words", {}, h("span", {}, name), h("span.muted", {}, `${formatNumber(one.views)} ${one.views === 1 ? "view" : "views"}`));
    if (one.locked) {
      return h("li.media-item.locked", { data: { testid: "gallery-locked" } }, h("a.media-face", { href: "#/plans", "aria-label": `${name}: for premium plans. See the plans` }, blurred(one.blurhash, 4 / 3),
        h("span.lock-words", {}, icon("lock"), "For premium plans", h("span", {}, "See the plans"))), words);
    }
    if (one.state === "deleted") return h("li.media-item", {}, h("div.media-face", {}, icon("trash"), h("span", {}, "It was deleted")), words);
    const look = h("button.media-face", { type: "button", "aria-label": `Open: ${name}`, disabled: one.state === "processing" || one.state === "failed", data: { testid: "gallery-item" }, onclick: () => open(one, name) },
      ...tileFace(one));
    return h("li.media-item", {}, look, words);
  }

  function open(one, name) {
    api.post(`/api/characters/${character.id}/gallery/${one.id}/view`).catch(() => {});
    const shown = items.filter((other) => !other.locked && own(other.url) && ["image", "video"].includes(other.type));
    const at = shown.indexOf(one);
    if (at >= 0) return openViewer(shown.map((other) => ({ file: other, name: other.caption || KINDS[other.type], detail: character.name })), at);
    // Sounds, and what lies elsewhere: shown by themselves.
    const dialog = h("dialog.details", { "aria-label": name, onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
      h("div.details-inner", {}, h("div.details-face", {}, attachment({ ...one, url: one.url }, name)), h("div.details-head", {}, h("p", {}, name),
        h("button.button.quiet.small", { type: "button", onclick: () => dialog.close() }, "Close"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  load();
  return { element: section, end: () => editor?.end() };
}
