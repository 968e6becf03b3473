// @ts-check
/**
 * The file of a message. What lies on our own host is shown or played here; what lies elsewhere is a link that says where it
 * leads, since opening it tells that host who reads here and when. What was uploaded comes before it is ready, may fail, and
 * leaves a place behind when it is deleted.
 */
import { blurred } from "../media/blurhash.js";
import { localOf, own } from "../media/file.js";
import { orRenewed, picture } from "../media/picture.js";
import { soundPlayer } from "../media/sound.js";
import { faultWords, ICONS, KINDS } from "../media/words.js";
import { h, icon } from "../dom.js";
import { outside } from "../text.js";

/**
 * @param {any} file `{url, type, mime?, durationMs?, width?, height?}`, and of what was uploaded `{mediaId, state, name, blurhash, peaks, variants}`
 * @param {string} [label] @param {{open?: () => void}} [deeds] `open`: shows a picture as large as there is room
 */
export function attachment(file, label = KINDS[file.type] ?? "File", { open } = {}) {
  const { state = "ready", type } = file;
  const local = localOf(file.mediaId);
  if (state === "deleted") return h("p.file-gone", { data: { testid: "file", state } }, icon("trash"), `${label}: it was deleted.`);
  if (state === "failed") return h("p.file-gone", { role: "alert", data: { testid: "file", state } }, icon("warning"), faultWords({ ...file, fault: null }));
  const url = file.url ?? (local ? local.url : null);
  if (!url) return waiting(file, label);
  const at = url.startsWith("blob:") ? url : own(url);
  if (!at) return elsewhere(url, label);
  const data = { testid: "file", state, type };
  const busy = state === "processing" ? h("span.file-busy", {}, h("span.spinner", { "aria-hidden": "true" }), "Being prepared") : null;
  if (type === "image") {
    const shown = picture({ ...file, url: at }, { alt: label, local: at });
    return h("button.file-picture", { type: "button", "aria-label": `Open: ${label}`, "aria-haspopup": "dialog", disabled: !open || Boolean(busy), data, onclick: () => open?.() }, shown, busy);
  }
  if (type === "video") {
    const film = h("video", { src: at, controls: true, preload: "metadata", playsInline: true, "aria-label": label, width: file.width ?? null, height: file.height ?? null });
    const frame = h("div.file-film", { data }, film, busy);
    orRenewed(film, () => frame.replaceChildren(h("span.file-gone", {}, icon("warning"), `${label}: it can no longer be loaded.`)));
    return frame;
  }
  return h("div.file-sound", { data }, soundPlayer({ url: at, durationMs: file.durationMs ?? local?.durationMs, peaks: file.peaks ?? local?.peaks }, label));
}

/** It has come, and cannot be shown yet. */
function waiting(file, label) {
  const ratio = file.width && file.height ? file.width / file.height : 4 / 3;
  const face = h("div.file-waiting", { role: "status", data: { testid: "file", state: "processing", type: file.type } }, blurred(file.blurhash, ratio), icon(ICONS[file.type] ?? "picture"),
    h("span.file-busy", {}, h("span.spinner", { "aria-hidden": "true" }), `${label} is being prepared`));
  face.style.setProperty("--ratio", String(ratio));
  return face;
}

/** @param {string} url @param {string} label */
function elsewhere(url, label) {
  try {
    const { protocol, host, href } = new URL(url);
    if (!/^https?:$/.test(protocol)) throw new TypeError(protocol);
    return h("span.file-link", {}, icon("out"), outside(href, `${label} on ${host}`));
  } catch {
    return h("span.file-link", {}, icon("warning"), `${label}: ${url}`);
  }
}
