// @ts-check
/** The list of conversations: the latest first, with what was said last and how much of it is unread. */
import { avatar, h, setText } from "../dom.js";
import { preview } from "../text.js";
import { fullMoment, shortMoment } from "../time.js";

const MOST_UNREAD = 100;
const MOST_FACES = 2;
const FILES = { image: "A picture", video: "A video", audio: "A sound" };

/** Whose faces stand for a conversation. @param {any} conversation @param {import("../../state.js").State} state @returns {any[]} */
function facesOf(conversation, state) {
  const cast = (conversation.characters ?? []).map(({ id }) => state.character(id, conversation));
  return cast.length ? cast.slice(0, MOST_FACES) : [{ name: conversation.title || "?" }];
}

/** What a conversation is called. @param {any} conversation @param {import("../../state.js").State} state */
export function conversationTitle(conversation, state) {
  const names = (conversation.characters ?? []).map(({ id }) => state.character(id, conversation).name);
  return conversation.title || names.join(", ") || "Conversation";
}

export class ConversationList {
  /** @type {Map<string, any>} by conversation id */
  #items = new Map();
  #selected = /** @type {string|null} */ (null);

  /** @param {import("../../state.js").State} state */
  constructor(state) {
    this.state = state;
    this.list = h("ul.conversation-list", {});
    this.empty = h("p.conversation-empty", {}, "No conversations yet. Choose a character and say hello.");
    this.more = h("button.button.quiet.small", { type: "button", onclick: () => state.loadMoreConversations() }, "Show older");
    this.element = h("div.conversations", {}, this.empty, this.list, this.more);
    state.on("conversations", () => this.update());
    state.on("characters", () => this.update());
    this.update();
  }

  /** @param {string|null} id */
  select(id) {
    this.#selected = id;
    this.update();
  }

  update() {
    const wanted = this.state.conversationList();
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (ids.has(id)) continue;
      item.element.remove();
      this.#items.delete(id);
    }
    wanted.forEach((conversation, at) => {
      const item = this.#items.get(conversation.id) ?? this.#make(conversation);
      this.#fill(item, conversation);
      if (this.list.children[at] !== item.element) this.list.insertBefore(item.element, this.list.children[at] ?? null);
    });
    this.empty.hidden = !this.state.conversationsLoaded || wanted.length > 0;
    this.more.hidden = !this.state.moreConversations;
  }

  #make(conversation) {
    const face = h("span.conversation-face", {});
    const title = h("span.conversation-title", {});
    const time = h("time.conversation-time", {});
    const last = h("span.conversation-last", {});
    const count = h("span", {});
    const unread = h("span.unread-count", { data: { testid: "unread-count" } }, count, h("span.visually-hidden", {}, " unread"));
    const link = h("a.conversation-item", { href: `#/c/${conversation.id}`, data: { testid: "conversation-item", conversationId: conversation.id } },
      face, h("span.conversation-words", {}, h("span.conversation-top", {}, title, time), h("span.conversation-bottom", {}, last, unread)));
    const item = { element: h("li", {}, link), link, face, title, time, last, unread, count, faceKey: "" };
    this.#items.set(conversation.id, item);
    return item;
  }

  #fill(item, conversation) {
    const faces = facesOf(conversation, this.state);
    const faceKey = JSON.stringify(faces.map(({ name, color, avatarUrl }) => [name, color, avatarUrl]));
    if (item.faceKey !== faceKey) {
      item.faceKey = faceKey;
      item.face.replaceChildren(...faces.map((one) => avatar(one)));
      item.face.classList.toggle("faces", faces.length > 1);
    }
    const message = conversation.lastMessage;
    setText(item.title, conversationTitle(conversation, this.state));
    const mine = message?.sender.id === this.state.user?.id;
    const said = !message ? "Nothing said yet" : message.deletedAt ? "A message was deleted" : preview(message.content) || FILES[/** @type {"image"} */ (message.attachment?.type)] || "A message";
    setText(item.last, mine && !message.deletedAt ? `You: ${said}` : said);
    const at = message?.createdAt ?? conversation.createdAt;
    if (at) {
      setText(item.time, shortMoment(at));
      item.time.dateTime = at;
      item.time.title = fullMoment(at);
    }
    const selected = conversation.id === this.#selected;
    item.unread.hidden = selected || !this.state.isUnread(conversation);
    const unread = conversation.unreadCount || 1;
    setText(item.count, unread >= MOST_UNREAD ? `${MOST_UNREAD - 1}+` : String(unread));
    item.link.classList.toggle("unread", !item.unread.hidden);
    if (selected) item.link.setAttribute("aria-current", "page");
    else item.link.removeAttribute("aria-current");
  }
}
