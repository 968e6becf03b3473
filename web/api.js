// @ts-check
/**
 * The REST side of the console. The access token lives in memory only; the refresh token is an HttpOnly cookie that no
 * script can read, so a reload stays signed in and a stolen script's reach ends with the page.
 */

/** A refusal in the server's error form, or `offline` when no answer came. */
export class ApiError extends Error {
  /** @param {number} status @param {any} body @param {number} [retryAfterS] */
  constructor(status, body, retryAfterS) {
    super(body?.message ?? "Something went wrong.");
    this.name = "ApiError";
    this.status = status;
    this.code = body?.error ?? "unknown";
    this.retryAfterS = retryAfterS;
    /** All that it said: some paths tell how they are with a status that is none of success. */
    this.answer = body;
    /** @type {{field: string, message: string}[]} */
    this.details = Array.isArray(body?.details) ? body.details : [];
  }
}

const DEADLINE_MS = 15000;
const DOWNLOAD_DEADLINE_MS = 300000;
/** Not a secret: only says that asking for a renewal is worth a request. */
const HINT = "greenroom.signed-in";

/** @param {boolean} signedIn */
function remember(signedIn) {
  try {
    localStorage.setItem(HINT, signedIn ? "yes" : "no");
  } catch { /* storage can be forbidden; then a renewal is always tried */ }
}

/** Whether a reload may go on with a session of before. */
export function mayBeSignedIn() {
  try {
    return localStorage.getItem(HINT) === "yes";
  } catch {
    return true;
  }
}

export class Api {
  #token = /** @type {string|null} */ (null);
  #refreshing = /** @type {Promise<any>|null} */ (null);

  /** Called when the sign-in has ended and cannot be renewed. */
  onSignedOut = () => {};

  get signedIn() { return this.#token !== null; }

  /** @param {string} path */
  get(path) { return this.#authorized("GET", path); }
  /** @param {string} path @param {object} [body] */
  post(path, body = {}) { return this.#authorized("POST", path, body); }
  /** For what may take minutes. @param {string} path @param {object} body */
  postPatiently(path, body) { return this.#authorized("POST", path, body, DOWNLOAD_DEADLINE_MS); }
  /** @param {string} path @param {object} body */
  put(path, body) { return this.#authorized("PUT", path, body); }
  /** @param {string} path @param {object} body */
  patch(path, body) { return this.#authorized("PATCH", path, body); }
  /** A file as it is. @param {string} path @param {Blob} file */
  upload(path, file) { return this.#authorized("POST", path, file); }
  /** @param {string} path @param {object} [body] */
  delete(path, body) { return this.#authorized("DELETE", path, body); }

  /** What anyone may read. @param {string} path */
  getPublic(path) { return this.#request("GET", path); }

  /** Asks for something without being signed in. @param {string} path @param {object} body */
  ask(path, body) { return this.#request("POST", path, body); }

  /** @param {{email?: string, username?: string, mobile?: string, password: string}} fields */
  login(fields) { return this.#signIn("/api/auth/login", fields); }

  /** @param {{email: string, username: string, displayName?: string, password: string}} fields */
  register(fields) { return this.#signIn("/api/auth/register", fields); }

  /** Any other path that answers with a sign-in. @param {string} path @param {object} body */
  signInWith(path, body) { return this.#signIn(path, body); }

  /** By a provider's ID token; somebody new gets an account. @param {string} idToken */
  signInByIdToken(idToken) { return this.#signIn("/api/auth/login", {}, idToken); }

  /** A file, whole in memory, under the name that the server gives it. @param {string} path @returns {Promise<{blob: Blob, name: string}>} */
  async download(path) {
    if (!this.#token) await this.refresh();
    const response = await fetch(path, { headers: { Authorization: `Bearer ${this.#token}`, "X-Greenroom-Client": "console" },
      credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(DOWNLOAD_DEADLINE_MS) });
    if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null), Number(response.headers.get("Retry-After")) || undefined);
    const name = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "download";
    return { blob: await response.blob(), name };
  }

  /**
   * Takes a new access token by the cookie; one request however many ask.
   * @returns {Promise<any>} the sign-in, or null when there is none to renew. Throws when the server cannot be asked.
   */
  refresh() {
    this.#refreshing ??= this.#signIn("/api/auth/refresh-token", {})
      .catch((error) => {
        if (error.status !== 401 && error.status !== 400 && error.status !== 403) throw error;
        this.#token = null;
        remember(false);
        return null;
      })
      .finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  /** For the socket. @param {{fresh: boolean}} wanted @returns {Promise<string|null>} */
  async token({ fresh }) {
    if (fresh || !this.#token) await this.refresh();
    return this.#token;
  }

  /** The sign-in has ended elsewhere: there is nothing to end. */
  forget() {
    this.#token = null;
    remember(false);
  }

  async logout() {
    const token = this.#token;
    this.forget();
    if (token) await this.#request("POST", "/api/auth/logout", {}, token).catch(() => {});
  }

  /** @param {string} path @param {object} body @param {string|null} [bearer] */
  async #signIn(path, body, bearer = null) {
    const answer = await this.#request("POST", path, body, bearer);
    this.#token = answer.accessToken;
    remember(true);
    return answer;
  }

  async #authorized(method, path, body, deadlineMs = DEADLINE_MS) {
    const token = this.#token;
    try {
      return await this.#request(method, path, body, token, deadlineMs);
    } catch (error) {
      if (error.status !== 401) throw error;
      if (this.#token === token) await this.refresh();
      if (!this.#token) {
        this.onSignedOut();
        throw error;
      }
      return this.#request(method, path, body, this.#token, deadlineMs);
    }
  }

  /** @param {string} method @param {string} path @param {any} [body] @param {string|null} [token] @param {number} [deadlineMs] */
  async #request(method, path, body, token, deadlineMs = DEADLINE_MS) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json", "X-Greenroom-Client": "console" };
    const file = body instanceof Blob;
    if (body !== undefined) headers["Content-Type"] = file ? body.type || "application/octet-stream" : "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    let answer = null;
    try {
      response = await fetch(path, { method, headers, credentials: "same-origin", cache: "no-store",
        body: body === undefined || file ? body : JSON.stringify(body), signal: AbortSignal.timeout(file ? DOWNLOAD_DEADLINE_MS : deadlineMs) });
      const text = await response.text();
      if (text) answer = JSON.parse(text);
    } catch {
      if (response?.ok !== false) throw new ApiError(0, { error: "offline", message: "The server cannot be reached. Please try again." });
    }
    if (!response.ok) throw new ApiError(response.status, answer, Number(response.headers.get("Retry-After")) || undefined);
    return answer;
  }
}
