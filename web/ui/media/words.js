// @ts-check
/** Files in the words of a person: sizes, kinds, and why one was not taken. */

/** @type {Record<string, string>} */
export const KINDS = { image: "Picture", video: "Video", audio: "Sound" };
/** @type {Record<string, string>} */
export const ICONS = { image: "picture", video: "film", audio: "voice" };
/** @type {Record<string, string>} */
export const PURPOSES = { upload: "Sent or uploaded", content: "Made here", avatar: "Of an avatar", gallery: "In a gallery" };
/** Media types by the word that people know them by. @type {Record<string, string>} */
const TYPES = {
  "image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP", "image/gif": "GIF", "video/mp4": "MP4", "video/webm": "WebM",
  "audio/mpeg": "MP3", "audio/wav": "WAV", "audio/x-wav": "WAV", "audio/ogg": "OGG", "audio/mp4": "M4A", "audio/m4a": "M4A", "audio/webm": "WebM",
};
const UNITS = ["bytes", "kB", "MB", "GB", "TB"];
const STEP = 1024;

/** "3.4 MB". @param {number} bytes */
export function sizeWords(bytes) {
  const power = bytes > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(STEP))) : 0;
  const value = bytes / STEP ** power;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: power && value < 100 ? 1 : 0 }).format(value)} ${UNITS[power]}`;
}

/** "1:07", "1:02:09". @param {number} seconds */
export function clockWords(seconds) {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** "1 minute 7 seconds", for a screen reader. @param {number} seconds */
export function spokenTime(seconds) {
  const whole = Math.max(0, Math.round(Number.isFinite(seconds) ? seconds : 0));
  const count = (/** @type {number} */ value, /** @type {string} */ unit) => `${value} ${unit}${value === 1 ? "" : "s"}`;
  const minutes = Math.floor(whole / 60);
  return minutes ? `${count(minutes, "minute")} ${count(whole % 60, "second")}` : count(whole, "second");
}

/** "PNG, JPEG, WebP or GIF". @param {string[]} types */
export function typeWords(types) {
  const names = [...new Set(types.map((type) => TYPES[type] ?? type.split("/").at(-1)?.toUpperCase() ?? type))];
  return names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names[0] ?? "";
}

/** "PNG". @param {string} mime */
export const typeName = (mime) => typeWords([mime]);

/**
 * Why a file will not be taken, as far as that is known before it is sent; empty where it may be.
 * @param {{size: number, type?: string}} file @param {string|null} kind @param {any} limits of `/api/media/limits`; null where they are not known
 */
export function unfit(file, kind, limits) {
  if (!kind) return "This kind of file cannot be sent: pictures, videos and sounds can.";
  if (!file.size) return "This file is empty.";
  const bound = limits?.[kind];
  if (bound?.maxBytes && file.size > bound.maxBytes) return `This file has ${sizeWords(file.size)}; a ${KINDS[kind].toLowerCase()} may have ${sizeWords(bound.maxBytes)}.`;
  if (kind === "image" && file.type && bound?.types && !bound.types.includes(file.type)) return `A picture may be ${typeWords(bound.types)}.`;
  const { usedBytes = 0, maxBytes } = limits?.total ?? {};
  if (maxBytes && usedBytes + file.size > maxBytes) return `Your files would take more than the ${sizeWords(maxBytes)} of your plan. Delete some first.`;
  return "";
}

/** Why the server did not take a file. @param {any} error an UploadError or an ApiError @param {string|null} [kind] @param {any} [limits] */
export function refusedWords(error, kind = null, limits = null) {
  const bound = kind ? limits?.[kind] : null;
  const name = kind ? KINDS[kind].toLowerCase() : "file";
  switch (error.code) {
    case "unsupported_media_type": return bound?.types ? `It is not what its name says, or of a kind that is not taken. A ${name} may be ${typeWords(bound.types)}.` : "This kind of file is not taken, whatever it is called.";
    case "quota_exceeded": return "Your plan has no room for it. Delete files that you no longer need, or choose a larger plan.";
    case "rate_limited": return error.retryAfterS ? `You have uploaded much. Try again in ${error.retryAfterS < 90 ? `${error.retryAfterS} seconds` : `${Math.ceil(error.retryAfterS / 60)} minutes`}.` : "You have uploaded much. Try again later.";
    case "file_invalid": return `This ${name} is broken: it cannot be read.`;
    case "dependency_down": return "The server cannot keep files right now. Please try again.";
    default: return sentence(error.message ?? "Something went wrong.");
  }
}

/** Why a file that came could not be read. @param {{fault?: string|null, kind?: string, type?: string}} file */
export function faultWords({ fault, kind, type }) {
  const name = (KINDS[kind ?? type ?? ""] ?? "File").toLowerCase();
  return fault && /\s/.test(fault) ? sentence(fault) : `This ${name} could not be read.`;
}

/** @param {string} text */
function sentence(text) {
  const trimmed = text.trim();
  return trimmed[0]?.toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}
