// @ts-check
/**
 * What is to go with the next message: files that are uploaded while one still writes. Each can be taken out again; what was
 * taken out after it came is deleted, so that nothing lies about that nobody sent. Kept per conversation while the page lives.
 */
import { rememberLocal } from "../media/file.js";
import { soundPlayer } from "../media/sound.js";
import { uploader } from "../media/uploading.js";
import { ICONS, KINDS } from "../media/words.js";
import { h, icon, iconButton, setText } from "../dom.js";

/** Files of one message after the other. */
const MAX_FILES = 10;

export class Tray {
  /** The message goes as soon as all is there. */
  wanted = false;
  changed = () => {};
  #previews = new Map();      // job -> {element, url}

  /** @param {import("../../api.js").Api} api */
  constructor(api) {
    this.api = api;
    this.list = h("ul.tray-list", { "aria-label": "Files for this message" });
    this.told = h("p.tray-told", { role: "status" });
    this.element = h("div.tray", { hidden: true, data: { testid: "tray" } }, this.list, this.told);
    this.files = uploader(api, { done: (answer, job) => this.#stored(answer.file, job), changed: () => this.#changed() });
  }

  get isEmpty() { return !this.files.jobs.length; }
  /** All of it has come. */
  get isReady() { return !this.isEmpty && this.files.jobs.every(({ stored }) => stored); }
  get isBroken() { return this.files.isBroken; }

  /** @param {(File|Blob)[]} files @param {{name?: string, peaks?: number[], durationMs?: number}} [as] */
  add(files, as = {}) {
    const room = Math.max(0, MAX_FILES - this.files.jobs.length);
    this.tooMany = files.length > room;
    for (const file of files.slice(0, room)) this.files.add(file, as);
    this.#changed();
  }

  /** What the messages carry, in order; then the tray is empty. @returns {{mediaId: string, type: string}[]} */
  take() {
    const taken = this.files.jobs.map((job) => ({ mediaId: job.stored.id, type: job.stored.kind }));
    for (const job of [...this.files.jobs]) {
      const preview = this.#previews.get(job);
      if (preview?.url) rememberLocal(job.stored.id, { url: preview.url, peaks: job.peaks, durationMs: job.durationMs });
      this.#previews.delete(job);
      preview?.element.remove();
    }
    this.files.jobs.splice(0);
    this.wanted = false;
    this.#changed();
    return taken;
  }

  #stored(file, job) {
    job.stored = file;
    if (!this.files.jobs.includes(job)) this.#delete(file); // taken out while its last bytes were on their way
  }

  #delete(file) {
    this.api.delete("/api/media/delete", { id: file.id }).catch(() => {}); // it stays in the library, where it can be deleted
  }

  #remove(job) {
    const at = this.files.jobs.indexOf(job);
    this.files.remove(job);
    if (job.stored) this.#delete(job.stored);
    const preview = this.#previews.get(job);
    this.#previews.delete(job);
    preview?.element.remove();
    if (preview?.url) URL.revokeObjectURL(preview.url);
    this.#changed();
    const next = this.list.children[Math.min(at, this.list.children.length - 1)]?.querySelector("button.icon-button");
    if (next) /** @type {any} */ (next).focus();
    else this.onEmptied?.();
  }

  #changed() {
    const { jobs } = this.files;
    for (const job of jobs) if (!this.#previews.has(job)) this.#show(job);
    this.element.hidden = this.isEmpty && !this.tooMany;
    const open = jobs.filter(({ stored, problem }) => !stored && !problem).length;
    setText(this.told, this.tooMany ? `At most ${MAX_FILES} files go together; the others were left out.`
      : this.wanted && open ? "It is sent as soon as all is there." : open ? `${jobs.length - open} of ${jobs.length} uploaded` : "");
    if (this.isEmpty) this.tooMany = false;
    if (this.isBroken) this.wanted = false;
    this.changed();
  }

  #show(job) {
    const url = job.kind ? URL.createObjectURL(job.file) : null;
    const words = `${KINDS[job.kind ?? ""] ?? "File"}: ${job.name}`;
    const face = job.kind === "image" ? h("img", { src: url, alt: words, decoding: "async", onerror: (event) => event.target.replaceWith(icon("picture")) })
      : job.kind === "audio" ? soundPlayer({ url: /** @type {string} */ (url), peaks: job.peaks, durationMs: job.durationMs }, job.peaks ? "Your recording" : job.name)
        : h("span.tray-name", {}, icon(ICONS[job.kind ?? ""] ?? "warning"), job.name);
    const bar = h("progress", { max: 1, value: 0, "aria-label": `${job.name}: how much is sent` });
    const problem = h("p.tray-problem", { role: "alert", hidden: true });
    const said = h("span", {});
    const retry = h("button.link", { type: "button", data: { testid: "tray-again" }, onclick: () => this.files.again(job) }, "Try again");
    problem.append(said, " ", retry);
    const element = h("li.tray-item", { title: job.name, data: { testid: "tray-item", kind: job.kind ?? "none", state: "waiting" } }, h("div.tray-frame", {}, h("div.tray-face", {}, face, bar),
      iconButton("close", `Leave out ${job.name}`, { class: "icon-button tray-remove", data: { testid: "tray-remove" }, onclick: () => this.#remove(job) })), problem);
    job.draw = () => {
      const state = job.problem ? "failed" : job.stored ? "done" : job.upload?.state ?? "waiting";
      element.dataset.state = state;
      bar.hidden = state === "failed" || state === "done";
      bar.value = job.upload?.total ? job.upload.sent / job.upload.total : 0;
      problem.hidden = !job.problem;
      setText(said, job.problem);
      retry.hidden = !job.mayGoAgain;
    };
    job.draw();
    this.#previews.set(job, { element, url });
    this.list.append(element);
  }
}

/** @type {Map<string, Tray>} */
const trays = new Map();

/** The tray of a conversation. @param {string} key whose, and where @param {import("../../api.js").Api} api */
export function trayOf(key, api) {
  let tray = trays.get(key);
  if (!tray || tray.api !== api) {
    for (const [other, one] of trays) if (one.isEmpty) trays.delete(other);
    tray = new Tray(api);
    trays.set(key, tray);
  }
  return tray;
}
