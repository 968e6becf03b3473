// @ts-check
/** Conversations that one has deleted and can still bring back. */
import { pages } from "../account/parts.js";
import { h } from "../dom.js";
import { toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";

export class DeletedView {
  title = "Deleted";

  /** @param {any} context see app.js */
  constructor({ api, state, menuButton, navigate }) {
    const line = (conversation) => {
      const restore = async () => {
        button.disabled = true;
        try {
          await api.post(`/api/conversations/${conversation.id}/restore`);
          await state.loadConversations();
          toast({ title: "It is back", level: "success" });
          navigate(`#/c/${conversation.id}`);
        } catch (error) {
          button.disabled = false;
          toastError(error, "It could not be brought back");
        }
      };
      const button = h("button.button.quiet.small", { type: "button", data: { testid: "restore" }, onclick: restore }, "Bring back");
      return h("li.line", { data: { testid: "deleted-conversation" } }, h("div.line-words", {}, h("p.line-head", {}, conversation.title || "Conversation"),
        h("p.line-detail", {}, `Deleted ${fullMoment(conversation.deletedAt)} · erased on ${fullMoment(conversation.restorableUntil)}`)), h("div.line-actions", {}, button));
    };
    this.element = h("section.page", { "aria-labelledby": "deleted-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "deleted-title" }, "Deleted conversations"), h("p.lead", {}, "They can be brought back for 30 days; then they are erased."))),
      h("div.panel", {}, ...pages(api, "/api/conversations?scope=deleted&limit=50", line, { empty: "Nothing is deleted.", testid: "deleted" })));
  }

  destroy() {}
}
