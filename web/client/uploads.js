// @ts-check
/**
 * Uploads to Greenroom (`POST /api/media/upload/…`) that tell how far they are and can be cancelled. No dependencies but
 * `wire.js`; runs in browsers. `fetch` cannot tell how much of a body is sent, so this is an XMLHttpRequest.
 *
 *     const upload = new Upload({ path: "/api/media/upload/image", field: "image", file, getToken: async ({ fresh }) => token });
 *     upload.on("change", () => draw(upload.state, upload.sent / upload.total));
 *     const { file } = await upload.start();
 */
import { Emitter, GreenroomError } from "./wire.js";

/** After the last byte the server still reads and keeps the file. */
const SILENCE_MS = 120000;
const UNAUTHENTICATED = 401;

/** A refused upload. `status` 0: no answer came. */
export class UploadError extends GreenroomError {
  /** @param {number} status @param {any} body @param {number} [retryAfterS] */
  constructor(status, body, retryAfterS) {
    super(body?.error ?? "unknown", body?.message ?? "Something went wrong.");
    this.name = "UploadError";
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Where a file of this kind goes. @type {Record<string, {path: string, field: string}>} */
export const UPLOADS = {
  image: { path: "/api/media/upload/image", field: "image" },
  video: { path: "/api/media/upload/video", field: "video" },
  audio: { path: "/api/media/upload/audio", field: "audio" },
};

const ENDINGS = {
  image: ["png", "jpg", "jpeg", "webp", "gif"], video: ["mp4", "webm", "m4v"], audio: ["mp3", "wav", "ogg", "oga", "opus", "m4a", "weba"],
};

/** What a file seems to be; the server looks into it. @param {{type?: string, name?: string}} file @returns {"image"|"video"|"audio"|null} */
export function kindOf({ type = "", name = "" }) {
  const [said] = type.split("/");
  if (said === "image" || said === "video" || said === "audio") return said;
  const ending = name.split(".").at(-1)?.toLowerCase() ?? "";
  return /** @type {any} */ (Object.entries(ENDINGS).find(([, endings]) => endings.includes(ending))?.[0] ?? null);
}

/** Events: `change`. */
export class Upload extends Emitter {
  #request = /** @type {XMLHttpRequest|null} */ (null);
  #options;

  /**
   * @param {object} options
   * @param {string} options.path
   * @param {string} options.field         the part of the form that is the file
   * @param {Blob} options.file
   * @param {string} [options.name]        what the file is called, where it is no `File`
   * @param {Record<string, string>} [options.texts]  other parts of the form
   * @param {Record<string, string>} [options.headers]
   * @param {(wanted: {fresh: boolean}) => Promise<string|null>} options.getToken
   */
  constructor(options) {
    super();
    this.#options = options;
    /** @type {"waiting"|"sending"|"done"|"failed"|"cancelled"} */
    this.state = "waiting";
    /** Bytes of the form. */
    this.sent = 0;
    this.total = options.file.size;
    this.answer = /** @type {any} */ (null);
    this.error = /** @type {UploadError|null} */ (null);
  }

  get file() { return this.#options.file; }
  get isOpen() { return this.state === "waiting" || this.state === "sending"; }

  /** Sends it; again after a failure. @returns {Promise<any>} what the server answers; an UploadError where it is refused or cancelled */
  async start() {
    if (this.state === "sending" || this.state === "done") return this.answer;
    Object.assign(this, { sent: 0, error: null });
    this.#set("sending");
    try {
      this.answer = await this.#try(false).catch((error) => {
        if (error.status !== UNAUTHENTICATED) throw error;
        return this.#try(true);
      });
      this.sent = this.total;
      this.#set("done");
      return this.answer;
    } catch (error) {
      this.error = error instanceof UploadError ? error : new UploadError(0, { error: "offline", message: "The server cannot be reached. Please try again." });
      if (this.isOpen) this.#set("failed");
      throw this.error;
    }
  }

  /** Ends it: the server throws away what came. */
  cancel() {
    if (!this.isOpen) return;
    this.#set("cancelled");
    this.#request?.abort();
  }

  #set(state) {
    this.state = state;
    this.emit("change");
  }

  /** @param {boolean} fresh @returns {Promise<any>} */
  async #try(fresh) {
    const { path, field, file, name, texts = {}, headers = {}, getToken } = this.#options;
    const token = await getToken({ fresh });
    const cancelled = () => new UploadError(0, { error: "cancelled", message: "It was cancelled." });
    if (this.state !== "sending") throw cancelled();
    const form = new FormData();
    for (const [key, value] of Object.entries(texts)) form.append(key, value);
    form.append(field, file, name ?? /** @type {any} */ (file).name ?? "file");
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      let silence = /** @type {any} */ (0);
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(() => request.abort(), SILENCE_MS);
      };
      const fail = () => reject(this.state === "cancelled" ? cancelled() : new UploadError(0, { error: "offline", message: "The server cannot be reached. Please try again." }));
      request.upload.onprogress = ({ loaded, total }) => {
        heard();
        Object.assign(this, { sent: loaded, total });
        this.emit("change");
      };
      request.onload = () => {
        const answer = parsed(request.responseText);
        if (request.status >= 200 && request.status < 300 && answer) return resolve(answer);
        reject(new UploadError(request.status, answer, Number(request.getResponseHeader("Retry-After")) || undefined));
      };
      request.onerror = fail;
      request.onabort = fail;
      request.onloadend = () => clearTimeout(silence);
      request.open("POST", path);
      for (const [key, value] of Object.entries({ Accept: "application/json", ...headers })) request.setRequestHeader(key, value);
      if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
      heard();
      request.send(form);
    });
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
