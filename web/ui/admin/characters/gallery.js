// @ts-check
/** The gallery of a character, for admins: files are uploaded with what is said of them, or an address is added; each at once. */
import { h, icon } from "../../dom.js";
import { field, form } from "../../form.js";
import { dropPlace } from "../../media/drop.js";
import { galleryLines } from "../../gallery/lines.js";
import { uploadLines } from "../../media/uploading.js";
import { toast } from "../../overlays.js";

/**
 * @param {{api: import("../../../api.js").Api, client?: import("../../../client.js").GreenroomClient}} context @param {any} character
 * @param {() => void} [changed]
 */
export function galleryEditor({ api, client }, character, changed = () => {}) {
  if (!character.id) return { element: h("p.muted", {}, "Save the character first; then pictures, videos and sounds can be added."), end() {} };
  const path = `/api/characters/${character.id}/gallery`;
  const list = galleryLines({ api, client }, { characterId: character.id, removeAt: path, taken: "it cannot be brought back.", changed });
  const element = h("div.gallery-editor", {}, uploadForm(api, character, list.again), list.element,
    h("details.by-address", {}, h("summary", {}, "Add something that lies elsewhere"), addressForm(api, path, list.again)));
  return { element, end: list.end };
}

/** Several files at once, with a caption and tags for all of them. @param {import("../../../api.js").Api} api @param {any} character @param {() => void} done */
function uploadForm(api, character, done) {
  const caption = field("gallery-file-caption", "Caption", { required: false, maxLength: 500 }, { hint: "Of what you choose next" });
  const tags = field("gallery-file-tags", "Tags", { required: false }, { hint: "With commas between them" });
  const premium = h("input", { type: "checkbox", id: "gallery-file-premium", data: { testid: "gallery-file-premium" } });
  const chooser = h("input.visually-hidden", { type: "file", id: "gallery-files", multiple: true, accept: "image/*,video/mp4,video/webm,audio/*", data: { testid: "gallery-files" }, onchange: () => {
    take([...chooser.files]);
    chooser.value = "";
  } });
  const uploads = uploadLines(api, {
    target: () => ({ path: `/api/media/upload/gallery/${encodeURIComponent(character.id)}`, field: "gallery" }),
    done: () => {
      if (!uploads.isOpen) toast({ title: "It is in the gallery", level: "success" });
      done();
    },
  });

  function take(chosen) {
    const texts = { caption: caption.value(), tags: tags.value(), premium: String(premium.checked) };
    for (const file of chosen) uploads.add(file, { texts });
  }

  const drop = h("div.drop", { data: { testid: "gallery-drop" } }, icon("upload"), h("p", {}, h("label.link", { for: "gallery-files" }, "Choose files"), h("span", {}, " or drop them here")), h("p.muted", {}, "Pictures, videos and sounds, several at once"), chooser);
  dropPlace(drop, take);
  return h("div.gallery-upload", {}, h("div.gallery-said", {}, caption.element, tags.element), h("label.check", { for: "gallery-file-premium" }, premium, "For premium plans alone"), drop, uploads.element);
}

/** @param {import("../../../api.js").Api} api @param {string} path @param {() => void} done */
function addressForm(api, path, done) {
  const type = field("gallery-type", "Kind", {}, { key: "type", kind: "select", options: [["image", "Picture"], ["video", "Video"], ["audio", "Sound"]] });
  const url = field("gallery-url", "Address", { inputmode: "url", spellcheck: "false", maxLength: 2000 }, { key: "url", hint: "A path of this server under /media/, or an address with https:" });
  const thumbnail = field("gallery-thumbnail", "Small picture of it", { required: false, inputmode: "url", spellcheck: "false", maxLength: 2000 }, { key: "thumbnailUrl" });
  const caption = field("gallery-caption", "Caption", { required: false, maxLength: 500 }, { key: "caption" });
  const tags = field("gallery-tags", "Tags", { required: false }, { key: "tags", hint: "With commas between them" });
  const premium = h("input", { type: "checkbox", id: "gallery-premium" });
  const add = form({ id: "gallery", fields: [type, url, thumbnail, caption, tags], extra: [h("label.check", { for: "gallery-premium" }, premium, "For premium plans alone")], submit: "Add to the gallery", look: "quiet",
    send: ({ tags: words = "", ...item }) => api.post(path, { ...item, tags: words.split(",").map((tag) => tag.trim()).filter(Boolean), premium: premium.checked }),
    done: () => {
      add.reset();
      toast({ title: "It is in the gallery", level: "success" });
      done();
    } });
  return add.element;
}
