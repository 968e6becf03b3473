// @ts-check
/**
 * Pictures and videos that are made for one. Addresses: `#/studio`, `#/studio/of/<avatar>` with that avatar in it, and
 * `#/studio/film/<picture>` a video that begins with it. How far each is comes by the socket, and is asked for where none comes.
 */
import { ContentCard } from "./card.js";
import { h, icon } from "../dom.js";
import { failed } from "../failed.js";
import { kept } from "../kept.js";
import { openViewer } from "../media/viewer.js";
import { own } from "../media/file.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";
import { emptyPlace, studioHead } from "./head.js";
import { WishForm } from "./wish.js";
import { isMaking, STATES } from "./words.js";

const PAGE = 24;
/** Without news from the socket it is asked. */
const LOOK_MS = 3000;
const QUIET_MS = 2500;
/** How one looked last; kept while the page lives. */
const last = kept({ kind: "", state: "", avatarId: "" });

export class StudioView {
  title = "Studio";
  #stamp = 0;
  #contents = /** @type {any[]} */ ([]);
  #cards = /** @type {Map<string, ContentCard>} */ (new Map());
  #cursor = /** @type {string|null} */ (null);
  #heardAt = new Map();       // content id -> when the socket told of it last
  #avatars = new Map();

  /** @param {any} context see app.js @param {string} [way] of, film @param {string} [id] */
  constructor(context, way, id) {
    this.context = context;
    this.way = way;
    this.given = id;
    this.form = new WishForm({ api: context.api, asked: (answer) => this.#asked(answer) });
    this.kind = this.#select("kind", "Kind", "Every kind", [["image", "Pictures"], ["video", "Videos"]]);
    this.state = this.#select("state", "State", "In every state", Object.entries(STATES).filter(([state]) => ["done", "failed", "canceled"].includes(state)));
    this.avatar = this.#select("avatarId", "Avatar", "With anybody", []);
    this.list = h("ul.contents", { "aria-label": "What was made", data: { testid: "contents" } });
    this.none = h("div", { role: "status" }, h("p.muted", {}, "Loading"));
    this.more = h("button.button.quiet", { type: "button", hidden: true, data: { testid: "content-more" }, onclick: () => this.#load() }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "studio-title" }, ...studioHead(context, "#/studio", { title: "Studio", lead: "Describe a picture or a short video, and have it made." }),
      h("div.studio-columns", {}, h("section.panel.studio-form", { "aria-label": "Make something" }, this.form.element),
        h("section.studio-made", { "aria-label": "What was made" }, h("div.filters", {}, this.kind, this.state, this.avatar), this.list, this.none, this.more)));
    this.stops = [context.client.on("content:update", ({ content }) => { this.#heardAt.set(content.id, Date.now()); this.#changed(content); }),
      context.client.on("media:update", ({ file }) => this.#fileChanged(file)), context.state.on("billing", () => this.#loadCosts())];
    this.timer = setInterval(() => document.hidden || this.#look(), LOOK_MS);
    this.#begin();
  }

  #select(name, label, all, options) {
    const select = h("select.pick", { "aria-label": label, data: { testid: `contents-${name}` }, onchange: () => {
      last[/** @type {"kind"} */ (name)] = select.value;
      this.#load(true);
    } }, h("option", { value: "" }, all), ...options.map(([value, text]) => h("option", { value, selected: value === last[/** @type {"kind"} */ (name)] }, text)));
    return select;
  }

  async #begin() {
    this.#loadCosts();
    this.#loadAvatars();
    this.#loadPictures();
    await this.#load(true);
  }

  async #loadCosts() {
    try {
      this.form.setCosts(await this.context.api.get("/api/content/costs"));
    } catch (error) {
      if (!this.gone) toastError(error, "The prices could not be loaded");
    }
  }

  async #loadAvatars() {
    try {
      const { items } = await this.context.api.get("/api/avatars?limit=100");
      this.#avatars = new Map(items.map((/** @type {any} */ avatar) => [avatar.id, avatar]));
      if (this.way === "of") this.form.fill({ avatarId: this.given });
      this.form.setAvatars(items);
      if (last.avatarId && !this.#avatars.has(last.avatarId)) {
        last.avatarId = "";
        this.#load(true);
      }
      this.avatar.replaceChildren(h("option", { value: "" }, "With anybody"), ...items.map(({ id, name }) => h("option", { value: id, selected: id === last.avatarId }, name)));
      this.avatar.hidden = !items.length;
      this.#draw();
    } catch { /* it goes without them */ }
  }

  /** For videos that begin with a picture. */
  async #loadPictures() {
    try {
      const { items } = await this.context.api.get("/api/content?kind=image&state=done&limit=50");
      this.form.setPictures(items.filter((/** @type {any} */ { file }) => file?.state === "ready"));
      if (this.way === "film") this.form.fill({ kind: "video", imageId: this.given });
      this.way = "";                                    // it is asked for once, and then changed as one likes
    } catch { /* it goes without them */ }
  }

  async #load(anew = false) {
    const stamp = ++this.#stamp;
    const query = new URLSearchParams({ limit: String(PAGE) });
    for (const [key, value] of Object.entries(last)) if (value) query.set(key, value);
    if (!anew && this.#cursor) query.set("cursor", this.#cursor);
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/content?${query}`);
      if (stamp !== this.#stamp) return;
      this.#contents = anew ? items : [...this.#contents, ...items];
      this.#cursor = nextCursor ?? null;
      this.loaded = true;
      this.#draw();
    } catch (error) {
      if (stamp !== this.#stamp) return;
      if (this.#contents.length) toastError(error, "What was made could not be loaded");
      else this.none.replaceChildren(failed(error, () => this.#load(true)));
    }
  }

  /** Asks for those that are under way and that the socket has not told of for a while. */
  async #look() {
    const quiet = this.#contents.filter((content) => (isMaking(content) || content.file?.state === "processing") && Date.now() - (this.#heardAt.get(content.id) ?? 0) > QUIET_MS);
    for (const { id } of quiet.slice(0, 5)) {
      try {
        this.#changed(await this.context.api.get(`/api/content/${id}`));
      } catch (error) {
        if (error.status === 404) this.#drop(id);
      }
    }
  }

  #asked({ content, credits }) {
    if (this.form.costs && credits) this.form.setCosts({ ...this.form.costs, balance: credits, open: (this.form.costs.open ?? 0) + 1 });
    if (!this.#fits(content)) {
      last.kind = last.state = last.avatarId = this.kind.value = this.state.value = this.avatar.value = "";
      this.#load(true);
    }
    this.#changed(content);
    this.#cards.get(content.id)?.element.scrollIntoView({ block: "nearest" });
  }

  /** Whether the filters let it be seen. @param {any} content */
  #fits(content) {
    return (!last.kind || last.kind === content.kind) && (!last.state || last.state === content.state) && (!last.avatarId || last.avatarId === content.avatarId);
  }

  /** @param {any} content */
  #changed(content) {
    if (this.gone) return;
    const at = this.#contents.findIndex(({ id }) => id === content.id);
    const before = this.#contents[at];
    if (before && !isMaking(before) && isMaking(content) && before.tries >= content.tries) return; // an older answer that came late
    if (at >= 0) this.#contents[at] = content;
    else if (this.#fits(content)) this.#contents.unshift(content);
    if (before && isMaking(before) && !isMaking(content)) {
      this.#loadCosts();
      if (content.state === "done" && content.kind === "image") this.#loadPictures();
    }
    this.#draw();
  }

  /** @param {any} file */
  #fileChanged(file) {
    const content = this.#contents.find((one) => one.file?.id === file.id);
    if (content) this.#changed({ ...content, file: file.state === "deleted" ? null : file });
  }

  #draw() {
    const wanted = this.#contents.map((content) => {
      const card = this.#cards.get(content.id) ?? new ContentCard({ open: (one) => this.#open(one), cancel: (one) => this.#cancel(one), retry: (one) => this.#retry(one), remove: (one) => this.#remove(one),
        reuse: (one) => this.form.fill({ kind: one.kind, prompt: one.prompt, told: one.optimizedPrompt, avatarId: one.avatarId, quality: one.quality, ...(one.kind === "video" ? { imageId: one.imageId ?? "" } : {}) }),
        film: (one) => this.form.fill({ kind: "video", imageId: one.id, avatarId: one.avatarId }), avatarName: (id) => this.#avatars.get(id)?.name });
      this.#cards.set(content.id, card);
      card.update(content);
      return card.element;
    });
    const kept = new Set(wanted);
    for (const [id, card] of this.#cards) {
      if (kept.has(card.element)) continue;
      card.element.remove();
      this.#cards.delete(id);
    }
    wanted.forEach((node, at) => this.list.children[at] !== node && this.list.insertBefore(node, this.list.children[at] ?? null));
    this.more.hidden = !this.#cursor;
    if (!this.loaded && !this.#contents.length) return;
    const filtered = last.kind || last.state || last.avatarId;
    this.none.replaceChildren(...(this.#contents.length ? [] : [filtered ? h("p.cast-none", {}, "Nothing fits these filters.") : emptyPlace(icon("wand"), "Nothing made yet", "What you have made comes here, and into your library.")]));
  }

  #open(content) {
    const shown = this.#contents.filter((one) => own(one.file?.url));
    openViewer(shown.map((one) => ({ file: one.file, name: one.prompt, detail: fullMoment(one.createdAt) })), Math.max(0, shown.indexOf(content)));
  }

  async #cancel(content) {
    await this.#deed(() => this.context.api.post(`/api/content/${content.id}/cancel`), "It could not be cancelled");
  }

  async #retry(content) {
    await this.#deed(() => this.context.api.post(`/api/content/${content.id}/retry`), "It could not be tried again");
  }

  /** @param {() => Promise<any>} ask @param {string} failed */
  async #deed(ask, failed) {
    try {
      const answer = await ask();
      this.#heardAt.delete(answer.content.id);
      this.#changed(answer.content);
      this.#loadCosts();
    } catch (error) {
      toastError(error, failed);
    }
  }

  async #remove(content) {
    const yes = await confirmed({ title: `Delete this ${content.kind === "video" ? "video" : "picture"}?`, action: "Delete", body: content.file ? "It goes with its file, and cannot be brought back. Where you have sent it, a note stands in its place. What it cost is not given back." : "It goes from this list." });
    if (!yes) return;
    try {
      await this.context.api.delete(`/api/content/${content.id}`);
      this.#drop(content.id);
      toast({ title: "It is deleted", level: "success" });
    } catch (error) {
      toastError(error, "It was not deleted");
    }
  }

  /** @param {string} id */
  #drop(id) {
    const at = this.#contents.findIndex((one) => one.id === id);
    this.#contents = this.#contents.filter((one) => one.id !== id);
    this.#draw();
    const next = /** @type {any} */ (this.list.children[Math.min(Math.max(0, at), this.list.children.length - 1)]?.querySelector("button:not(:disabled)"));
    if (document.activeElement === document.body) (next ?? this.form.prompt).focus();
  }

  destroy() {
    this.gone = true;
    this.#stamp += 1;
    clearInterval(this.timer);
    for (const stop of this.stops) stop();
  }
}
