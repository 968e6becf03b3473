// @ts-check
/** One conversation: follows its room, keeps what is on the page in step with it, and sends. */
import { isOpen } from "../client/room.js";
import { Composer } from "./composer.js";
import { conversationTitle } from "./conversations.js";
import { avatar, h, icon, iconButton, setText } from "./dom.js";
import { MessageView } from "./message.js";
import { confirmed, toast, toastError } from "./overlays.js";
import { Scroller } from "./scroller.js";
import { preview, showText } from "./text.js";
import { entriesOf, sameDay } from "./thread.js";
import { dayName } from "./time.js";
import { UsageStrip } from "./usage.js";
import { replyEnded } from "./words.js";

const ANNOUNCED = 5;
const ANNOUNCED_LENGTH = 600;

export class ChatView {
  #views = new Map();         // entry key -> MessageView
  #days = new Map();          // day -> its separator
  #known = new Set();         // ids that were announced, or were there before
  #drawPlanned = 0;
  #readSent = 0;
  #loading = false;
  #stops = /** @type {(() => void)[]} */ ([]);

  /** @param {any} context see app.js @param {string} conversationId */
  constructor(context, conversationId) {
    this.context = context;
    this.id = conversationId;
    const { state, client, menuButton } = context;
    this.face = h("span.chat-face", {});
    this.heading = h("h1.chat-title", {});
    this.status = h("p.chat-status", {});
    this.badge = h("details.voice", { hidden: true, data: { testid: "offline-voice" }, onfocusout: () => { this.badge.open = false; } }, h("summary", {}, icon("voice"), h("span", {}, "Offline voice")),
      h("p", {}, "No AI provider is configured, so Greenroom's built-in voice answers in the character's manner. Add a provider key on the server for a real model."));
    this.list = h("ol.thread", { "aria-label": "Messages" });
    this.intro = h("div.chat-intro", {});
    this.older = h("p.chat-older", { role: "status", hidden: true }, "Loading earlier messages");
    this.log = h("div.visually-hidden", { role: "log", "aria-live": "polite", "aria-label": "New messages", data: { testid: "announcer" } });
    this.typing = h("p.chat-typing", { "aria-live": "off" });
    this.scroller = new Scroller([this.older, this.intro, this.list, this.typing], { onTop: () => this.#loadOlder(), onBottom: () => this.#read() });
    this.usage = new UsageStrip();
    this.composer = new Composer({ conversationId, onSend: (text) => this.#send(text), onStop: () => this.stopReplies(),
      onTyping: (typing) => client.tell(typing ? "typing:start" : "typing:stop", { conversationId }) });
    this.element = h("section.chat", { "aria-label": "Conversation" },
      h("header.chat-head", {}, menuButton(), this.face, h("div.chat-words", {}, this.heading, this.status), this.badge,
        iconButton("trash", "Delete this conversation", { data: { testid: "delete-conversation" }, onclick: () => this.#delete() })),
      this.scroller.element,
      h("footer.chat-foot", {}, this.usage.element, this.composer.element),
      this.log);
    this.#stops.push(
      state.on("usage", () => this.#drawUsage()), state.on("characters", () => this.#drawHead()), state.on("ai", () => this.#drawHead()),
      client.on("outgoing", (outgoing) => outgoing.conversationId === conversationId && this.#plan()));
    this.#drawHead();
    this.#open();
  }

  get title() { return this.conversation ? conversationTitle(this.conversation, this.context.state) : "Conversation"; }
  get conversation() { return this.room?.conversation ?? this.context.state.conversations.get(this.id); }
  get characterId() { return this.conversation?.characters?.[0]?.id; }

  async #open() {
    const { client } = this.context;
    const held = client.rooms.get(this.id);
    this.room = held;
    if (held?.offset != null) this.#begin();
    try {
      const joined = client.join(this.id);
      this.room = client.rooms.get(this.id);
      this.#stops.push(this.room.on("change", (change) => this.#changed(change)));
      await joined;
    } catch (error) {
      if (this.room?.offset == null && error.code !== "disconnected") toastError(error, "This conversation could not be opened");
    }
  }

  /** The first time that there is something to show: all of it was there before, so nothing of it is announced. */
  #begin() {
    this.#know();
    this.begun = true;
    this.#draw();
    this.scroller.toBottom(false);
    this.element.classList.add("ready");
  }

  #know() {
    for (const id of this.room.messages.keys()) this.#known.add(id);
    for (const [id, reply] of this.room.replies) if (!isOpen(reply)) this.#known.add(id);
  }

  #changed(change) {
    if (change.type === "deleted") return this.context.gone(this.id);
    if (change.type === "reset") this.#know();
    if (!this.begun && this.room.offset != null) return this.#begin();
    const reply = change.type === "reply" && this.room.replies.get(/** @type {string} */ (change.messageId));
    const view = reply && this.#views.get(`m:${reply.messageId}`);
    if (view?.shownText && reply.state === "streaming" && view.element.dataset.state === "streaming") this.#planStream();
    else this.#plan();
  }

  /** Many frames may come between two pictures; one drawing serves them all. */
  #plan() {
    this.drawAll = true;
    this.#planStream();
  }

  #planStream() {
    this.#drawPlanned ||= requestAnimationFrame(() => {
      this.#drawPlanned = 0;
      if (!this.begun) return;
      if (this.drawAll) this.#draw();
      else this.scroller.keep(() => this.#drawStreams());
    });
  }

  #drawStreams() {
    for (const reply of this.room.replies.values()) {
      const view = this.#views.get(`m:${reply.messageId}`);
      if (view && reply.state === "streaming") view.showStream(reply.text);
    }
  }

  #draw() {
    this.drawAll = false;
    const { state, client } = this.context;
    const entries = entriesOf(this.room, client.outbox.of(this.id), state.user.id);
    this.scroller.keep(() => this.#reconcile(entries));
    this.#drawHead();
    this.#drawTyping();
    this.#drawUsage();
    this.composer.setRunning([...this.room.replies.values()].some(isOpen));
    this.#announce(entries);
    if (this.scroller.pinned) this.#read();
  }

  /** Makes the list what `entries` say: nodes are kept by key, moved only when they stand elsewhere. */
  #reconcile(entries) {
    const wanted = [];
    entries.forEach((entry, at) => {
      if (!at || !sameDay(entries[at - 1].at, entry.at)) wanted.push(this.#day(entry.at));
      wanted.push(this.#view(entry).element);
    });
    const keys = new Set(entries.map(({ key }) => key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    wanted.forEach((node, at) => {
      if (this.list.children[at] !== node) this.list.insertBefore(node, this.list.children[at] ?? null);
    });
    while (this.list.children.length > wanted.length) this.list.lastElementChild.remove();
  }

  #view(entry) {
    let view = this.#views.get(entry.key);
    if (!view) {
      const who = entry.kind === "character" ? this.context.state.character(entry.senderId, this.conversation)
        : { name: entry.mine ? this.context.state.user.displayName ?? "You" : "Guest" };
      view = new MessageView(entry, who, {
        again: ({ reply }) => this.#send(this.room.messages.get(reply.inReplyTo)?.content ?? ""),
        resend: ({ clientId }) => this.context.client.outbox.resend(clientId),
        discard: ({ clientId }) => this.context.client.outbox.discard(clientId),
      });
      if (this.begun && this.element.classList.contains("ready")) view.element.classList.add("arriving");
      this.#views.set(entry.key, view);
    }
    view.update(entry);
    return view;
  }

  #day(at) {
    const key = new Date(at).toDateString();
    const day = this.#days.get(key) ?? h("li.day", {}, h("span", {}));
    this.#days.set(key, day);
    setText(day.firstElementChild, dayName(at));
    return day;
  }

  #drawHead() {
    const { state } = this.context;
    const conversation = this.conversation;
    if (!conversation) return;
    const character = state.character(this.characterId, conversation);
    if (this.shownFace !== character) {
      this.shownFace = character;
      this.face.replaceChildren(avatar(character));
      const greeting = h("blockquote", { hidden: !character.greeting });
      showText(greeting, character.greeting ?? "");
      this.intro.replaceChildren(avatar(character, "huge"), h("p.intro-name", {}, character.name), h("p.intro-tagline", {}, character.tagline ?? ""), greeting);
      this.composer.address(character.name);
    }
    setText(this.heading, this.title);
    setText(this.status, character.tagline ?? "");
    this.badge.hidden = !state.offlineVoice;
    this.element.classList.toggle("fresh", Boolean(this.begun) && this.room.messages.size === 0 && !this.context.client.outbox.of(this.id).length);
    this.element.classList.toggle("has-older", Boolean(this.room?.hasOlder));
    this.context.titled(this);
  }

  #drawTyping() {
    const { state } = this.context;
    const busy = new Set([...this.room.replies.values()].filter(isOpen).map(({ characterId }) => characterId));
    const names = [...this.room.typing.keys()].filter((id) => id !== state.user.id && !busy.has(id))
      .map((id) => (this.conversation.characters.some((character) => character.id === id) ? state.character(id, this.conversation).name : "Someone"));
    setText(this.typing, names.length ? `${[...new Set(names)].join(" and ")} ${names.length > 1 ? "are" : "is"} typing` : "");
  }

  #drawUsage() {
    const { state } = this.context;
    const name = this.conversation ? state.character(this.characterId, this.conversation).name : "";
    this.composer.setBlocked(!this.usage.update(state.limitsFor(this.characterId), name));
  }

  /** Says finished messages to a screen reader; deltas are for eyes only. */
  #announce(entries) {
    for (const entry of entries) {
      const finished = entry.kind === "character" ? !entry.reply || !isOpen(entry.reply) : !entry.mine;
      if (!finished || this.#known.has(entry.id)) continue;
      this.#known.add(entry.id);
      const { name } = entry.kind === "character" ? this.context.state.character(entry.senderId, this.conversation) : { name: "Guest" };
      const words = entry.reply ? replyEnded(entry.reply, name) : `${name}: ${preview(entry.text.slice(0, ANNOUNCED_LENGTH))}`;
      this.log.append(h("p", {}, words));
      while (this.log.children.length > ANNOUNCED) this.log.firstElementChild.remove();
      if (!this.scroller.pinned) this.scroller.countNew();
    }
  }

  #send(text) {
    if (!text) return false;
    try {
      this.context.client.send(this.id, text);
    } catch (error) {
      toastError(error, "This message was not sent");
      return false;
    }
    this.scroller.pin();
    return true;
  }

  /** @returns {boolean} whether there was something to stop */
  stopReplies() {
    if (![...(this.room?.replies.values() ?? [])].some(isOpen)) return false;
    this.context.client.command("reply:stop", { conversationId: this.id }).catch((error) => toastError(error, "The reply could not be stopped"));
    return true;
  }

  #read() {
    const last = this.room?.list().at(-1);
    const { client, state } = this.context;
    if (!last || document.hidden || last.offset <= Math.max(this.#readSent, this.conversation.readOffset ?? 0)) return;
    this.#readSent = last.offset;
    state.noteRead(this.id, last.offset);
    if (last.sender.id !== state.user.id) client.tell("message:read", { conversationId: this.id, offset: last.offset });
  }

  async #loadOlder() {
    if (this.#loading || !this.begun || !this.room.hasOlder) return;
    this.#loading = true;
    this.older.hidden = false;
    try {
      await this.context.client.loadOlder(this.id);
      this.#know();
    } catch (error) {
      if (error.code !== "disconnected") toastError(error, "Earlier messages could not be loaded");
    }
    this.#loading = false;
    this.older.hidden = true;
  }

  async #delete() {
    const yes = await confirmed({ title: "Delete this conversation?", body: "All its messages go with it. This cannot be undone.", action: "Delete" });
    if (!yes) return;
    try {
      await this.context.api.delete(`/api/conversations/${this.id}`);
      this.context.gone(this.id);
      toast({ title: "Conversation deleted", level: "success" });
    } catch (error) {
      toastError(error, "The conversation could not be deleted");
    }
  }

  focus() {
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
  }

  /** The page is visible again. */
  shown() {
    if (this.begun && this.scroller.pinned) this.#read();
  }

  destroy() {
    cancelAnimationFrame(this.#drawPlanned);
    for (const stop of this.#stops) stop();
    this.composer.destroy();
    this.scroller.destroy();
  }
}
