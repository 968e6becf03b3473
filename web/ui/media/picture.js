// @ts-check
/** A picture that takes its place before it is there: its colours stand until it has loaded, and nothing moves when it does. */
import { blurred } from "./blurhash.js";
import { renewed, sources } from "./file.js";
import { h, icon } from "../dom.js";

const MAX_SIDE = 460;
const GONE = "It can no longer be loaded.";

/** Tries a newer address once, then says that it is gone. @param {any} element @param {() => void} gone */
export function orRenewed(element, gone) {
  let tried = false;
  element.addEventListener("error", async () => {
    const url = element.currentSrc || element.src;
    if (tried || !url || url.startsWith("blob:")) return gone();
    tried = true;
    const wasPlaying = element.paused === false;
    try {
      const fresh = await renewed(url);
      element.removeAttribute("srcset");
      element.src = fresh;
      if (wasPlaying) element.play().catch(() => {});
    } catch {
      gone();
    }
  });
}

/** As wide as its height allows: a tall one is narrow from the start. @param {HTMLElement} frame @param {number} width @param {number} height */
function shape(frame, width, height) {
  frame.style.setProperty("--ratio", String(width / height));
  frame.style.setProperty("--most", `${Math.round(Math.min(width, MAX_SIDE, (MAX_SIDE * width) / height))}px`);
}

/**
 * The picture in a frame of its shape. @param {any} file @param {{alt: string, sizes?: string, local?: string|null}} options
 */
export function picture(file, { alt, sizes = "(max-width: 899px) 80vw, 460px", local = null }) {
  const { width, height } = file;
  const known = Boolean(width && height);
  const ratio = known ? width / height : 4 / 3;
  const frame = h("span.picture", { data: { loaded: "false", known: String(known) } }, blurred(file.blurhash, ratio));
  shape(frame, width || MAX_SIDE, height || MAX_SIDE / ratio);
  const { src, srcset } = sources(file);
  const at = src ?? local;
  if (!at) return frame;
  const image = h("img", { alt, loading: "lazy", decoding: "async", width: width ?? null, height: height ?? null, srcset, sizes: srcset ? sizes : null, src: at,
    onload: () => {
      // One's own copy, before the server has looked at it, tells its shape itself.
      if (!known && image.naturalWidth) shape(frame, image.naturalWidth, image.naturalHeight);
      frame.dataset.loaded = "true";
    } });
  orRenewed(image, () => frame.replaceChildren(h("span.file-gone", {}, icon("warning"), GONE)));
  frame.append(image);
  return frame;
}
