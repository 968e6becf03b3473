// @ts-check
/** Search over all that one may read; a hit leads to its place in its conversation. */
import { h } from "../dom.js";
import { messageHit, searchBox } from "../hits.js";

const PAGE = 25;
const SCOPES = [["all", "Mine and public"], ["own", "Only mine"], ["public", "Only public"]];
const SORTS = [["recent", "Newest first"], ["relevance", "Best first"]];

export class SearchView {
  title = "Search";

  /** @param {any} context see app.js @param {string} [query] */
  constructor(context, query = "") {
    const { api, state } = context;
    const select = (label, options, testid) => h("select.pick", { "aria-label": label, data: { testid }, onchange: () => box.find() }, ...options.map(([value, text]) => h("option", { value }, text)));
    const scope = select("Where", SCOPES, "search-scope");
    const sort = select("Order", SORTS, "search-sort");
    const box = searchBox({ id: "search", label: "Search in everything that was said", value: query,
      asked: (q) => history.replaceState(null, "", q ? `#/search/${encodeURIComponent(q)}` : "#/search"),
      ask: (q, cursor) => api.get(`/api/messages/search?q=${encodeURIComponent(q)}&limit=${PAGE}&scope=${scope.value}&sort=${sort.value}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
      draw: (hit) => {
        const { message, conversation } = hit;
        const { sender } = message;
        const inside = state.conversations.has(conversation.id) || sender.id !== undefined;
        const held = state.conversations.get(conversation.id);
        const name = sender.id === state.user.id ? "You" : sender.name ?? held?.members?.find(({ id }) => id === sender.id)?.displayName ?? state.character(sender.id, held).name;
        return messageHit(hit, { href: inside ? `#/c/${conversation.id}/${message.offset}` : `/c/${conversation.slug}`, name, title: conversation.title || "Conversation" });
      } });
    this.box = box;
    this.element = h("section.page", { "aria-labelledby": "search-title" },
      h("header.page-head", {}, context.menuButton(), h("div.page-words", {}, h("h1", { id: "search-title" }, "Search"), h("p.lead", {}, "Words, \"whole phrases\", and -without."))),
      h("div.cast-tools", {}, scope, sort), box.element);
  }

  focus() {
    this.box.input.focus();
  }

  destroy() {}
}
