// @ts-check
/** The entries of a gallery for whoever keeps it: looked through, and taken out. */
import { h, iconButton } from "../dom.js";
import { tileFace } from "../media/tile.js";
import { KINDS } from "../media/words.js";
import { confirmed, toastError } from "../overlays.js";
import { formatNumber } from "../time.js";

const PAGE = 100;
/** While a file is being prepared: another server may do it, and then this one's socket hears nothing of it. */
const LOOK_MS = 5000;

/**
 * @param {{api: import("../../api.js").Api, client?: import("../../client.js").GreenroomClient}} context
 * @param {{characterId: string, removeAt: string, taken: string, changed?: () => void}} gallery `removeAt`: the path of its entries; `taken`: what becomes of what is taken out
 */
export function galleryLines({ api, client }, { characterId, removeAt, taken, changed = () => {} }) {
  const list = h("ul.gallery-lines", { data: { testid: "admin-gallery" } });
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const files = new Set();
  let cursor = /** @type {string|null} */ (null);
  let stamp = 0;
  let again = /** @type {any} */ (0);
  let preparing = false;
  let ended = false;

  async function load(anew = false) {
    const mine = ++stamp;
    clearTimeout(again);
    try {
      const { items, nextCursor } = await api.get(`/api/characters/${characterId}/gallery?limit=${PAGE}${!anew && cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      if (mine !== stamp) return;
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
      if (anew) {
        list.replaceChildren();
        files.clear();
      }
      for (const item of items) {
        list.append(line(item));
        if (item.mediaId) files.add(item.mediaId);
      }
      if (!list.children.length) list.append(h("li.muted", {}, "Nothing in it yet."));
      preparing = items.some(({ state }) => state === "processing");
    } catch (error) {
      if (mine !== stamp) return;
      toastError(error, "The gallery could not be loaded");
    }
    if (preparing && !ended) again = setTimeout(() => load(true), LOOK_MS);
  }

  function line(item) {
    const remove = async () => {
      if (!await confirmed({ title: "Take it out of the gallery?", body: `${item.caption || KINDS[item.type]}: ${taken}`, action: "Take it out" })) return;
      try {
        await api.delete(`${removeAt}/${item.id}`);
        await load(true);
        changed();
      } catch (error) {
        toastError(error, "It was not taken out");
      }
    };
    const said = [KINDS[item.type] ?? item.type, ...(item.tags?.length ? [item.tags.join(", ")] : []), `${formatNumber(item.views)} ${item.views === 1 ? "view" : "views"}`, item.mediaId ? "" : item.url].filter(Boolean).join(" · ");
    return h("li.line", { data: { testid: "admin-gallery-item", state: item.state ?? "ready" } }, h("div.tile-face.small", {}, ...tileFace(item)),
      h("div.line-words", {}, h("p.line-head", {}, item.caption || KINDS[item.type] || item.type, item.premium ? h("span.tag", { data: { tone: "warn" } }, "premium") : null), h("p.line-detail", {}, said)),
      h("div.line-actions", {}, iconButton("trash", "Take it out", { data: { testid: "admin-gallery-remove" }, onclick: remove })));
  }

  const stop = client?.on("media:update", ({ file }) => {
    if (file.characterId === characterId || files.has(file.id)) load(true);
  });
  const element = h("div.gallery-list", {}, list, more);
  load(true);
  return {
    element,
    /** Whoever shows it is gone. */
    end() {
      ended = true;
      stamp += 1;
      clearTimeout(again);
      stop?.();
    },
    /** Something was added. */
    again() {
      load(true);
      changed();
    },
  };
}
