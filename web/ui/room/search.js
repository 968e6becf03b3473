// @ts-check
/** Search in one conversation: a hit leads to its place, however far above. */
import { messageHit, searchBox } from "../hits.js";

const PAGE = 20;

/** @param {import("./chat.js").ChatView} chat @returns {any[]} */
export function roomSearch(chat) {
  const { api } = chat.context;
  const { element } = searchBox({ id: "room-search", label: "Search in this conversation",
    ask: (query, cursor) => api.get(`/api/conversations/${chat.id}/search?q=${encodeURIComponent(query)}&limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
    draw: (hit) => {
      const { message } = hit;
      const name = message.sender.id === chat.context.state.user.id ? "You" : message.sender.name ?? chat.who(message.sender.id).name;
      return messageHit(hit, { href: `#/c/${chat.id}/${message.offset}`, name, onclick: (event) => {
        event.preventDefault();
        chat.panel.yield();
        chat.showPlace(message.offset);
      } });
    } });
  return [element];
}
