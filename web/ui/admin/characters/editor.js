// @ts-check
/** The editor of a character: all that it is, in parts. What is not saved is kept while the page lives. */
import { avatar, h, icon } from "../../dom.js";
import { binder, given } from "./fields.js";
import { galleryEditor } from "./gallery.js";
import { keptMap } from "../../kept.js";
import { confirmed, toast, toastError } from "../../overlays.js";
import { ai, knowledge, lore, personality, texts } from "./parts.js";
import { save } from "../../save.js";

const PARTS = { texts: "Texts", personality: "Personality", ai: "AI", knowledge: "Knowledge", lore: "Lorebook", gallery: "Gallery" };
const FORMATS = [["v3", "Card V3"], ["v2", "Card V2"], ["png", "Picture (PNG)"]];
const KEYS = ["slug", "name", "tagline", "description", "category", "tags", "avatarUrl", "color", "greeting", "alternateGreetings", "tone", "dials", "traits", "talkativeness", "voice", "replyType", "premium", "settings"];
const NEW = { name: "", slug: "", tagline: "", description: "", category: "general", tags: [], avatarUrl: null, color: "#2f6b52", greeting: "", alternateGreetings: [], tone: "", traits: [], talkativeness: 0.5, voice: null, replyType: "text", premium: false,
  dials: { formality: 0.5, humor: 0.5, empathy: 0.5, creativity: 0.5, confidence: 0.5, emoji: 0.5 },
  settings: { personality: "", scenario: "", examples: [], knowledge: [], restrictedTopics: [], lorebook: { scanDepth: null, tokenBudget: null, recursive: false, entries: [] }, systemPrompt: null, postHistory: null,
    ai: { provider: null, model: null, temperature: 0.8, maxTokens: 600, contextTokens: 8000, responseCache: "off" } } };
/** What was changed and not saved, by address. @type {Map<string, any>} */
const drafts = keptMap();

export class EditorView {
  title = "Character · Backstage";
  #part = "texts";
  #bound = /** @type {Record<string, import("./fields.js").Bound[]>} */ ({});

  /** @param {any} context see app.js @param {string} slug `new` makes one */
  constructor(context, slug) {
    this.context = context;
    this.slug = slug;
    this.isNew = slug === "new";
    this.name = h("h1", {}, this.isNew ? "New character" : "Character");
    this.face = h("span", {});
    this.told = h("p.admin-fresh", { role: "status" });
    this.exports = h("div.line-actions", { hidden: true }, ...FORMATS.map(([format, text]) => h("button.button.quiet.small", { type: "button", data: { testid: `export-${format}` }, onclick: () => this.#export(format) }, icon("save"), text)));
    this.tabs = Object.entries(PARTS).map(([name, text]) => h("button.tab", { type: "button", role: "tab", id: `editor-tab-${name}`, "aria-controls": "editor-body", data: { testid: `editor-part-${name}`, name }, onclick: () => this.#choose(name), onkeydown: (event) => this.#steer(event) }, text));
    this.body = h("div.editor-body", { id: "editor-body", role: "tabpanel", tabindex: "-1" }, h("p.muted", {}, "Loading"));
    this.button = h("button.button.primary", { type: "button", data: { testid: "editor-save" }, onclick: () => this.#save() }, "Save");
    this.remove = h("button.button.quiet.warns", { type: "button", hidden: true, data: { testid: "editor-delete" }, onclick: () => this.#delete() }, icon("trash"), "Delete");
    this.problem = h("p.form-error", { role: "alert", hidden: true, data: { testid: "editor-error" } });
    this.element = h("section.page.editor-page", { "aria-label": "Edit a character" },
      h("header.page-head", {}, context.menuButton(), h("div.page-words", {}, h("a.back", { href: "#/admin/characters" }, icon("back"), "Characters"), h("div.editor-name", {}, this.face, this.name), this.told)),
      this.exports, h("div.tabs", {}, h("div.tab-list", { role: "tablist", "aria-label": "Parts" }, ...this.tabs)),
      h("section.panel", { "aria-label": "Fields" }, this.body, this.problem, h("div.editor-foot", {}, this.button, this.remove)));
    this.#load();
  }

  async #load() {
    const { api, state } = this.context;
    try {
      const [stored, traits] = await Promise.all([this.isNew ? structuredClone(NEW) : api.get(`/api/characters/${encodeURIComponent(this.slug)}`), state.traits()]);
      this.stored = stored;
      this.traits = traits;
      const kept = drafts.get(this.slug);
      this.draft = kept && kept.version === stored.version ? kept : structuredClone(stored);
      this.#bind();
      if (kept === this.draft) this.#touched();
    } catch (error) {
      this.body.replaceChildren(h("p", { role: "alert" }, error.status === 404 ? "There is no such character." : error.message));
    }
  }

  #bind() {
    const bind = binder({ draft: this.draft, touched: () => this.#touched() });
    this.#bound = { texts: texts(bind), personality: personality(bind, this.traits), ai: ai(bind), knowledge: knowledge(bind), lore: lore(bind), gallery: [] };
    this.gallery?.end();
    this.gallery = galleryEditor(this.context, this.draft);
    this.exports.hidden = this.remove.hidden = this.isNew;
    this.#name();
    this.#choose(this.#part);
  }

  #name() {
    this.name.textContent = this.draft.name || "New character";
    this.face.replaceChildren(avatar({ ...this.draft, name: this.draft.name || "?" }));
    this.title = `${this.draft.name || "New character"} · Backstage`;
    this.context.titled(this);
  }

  #touched() {
    drafts.set(this.slug, this.draft);
    this.told.textContent = "Not saved yet";
    this.#name();
  }

  #choose(name) {
    this.#part = name;
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab.dataset.name === name));
      tab.tabIndex = tab.dataset.name === name ? 0 : -1;
    }
    this.body.setAttribute("aria-labelledby", `editor-tab-${name}`);
    this.body.dataset.part = name;
    this.body.replaceChildren(...(name === "gallery" ? [this.gallery.element] : this.#bound[name].map(({ element }) => element)));
  }

  #steer(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.tabs.findIndex((tab) => tab.dataset.name === this.#part);
    const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
    this.#choose(next.dataset.name);
    next.focus();
  }

  /** What is sent of it. */
  #body() {
    const { slug, ...body } = given(KEYS, this.draft);
    return slug ? { slug, ...body } : body;
  }

  async #save() {
    if (this.button.disabled || !this.draft) return;
    const { api, state, navigate } = this.context;
    this.#problems([]);
    this.button.disabled = true;
    this.button.classList.add("busy");
    try {
      const body = this.#body();
      const sent = JSON.stringify(body);
      const made = this.isNew ? await api.post("/api/characters", body) : await api.put(`/api/characters/${this.draft.id}`, { ...body, version: this.draft.version });
      drafts.delete(this.slug);
      toast({ title: "Saved", level: "success" });
      state.noteCharacter({ character: made });
      const { slug } = made;
      if (JSON.stringify(this.#body()) !== sent) {      // one wrote on while it was saved
        Object.assign(this.draft, { id: made.id, version: made.version, slug });
        drafts.set(slug, this.draft);
        if (slug === this.slug) return;
      }
      if (slug !== this.slug) return navigate(`#/admin/characters/${slug}`);
      this.stored = made;
      this.draft = structuredClone(this.stored);
      this.told.textContent = "";
      this.#bind();
    } catch (error) {
      this.#problems(error.details ?? [], error.status === 409 ? "Somebody else has changed this character meanwhile. Open it again to see it as it is." : error.message);
    } finally {
      this.button.disabled = false;
      this.button.classList.remove("busy");
    }
  }

  /** Puts the server's problems at their fields, and goes to the first. @param {{field: string, message: string}[]} details @param {string} [message] */
  #problems(details, message = "") {
    const all = Object.entries(this.#bound).flatMap(([part, fields]) => fields.map((one) => ({ part, one })));
    const named = details.map((detail) => ({ detail, place: all.find(({ one }) => one.path === detail.field) ?? all.find(({ one }) => detail.field.startsWith(`${one.path}.`)) }));
    for (const { one } of all) {
      const words = named.filter(({ place }) => place?.one === one).map(({ detail }) => detail.message);
      one.setProblem(words.length ? `It ${words.join(", and ")}.` : "");
    }
    const rest = named.filter(({ place }) => !place).map(({ detail }) => `${detail.field} ${detail.message}`);
    this.problem.textContent = rest.join("; ") || message;
    this.problem.hidden = !this.problem.textContent;
    const first = named.find(({ place }) => place)?.place;
    if (!first) return;
    this.#choose(first.part);
    first.one.focus();
  }

  async #export(format) {
    try {
      save(await this.context.api.download(`/api/characters/${this.draft.id}/card?format=${format}`));
    } catch (error) {
      toastError(error, "It could not be exported");
    }
  }

  async #delete() {
    const { api, state, navigate } = this.context;
    if (!await confirmed({ title: `Delete ${this.draft.name}?`, body: "Nobody can begin with it any more. Conversations with it stay readable.", action: "Delete" })) return;
    try {
      await api.delete(`/api/characters/${this.draft.id}`);
      drafts.delete(this.slug);
      state.noteCharacter({ characterId: this.draft.id, deleted: true });
      navigate("#/admin/characters");
    } catch (error) {
      toastError(error, "It was not deleted");
    }
  }

  destroy() {
    this.gallery?.end();
  }
}
