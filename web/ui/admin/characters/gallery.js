// @ts-check
/** The gallery of a character, for admins: entries by address, each at once. */
import { h, iconButton } from "../../dom.js";
import { field, form } from "../../form.js";
import { confirmed, toast, toastError } from "../../overlays.js";

/** @param {import("../../../api.js").Api} api @param {any} character */
export function galleryEditor(api, character) {
  if (!character.id) return h("p.muted", {}, "Save the character first; then pictures, videos and sounds can be added.");
  const path = `/api/characters/${character.id}/gallery`;
  const list = h("ul.lines", { data: { testid: "admin-gallery" } });

  async function load() {
    try {
      const { items } = await api.get(`${path}?limit=100`);
      list.replaceChildren(...items.map(line));
      if (!items.length) list.append(h("li.muted", {}, "Nothing in it yet."));
    } catch (error) {
      toastError(error, "The gallery could not be loaded");
    }
  }

  function line(item) {
    const remove = async () => {
      if (!await confirmed({ title: "Take it out of the gallery?", body: item.caption || item.url, action: "Take it out" })) return;
      try {
        await api.delete(`${path}/${item.id}`);
        load();
      } catch (error) {
        toastError(error, "It was not taken out");
      }
    };
    return h("li.line", {}, h("div.line-words", {}, h("p.line-head", {}, item.caption || item.type, item.premium ? h("span.tag", { data: { tone: "warn" } }, "premium") : null), h("p.line-detail", {}, `${item.type} · ${item.url ?? item.mediaId} · ${item.views} views`)),
      h("div.line-actions", {}, iconButton("trash", "Take it out", { onclick: remove })));
  }

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
      load();
    } });
  load();
  return h("div.gallery-editor", {}, list, add.element);
}
