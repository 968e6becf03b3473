// @ts-check
/** The head of a conversation: who is here, what it is called, and the buttons of its side panel. */
import { avatar, h, icon, iconButton, setText } from "../dom.js";
import { showText, spoken } from "../text.js";

const FACES = 3;

export class RoomHead {
  #face = "";

  /** @param {import("./chat.js").ChatView} chat */
  constructor(chat) {
    this.chat = chat;
    const { menuButton } = chat.context;
    this.face = h("span.chat-face", {});
    this.heading = h("h1.chat-title", {});
    this.status = h("p.chat-status", {});
    this.badge = h("details.voice", { hidden: true, data: { testid: "offline-voice" }, onfocusout: () => { this.badge.open = false; } }, h("summary", {}, icon("voice"), h("span", {}, "Offline voice")),
      h("p", {}, "No AI provider is configured, so Greenroom's built-in voice answers in the character's manner. Add a provider key on the server for a real model."));
    this.intro = h("div.chat-intro", {});
    const open = (/** @type {string} */ part, /** @type {string} */ name, /** @type {string} */ label) => iconButton(name, label, { "aria-expanded": "false", "aria-controls": "room-panel",
      data: { testid: `panel-${part}`, part }, onclick: () => chat.panel.toggle(part) });
    this.buttons = [open("people", "people", "Who is here"), open("search", "search", "Search in this conversation"), open("details", "sliders", "About this conversation")];
    this.element = h("header.chat-head", {}, menuButton(), this.face, h("div.chat-words", {}, this.heading, this.status), this.badge, h("div.chat-buttons", {}, ...this.buttons));
  }

  /** Which part of the panel is open. @param {string|null} part */
  expanded(part) {
    for (const button of this.buttons) button.setAttribute("aria-expanded", String(button.dataset.part === part));
  }

  /** @param {string} part */
  focus(part) {
    this.buttons.find((button) => button.dataset.part === part)?.focus();
  }

  update() {
    const { chat } = this;
    const { conversation, isGroup } = chat;
    const cast = (conversation.characters ?? []).map(({ id }) => chat.who(id));
    const first = cast[0] ?? { name: chat.title };
    const key = JSON.stringify([cast.map(({ name, color, avatarUrl, tagline, greeting }) => [name, color, avatarUrl, tagline, greeting]), isGroup]);
    if (this.#face !== key) {
      this.#face = key;
      this.face.replaceChildren(...(cast.length ? cast : [first]).slice(0, FACES).map((one) => avatar(one)));
      this.face.classList.toggle("faces", cast.length > 1);
      this.#introduce(cast, first);
    }
    setText(this.heading, chat.title);
    setText(this.status, isGroup ? this.#present(cast) : first.tagline ?? "");
    this.badge.hidden = !chat.context.state.offlineVoice;
  }

  #present(cast) {
    const { conversation, room } = this.chat;
    const people = conversation.members ?? [];
    const here = people.filter(({ id }) => room?.presence.get(id) === "online").length;
    const parts = [cast.length === 1 ? cast[0].name : `${cast.length} characters`, people.length > 1 ? `${people.length} people${here > 1 ? `, ${here} here now` : ""}` : ""];
    return parts.filter(Boolean).join(" · ");
  }

  #introduce(cast, first) {
    if (cast.length > 1) {
      return this.intro.replaceChildren(h("div.intro-cast", {}, ...cast.map((one) => h("a.intro-one", { href: one.slug ? `#/characters/${one.slug}` : null }, avatar(one, "large"), h("span", {}, one.name)))));
    }
    const greeting = h("blockquote", { hidden: !first.greeting });
    const { user } = this.chat.context.state;
    showText(greeting, spoken(first.greeting ?? "", first.name, user.displayName || user.username));
    this.intro.replaceChildren(avatar(first, "huge"),
      first.slug ? h("a.intro-name", { href: `#/characters/${first.slug}`, data: { testid: "intro-name" } }, first.name) : h("p.intro-name", {}, first.name),
      h("p.intro-tagline", {}, first.tagline ?? ""), greeting);
  }
}
