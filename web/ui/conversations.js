// @ts-check
/** The list of conversations: the latest first, with what was said last and a dot where something is unread. */
import { avatar, h, setText } from "./dom.js";
import { preview } from "./text.js";
import { fullMoment, shortMoment } from "./time.js";

/** What a conversation is called. @param {any} conversation @param {import("../state.js").State} state */
export function conversationTitle(conversation, state) {
  const names = (conversation.characters ?? []).map(({ id }) => state.character(id, conversation).name);
  return conversation.title || names.join(", ") || "Conversation";
}

export class ConversationList {
  /** @type {Map<string, any>} by conversation id */
  #items = new Map();
  #selected = /** @type {string|null} */ (null);

  /** @param {import("../state.js").State} state */
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
    const unread = h("span.unread-dot", {}, h("span.visually-hidden", {}, "Unread"));
    const link = h("a.conversation-item", { href: `#/c/${conversation.id}`, data: { testid: "conversation-item", conversationId: conversation.id } },
      face, h("span.conversation-words", {}, h("span.conversation-top", {}, title, time), h("span.conversation-bottom", {}, last, unread)));
    const item = { element: h("li", {}, link), link, face, title, time, last, unread, faceKey: "" };
    this.#items.set(conversation.id, item);
    return item;
  }

  #fill(item, conversation) {
    const character = this.state.character(conversation.characters?.[0]?.id, conversation);
    const faceKey = `${character.name}${character.color}${character.avatarUrl}`;
    if (item.faceKey !== faceKey) {
      item.faceKey = faceKey;
      item.face.replaceChildren(avatar(character));
    }
    const message = conversation.lastMessage;
    setText(item.title, conversationTitle(conversation, this.state));
    const mine = message?.sender.id === this.state.user?.id;
    setText(item.last, message ? `${mine ? "You: " : ""}${preview(message.content)}` : "Nothing said yet");
    const at = message?.createdAt ?? conversation.createdAt;
    if (at) {
      setText(item.time, shortMoment(at));
      item.time.dateTime = at;
      item.time.title = fullMoment(at);
    }
    const selected = conversation.id === this.#selected;
    item.unread.hidden = selected || !this.state.isUnread(conversation);
    item.link.classList.toggle("unread", !item.unread.hidden);
    if (selected) item.link.setAttribute("aria-current", "page");
    else item.link.removeAttribute("aria-current");
  }
}
