// @ts-check
/** Uploads as they are seen: a line for each with its progress, and what can be done when it is refused. */
import { kindOf, Upload, UPLOADS } from "../../client/uploads.js";
import { h, icon, iconButton, setText } from "../dom.js";
import { ICONS, refusedWords, sizeWords, unfit } from "./words.js";

/** Sent at a time; the others wait for their turn. */
const AT_ONCE = 2;
const CONSOLE = { "X-Greenroom-Client": "console" };
const LIMITS_MS = 30000;

let limits = /** @type {{at: number, of: any, answer: Promise<any>}|null} */ (null);

/** What may be uploaded; asked for now and then. @param {import("../../api.js").Api} api @returns {Promise<any>} null where it is not known */
export function limitsOf(api) {
  if (!limits || limits.of !== api || Date.now() - limits.at > LIMITS_MS) {
    limits = { at: Date.now(), of: api, answer: api.get("/api/media/limits").catch(() => { limits = null; return null; }) };
  }
  return limits.answer;
}

/** What is used has changed. */
export const limitsChanged = () => { limits = null; };

/**
 * Files one after the other. @param {import("../../api.js").Api} api
 * @param {{target?: (kind: string) => {path: string, field: string}, done: (answer: any, job: Job) => void, changed?: () => void}} options
 */
export function uploader(api, { target = (kind) => UPLOADS[kind], done, changed = () => {} }) {
  const jobs = /** @type {Job[]} */ ([]);

  async function pump() {
    const next = jobs.filter(({ upload }) => upload?.state === "waiting").slice(0, Math.max(0, AT_ONCE - jobs.filter(({ upload }) => upload?.state === "sending").length));
    for (const job of next) run(job);
    changed();
  }

  /** @param {Job} job */
  async function run(job) {
    try {
      const answer = await job.upload?.start();
      limitsChanged();
      done(answer, job);
    } catch (error) {
      if (job.upload?.state === "failed") job.problem = refusedWords(error, job.kind, await limitsOf(api));
    }
    job.draw();
    pump();
  }

  /** @param {Job} job */
  function begin(job) {
    job.problem = "";
    const to = target(/** @type {string} */ (job.kind));
    job.upload = new Upload({ ...to, texts: job.texts, file: job.file, name: job.name, headers: CONSOLE, getToken: (wanted) => api.token(wanted) });
    job.upload.on("change", () => { job.draw(); changed(); });
    job.draw();
    pump();
  }

  return {
    jobs,
    get isOpen() { return jobs.some(({ upload }) => upload?.isOpen); },
    get isBroken() { return jobs.some(({ problem }) => problem); },

    /** @param {File|Blob} file @param {{name?: string, texts?: Record<string, string>, words?: string, peaks?: number[], durationMs?: number}} [as] */
    async add(file, { name = /** @type {any} */ (file).name || "file", ...told } = {}) {
      const job = Object.assign(new Job(file, name, kindOf({ type: file.type, name })), told);
      jobs.push(job);
      changed();
      job.problem = unfit(file, job.kind, await limitsOf(api));
      if (job.problem || !jobs.includes(job)) {
        job.draw();
        changed();
      } else {
        begin(job);
      }
      return job;
    },

    /** @param {Job} job */
    again: (job) => begin(job),

    /** @param {Job} job */
    remove(job) {
      job.upload?.cancel();
      jobs.splice(jobs.indexOf(job), jobs.includes(job) ? 1 : 0);
      changed();
    },
  };
}

/** Refusals after which the same file may be taken: no answer, too slow, too much at once, no room yet, the server's own. */
const passes = (/** @type {number} */ status) => status === 0 || status === 402 || status === 408 || status === 429 || status >= 500;

/** One file on its way. */
export class Job {
  get mayGoAgain() { return Boolean(this.upload?.error && passes(this.upload.error.status)); }

  upload = /** @type {Upload|null} */ (null);
  problem = "";
  /** What the server says of it. @type {any} */
  stored = null;
  draw = () => {};
  /** What is said of it in the same form. @type {Record<string, string>|undefined} */
  texts;
  /** What is to be said of it where it goes on to. @type {string|undefined} */
  words;
  /** Of a recording: loudness over time, 0 to 255. @type {number[]|undefined} */
  peaks;
  /** @type {number|undefined} */
  durationMs;

  /** @param {Blob} file @param {string} name @param {string|null} kind */
  constructor(file, name, kind) {
    this.file = file;
    this.name = name;
    this.kind = kind;
  }
}

/**
 * A job as a line. @param {Job} job @param {{again: () => void, remove: () => void}} deeds
 */
export function uploadLine(job, { again, remove }) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": `${job.name}: how much is sent` });
  const told = h("span.upload-told", { role: "status" });
  const retry = h("button.link", { type: "button", hidden: true, data: { testid: "upload-again" }, onclick: again }, "Try again");
  const element = h("li.upload-line", { data: { testid: "upload-line", state: "waiting" } }, icon(ICONS[job.kind ?? ""] ?? "warning"),
    h("div.upload-words", {}, h("span.upload-name", {}, job.name), bar, h("span", {}, told, " ", retry)),
    iconButton("close", `Leave out ${job.name}`, { data: { testid: "upload-cancel" }, onclick: remove }));
  job.draw = () => {
    const { upload, problem } = job;
    const state = problem ? "failed" : upload?.state ?? "waiting";
    element.dataset.state = state;
    bar.hidden = Boolean(problem) || state === "done";
    bar.value = upload?.total ? upload.sent / upload.total : 0;
    setText(told, problem || (state === "done" ? "It is there" : state === "sending" ? (upload && upload.sent >= upload.total ? "Nearly there" : `${sizeWords(upload?.sent ?? 0)} of ${sizeWords(upload?.total ?? job.file.size)}`) : "Waits for its turn"));
    retry.hidden = !problem || !job.mayGoAgain;
  };
  job.draw();
  return element;
}

/**
 * Uploads with their lines, of which each goes when its file is there.
 * @param {import("../../api.js").Api} api @param {{target?: (kind: string) => {path: string, field: string}, done: (answer: any, job: Job) => void}} options
 */
export function uploadLines(api, { target, done }) {
  const element = h("ul.upload-lines", { "aria-label": "Uploads" });
  const shown = new Map();
  const files = uploader(api, {
    target,
    done: (answer, job) => {
      files.remove(job);
      done(answer, job);
    },
    changed: () => {
      for (const job of files.jobs) {
        if (shown.has(job)) continue;
        const line = uploadLine(job, { again: () => files.again(job), remove: () => files.remove(job) });
        shown.set(job, line);
        element.append(line);
      }
      for (const [job, line] of shown) {
        if (files.jobs.includes(job)) continue;
        line.remove();
        shown.delete(job);
      }
    },
  });
  return {
    element,
    get isOpen() { return files.isOpen; },
    add: files.add,
    clear() {
      for (const job of [...files.jobs]) files.remove(job);
    },
  };
}
