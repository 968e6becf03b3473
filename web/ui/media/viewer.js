// @ts-check
/** Pictures and videos one by one, as large as there is room: arrow keys turn, Z looks closer, Escape goes back. */
import { blurred } from "./blurhash.js";
import { own, saving } from "./file.js";
import { h, icon, iconButton, setText } from "../dom.js";
import { orRenewed } from "./picture.js";
import { soundPlayer } from "./sound.js";
import { toastError } from "../overlays.js";

const ZOOMS = [1, 2, 4];

/**
 * @typedef {{file: any, name: string, detail?: string}} Shown  `file` with `url` and `type` or `kind`
 * @param {Shown[]} all @param {number} [at] which comes first
 */
export function openViewer(all, at = 0) {
  if (!all.length || document.querySelector("dialog.viewer")) return;
  let zoom = 0;
  const stage = h("div.viewer-stage", { tabindex: "-1" });
  const name = h("p.viewer-name", { "aria-live": "polite" });
  const place = h("span.viewer-place", {});
  const back = iconButton("left", "The one before", { class: "icon-button viewer-turn turn-back", data: { testid: "viewer-back" }, onclick: () => turn(-1) });
  const on = iconButton("right", "The next one", { class: "icon-button viewer-turn turn-on", data: { testid: "viewer-on" }, onclick: () => turn(1) });
  const closer = iconButton("zoom", "Look closer (Z)", { data: { testid: "viewer-zoom" }, onclick: () => look((zoom + 1) % ZOOMS.length) });
  const save = h("a.icon-button", { "aria-label": "Download", title: "Download", data: { testid: "viewer-download" } }, icon("save"));
  const dialog = h("dialog.viewer", { "aria-label": "Viewer", data: { testid: "viewer" }, onclose: () => dialog.remove(), onkeydown: (event) => steer(event),
    onclick: (event) => (event.target === dialog || event.target === stage) && dialog.close() },
  h("div.viewer-inner", {},
    h("header.viewer-head", {}, h("div.viewer-words", {}, name, place), closer, save, iconButton("close", "Close", { data: { testid: "viewer-close" }, onclick: () => dialog.close() })),
    h("div.viewer-middle", {}, back, stage, on)));

  function show() {
    const { file, name: title, detail } = all[at];
    const kind = file.type ?? file.kind;
    const url = own(file.url);
    setText(name, title);
    setText(place, [all.length > 1 ? `${at + 1} of ${all.length}` : "", detail ?? ""].filter(Boolean).join(" · "));
    back.hidden = on.hidden = all.length < 2;
    closer.hidden = kind !== "image";
    save.hidden = !url;
    if (url) Object.assign(save, saving(url, file.name || nameOf(url)));
    stage.replaceChildren(content(kind, file, url, title));
    look(0);
  }

  function content(kind, file, url, title) {
    const gone = () => stage.replaceChildren(h("p.file-gone", {}, `${title}: it can no longer be loaded.`));
    if (!url) return h("p.file-gone", {}, "There is nothing to show of it.");
    if (kind === "audio") return soundPlayer({ ...file, url }, title);
    const size = { width: file.width ?? null, height: file.height ?? null };
    const element = kind === "video" ? h("video", { src: url, controls: true, autoplay: true, "aria-label": title, ...size })
      : h("img", { src: url, alt: title, decoding: "async", draggable: "false", ...size, onclick: () => look(zoom ? 0 : 1) });
    orRenewed(element, gone);
    if (kind === "video") return element;
    const colors = blurred(file.blurhash, file.width && file.height ? file.width / file.height : 1);
    if (colors) element.addEventListener("load", () => colors.remove());
    const frame = h("div.viewer-picture", {}, colors, element);
    if (file.width && file.height) frame.style.setProperty("--ratio", String(file.width / file.height));
    return frame;
  }

  /** @param {number} to */
  function look(to) {
    zoom = to;
    stage.style.setProperty("--zoom", String(ZOOMS[zoom]));
    stage.dataset.zoom = String(zoom);
    const words = zoom === ZOOMS.length - 1 ? "Fit it in (Z)" : "Look closer (Z)";
    closer.setAttribute("aria-label", words);
    closer.title = words;
    if (zoom) stage.scrollTo({ left: (stage.scrollWidth - stage.clientWidth) / 2, top: (stage.scrollHeight - stage.clientHeight) / 2 });
  }

  /** @param {number} step */
  function turn(step) {
    if (all.length < 2) return;
    at = (at + step + all.length) % all.length;
    show();
  }

  function steer(event) {
    if (event.target.closest?.("[role=slider], video") && event.key !== "Escape") return;
    const panning = zoom && event.key.startsWith("Arrow");
    if (panning) return;                              // the arrows move over a picture that is larger than its place
    if (event.key === "ArrowRight") turn(1);
    else if (event.key === "ArrowLeft") turn(-1);
    else if (event.key === "z" || event.key === "Z") look((zoom + 1) % ZOOMS.length);
    else if (event.key === "+") look(Math.min(zoom + 1, ZOOMS.length - 1));
    else if (event.key === "-") look(Math.max(zoom - 1, 0));
    else return;
    event.preventDefault();
    if (zoom) stage.focus();
  }

  swipes(stage, () => zoom === 0, turn);
  document.body.append(dialog);
  show();
  dialog.showModal();
  stage.focus();
}

/** A finger that goes sideways turns. @param {HTMLElement} stage @param {() => boolean} may @param {(step: number) => void} turn */
function swipes(stage, may, turn) {
  const FAR = 60;
  let from = /** @type {number|null} */ (null);
  stage.addEventListener("touchstart", ({ touches }) => { from = touches.length === 1 && may() ? touches[0].clientX : null; }, { passive: true });
  stage.addEventListener("touchend", ({ changedTouches }) => {
    if (from === null) return;
    const by = changedTouches[0].clientX - from;
    from = null;
    if (Math.abs(by) > FAR) turn(by < 0 ? 1 : -1);
  });
}

/** What the last part of an address is called. @param {string} url */
export function nameOf(url) {
  return decodeURIComponent(url.split("?")[0].split("/").at(-1) ?? "") || "file";
}

/** Saves a file under its name. @param {any} file */
export function download(file) {
  const url = own(file.url);
  if (!url) return toastError(null, "There is nothing to download");
  h("a", saving(url, file.name || nameOf(url))).click();
}
