// @ts-check
/** What a conversation is called, who may read it, its numbers, and taking it along. Its owner changes it; the others see it. */
import { h, icon } from "../dom.js";
import { field, form } from "../form.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { numbers } from "./numbers.js";
import { save } from "../save.js";

/** @type {[string, string][]} */
const VISIBILITY = [["private", "Private: only who is in it"], ["unlisted", "Unlisted: whoever has its address"], ["public", "Public: listed and found by all"]];

/** @param {import("./chat.js").ChatView} chat @returns {any[]} */
export function details(chat) {
  const owner = chat.conversation.ownerId === chat.context.state.user.id;
  return [published(chat), owner ? settings(chat) : null, statistics(chat), keep(chat, owner)].filter(Boolean);
}

/** Where others read it. @param {import("./chat.js").ChatView} chat */
function published(chat) {
  const { conversation } = chat;
  if (conversation.visibility === "private") return null;
  const address = `${location.origin}/c/${conversation.slug}`;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
      toast({ title: "The address is copied", level: "success" });
    } catch (error) {
      toastError(error, "It could not be copied");
    }
  };
  return h("section.side-part.published", { "aria-label": "Its public page", data: { testid: "published" } }, h("h3", {}, conversation.visibility === "public" ? "It is public" : "It is unlisted",
    conversation.featured ? h("span.tag", { data: { tone: "warn", testid: "featured-badge" } }, "featured") : null),
  h("p", {}, h("a.link", { href: `/c/${conversation.slug}`, target: "_blank", rel: "noopener", data: { testid: "public-page" } }, `/c/${conversation.slug}`)),
  h("button.button.quiet.small", { type: "button", onclick: copy }, icon("copy"), "Copy the address"), feature(chat));
}

/** An admin may feature what is public. @param {import("./chat.js").ChatView} chat */
function feature(chat) {
  const { state, api } = chat.context;
  if (state.user.role !== "admin" || chat.conversation.visibility !== "public") return null;
  const { featured } = chat.conversation;
  return h("button.button.quiet.small", { type: "button", data: { testid: "feature" }, onclick: async () => {
    try {
      await api.patch(`/api/conversations/${chat.id}/featured`, { featured: !featured });
    } catch (error) {
      toastError(error, "That was refused");
    }
  } }, featured ? "No longer feature it" : "Feature it");
}

/** @param {import("./chat.js").ChatView} chat */
function settings(chat) {
  const { conversation } = chat;
  const { client } = chat.context;
  const title = field("room-title", "Title", { value: conversation.title ?? "", maxLength: 120 }, { key: "title" });
  const visibility = field("room-visibility", "Who may read it", {}, { key: "visibility", kind: "select", options: VISIBILITY });
  visibility.input.value = conversation.visibility;
  const slug = field("room-slug", "Address", { value: conversation.slug ?? "", required: false, maxLength: 80, pattern: "[a-z0-9\\-]+", autocapitalize: "none", spellcheck: "false" },
    { key: "slug", hint: "Small letters, digits and -; the old address goes on to lead here." });
  const category = field("room-category", "Category", { value: conversation.category ?? "", required: false, maxLength: 60 }, { key: "category" });
  const tags = field("room-tags", "Tags", { value: (conversation.tags ?? []).join(", "), required: false, maxLength: 800 }, { key: "tags", hint: "With commas between them, at most 20." });
  const { element } = form({ id: "room", fields: [title, visibility, slug, category, tags], submit: "Save",
    send: async () => {
      const wanted = { title: title.value(), visibility: visibility.value(), slug: slug.value(), category: category.value() || null,
        tags: tags.value().split(",").map((tag) => tag.trim()).filter(Boolean) };
      const before = { ...conversation, category: conversation.category ?? null, tags: conversation.tags ?? [] };
      const changed = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key]) && !(key === "slug" && !value)));
      if (!Object.keys(changed).length) return;
      if (changed.visibility && changed.visibility !== "private" && !await confirmed({ title: changed.visibility === "public" ? "Publish this conversation?" : "Open this conversation?",
        body: "All that was said in it, also before now and by others, can then be read by people who are not in it.", action: changed.visibility === "public" ? "Publish" : "Open" })) throw new Error("Nothing was changed.");
      await client.command("conversation:update", { conversationId: chat.id, ...changed });
    },
    done: () => {
      toast({ title: "Saved", level: "success" });
      /** @type {any} */ (document.activeElement)?.blur();
      chat.panel.changed("details");
    } });
  return h("section.side-part", { "aria-label": "Settings" }, h("h3", {}, "Settings"), element);
}

/** @param {import("./chat.js").ChatView} chat */
function statistics(chat) {
  const body = h("div.side-numbers", { data: { testid: "room-stats" } }, h("p.muted", { role: "status" }, "Loading"));
  chat.context.api.get(`/api/conversations/${chat.id}/stats`).then((stats) => body.replaceChildren(...numbers(stats)))
    .catch((error) => body.replaceChildren(h("p.muted", {}, error.message)));
  return h("section.side-part", { "aria-label": "Numbers" }, h("h3", {}, "Numbers"), body);
}

/** @param {import("./chat.js").ChatView} chat @param {boolean} owner */
function keep(chat, owner) {
  const { api, gone } = chat.context;
  const take = (/** @type {string} */ format) => api.download(`/api/conversations/${chat.id}/export?format=${format}`).then(save).catch((error) => toastError(error, "It could not be exported"));
  const remove = async () => {
    if (!await confirmed({ title: "Delete this conversation?", body: "It goes for everybody in it. You can bring it back for 30 days, under Deleted.", action: "Delete" })) return;
    try {
      await api.delete(`/api/conversations/${chat.id}`);
      gone(chat.id);
      toast({ title: "Conversation deleted", body: "It can be brought back for 30 days.", level: "success" });
    } catch (error) {
      toastError(error, "The conversation could not be deleted");
    }
  };
  return h("section.side-part", { "aria-label": "Take it along" }, h("h3", {}, "Take it along"),
    h("div.line-actions", {}, h("button.button.quiet.small", { type: "button", data: { testid: "export-markdown" }, onclick: () => take("markdown") }, icon("save"), "As text"),
      h("button.button.quiet.small", { type: "button", data: { testid: "export-json" }, onclick: () => take("json") }, icon("save"), "As JSON")),
    owner ? h("button.button.quiet.small.warns", { type: "button", data: { testid: "delete-conversation" }, onclick: remove }, icon("trash"), "Delete this conversation") : null);
}
