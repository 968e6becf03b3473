// @ts-check
/** A character's gallery: pictures, videos and sounds; what is for premium plans shows that it is there, and no more. */
import { h, icon } from "../dom.js";
import { own } from "../media/file.js";
import { toastError } from "../overlays.js";
import { formatNumber } from "../time.js";

const PAGE = 24;
const ICONS = { image: "picture", video: "film", audio: "voice" };
const NAMES = { image: "Picture", video: "Video", audio: "Sound" };

/** @param {any} context see app.js @param {any} character */
export function gallery({ api }, character) {
  const list = h("ul.media", {});
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const section = h("section.panel", { "aria-label": "Gallery", hidden: true, data: { testid: "gallery" } }, h("h2", {}, "Gallery"), list, more);
  let cursor = /** @type {string|null} */ (null);

  async function load() {
    try {
      const { items, nextCursor } = await api.get(`/api/characters/${character.id}/gallery?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      list.append(...items.map(item));
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
      section.hidden = !list.children.length;
    } catch (error) {
      toastError(error, "The gallery could not be loaded");
    }
  }

  function item(one) {
    const name = one.caption || NAMES[/** @type {"image"} */ (one.type)];
    const words = h("div.media-words", {}, h("span", {}, name), h("span.muted", {}, `${formatNumber(one.views)} ${one.views === 1 ? "view" : "views"}`));
    if (one.locked) {
      return h("li.media-item.locked", { data: { testid: "gallery-locked" } }, h("div.media-face", {}, icon("lock"), h("span", {}, "For premium plans")), words);
    }
    const thumbnail = one.thumbnailUrl ?? (one.type === "image" ? one.url : null);
    const at = thumbnail && own(thumbnail);
    const look = h("button.media-face", { type: "button", "aria-label": `Open: ${name}`, data: { testid: "gallery-item" }, onclick: () => open(one, name) },
      at ? h("img", { src: at, alt: "", loading: "lazy", decoding: "async", onerror: (event) => event.target.replaceWith(icon("picture")) }) : icon(ICONS[/** @type {"image"} */ (one.type)] ?? "picture"));
    return h("li.media-item", {}, look, words);
  }

  function open(one, name) {
    api.post(`/api/characters/${character.id}/gallery/${one.id}/view`).catch(() => {});
    const dialog = h("dialog.viewer", { "aria-label": name, onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
      h("figure.viewer-inner", {}, attachment({ url: one.url ?? `/media/${one.mediaId}`, type: one.type }, name), h("figcaption", {}, name,
        h("button.button.quiet.small", { type: "button", onclick: () => dialog.close() }, "Close"))));
    document.body.append(dialog);
    dialog.showModal();
  }

  load();
  return section;
}
