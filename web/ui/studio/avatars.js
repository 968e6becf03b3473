// @ts-check
/** One's avatars: characters of one's own, as many as the plan has room for. Addresses: `#/avatars`, `#/avatars/new` opens the form. */
import { avatar as face, h, icon } from "../dom.js";
import { failed } from "../failed.js";
import { dropPlace } from "../media/drop.js";
import { own, thumbnail } from "../media/file.js";
import { toast, toastError } from "../overlays.js";
import { formatNumber } from "../time.js";
import { emptyPlace, studioHead } from "./head.js";
import { newAvatar } from "./new-avatar.js";
import { VISIBILITIES } from "./words.js";

const PAGE = 24;
const LOOK_MS = 2000;
const CARD_MAX_BYTES = 16 * 1024 * 1024;

/** @param {any} avatar @param {string} size */
export const avatarFace = (avatar, size) => face({ name: avatar.name || "?", color: avatar.color, avatarUrl: thumbnail(avatar.thumbnail) ?? own(avatar.thumbnail?.url) }, size);

export class AvatarsView {
  title = "Avatars";
  #stamp = 0;
  #avatars = /** @type {any[]} */ ([]);
  #cursor = /** @type {string|null} */ (null);

  /** @param {any} context see app.js @param {boolean} [begin] the form is open from the start */
  constructor(context, begin = false) {
    this.context = context;
    this.room = h("p", { role: "status" });
    this.making = h("div", {});
    this.create = h("button.button.primary", { type: "button", "aria-expanded": "false", data: { testid: "avatar-new" }, onclick: () => this.#toggle() }, icon("plus"), "New avatar");
    this.chooser = h("input.visually-hidden", { type: "file", id: "avatar-card", accept: ".json,.png,.charx,.jpg,.jpeg,application/json,image/png,image/jpeg,application/zip", data: { testid: "avatar-import" }, onchange: () => {
      if (this.chooser.files[0]) this.#import(this.chooser.files[0]);
      this.chooser.value = "";
    } });
    this.bring = h("span.button.quiet.file-button", {}, h("label", { for: "avatar-card" }, icon("card"), "Bring in a card"), this.chooser);
    this.numbers = h("div.tiles", { hidden: true, data: { testid: "avatar-stats" } });
    this.list = h("ul.cast", { data: { testid: "avatars" } });
    this.none = h("div", {}, h("p.muted", { role: "status" }, "Loading"));
    this.more = h("button.button.quiet", { type: "button", hidden: true, onclick: () => this.#load() }, "Show more");
    this.element = h("section.page", { "aria-labelledby": "studio-title" }, ...studioHead(context, "#/avatars", { title: "Avatars", lead: "Characters of your own: describe somebody, and the AI writes them." }),
      h("div.admin-body", {}, h("div.avatars-head", {}, this.room, h("div.line-actions", {}, this.bring, this.create)), this.making, this.numbers, this.list, this.none, this.more));
    dropPlace(this.element, ([file]) => this.#import(file));
    this.stops = [context.client.on("media:update", ({ file }) => this.#fileChanged(file)), context.client.on("character:update", ({ characterId, character }) => this.#again(characterId ?? character?.id))];
    this.timer = setInterval(() => document.hidden || this.#look(), LOOK_MS);
    this.#load(true);
    this.#loadLimit();
    this.#loadStats();
    if (begin) this.#toggle();
  }

  async #loadLimit() {
    try {
      this.limit = await this.context.api.get("/api/avatars/limit");
      const { used, limit } = this.limit;
      this.room.replaceChildren(h("b", { data: { testid: "avatar-limit" } }, `${formatNumber(used)} of ${formatNumber(limit)}`), ` ${limit === 1 ? "avatar" : "avatars"} of your plan. `,
        used >= limit ? h("a.link", { href: "#/plans" }, "Plans with more") : "");
      this.create.disabled = used >= limit;
      this.create.title = used >= limit ? "Your plan has no room for more" : "";
    } catch (error) {
      if (!this.gone) toastError(error, "How many avatars there may be could not be asked");
    }
  }

  /** What became of all of them; nothing where nothing has. */
  async #loadStats() {
    try {
      const { conversations = 0, messages = 0, rating, views = 0 } = await this.context.api.get("/api/avatars/stats");
      this.numbers.hidden = !conversations && !messages && !views;
      const rows = [[formatNumber(conversations), "Conversations with them"], [formatNumber(messages), "Messages of theirs"], [formatNumber(views), "Looks at their pages"], rating ? [formatNumber(rating), "Stars on average"] : null].filter(Boolean);
      this.numbers.replaceChildren(.../** @type {string[][]} */ (rows).map(([value, name]) => h("div.tile", {}, h("b", {}, value), h("span", {}, name))));
    } catch { /* the list stands without them */ }
  }

  #toggle() {
    const open = !this.making.children.length;
    this.create.setAttribute("aria-expanded", String(open));
    if (!open) return this.making.replaceChildren();
    const form = newAvatar(this.context, { made: (answer) => this.#made(answer), cancel: () => { this.#toggle(); this.create.focus(); } });
    this.making.replaceChildren(form.element);
    form.focus();
  }

  #made({ avatar }) {
    this.#toggle();
    this.#avatars.unshift(avatar);
    this.#draw();
    this.#loadLimit();
    toast({ title: `${avatar.name} is being written`, body: "It takes half a minute or so. You may leave this page.", level: "success" });
    /** @type {any} */ (this.list.querySelector("a"))?.focus();
  }

  /** @param {File} file */
  async #import(file) {
    if (!file) return;
    if (file.size > CARD_MAX_BYTES) return toast({ title: "This file is too large", body: "A card has at most 16 MB.", level: "warning" });
    try {
      const answer = await this.context.api.upload("/api/avatars/import", file);
      const avatar = answer.avatar ?? answer;
      const warnings = (answer.warnings ?? []).map((/** @type {any} */ { field, message }) => `${field} ${message}`).join("; ");
      toast({ title: `${avatar.name} has come in`, body: warnings || undefined, level: warnings ? "warning" : "success" });
      this.context.navigate(`#/avatars/${avatar.id}`);
    } catch (error) {
      const details = error.details?.map((/** @type {any} */ { field, message }) => `${field} ${message}`).join("; ");
      toast({ title: "The card was not taken", body: [error.message, details].filter(Boolean).join(" "), level: "warning" });
    }
  }

  async #load(anew = false) {
    const stamp = ++this.#stamp;
    try {
      const { items, nextCursor } = await this.context.api.get(`/api/avatars?limit=${PAGE}${!anew && this.#cursor ? `&cursor=${encodeURIComponent(this.#cursor)}` : ""}`);
      if (stamp !== this.#stamp) return;
      this.#avatars = anew ? items : [...this.#avatars, ...items];
      this.#cursor = nextCursor ?? null;
      this.loaded = true;
      this.#draw();
    } catch (error) {
      if (stamp !== this.#stamp) return;
      if (this.#avatars.length) toastError(error, "Your avatars could not be loaded");
      else this.none.replaceChildren(failed(error, () => this.#load(true)));
    }
  }

  #look() {
    for (const { id } of this.#avatars.filter(({ state, thumbnail: picture }) => state === "writing" || picture?.state === "processing").slice(0, 5)) this.#again(id);
  }

  /** @param {string|undefined} id */
  async #again(id) {
    if (!this.#avatars.some((one) => one.id === id)) return;
    try {
      const now = await this.context.api.get(`/api/avatars/${id}`);
      // Meanwhile others may have come, and another look may have told of it.
      const at = this.#avatars.findIndex((one) => one.id === id);
      if (this.gone || at < 0) return;
      const before = this.#avatars[at];
      this.#avatars[at] = now;
      if (before.state === "writing" && now.state !== "writing") this.#ended(now);
      this.#draw();
    } catch (error) {
      if (error.status !== 404) return;
      this.#avatars = this.#avatars.filter((one) => one.id !== id);
      this.#draw();
    }
  }

  #ended(avatar) {
    this.#loadLimit();
    this.context.state.emit("billing");
    if (avatar.state === "ready") toast({ title: `${avatar.name} is ready`, level: "success", link: { href: `#/avatars/${avatar.id}`, text: "Meet them" } });
  }

  #fileChanged(file) {
    const one = this.#avatars.find(({ id }) => id === file.characterId);
    if (one && file.purpose === "avatar") this.#again(one.id);
  }

  #draw() {
    const focused = /** @type {any} */ (document.activeElement)?.closest?.("[data-key]")?.dataset.key;
    this.list.replaceChildren(...this.#avatars.map((avatar) => this.#card(avatar)));
    if (focused) /** @type {any} */ (this.list.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
    this.more.hidden = !this.#cursor;
    this.none.replaceChildren(...(this.#avatars.length || !this.loaded ? [] : [emptyPlace(icon("people"), "Nobody yet", "An avatar is a character that only you change. Describe one in a few words, or bring in a card.")]));
  }

  #card(avatar) {
    const writing = avatar.state === "writing";
    const failed = avatar.state === "failed";
    const words = h("span.card-words", {}, h("span.card-name", {}, avatar.name), h("span.card-tagline", {}, writing ? "Being written…" : failed ? `It could not be written: ${(avatar.fault?.message ?? "something went wrong").replace(/\.$/, "")}. Nothing was charged.` : avatar.tagline),
      h("span.card-tags", {}, h("span.tag", { data: { tone: avatar.visibility === "private" ? "" : "good" } }, VISIBILITIES[avatar.visibility] ?? avatar.visibility), avatar.writtenBy === "offline" ? h("span.tag", { data: { tone: "warn" } }, "written by rules") : null));
    return h("li.card", { data: { testid: "avatar-card", avatarId: avatar.id, state: avatar.state } },
      h("a.card-main", { href: `#/avatars/${avatar.id}`, data: { key: `avatar-${avatar.id}`, testid: "avatar-open" } }, avatarFace(avatar, "large"), words),
      writing ? h("progress.card-progress", { "aria-label": `${avatar.name} is being written` }) : null,
      avatar.state === "ready" ? h("div.card-foot", {}, h("button.link.card-link", { type: "button", data: { testid: "avatar-chat", key: `chat-${avatar.id}` }, onclick: () => this.#talk(avatar) }, icon("chat"), "Talk"),
        h("a.card-link", { href: `#/studio/of/${avatar.id}`, data: { key: `make-${avatar.id}` } }, icon("wand"), "Make a picture")) : null);
  }

  #talk(avatar) {
    return talkWith(this.context, avatar);
  }

  destroy() {
    this.gone = true;
    this.#stamp += 1;
    clearInterval(this.timer);
    for (const stop of this.stops) stop();
  }
}

/** @param {any} context @param {any} avatar */
export async function talkWith({ state, navigate }, avatar) {
  try {
    const { stats: _stats, thumbnail: picture, ...character } = avatar;
    state.noteCharacter({ character: { ...character, avatarUrl: thumbnail(picture) } });
    const conversation = await state.startWith(avatar.id);
    navigate(`#/c/${conversation.id}`);
  } catch (error) {
    toastError(error, `The conversation with ${avatar.name} could not be opened`);
  }
}

