// @ts-check
/** One conversation: follows its room, keeps what is on the page in step with it, and sends. */
import { isOpen } from "../../client/replies.js";
import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { conversationTitle } from "../conversations/list.js";
import { RoomDeeds } from "./deeds.js";
import { h, setText } from "../dom.js";
import { RoomHead } from "./head.js";
import { toastError } from "../overlays.js";
import { SidePanel } from "./panel.js";
import { Scroller } from "./scroller.js";
import { entriesOf } from "./thread.js";
import { ThreadView } from "./thread-view.js";
import { trayOf } from "./tray.js";
import { UsageStrip } from "./usage.js";
import { typingWords } from "../words.js";

const MARKED_MS = 2400;

export class ChatView {
  #drawPlanned = 0;
  #readSent = 0;
  #loading = false;
  #readUntil = /** @type {number|null} */ (null);
  #stops = /** @type {(() => void)[]} */ ([]);

  /** @param {any} context see app.js @param {string} conversationId @param {string} [at] a place of its log to show */
  constructor(context, conversationId, at) {
    this.context = context;
    this.id = conversationId;
    this.at = Number(at) || null;
    this.room = /** @type {any} */ (undefined);
    const { state, client } = context;
    this.deeds = new RoomDeeds(this);
    this.thread = new ThreadView({ deeds: this.deeds, who: (entry) => this.who(entry.senderId) });
    this.panel = new SidePanel(this);
    this.head = new RoomHead(this);
    this.older = h("p.chat-older", { role: "status", hidden: true }, "Loading earlier messages");
    this.announcer = new Announcer();
    this.typing = h("p.chat-typing", { "aria-live": "off" });
    this.scroller = new Scroller([this.older, this.head.intro, this.thread.list, this.typing],
      { onTop: () => this.#loadOlder(), onBottom: () => this.#atBottom(), onLatest: () => this.#toLatest() });
    this.usage = new UsageStrip();
    this.composer = new Composer({ conversationId, tray: trayOf(`${state.user.id} ${conversationId}`, context.api), people: () => this.#named(), onSend: (text, fields) => this.#send(text, fields), onStop: () => this.stopReplies(),
      onTyping: (typing) => client.tell(typing ? "typing:start" : "typing:stop", { conversationId }) });
    this.element = h("section.chat", { "aria-label": "Conversation" },
      h("div.chat-main", {}, this.head.element, this.scroller.element,
        h("footer.chat-foot", {}, this.usage.element, this.composer.element), this.announcer.element),
      this.panel.element);
    this.composer.takeDropsOn(this.element);
    this.#stops.push(
      state.on("usage", () => this.#drawUsage()), state.on("characters", () => this.#plan()), state.on("ai", () => this.#drawHead()),
      client.on("outgoing", (outgoing) => outgoing.conversationId === conversationId && this.#plan()));
    this.#drawHead();
    this.#open();
  }

  get title() { return this.conversation ? conversationTitle(this.conversation, this.context.state) : "Conversation"; }
  get conversation() { return this.room?.conversation ?? this.context.state.conversations.get(this.id); }
  get characterId() { return this.conversation?.characters?.[0]?.id; }
  /** Whether more than one person and one character speak here. */
  get isGroup() { return (this.conversation?.members?.length ?? 1) > 1 || (this.conversation?.characters?.length ?? 1) > 1; }

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
    const { state } = this.context;
    this.announcer.know(this.room);
    const listed = state.conversations.get(this.id);
    const read = Math.max(listed?.readOffset ?? 0, this.room.reads.get(state.user.id) ?? 0, this.room.conversation?.readOffset ?? 0);
    const isGreeting = (message) => message.offset === 1 && message.sender.kind === "character";
    if (this.room.list().some((message) => message.offset > read && message.sender.id !== state.user.id && !isGreeting(message))) this.#readUntil = read;
    this.begun = true;
    this.#draw();
    this.scroller.toBottom(false);
    this.element.classList.add("ready");
    this.thread.arriving = true;
    if (this.at) this.showPlace(this.at);
  }

  #changed(change) {
    if (change.type === "deleted") return this.context.gone(this.id);
    if (change.type === "reset") this.announcer.know(this.room);
    if (!this.begun && this.room.offset != null) return this.#begin();
    if (change.type === "details") this.context.state.putConversation(this.room.conversation);
    if (["details", "presence", "reads"].includes(change.type)) this.panel.changed(change.type);
    const reply = change.type === "reply" && this.room.replies.get(/** @type {string} */ (change.messageId));
    const view = reply && reply.state === "streaming" && this.#viewOf(reply);
    if (view?.shownText && view.element.dataset.state === "streaming") this.#planStream();
    else this.#plan();
  }

  /** Where a reply streams: as a message of its own, or in the message that it becomes part of. */
  #viewOf(reply) {
    const part = reply.variantOf ?? reply.continues;
    return part ? this.thread.viewOfMessage(part) : this.thread.view(`m:${reply.messageId}`);
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
      const view = reply.state === "streaming" && this.#viewOf(reply);
      if (view) view.showStream(reply.continues ? (this.room.message(reply.continues)?.content ?? "") + reply.text : reply.text);
    }
  }

  #draw() {
    this.drawAll = false;
    const { state, client } = this.context;
    const entries = entriesOf(this.room, client.outbox.of(this.id), state.user.id, this.#readUntil);
    this.#markSeen(entries);
    this.scroller.keep(() => this.thread.show(entries));
    this.scroller.setPast(Boolean(this.room.past));
    this.#drawHead();
    this.#drawTyping();
    this.#drawUsage();
    this.composer.setRunning([...this.room.replies.values()].some(isOpen));
    const fresh = this.announcer.say(this.room.past ? [] : entries, (entry) => this.who(entry.senderId).name);
    if (!this.scroller.pinned || document.hidden) for (let at = 0; at < fresh; at += 1) this.scroller.countNew();
    if (this.scroller.pinned) this.#read();
  }

  /** Under the last thing that one said: who of the others has read it. */
  #markSeen(entries) {
    const others = (this.conversation?.members ?? []).filter(({ id }) => id !== this.context.state.user.id);
    const last = others.length ? entries.findLast(({ mine, message, state }) => mine && message && state === "sent") : null;
    const readers = last ? others.filter(({ id }) => (this.room.reads.get(id) ?? 0) >= last.message.offset) : [];
    if (readers.length) last.seen = readers.length === others.length && others.length > 2 ? "Seen by everyone" : `Seen by ${readers.map((one) => one.displayName || one.username).slice(0, 3).join(", ")}${readers.length > 3 ? ` and ${readers.length - 3} more` : ""}`;
  }

  #drawHead() {
    const { conversation } = this;
    if (!conversation) return;
    this.head.update();
    const character = this.who(this.characterId);
    this.composer.address(this.isGroup ? this.title : character.name);
    this.element.classList.toggle("fresh", Boolean(this.begun) && this.room.messages.size === 0 && !this.context.client.outbox.of(this.id).length);
    this.element.classList.toggle("has-older", Boolean((this.room?.past ?? this.room)?.hasOlder));
    this.element.classList.toggle("group", this.isGroup);
    this.context.titled(this);
  }

  #drawTyping() {
    const { state } = this.context;
    const busy = new Set([...this.room.replies.values()].filter(isOpen).map(({ characterId }) => characterId));
    const names = [...this.room.typing.keys()].filter((id) => id !== state.user.id && !busy.has(id)).map((id) => this.who(id).name);
    setText(this.typing, typingWords([...new Set(names)]));
  }

  #drawUsage() {
    const { state } = this.context;
    if (!this.conversation) return;
    const characters = this.conversation.characters ?? [];
    if (!characters.length) return this.composer.setBlocked(false);
    const free = characters.find(({ id }) => state.limitsFor(id).every(({ used, limit }) => used < limit)) ?? characters[0];
    this.composer.setBlocked(!this.usage.update(state.limitsFor(free.id), this.who(free.id).name, state.user.timeZone));
  }

  /** A person or a character of this conversation, also one who has left. @param {string} id */
  who(id) {
    const { state } = this.context;
    const { conversation } = this;
    const member = conversation?.members?.find((one) => one.id === id);
    if (member) return { id, name: member.displayName || member.username, username: member.username };
    if (id === state.user.id) return { id, name: state.user.displayName || state.user.username };
    if (conversation?.characters?.some((one) => one.id === id) || state.characters.has(id)) return state.character(id, conversation);
    return { id, name: this.room?.list().some(({ sender }) => sender.id === id && sender.kind === "character") ? "A character" : "Somebody who left" };
  }

  /** Whom `@` can name here. */
  #named() {
    const { characters = [], members = [] } = this.conversation ?? {};
    return [...characters.map(({ id }) => ({ ...this.who(id), kind: "Character" })),
      ...members.filter(({ id }) => id !== this.context.state.user.id).map(({ id }) => ({ ...this.who(id), kind: "Person" }))];
  }

  /** @param {string} text @param {any} fields */
  #send(text, fields = {}) {
    if (!text && !fields.attachment) return false;
    try {
      this.room?.leavePast();
      this.context.client.send(this.id, text, fields);
    } catch (error) {
      toastError(error, "This message was not sent");
      return false;
    }
    this.#readUntil = null;
    this.scroller.pin();
    return true;
  }

  /** @returns {boolean} whether there was something to stop */
  stopReplies() {
    if (this.panel.isOpen && this.panel.element.contains(document.activeElement)) return this.panel.close();
    if (![...(this.room?.replies.values() ?? [])].some(isOpen)) return false;
    this.context.client.command("reply:stop", { conversationId: this.id }).catch((error) => toastError(error, "The reply could not be stopped"));
    return true;
  }

  #read() {
    const last = this.room?.list().at(-1);
    const { client, state } = this.context;
    if (!last || this.room.past || document.hidden || last.offset <= Math.max(this.#readSent, state.conversations.get(this.id)?.readOffset ?? 0)) return;
    this.#readSent = last.offset;
    state.noteRead(this.id, last.offset);
    if (last.sender.id !== state.user.id) client.tell("message:read", { conversationId: this.id, offset: last.offset });
  }

  #atBottom() {
    if (this.room?.past) this.#loadNewer();
    else this.#read();
  }

  #toLatest() {
    this.room?.leavePast();
    this.#draw();
    this.scroller.toBottom(false);
  }

  async #load(what, load) {
    if (this.#loading || !this.begun) return;
    this.#loading = true;
    this.older.hidden = what !== "Earlier";
    try {
      await load();
      this.announcer.know(this.room);
    } catch (error) {
      if (error.code !== "disconnected") toastError(error, `${what} messages could not be loaded`);
    }
    this.#loading = false;
    this.older.hidden = true;
  }

  #loadOlder() {
    if ((this.room?.past ?? this.room)?.hasOlder) this.#load("Earlier", () => this.context.client.loadOlder(this.id));
  }

  #loadNewer() {
    this.#load("Later", () => this.context.client.loadNewer(this.id));
  }

  /** Shows a message that is held. @param {string} messageId */
  jumpTo(messageId) {
    const message = this.room.message(messageId);
    if (message) this.showPlace(message.offset);
    else toastError(null, "That message is further up than what is loaded here");
  }

  /** Shows a place of the log: loads around it if need be, marks the message and gives it the focus. @param {number} offset */
  async showPlace(offset) {
    try {
      await this.context.client.loadAround(this.id, offset);
    } catch (error) {
      return toastError(error, "That place could not be loaded");
    }
    this.announcer.know(this.room);
    this.scroller.release();
    this.#draw();
    const message = this.room.shown().findLast((one) => one.offset <= offset) ?? this.room.shown()[0];
    const element = message && this.thread.element(message.id);
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.classList.add("marked");
    setTimeout(() => element.classList.remove("marked"), MARKED_MS);
    element.focus({ preventScroll: true });
  }

  focus() {
    if (!this.at && matchMedia("(pointer: fine)").matches) this.composer.focus();
  }

  /** The page is visible again. */
  shown() {
    if (this.begun && this.scroller.pinned) this.#read();
  }

  destroy() {
    cancelAnimationFrame(this.#drawPlanned);
    for (const stop of this.#stops) stop();
    this.room?.leavePast();
    this.composer.destroy();
    this.scroller.destroy();
  }
}
