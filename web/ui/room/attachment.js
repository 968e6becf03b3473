// @ts-check
/**
 * The file of a message. What lies on our own host is shown or played here; what lies elsewhere is a link that says where it
 * leads, since opening it tells that host who reads here and when.
 */
import { h, icon } from "../dom.js";
import { outside } from "../text.js";
import { duration } from "../time.js";

const NAMES = { image: "Picture", video: "Video", audio: "Sound" };

/** An address of this server, or null. @param {string} url */
export function own(url) {
  try {
    const { origin, protocol, pathname, search } = new URL(url, location.href);
    return origin === location.origin && /^https?:$/.test(protocol) ? pathname + search : null;
  } catch {
    return null;
  }
}

/** @param {{url: string, type: string, mime?: string, durationMs?: number, width?: number, height?: number}} file @param {string} [label] */
export function attachment(file, label = NAMES[/** @type {"image"} */ (file.type)] ?? "File") {
  const at = own(file.url);
  if (!at) return elsewhere(file.url, label);
  const size = { width: file.width ?? null, height: file.height ?? null };
  const failed = (event) => event.target.replaceWith(h("p.file-gone", {}, icon("warning"), `${label}: it can no longer be loaded.`));
  if (file.type === "image") return h("a.file-picture", { href: at, target: "_blank", rel: "noopener" }, h("img", { src: at, alt: label, loading: "lazy", decoding: "async", ...size, onerror: failed }));
  if (file.type === "video") return h("video", { src: at, controls: true, preload: "metadata", "aria-label": label, ...size, onerror: failed });
  return h("div.file-sound", {}, h("audio", { src: at, controls: true, preload: "none", "aria-label": label, onerror: failed }),
    file.durationMs ? h("span.muted", {}, duration(file.durationMs / 1000)) : null);
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
