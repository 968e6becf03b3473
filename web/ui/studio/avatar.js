// @ts-check
/** One avatar: talk with it, share it, change it, take it along as a card. Address: `#/avatars/<id>`. */
import { binder, given } from "../admin/characters/fields.js";
import { traitList } from "../admin/characters/parts.js";
import { h, icon, setText } from "../dom.js";
import { ownGallery } from "../gallery/own.js";
import { keptMap } from "../kept.js";
import { openViewer } from "../media/viewer.js";
import { own } from "../media/file.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { save } from "../save.js";
import { ago, formatNumber } from "../time.js";
import { avatarFace, talkWith } from "./avatars.js";
import { VISIBILITIES } from "./words.js";

const LOOK_MS = 1500;
const TEXT = 16000;
const APPEARANCE = 2000;
const FORMATS = [["png", "Picture (PNG)"], ["v3", "Card V3"], ["v2", "Card V2"], ["charx", "CHARX"]];
const KEYS = ["visibility", "appearance", "name", "tagline", "description", "category", "tags", "color", "greeting", "alternateGreetings", "tone", "dials", "traits", "talkativeness"];
const SETTINGS = ["personality", "scenario", "knowledge", "restrictedTopics"];
const ELSEWHERE = "It was changed elsewhere meanwhile. What you wrote is still here; open it again to see it as it is.";
/** What was changed and not saved, by id. @type {Map<string, any>} */
const drafts = keptMap();

export class AvatarPage {
  title = "Avatar";
  #bound = /** @type {any[]} */ ([]);

  /** @param {any} context see app.js @param {string} id */
  constructor(context, id) {
    this.context = context;
    this.id = id;
    this.head = h("div", {});
    this.body = h("div.admin-body", {}, h("p.muted", { role: "status" }, "Loading"));
    this.element = h("section.page.avatar-page", { "aria-label": "Avatar", data: { testid: "avatar-page" } },
      h("header.page-head", {}, context.menuButton(), h("a.back", { href: "#/avatars" }, icon("back"), "All avatars")), this.head, this.body);
    this.stops = [context.client.on("media:update", ({ file }) => file.characterId === this.avatar?.id && this.#again()),
      context.client.on("character:update", ({ characterId, character }) => [characterId, character?.id].includes(this.avatar?.id) && this.#again())];
    this.timer = setInterval(() => document.hidden || (this.#isBusy && this.#again()), LOOK_MS);
    this.#load();
  }

  get #isBusy() { return this.avatar?.state === "writing" || this.avatar?.thumbnail?.state === "processing" || this.redrawing; }

  async #load() {
    const { api, state } = this.context;
    try {
      const [avatar, traits] = await Promise.all([api.get(`/api/avatars/${encodeURIComponent(this.id)}`), state.traits().catch(() => [])]);
      if (this.gone) return;
      this.traits = traits;
      this.#show(avatar);
      // It may be changed on another device while one looks at it here.
      this.context.client.command("character:subscribe", { characterId: avatar.id }).catch(() => {});
    } catch (error) {
      if (this.gone) return;
      this.head.replaceChildren();
      this.body.replaceChildren(h("div.cast-none", { role: "alert" }, h("p", {}, error.status === 404 ? "You have no such avatar." : error.message), h("a.link", { href: "#/avatars" }, "To your avatars")));
    }
  }

  /** Somebody says that it is another now. */
  async #again() {
    try {
      const now = await this.context.api.get(`/api/avatars/${encodeURIComponent(this.id)}`);
      if (this.gone) return;
      const before = this.avatar;
      if (this.redrawing && now.thumbnail && now.thumbnail.id !== this.redrawing.before && now.thumbnail.state !== "processing") this.#redrawn();
      if (before.state === now.state && before.version === now.version) {
        this.avatar = now;
        return this.#drawHead();
      }
      if (before.state === "writing" && now.state !== "writing") this.context.state.emit("billing");
      this.#show(now);
    } catch { /* the next look may go better */ }
  }

  #show(avatar) {
    const before = this.avatar;
    this.avatar = avatar;
    this.title = avatar.name;
    this.element.setAttribute("aria-label", avatar.name);
    this.element.dataset.state = avatar.state;
    this.context.titled(this);
    this.#drawHead();
    // What is being changed stays where somebody else has not changed the same.
    if (before?.version === avatar.version && before?.state === avatar.state && this.form) return;
    if (before?.state === avatar.state && this.form && drafts.has(avatar.id)) return this.#changedElsewhere();
    this.body.replaceChildren(...(avatar.state === "writing" ? [this.#writing()] : avatar.state === "failed" ? [this.#failed()] : this.#ready()));
  }

  #drawHead() {
    const { avatar } = this;
    const focused = /** @type {any} */ (document.activeElement)?.closest?.(".character-deeds [data-testid]")?.dataset.testid;
    const ready = avatar.state === "ready";
    const picture = own(avatar.thumbnail?.url);
    const deed = (testid, text, name, run, look = "quiet") => h(`button.button.${look}`, { type: "button", data: { testid }, onclick: run }, icon(name), text);
    const portrait = avatarFace(avatar, "portrait");
    const head = h("div.character-head", {}, picture ? h("button.portrait-button", { type: "button", "aria-label": `Look at ${avatar.name}`, onclick: () => openViewer([{ file: { ...avatar.thumbnail, type: "image" }, name: avatar.name }]) }, portrait) : portrait,
      h("div.character-words", {}, h("h1", {}, avatar.name), h("p.lead", {}, avatar.tagline ?? ""),
        h("p.card-tags", {}, h("span.tag", { data: { tone: avatar.visibility === "private" ? "" : "good", testid: "avatar-seen" } }, VISIBILITIES[avatar.visibility] ?? avatar.visibility), avatar.category ? h("span.tag", {}, avatar.category) : null,
          avatar.writtenBy === "offline" ? h("span.tag", { data: { tone: "warn" } }, "written by rules: no AI provider is set up here") : null),
        h("div.character-deeds", {}, ready ? deed("avatar-talk", `Talk with ${avatar.name.split(" ")[0]}`, "chat", () => talkWith(this.context, avatar), "primary") : null,
          ready ? h("a.button.quiet", { href: `#/studio/of/${avatar.id}`, data: { testid: "avatar-make" } }, icon("wand"), "Make a picture") : null,
          ready && avatar.visibility !== "private" ? deed("avatar-link", "Copy its link", "link", () => this.#copyLink()) : null,
          ready ? deed("avatar-redraw", this.redrawing || avatar.thumbnail?.state === "processing" ? "Being drawn…" : avatar.thumbnail ? "Draw it anew" : "Draw it", "again", () => this.#redraw()) : null)));
    if (/^#[0-9a-f]{6}$/i.test(avatar.color ?? "")) head.style.setProperty("--tint", avatar.color);
    this.head.replaceChildren(head);
    const redraw = /** @type {any} */ (head.querySelector("[data-testid=avatar-redraw]"));
    if (redraw) redraw.disabled = Boolean(this.redrawing) || avatar.thumbnail?.state === "processing";
    if (focused) /** @type {any} */ (head.querySelector(`[data-testid="${focused}"]`))?.focus({ preventScroll: true });
  }

  #writing() {
    const steps = ["Thinking about who it is", "Writing how it speaks", "Describing how it looks", "Reading it through"];
    const words = h("p", { role: "status", data: { testid: "avatar-writing" } }, `${this.avatar.name} is being written.`);
    const step = h("p.muted", { "aria-hidden": "true" }, steps[0]);
    const begun = Date.now();
    const timer = setInterval(() => {
      if (!step.isConnected) return clearInterval(timer);
      setText(step, `${steps[Math.min(steps.length - 1, Math.floor((Date.now() - begun) / 5000))]}, ${formatNumber(Math.round((Date.now() - begun) / 1000))} seconds so far`);
    }, 1000);
    return h("section.panel", { "aria-label": "Being written" }, words, h("progress", { "aria-label": "It is being written" }), step, h("p.muted", {}, "You may leave this page: it goes on without you."), this.#removeButton("Stop and delete it"));
  }

  #failed() {
    return h("section.panel", { "aria-label": "Not written" }, h("p.notice.warn", { role: "alert", data: { testid: "avatar-fault" } }, icon("warning"), h("span", {}, `It could not be written: ${(this.avatar.fault?.message ?? "something went wrong").replace(/\.$/, "")}. Nothing was charged.`)),
      h("p", { dir: "auto" }, this.avatar.description), h("div.line-actions", {}, h("a.button.quiet", { href: "#/avatars/new" }, "Try another description"), this.#removeButton("Delete it")));
  }

  #removeButton(text) {
    return h("button.button.quiet.warns", { type: "button", data: { testid: "avatar-delete" }, onclick: () => this.#remove() }, icon("trash"), text);
  }

  #ready() {
    const kept = drafts.get(this.avatar.id);
    this.draft = kept && kept.version === this.avatar.version ? kept : structuredClone(this.avatar);
    const told = h("p.admin-fresh", { role: "status" });
    const problem = h("p.form-error", { role: "alert", hidden: true, data: { testid: "avatar-edit-error" } });
    const button = h("button.button.primary", { type: "button", data: { testid: "avatar-save" }, onclick: () => this.#save() }, "Save");
    this.form = { told, problem, button };
    const touched = () => {
      drafts.set(this.avatar.id, this.draft);
      setText(told, "Not saved yet");
    };
    const bind = binder({ draft: this.draft, touched });
    this.#bound = [this.#visibility(bind), bind.text("name", "Name", { maxLength: 80, required: true }), bind.text("tagline", "In one line", { maxLength: 200 }),
      bind.text("description", "Description", { maxLength: TEXT }, { rows: 5, hint: "Whoever may talk with it can read this. Markdown." }),
      bind.text("appearance", "How it looks", { maxLength: APPEARANCE }, { rows: 5, hint: "Pictures of it are made by this sheet, so that it looks the same in all of them. Only you see it." }),
      bind.text("settings.personality", "Personality", { maxLength: TEXT }, { rows: 5 }), bind.text("greeting", "Greeting", { maxLength: TEXT }, { rows: 4, hint: "{{user}} and {{char}} stand for the names." }),
      bind.text("settings.scenario", "Scenario", { maxLength: TEXT }, { rows: 3 }), bind.text("tone", "Tone", { maxLength: 80 }, { hint: "A few words: dry, tender, old-fashioned" }),
      bind.text("category", "Category", { maxLength: 80 }), bind.text("tags", "Tags", {}, { as: "list", hint: "With commas between them" }), bind.text("color", "Colour", { type: "color" }),
      bind.text("settings.knowledge", "What it knows", {}, { as: "lines", rows: 4, hint: "One fact a line" }), bind.text("settings.restrictedTopics", "What it keeps from", {}, { as: "lines", rows: 3, hint: "One topic a line" }),
      traitList(bind, this.traits ?? [])];
    if (kept === this.draft) touched();
    this.gallery?.end();
    this.gallery = ownGallery(this.context, this.avatar);
    const { conversations = 0, messages = 0, ratings = 0, rating, views = 0, lastActiveAt } = this.avatar.stats ?? {};
    const rows = [["Conversations", formatNumber(conversations)], ["Messages", formatNumber(messages)], ["Looks at its page", formatNumber(views)], ["Rating", rating ? `${formatNumber(rating)} by ${formatNumber(ratings)}` : "Nobody has rated yet"], ["Last spoken with", lastActiveAt ? ago(lastActiveAt) : "Not yet"]];
    return [h("div.character-columns", {},
      h("section.panel.avatar-edit", { "aria-label": "What it is" }, h("div.panel-head", {}, h("h2", {}, "What it is"), told), h("div.editor-body", {}, ...this.#bound.map(({ element }) => element)), problem, h("div.editor-foot", {}, button)),
      h("div.character-side", {}, h("section.panel", { "aria-label": "How it does" }, h("h2", {}, "How it does"), h("dl.facts", { data: { testid: "avatar-numbers" } }, ...rows.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))))),
        h("section.panel", { "aria-label": "Gallery", data: { testid: "avatar-gallery" } }, h("h2", {}, "Gallery"), h("p.muted", {}, "Whoever may talk with it sees these, and its replies may show them."), this.gallery.element),
        h("section.panel", { "aria-label": "Take it along" }, h("h2", {}, "Take it along"), h("p.muted", {}, "A card is a file that other programs read too."), h("div.line-actions", {}, ...FORMATS.map(([format, text]) => h("button.button.quiet.small", { type: "button", data: { testid: `avatar-export-${format}` }, onclick: () => this.#export(format) }, icon("save"), text)))),
        h("section.panel", { "aria-label": "Delete" }, h("h2", {}, "Delete"), h("p.muted", {}, "Nobody can begin with it any more. What was said stays readable."), this.#removeButton("Delete it"))))];
  }

  #visibility(bind) {
    const select = h("select", { id: "avatar-edit-visibility", data: { testid: "avatar-edit-visibility" }, onchange: () => bind.write("visibility", select.value) }, ...Object.entries(VISIBILITIES).map(([value, text]) => h("option", { value, selected: value === this.draft.visibility }, text)));
    const problem = h("p.field-error", { hidden: true });
    return { path: "visibility", focus: () => select.focus(), setProblem: (/** @type {string} */ message) => {
      setText(problem, message);
      problem.hidden = !message;
    }, element: h("div.field", {}, h("label", { for: select.id }, "Who may talk with it"), select, h("p.field-hint", {}, "“Everybody” finds it among the characters."), problem) };
  }

  #changedElsewhere() {
    const { problem } = this.form;
    problem.textContent = ELSEWHERE;
    problem.hidden = false;
  }

  /** What is sent of it. */
  #changes() {
    const { draft } = this;
    return { ...given(KEYS, draft), version: draft.version, settings: given(SETTINGS, draft.settings) };
  }

  async #save() {
    const { button, problem, told } = this.form ?? {};
    if (!button || button.disabled) return;
    const { api, state } = this.context;
    for (const one of this.#bound) one.setProblem("");
    problem.hidden = true;
    button.disabled = true;
    button.classList.add("busy");
    try {
      const body = this.#changes();
      const sent = JSON.stringify(body);
      const answer = await api.put(`/api/avatars/${this.avatar.id}`, body);
      toast({ title: "Saved", level: "success" });
      const avatar = answer.avatar ?? answer;
      const wroteOn = JSON.stringify(this.#changes()) !== sent;
      if (state.characters.has(avatar.id)) state.noteCharacter({ character: { id: avatar.id, name: avatar.name, tagline: avatar.tagline, color: avatar.color } });
      if (wroteOn) {                                    // what came while it was saved stays, on what is saved now
        this.draft.version = avatar.version;
        this.avatar = avatar;
        return this.#drawHead();
      }
      drafts.delete(avatar.id);
      this.form = null;
      this.#show(avatar);
      this.form?.button.focus();
    } catch (error) {
      setText(told, "Not saved yet");
      const details = error.details ?? [];
      const named = details.map((/** @type {any} */ detail) => ({ detail, one: this.#bound.find(({ path }) => path === detail.field) }));
      for (const { detail, one } of named) one?.setProblem(`It ${detail.message}.`);
      const rest = named.filter(({ one }) => !one).map(({ detail }) => `${detail.field} ${detail.message}`).join("; ");
      problem.textContent = error.status === 409 ? ELSEWHERE : rest || (named.length ? "" : error.message);
      problem.hidden = !problem.textContent;
      named.find(({ one }) => one)?.one.focus();
    } finally {
      button.disabled = false;
      button.classList.remove("busy");
    }
  }

  async #redraw() {
    this.redrawing = { before: this.avatar.thumbnail?.id ?? null, until: setTimeout(() => this.#redrawn(), 180000) };
    this.#drawHead();
    try {
      const answer = await this.context.api.post(`/api/avatars/${this.avatar.id}/regenerate-thumbnail`);
      if (answer?.avatar) this.avatar = answer.avatar;
      this.#drawHead();
    } catch (error) {
      this.#redrawn();
      toastError(error, "It could not be drawn");
    }
  }

  #redrawn() {
    clearTimeout(this.redrawing?.until);
    this.redrawing = null;
    this.#drawHead();
  }

  async #copyLink() {
    try {
      await navigator.clipboard.writeText(`${location.origin}/#/characters/${this.avatar.slug}`);
      toast({ title: "The link is copied", body: "Whoever has an account here can open it.", level: "success" });
    } catch (error) {
      toastError(error, "The link could not be copied");
    }
  }

  async #export(format) {
    try {
      save(await this.context.api.download(`/api/avatars/${this.avatar.id}/card?format=${format}`));
    } catch (error) {
      toastError(error, "It could not be exported");
    }
  }

  async #remove() {
    const { api, state, navigate } = this.context;
    const { id, name } = this.avatar;
    if (!await confirmed({ title: `Delete ${name}?`, body: "It cannot be brought back, nor what it remembers. Conversations with it stay readable, and pictures of it stay in your library.", action: "Delete" })) return;
    try {
      await api.delete(`/api/avatars/${id}`);
      drafts.delete(id);
      state.noteCharacter({ characterId: id, deleted: true });
      toast({ title: `${name} is deleted`, level: "success" });
      navigate("#/avatars");
    } catch (error) {
      toastError(error, "It was not deleted");
    }
  }

  destroy() {
    this.gone = true;
    clearInterval(this.timer);
    clearTimeout(this.redrawing?.until);
    this.gallery?.end();
    if (this.avatar) this.context.client.tell("character:unsubscribe", { characterId: this.avatar.id });
    for (const stop of this.stops) stop();
  }
}
