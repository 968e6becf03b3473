// @ts-check
/** The gallery of a character, for admins: files are uploaded with what is said of them, or an address is added; each at once. */
import { h, icon, iconButton } from "../../dom.js";
import { field, form } from "../../form.js";
import { dropPlace } from "../../media/drop.js";
import { tileFace } from "../../media/tile.js";
import { uploader, uploadLine } from "../../media/uploading.js";
import { KINDS } from "../../media/words.js";
import { confirmed, toast, toastError } from "../../overlays.js";
import { formatNumber } from "../../time.js";

const PAGE = 100;
/** While a file is being prepared: another server may do it, and then this one's socket hears nothing of it. */
const LOOK_MS = 5000;

/**
 * @param {{api: import("../../../api.js").Api, client?: import("../../../client.js").GreenroomClient}} context @param {any} character
 * @param {() => void} [changed]
 */
export function galleryEditor({ api, client }, character, changed = () => {}) {
  if (!character.id) return h("p.muted", {}, "Save the character first; then pictures, videos and sounds can be added.");
  const path = `/api/characters/${character.id}/gallery`;
  const list = h("ul.gallery-lines", { data: { testid: "admin-gallery" } });
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  let cursor = /** @type {string|null} */ (null);
  let stamp = 0;
  let again = 0;

  async function load(anew = false) {
    const mine = ++stamp;
    try {
      const { items, nextCursor } = await api.get(`${path}?limit=${PAGE}${!anew && cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      if (mine !== stamp) return;
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
      if (anew) list.replaceChildren();
      list.append(...items.map(line));
      if (!list.children.length) list.append(h("li.muted", {}, "Nothing in it yet."));
      clearTimeout(again);
      if (items.some(({ state }) => state === "processing")) again = setTimeout(() => element.isConnected && load(true), LOOK_MS);
    } catch (error) {
      toastError(error, "The gallery could not be loaded");
    }
  }

  function line(item) {
    const remove = async () => {
      if (!await confirmed({ title: "Take it out of the gallery?", body: `${item.caption || KINDS[item.type]}: it cannot be brought back.`, action: "Take it out" })) return;
      try {
        await api.delete(`${path}/${item.id}`);
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

  const uploads = uploadForm(api, character, () => {
    load(true);
    changed();
  });
  const stop = client?.on("media:update", ({ file }) => {
    if (!element.isConnected) return stop?.();
    if (file.characterId === character.id) load(true);
  });
  const element = h("div.gallery-editor", {}, uploads, list, more, h("details.by-address", {}, h("summary", {}, "Add something that lies elsewhere"), addressForm(api, path, () => {
    load(true);
    changed();
  })));
  load(true);
  return element;
}

/** Several files at once, with a caption and tags for all of them. @param {import("../../../api.js").Api} api @param {any} character @param {() => void} done */
function uploadForm(api, character, done) {
  const caption = field("gallery-file-caption", "Caption", { required: false, maxLength: 500 }, { hint: "Of what you choose next" });
  const tags = field("gallery-file-tags", "Tags", { required: false }, { hint: "With commas between them" });
  const premium = h("input", { type: "checkbox", id: "gallery-file-premium", data: { testid: "gallery-file-premium" } });
  const chooser = h("input.visually-hidden", { type: "file", id: "gallery-files", multiple: true, accept: "image/*,video/mp4,video/webm,audio/*", data: { testid: "gallery-files" }, onchange: () => {
    take([...chooser.files]);
    chooser.value = "";
  } });
  const lines = h("ul.upload-lines", { "aria-label": "Uploads" });
  const shown = new Map();
  const files = uploader(api, {
    target: () => ({ path: `/api/media/upload/gallery/${encodeURIComponent(character.id)}`, field: "gallery" }),
    done: (_, job) => {
      files.remove(job);
      if (!files.isOpen) toast({ title: "It is in the gallery", level: "success" });
      done();
    },
    changed: () => draw(),
  });

  function draw() {
    for (const job of files.jobs) {
      if (shown.has(job)) continue;
      const row = uploadLine(job, { again: () => files.again(job), remove: () => files.remove(job) });
      shown.set(job, row);
      lines.append(row);
    }
    for (const [job, row] of shown) if (!files.jobs.includes(job)) { row.remove(); shown.delete(job); }
  }

  function take(chosen) {
    const texts = { caption: caption.value(), tags: tags.value(), premium: String(premium.checked) };
    for (const file of chosen) files.add(file, { texts });
  }

  const drop = h("div.drop", { data: { testid: "gallery-drop" } }, icon("upload"), h("p", {}, h("label.link", { for: "gallery-files" }, "Choose files"), h("span", {}, " or drop them here")), h("p.muted", {}, "Pictures, videos and sounds, several at once"), chooser);
  dropPlace(drop, take);
  return h("div.gallery-upload", {}, h("div.gallery-said", {}, caption.element, tags.element), h("label.check", { for: "gallery-file-premium" }, premium, "For premium plans alone"), drop, lines);
}

/** @param {import("../../../api.js").Api} api @param {string} path @param {() => void} done */
function addressForm(api, path, done) {
  const type = field("gallery-type", "Kind", {}, { key: "type", kind: "select", options: [["image", "Picture"], ["video", "Video"], ["audio", "Sound"]] });
  const url = field("gallery-url", "Address", { inputmode: "url", spellcheck: "false", maxLength: 2000 }, { key: "url", hint: "A path of this server under /media/, or an address with https:" });
  const thumbnail = field("gallery-thumbnail", "Small picture of it", { required: false, inputmode: "url", spellcheck: "false", maxLength: 2000 }, { key: "thumbnailUrl" });
  const caption = field("gallery-caption", "Caption", { required: false, maxLength: 500 }, { key: "caption" });
  const tags = field("gallery-tags", "Tags", { required: false }, { key: "tags", hint: "With commas between them" });
  const premium = h("input", { type: "checkbox", id: "gallery-premium" });
  const add = form({ id: "gallery", fields: [type, url, thumbnail, caption, tags], extra: [h("label.check", { for: "gallery-premium" }, premium, "For premium plans alone")], submit: "Add to the gallery", look: "quiet",
    send: ({ tags: words = "", ...item }) => api.post(path, { ...item, tags: words.split(",").map((tag) => tag.trim()).filter(Boolean), premium: premium.checked }),
    done: () => {
      add.reset();
      toast({ title: "It is in the gallery", level: "success" });
      done();
    } });
  return add.element;
}
