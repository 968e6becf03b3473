// @ts-check
/** The gallery of an avatar, for its owner: files of one's own, new ones or from the library. */
import { h, icon } from "../dom.js";
import { field } from "../form.js";
import { dropPlace } from "../media/drop.js";
import { uploadLines } from "../media/uploading.js";
import { toast, toastError } from "../overlays.js";
import { chosenFile } from "./choose.js";
import { galleryLines } from "./lines.js";

/** @param {{api: import("../../api.js").Api, client: import("../../client.js").GreenroomClient}} context @param {{id: string, name: string}} avatar */
export function ownGallery(context, avatar) {
  const { api } = context;
  const path = `/api/avatars/${avatar.id}/gallery`;
  const list = galleryLines(context, { characterId: avatar.id, removeAt: path, taken: "the file stays in your library." });
  const caption = field("own-gallery-caption", "Caption", { required: false, maxLength: 500 }, { hint: "Of what you choose next" });

  /** @param {string} mediaId @param {string} words */
  async function show(mediaId, words) {
    try {
      await api.post(path, { mediaId, caption: words });
      toast({ title: "It is in the gallery", level: "success" });
      list.again();
    } catch (error) {
      toastError(error, "It is not in the gallery");
    }
  }

  const uploads = uploadLines(api, { done: ({ file }, job) => show(file.id, job.words ?? "") });
  const take = (/** @type {File[]} */ chosen) => {
    for (const file of chosen) uploads.add(file, { words: caption.value() });
  };
  const chooser = h("input.visually-hidden", { type: "file", id: "own-gallery-files", multiple: true, accept: "image/*,video/mp4,video/webm,audio/*", data: { testid: "own-gallery-files" }, onchange: () => {
    take([...chooser.files]);
    chooser.value = "";
  } });
  const drop = h("div.drop", { data: { testid: "own-gallery-drop" } }, icon("upload"), h("p", {}, h("label.link", { for: "own-gallery-files" }, "Choose files"), h("span", {}, " or drop them here")), chooser);
  dropPlace(drop, take);
  const fromLibrary = h("button.button.quiet.small", { type: "button", data: { testid: "own-gallery-library" }, onclick: async () => {
    const file = await chosenFile(api, { title: `Show it in ${avatar.name}’s gallery` });
    if (file) show(file.id, caption.value());
    fromLibrary.focus();
  } }, icon("picture"), "From your library");
  return { element: h("div.gallery-editor", {}, caption.element, drop, uploads.element, h("div.line-actions", {}, fromLibrary), list.element), end: list.end };
}
