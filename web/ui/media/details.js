// @ts-check
/** One file of one's own: what it is, and what can be done with it. */
import { h, icon, iconButton } from "../dom.js";
import { own, saving } from "./file.js";
import { attachment } from "../room/attachment.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { duration, fullMoment } from "../time.js";
import { openViewer, nameOf } from "./viewer.js";
import { faultWords, KINDS, PURPOSES, sizeWords, typeName } from "./words.js";

/** A copied address opens for so long. */
const LINK_S = 24 * 60 * 60;

/** What a file is called. @param {any} file */
export const fileName = (file) => file.name || KINDS[file.kind] || "File";

/** Asks, then deletes. @param {import("../../api.js").Api} api @param {any} file @returns {Promise<boolean>} whether it is gone */
export async function deleteFile(api, file) {
  const yes = await confirmed({ title: `Delete ${file.name ? `“${file.name}”` : `this ${fileName(file).toLowerCase()}`}?`, action: "Delete",
    body: "It cannot be brought back. Where you have sent it, a note stands in its place; an avatar or a gallery that shows it loses it." });
  if (!yes) return false;
  try {
    await api.delete("/api/media/delete", { id: file.id });
    return true;
  } catch (error) {
    if (error.status === 404) return true;
    toastError(error, "It was not deleted");
    return false;
  }
}

/** Puts an address of it on the clipboard. @param {import("../../api.js").Api} api @param {any} file */
export async function copyLink(api, file) {
  try {
    const { url, expiresAt } = await api.post("/api/media/signed-url", { key: file.key, expiresIn: LINK_S });
    await navigator.clipboard.writeText(new URL(url, location.href).href);
    toast({ title: "The link is copied", body: `Whoever has it can open the file until ${fullMoment(expiresAt)}.`, level: "success" });
  } catch (error) {
    toastError(error, "The link could not be copied");
  }
}

/**
 * @param {any} context see app.js @param {any} file
 * @param {{all?: any[], deleted?: () => void}} [more] `all`: the files around it, for the viewer
 */
export function openDetails({ api, client }, file, { all = [file], deleted = () => {} } = {}) {
  if (document.querySelector("dialog.details")) return;
  const inner = h("div.details-inner", {});
  const dialog = h("dialog.details", { "aria-labelledby": "details-title", data: { testid: "details" }, onclose: () => { stop(); dialog.remove(); }, onclick: (event) => event.target === dialog && dialog.close() }, inner);
  const stop = client.on("media:update", ({ file: changed }) => {
    if (changed.id !== file.id || changed.state === file.state) return;
    file = changed;
    draw();
  });
  const look = () => {
    const seen = all.filter((one) => own(one.url) && ["image", "video"].includes(one.kind));
    openViewer(seen.map((one) => ({ file: one, name: fileName(one), detail: sizeWords(one.bytes) })), Math.max(0, seen.findIndex(({ id }) => id === file.id)));
  };
  const remove = async () => {
    if (!await deleteFile(api, file)) return;
    dialog.close();
    deleted();
  };

  function draw() {
    const url = own(file.url);
    const rows = [["Kind", `${KINDS[file.kind]}, ${typeName(file.mime)}`], ["Size", sizeWords(file.bytes)], file.width ? ["Pixels", `${file.width} × ${file.height}`] : null,
      file.durationMs ? ["Length", duration(file.durationMs / 1000)] : null, ["From", PURPOSES[file.purpose] ?? file.purpose], ["Since", fullMoment(file.createdAt)], file.state === "failed" ? ["State", faultWords(file)] : null].filter(Boolean);
    const face = attachment({ ...file, type: file.kind, mediaId: file.id }, fileName(file), { open: look });
    const buttons = url ? [h("a.button.quiet", { ...saving(url, file.name || nameOf(url)), data: { testid: "details-download" } }, icon("save"), "Download"),
      h("button.button.quiet", { type: "button", data: { testid: "details-link" }, onclick: () => copyLink(api, file) }, icon("link"), "Copy a link")] : [];
    inner.replaceChildren(
      h("header.details-head", {}, h("h2", { id: "details-title" }, fileName(file)), iconButton("close", "Close", { onclick: () => dialog.close() })),
      h("div.details-face", {}, face),
      h("dl.facts", {}, .../** @type {[string, string][]} */ (rows).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
      h("div.line-actions", {}, ...buttons, h("button.button.quiet.warns", { type: "button", data: { testid: "details-delete" }, onclick: remove }, icon("trash"), "Delete")));
  }

  draw();
  document.body.append(dialog);
  dialog.showModal();
}
