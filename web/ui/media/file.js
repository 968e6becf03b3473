// @ts-check
/**
 * A file as the server tells of it, whether as an attachment of a message or an entry of the library: which address to show,
 * and what to do when that address has expired. Addresses are signed and open for an hour or so.
 */

import { toastError } from "../overlays.js";

const SIZES = ["small", "medium", "large"];
/** Local copies that are kept: what one has just sent is shown from here until the server has made its pictures. */
const MAX_LOCAL = 40;
const EXPIRY_MARGIN_MS = 5000;

/** @type {((key: string) => Promise<string>)|null} */
let sign = null;
/** @type {Map<string, {url: string, peaks?: number[]|null, durationMs?: number|null}>} by media id */
const locals = new Map();

/** Who is asked for new addresses, from now on. @param {import("../../api.js").Api|null} api */
export function signBy(api) {
  sign = api && (async (key) => (await api.post("/api/media/signed-url", { key })).url);
  if (!api) for (const id of [...locals.keys()]) forgetLocal(id);
}

/** @param {string} id @param {{url: string, peaks?: number[]|null, durationMs?: number|null}} copy `url` of a blob: it is given up here */
export function rememberLocal(id, copy) {
  locals.set(id, copy);
  if (locals.size > MAX_LOCAL) forgetLocal(/** @type {string} */ (locals.keys().next().value));
}

/** @param {string|null|undefined} id */
export const localOf = (id) => (id ? locals.get(id) : undefined);

/** @param {string} id */
function forgetLocal(id) {
  const copy = locals.get(id);
  locals.delete(id);
  if (copy) URL.revokeObjectURL(copy.url);
}

/** An address of this server, or null. @param {string|null|undefined} url */
export function own(url) {
  if (!url) return null;
  try {
    const { origin, protocol, pathname, search } = new URL(url, location.href);
    return origin === location.origin && /^https?:$/.test(protocol) ? pathname + search : null;
  } catch {
    return null;
  }
}

/** Whether these are the same file in the same state: the signatures of addresses do not count. @param {any} file */
export const sameness = (file) => JSON.stringify(file, (key, value) => (key === "url" && typeof value === "string" ? value.split("?")[0] : value));

/** A newer address of the same object. @param {string} url @returns {Promise<string>} */
export async function renewed(url) {
  const key = decodeURIComponent(new URL(url, location.href).pathname.replace(/^\/media\//, ""));
  if (!sign) throw new Error("nobody signs");
  return sign(key);
}

/** Whether an address opens no more, or not long enough to be sure. @param {string} url */
const expired = (url) => Number(new URL(url, location.href).searchParams.get("expires") ?? Infinity) * 1000 < Date.now() + EXPIRY_MARGIN_MS;

/**
 * What makes a link save a file: a page may be open for longer than its addresses.
 * @param {string} url @param {string} name what it is called on the disk
 */
export function saving(url, name) {
  return { href: url, download: name, onclick: async (/** @type {any} */ event) => {
    const link = event.currentTarget;
    if (!expired(link.href)) return;
    event.preventDefault();
    try {
      link.href = await renewed(link.href);
      link.click();
    } catch (error) {
      toastError(error, "It could not be saved");
    }
  } };
}

/** The sizes of a picture as an `img` takes them. @param {any} file */
export function sources(file) {
  const made = SIZES.map((size) => file.variants?.[size]).filter((variant) => variant && own(variant.url));
  const smallest = made[0]?.url ?? file.url;
  return { src: own(smallest), srcset: made.length > 1 ? made.map(({ url, width }) => `${own(url)} ${width}w`).join(", ") : null,
    whole: own(file.variants?.large?.url) ?? own(file.url) };
}

/** The square one of a picture, or the nearest to it. @param {any} file */
export function thumbnail(file) {
  const found = file?.variants?.thumbnail ?? file?.variants?.small ?? file?.variants?.medium;
  return own(found?.url) ?? (["image", undefined].includes(file?.kind ?? file?.type) ? own(file?.url) : null);
}
