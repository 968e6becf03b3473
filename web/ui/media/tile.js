// @ts-check
/** A file as a square among others. */
import { blurred } from "./blurhash.js";
import { own, thumbnail } from "./file.js";
import { h, icon } from "../dom.js";
import { orRenewed } from "./picture.js";
import { clockWords, ICONS, KINDS } from "./words.js";

/** Its face: the picture, or what stands for it. @param {any} file */
export function tileFace(file) {
  const kind = file.kind ?? file.type;
  const name = icon(ICONS[kind] ?? "picture");
  if (file.state === "processing") return [blurred(file.blurhash), name, h("span", { role: "status" }, "Being prepared")];
  if (file.state === "failed") return [icon("warning"), h("span", {}, "Could not be read")];
  const at = thumbnail(file) ?? (file.thumbnailUrl ? own(file.thumbnailUrl) : null);
  const mark = kind === "image" ? null : h("span.tile-mark", {}, icon(ICONS[kind]), file.durationMs ? clockWords(file.durationMs / 1000) : KINDS[kind]);
  if (!at) return [blurred(file.blurhash), name, mark].filter(Boolean);
  const image = h("img", { src: at, alt: "", loading: "lazy", decoding: "async", onload: () => colors?.remove() });
  const colors = blurred(file.blurhash);
  orRenewed(image, () => image.replaceWith(icon(ICONS[kind] ?? "picture")));
  return [colors, image, mark].filter(Boolean);
}
