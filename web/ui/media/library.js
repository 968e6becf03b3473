// @ts-check
/** The library: all files of one's own, and how much of the plan's room they take. Address: `#/media`. */
import { deleteFile, fileName, openDetails } from "./details.js";
import { dropPlace } from "./drop.js";
import { h, icon } from "../dom.js";
import { failed } from "../failed.js";
import { kept } from "../kept.js";
import { toast, toastError } from "../overlays.js";
import { emptyPlace, studioHead } from "../studio/head.js";
import { shortMoment } from "../time.js";
import { tileFace } from "./tile.js";
import { limitsChanged, limitsOf, uploadLines } from "./uploading.js";
import { KINDS, PURPOSES, sizeWords, typeWords } from "./words.js";

const PAGE = 48;
const NEAR = 0.85;
/** A file that is being prepared is asked for now and then: another node may tell nobody here. */
const LOOK_MS = 4000;
/** How one looked last; kept while the page lives. */
const last = kept({ kind: "", purpose: "" });

export class LibraryView {
  title = "Library";
  #stamp = 0;
  #files = /** @type {any[]} */ ([]);
  #cursor = /** @type {string|null} */ (null);

  /** @param {any} context see app.js */
  constructor(context) {
    this.context = context;
    const { api, client } = context;
    this.kind = this.#select("kind", "Kind", "Every kind", KINDS);
    this.purpose = this.#select("purpose", "From", "From everywhere", { upload: PURPOSES.upload, content: PURPOSES.content, avatar: PURPOSES.avatar, gallery: PURPOSES.gallery });
    this.chooser = h("input.visually-hidden", { type: "file", id: "library-file", multiple: true, accept: "image/*,video/mp4,video/webm,audio/*", data: { testid: "library-file" }, onchange: () => {
      this.#take([...this.chooser.files]);
      this.chooser.value = "";
    } });
    this.hint = h("p.muted", {}, "Pictures, videos and sounds");
    this.drop = h("div.drop", { data: { testid: "library-drop" } }, icon("upload"), h("p", {}, h("label.link", { for: "library-file" }, "Choose files"), h("span", {}, " or drop them here")), this.hint, this.chooser);
    this.uploads = uploadLines(api, { done: ({ file }) => this.#came(file) });
    this.used = h("div.room-used", { data: { testid: "library-used" } });
    this.grid = h("ul.library", { "aria-label": "Files", data: { testid: "library" } });
    this.none = h("div", { role: "status" }, h("p.muted", {}, "Loading"));
    this.more = h("button.button.quiet", { type: "button", hidden: true, data: { testid: "library-more" }, onclick: () => this.#load() }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "studio-title" }, ...studioHead(context, "#/media", { title: "Library", lead: "What you have sent, uploaded and had made." }),
      h("div.admin-body", {}, this.drop, this.uploads.element, this.used, h("div.filters", {}, this.kind, this.purpose), this.grid, this.none, this.more));
    dropPlace(this.element, (files) => this.#take(files));
    this.stop = client.on("media:update", ({ file }) => this.#changed(file));
    this.timer = setInterval(() => document.hidden || this.#look(), LOOK_MS);
    this.#find();
    this.#drawUsed();
  }

  #select(name, label, all, options) {
    const select = h("select.pick", { "aria-label": label, data: { testid: `library-${name}` }, onchange: () => {
      last[/** @type {"kind"} */ (name)] = select.value;
      this.#find();
    } }, h("option", { value: "" }, all), ...Object.entries(options).map(([value, text]) => h("option", { value, selected: value === last[/** @type {"kind"} */ (name)] }, text)));
    return select;
  }

  #take(files) {
    for (const file of files) this.uploads.add(file);
  }

  #came(file) {
    this.#changed(file);
    this.#drawUsed();
  }

  async #drawUsed() {
    const limits = await limitsOf(this.context.api);
    if (!limits || this.gone) return;
    const { usedBytes = 0, maxBytes } = limits.total ?? {};
    const share = maxBytes ? usedBytes / maxBytes : 0;
    this.used.dataset.level = share >= 1 ? "out" : share >= NEAR ? "near" : "ok";
    this.used.replaceChildren(h("p", { id: "library-used-words" }, maxBytes ? `${sizeWords(usedBytes)} of ${sizeWords(maxBytes)} are used. ` : `${sizeWords(usedBytes)} are used. `,
      share >= NEAR ? h("a.link", { href: "#/plans" }, "Plans with more room") : null), maxBytes ? h("progress", { max: maxBytes, value: Math.min(usedBytes, maxBytes), "aria-labelledby": "library-used-words" }) : null);
    const kinds = ["image", "video", "audio"].filter((kind) => limits[kind]).map((kind) => `${KINDS[kind]}s to ${sizeWords(limits[kind].maxBytes)} (${typeWords(limits[kind].types)})`);
    if (kinds.length) this.hint.textContent = kinds.join(", ");
  }

  #find() {
    this.#load(true);
  }

  async #load(anew = false) {
    const stamp = ++this.#stamp;
    const query = new URLSearchParams({ limit: String(PAGE) });
    for (const [key, value] of Object.entries(last)) if (value) query.set(key, value);
    if (!anew && this.#cursor) query.set("cursor", this.#cursor);
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/media/list?${query}`);
      if (stamp !== this.#stamp) return;
      const focusAt = anew ? null : this.#files.length;
      this.#files = anew ? items : [...this.#files, ...items];
      this.#cursor = nextCursor ?? null;
      this.#draw();
      if (focusAt !== null) this.grid.children[focusAt]?.querySelector("button")?.focus();
    } catch (error) {
      if (stamp !== this.#stamp) return;
      if (this.#files.length) toastError(error, "Your files could not be loaded");
      else this.none.replaceChildren(failed(error, () => this.#find()));
    }
  }

  /** How those are that are being prepared: what is new is among the first, and what else was loaded stays. */
  async #look() {
    const preparing = new Set(this.#files.filter(({ state }) => state === "processing").map(({ id }) => id));
    if (!preparing.size) return;
    try {
      const { items } = await this.context.api.get(`/api/media/list?limit=${PAGE}`);
      if (this.gone) return;
      for (const file of items) if (preparing.has(file.id) && file.state !== "processing") this.#changed(file);
    } catch { /* the next look may go better */ }
  }

  /** @param {any} file */
  #changed(file) {
    const at = this.#files.findIndex(({ id }) => id === file.id);
    if (file.state === "deleted") this.#files = this.#files.filter(({ id }) => id !== file.id);
    else if (at >= 0) this.#files[at] = file;
    else if ((!last.kind || file.kind === last.kind) && (!last.purpose || file.purpose === last.purpose)) this.#files.unshift(file);
    if (file.state !== "processing") {
      limitsChanged();
      this.#drawUsed();
    }
    this.#draw();
  }

  #draw() {
    const focused = /** @type {any} */ (document.activeElement)?.closest?.("[data-media-id]")?.dataset.mediaId;
    this.grid.replaceChildren(...this.#files.map((file) => this.#tile(file)));
    if (focused) /** @type {any} */ (this.grid.querySelector(`[data-media-id="${CSS.escape(focused)}"] button`))?.focus({ preventScroll: true });
    this.more.hidden = !this.#cursor;
    const filtered = last.kind || last.purpose;
    this.none.replaceChildren(...(this.#files.length ? [] : [filtered ? h("p.cast-none", {}, "No file fits these filters.") : emptyPlace(icon("picture"), "Nothing here yet", "What you send in conversations, upload here or have made is kept in this place.")]));
  }

  #tile(file) {
    const words = `${KINDS[file.kind] ?? "File"}: ${fileName(file)}`;
    return h("li", { data: { testid: "library-item", mediaId: file.id, kind: file.kind, state: file.state } },
      h("button.tile-face", { type: "button", "aria-label": words, "aria-haspopup": "dialog", data: { testid: "library-open" }, onclick: () => this.#open(file.id),
        onkeydown: (event) => event.key === "Delete" && this.#delete(file) }, ...tileFace(file)),
      h("div.tile-words", {}, h("span", { title: file.name ?? "" }, fileName(file)), h("span.muted", {}, `${sizeWords(file.bytes)} · ${shortMoment(file.createdAt)}`)));
  }

  /** @param {string} id */
  #open(id) {
    const file = this.#files.find((one) => one.id === id);
    if (file) openDetails(this.context, file, { all: this.#files, deleted: () => this.#deleted(file) });
  }

  async #delete(file) {
    if (await deleteFile(this.context.api, file)) this.#deleted(file);
  }

  #deleted(file) {
    const at = this.#files.findIndex(({ id }) => id === file.id);
    this.#changed({ ...file, state: "deleted" });
    toast({ title: "It is deleted", level: "success" });
    const next = this.grid.children[Math.min(at, this.grid.children.length - 1)]?.querySelector("button") ?? this.chooser;
    next.focus();
  }

  destroy() {
    this.gone = true;
    this.#stamp += 1;
    clearInterval(this.timer);
    this.stop();
    this.uploads.clear();
  }
}
