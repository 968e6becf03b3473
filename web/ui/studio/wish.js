// @ts-check
/** What is to be made: the form, with its price shown before anything is paid. */
import { randomId } from "../../client/random.js";
import { h, icon, setText } from "../dom.js";
import { problemOf } from "../form.js";
import { kept } from "../kept.js";
import { thumbnail } from "../media/file.js";
import { creditWords, QUALITIES, sizeName, whyNot } from "./words.js";

const KINDS = [["image", "Picture"], ["video", "Video"]];
const PROMPT_MAX = 2000;
/** What was begun; kept while the page lives. */
const draft = kept({ kind: "image", prompt: "", told: /** @type {string|null} */ (null), quality: "standard", avatarId: "", optimize: true, imageId: "" });

export class WishForm {
  #pictures = /** @type {any[]} */ ([]);
  #older = /** @type {any} */ (null);   // the chosen picture, where it is not among those
  costs = /** @type {any} */ (null);
  #clientId = randomId();       // the same wish twice is one picture, and one payment

  /** @param {{api: import("../../api.js").Api, asked: (answer: any) => void}} options */
  constructor({ api, asked }) {
    this.api = api;
    this.asked = asked;
    const touched = () => { this.#clientId = randomId(); this.draw(); };
    this.kinds = h("div.segments", { role: "radiogroup", "aria-label": "What to make" }, ...KINDS.map(([value, text]) => radio("wish-kind", value, draft.kind === value, () => {
      draft.kind = value;
      this.#options();
      touched();
    }, icon(value === "image" ? "picture" : "film"), text)));
    this.prompt = h("textarea", { id: "wish-prompt", rows: "3", dir: "auto", maxLength: PROMPT_MAX, required: true, "aria-describedby": "wish-problem", placeholder: "A lighthouse at dusk, gulls, a storm far out", data: { testid: "wish-prompt" }, oninput: () => {
      draft.prompt = this.prompt.value;
      touched();
    } });
    this.prompt.value = draft.prompt;
    this.avatar = h("select", { id: "wish-avatar", data: { testid: "wish-avatar" }, onchange: () => { draft.avatarId = this.avatar.value; touched(); } });
    this.size = h("select", { id: "wish-size", data: { testid: "wish-size" }, onchange: touched });
    this.seconds = h("select", { id: "wish-seconds", data: { testid: "wish-seconds" }, onchange: touched });
    this.from = h("select", { id: "wish-from", data: { testid: "wish-from" }, onchange: () => { draft.imageId = this.from.value; this.#showFrom(); touched(); } });
    this.fromFace = h("span.wish-from-face", { hidden: true });
    this.qualities = h("div.segments", { role: "radiogroup", "aria-label": "Quality" });
    this.better = h("button.button.quiet.small", { type: "button", data: { testid: "wish-better" }, onclick: () => this.#improve() }, icon("wand"), "Word it better");
    this.told = h("textarea", { id: "wish-told", rows: "5", dir: "auto", data: { testid: "wish-told" }, oninput: () => { draft.told = this.told.value; touched(); } });
    this.toldPart = h("div.field", { hidden: true }, h("label", { for: "wish-told" }, "What the provider is told"), this.told,
      h("p.field-hint", {}, "Change what you like; this goes instead of your words. ", h("button.link", { type: "button", data: { testid: "wish-plain" }, onclick: () => this.#tell(null) }, "Go back to your words")));
    this.optimize = h("input", { type: "checkbox", id: "wish-optimize", checked: draft.optimize, data: { testid: "wish-optimize" }, onchange: () => { draft.optimize = this.optimize.checked; touched(); } });
    this.optimizePart = h("label.check", { for: "wish-optimize" }, this.optimize, "Let the AI word it better before it is made");
    this.cost = h("p.wish-cost", { "aria-live": "polite", data: { testid: "wish-cost" } });
    this.problem = h("p.form-error", { id: "wish-problem", role: "alert", hidden: true, data: { testid: "wish-error" } });
    this.button = h("button.button.primary", { type: "submit", data: { testid: "wish-submit" } }, "Make it");
    const row = (/** @type {string} */ id, /** @type {string} */ label, /** @type {...any} */ ...inputs) => h("div.field", {}, h("label", { for: id }, label), ...inputs);
    this.secondsPart = row("wish-seconds", "Length", this.seconds);
    this.fromPart = row("wish-from", "Begins with", h("div.wish-from", {}, this.from, this.fromFace));
    this.element = h("form.form.wish", { novalidate: true, data: { testid: "wish" }, onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      this.kinds, row("wish-prompt", "What is to be seen", this.prompt), h("div.wish-words", {}, this.better, this.optimizePart), this.toldPart,
      h("div.wish-row", {}, row("wish-avatar", "Who is in it", this.avatar), row("wish-size", "Shape", this.size), this.secondsPart, this.fromPart),
      h("div.field", {}, h("span.field-name", { "aria-hidden": "true" }, "Quality"), this.qualities), this.cost, this.problem, this.button);
    this.#drawAvatars([]);
    this.#drawPictures();
    this.#tell(draft.told);
  }

  get price() { return this.costs?.[draft.kind]?.[draft.quality] ?? null; }

  /** @param {any} costs */
  setCosts(costs) {
    this.costs = costs;
    if (costs?.promptMaxChars) this.prompt.maxLength = costs.promptMaxChars;
    if (costs?.optimizedMaxChars) this.told.maxLength = costs.optimizedMaxChars;
    this.#options();
    this.draw();
  }

  /** All that there are: what was chosen and is gone is chosen no more. @param {any[]} avatars */
  setAvatars(avatars) {
    const ready = avatars.filter(({ state }) => state === "ready" || !state);
    if (!ready.some(({ id }) => id === draft.avatarId)) draft.avatarId = "";
    this.#drawAvatars(ready);
  }

  /** @param {any[]} ready */
  #drawAvatars(ready) {
    this.avatar.replaceChildren(h("option", { value: "" }, "Nobody in particular"), ...ready.map(({ id, name }) => h("option", { value: id, selected: id === draft.avatarId }, name)));
  }

  /** What a video may begin with: the newest. @param {any[]} contents */
  setPictures(contents) {
    this.#pictures = contents;
    this.#drawPictures();
    this.#findPicture();
  }

  #drawPictures() {
    const older = this.#older && !this.#pictures.some(({ id }) => id === this.#older.id) ? [this.#older] : [];
    this.from.replaceChildren(h("option", { value: "" }, "Words alone"), ...[...this.#pictures, ...older].map(({ id, prompt }) => h("option", { value: id, selected: id === draft.imageId }, prompt.slice(0, 60))));
    this.#showFrom();
  }

  /** The chosen picture may be older than those that are listed; or gone, and then it is chosen no more. */
  async #findPicture() {
    const id = draft.imageId;
    if (!id || [...this.#pictures, this.#older].some((one) => one?.id === id)) return;
    try {
      const content = await this.api.get(`/api/content/${id}`);
      this.#older = content.file?.state === "ready" ? content : null;
    } catch (error) {
      if (error.status !== 404) return;
      this.#older = null;
    }
    if (draft.imageId === id && !this.#older) draft.imageId = "";
    this.#drawPictures();
  }

  /** @param {{kind?: string, prompt?: string, told?: string|null, avatarId?: string|null, imageId?: string, quality?: string}} wish */
  fill({ kind, prompt, told = null, avatarId, imageId, quality }) {
    if (kind) draft.kind = kind;
    if (quality) draft.quality = quality;
    if (prompt !== undefined) draft.prompt = this.prompt.value = prompt;
    if (avatarId !== undefined) draft.avatarId = this.avatar.value = avatarId ?? "";
    if (imageId !== undefined) {
      draft.imageId = imageId;
      this.#drawPictures();
      this.#findPicture();
    }
    for (const input of this.kinds.querySelectorAll("input")) /** @type {any} */ (input).checked = /** @type {any} */ (input).value === draft.kind;
    this.#tell(told);
    this.#options();
    this.draw();
    this.prompt.focus();
    this.element.scrollIntoView({ block: "start" });
  }

  #showFrom() {
    const shown = [...this.#pictures, this.#older].find((one) => one?.id === draft.imageId);
    const at = shown && thumbnail(shown.file);
    this.fromFace.hidden = !at;
    this.fromFace.replaceChildren(...(at ? [h("img", { src: at, alt: "" })] : []));
  }

  #options() {
    const of = this.costs?.[draft.kind];
    const [size, seconds] = [this.size.value, this.seconds.value];
    this.size.replaceChildren(...(of?.sizes ?? []).map((/** @type {string} */ value) => h("option", { value, selected: value === size }, sizeName(value))));
    this.seconds.replaceChildren(...(of?.seconds ?? []).map((/** @type {number} */ value) => h("option", { value: String(value), selected: String(value) === seconds }, `${value} seconds`)));
    this.qualities.replaceChildren(...Object.entries(QUALITIES).map(([value, text]) => radio("wish-quality", value, draft.quality === value, () => { draft.quality = value; this.#clientId = randomId(); this.draw(); },
      text, of ? h("span.segment-price", {}, creditWords(of[value])) : "")));
    this.secondsPart.hidden = !of?.seconds?.length;
    this.fromPart.hidden = draft.kind !== "video";
  }

  draw() {
    const { price } = this;
    const kind = draft.kind === "video" ? "video" : "picture";
    const why = price === null ? "" : whyNot(this.costs, /** @type {any} */ (draft.kind), price);
    const poor = why && price !== null && price > (this.costs?.balance?.available ?? 0);
    this.button.disabled = price === null || Boolean(why);
    setText(this.button, price === null ? `Make the ${kind}` : `Make the ${kind} for ${creditWords(price)}`);
    this.cost.replaceChildren(...(price === null ? [] : [`It costs ${creditWords(price)} when it is done, and nothing if it fails. You have ${creditWords(this.costs.balance?.available ?? 0)}. `, why ? h("b", {}, `${why} `) : "",
      poor ? h("a.link", { href: "#/account/credits", data: { testid: "wish-credits" } }, "More credits") : ""]));
    this.better.disabled = !this.prompt.value.trim();
    this.optimizePart.hidden = draft.told !== null;
  }

  /** @param {string|null} text */
  #tell(text) {
    draft.told = text;
    this.told.value = text ?? "";
    this.toldPart.hidden = text === null;
    this.better.replaceChildren(icon("wand"), text === null ? "Word it better" : "Word it anew");
    this.draw();
  }

  /** @param {string} message */
  #fail(message) {
    setText(this.problem, message);
    this.problem.hidden = !message;
  }

  async #improve() {
    const prompt = this.prompt.value.trim();
    if (!prompt || this.better.classList.contains("busy")) return;
    this.#fail("");
    this.better.classList.add("busy");
    try {
      const { optimizedPrompt } = await this.api.postPatiently("/api/content/optimize", { prompt, kind: draft.kind, ...(draft.avatarId ? { avatarId: draft.avatarId } : {}) });
      this.#tell(optimizedPrompt);
      this.told.focus();
    } catch (error) {
      this.#fail(problemOf(error));
    } finally {
      this.better.classList.remove("busy");
    }
  }

  async #send() {
    const prompt = this.prompt.value.trim();
    if (!prompt) {
      this.#fail("Say what is to be seen.");
      return this.prompt.focus();
    }
    if (this.button.disabled) return;
    this.#fail("");
    this.button.disabled = true;
    this.button.classList.add("busy");
    const told = draft.told?.trim();
    const body = { prompt, quality: draft.quality, clientId: this.#clientId, ...(this.size.value ? { size: this.size.value } : {}), ...(draft.avatarId ? { avatarId: draft.avatarId } : {}), ...(told ? { optimizedPrompt: told } : { optimize: this.optimize.checked }),
      ...(draft.kind === "video" ? { ...(this.seconds.value ? { seconds: Number(this.seconds.value) } : {}), ...(draft.imageId ? { imageId: draft.imageId } : {}) } : {}) };
    try {
      const answer = await this.api.post(`/api/content/generate/${draft.kind}`, body);
      this.#clientId = randomId();
      this.asked(answer);
    } catch (error) {
      const details = error.details?.map((/** @type {any} */ { field, message }) => `${field} ${message}`).join("; ");
      this.#fail(details ? `${problemOf(error)} (${details})` : problemOf(error));
      this.prompt.focus();
    } finally {
      this.button.classList.remove("busy");
      this.draw();
    }
  }
}

/** @param {string} name @param {string} value @param {boolean} checked @param {() => void} chosen @param {...any} words */
function radio(name, value, checked, chosen, ...words) {
  return h("label.segment", {}, h("input", { type: "radio", name, value, checked, data: { testid: `${name}-${value}` }, onchange: chosen }), h("span", {}, ...words));
}
