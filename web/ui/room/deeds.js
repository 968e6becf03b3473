// @ts-check
/** What one does with messages: which of it is offered for which, and the commands behind it. */
import { isOpen } from "../../client/replies.js";
import { own } from "../media/file.js";
import { openViewer } from "../media/viewer.js";
import { KINDS } from "../media/words.js";
import { messageEditor } from "./editor.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { preview } from "../text.js";
import { reactionPicker } from "./reactions.js";
import { fullMoment } from "../time.js";

export class RoomDeeds {
  /** @param {import("./chat.js").ChatView} chat */
  constructor(chat) {
    this.chat = chat;
    this.userId = chat.context.state.user.id;
    this.open = /** @type {(() => void)|null} */ (null); // closes the editor or picker that is open
  }

  /** @param {string} event @param {object} data @param {string} failed what to say when it is refused */
  async #command(event, data, failed) {
    const { client } = this.chat.context;
    try {
      const ack = await client.command(event, { conversationId: this.chat.id, ...data });
      if (ack.message) this.chat.room.put(ack.message);
      if (ack.usage) client.emit("usage:part", ack.usage);
      return ack;
    } catch (error) {
      toastError(error, failed);
      return null;
    }
  }

  /** @param {any} entry @returns {import("./toolbar.js").Deed[]} */
  offered(entry) {
    const { message, state, mine, kind, part } = entry;
    if (!message || state === "deleted" || (part && isOpen(part))) return [];
    const { room, conversation } = this.chat;
    const owner = conversation.ownerId === this.userId;
    const newest = !room.past && room.list().findLast((one) => !one.deletedAt)?.id === message.id;
    const answers = kind === "character" && Boolean(message.replyTo) && !room.past && !this.#spokeAfter(message);
    /** @type {(import("./toolbar.js").Deed|false|"")[]} */
    const deeds = [
      { id: "react", icon: "smile", label: "React", run: () => this.pick(entry) },
      { id: "reply", icon: "reply", label: "Reply", run: () => this.chat.composer.quote({ id: message.id, ...this.quoted(message.id) }) },
      message.content && { id: "copy", icon: "copy", label: "Copy the text", run: () => this.copy(message.content) },
      mine && message.type === "text" && { id: "edit", icon: "edit", label: "Edit", run: () => this.edit(entry) },
      answers && { id: "regenerate", icon: "again", label: "Another version", run: () => this.regenerate(message.id) },
      kind === "character" && newest && { id: "continue", icon: "more", label: "Go on", run: () => this.#command("reply:continue", { messageId: message.id }, "The reply cannot go on") },
      (mine || owner) && { id: "delete", icon: "trash", label: "Delete", danger: true, run: () => this.remove(entry) },
    ];
    return /** @type {any} */ (deeds.filter(Boolean));
  }

  /** Whether a person has spoken since: what was answered to is settled then. */
  #spokeAfter(message) {
    return this.chat.room.list().some((other) => other.offset > message.offset && other.sender.kind === "user" && !other.deletedAt);
  }

  again({ reply, part }) {
    if (part?.variantOf) return this.regenerate(part.variantOf);
    if (part?.continues) return this.#command("reply:continue", { messageId: part.continues }, "The reply cannot go on");
    return this.ask(reply.characterId);
  }

  /** By hand. @param {string} [characterId] */
  ask(characterId) {
    this.chat.scroller.pin();
    return this.#command("reply:request", characterId ? { characterId } : {}, "No answer can be asked for");
  }

  regenerate(messageId) {
    return this.#command("reply:regenerate", { messageId }, "There is no other version");
  }

  turn({ message }, step) {
    return this.#command("reply:select", { messageId: message.id, variant: message.variant + step }, "The version could not be changed");
  }

  /** @param {any} entry @param {string} emoji @param {boolean} remove */
  react({ message }, emoji, remove) {
    return this.#command("message:react", { messageId: message.id, emoji, ...(remove ? { remove: true } : {}) }, "The reaction was not taken");
  }

  resend({ clientId }) {
    this.chat.context.client.outbox.resend(clientId);
  }

  discard({ clientId }) {
    this.chat.context.client.outbox.discard(clientId);
  }

  jump(messageId) {
    this.chat.jumpTo(messageId);
  }

  who(id) {
    return this.chat.who(id);
  }

  /** Shows the pictures and videos of the room, from this message on. @param {string} messageId */
  show(messageId) {
    const seen = this.chat.room.shown().filter(({ attachment, deletedAt }) => !deletedAt && own(attachment?.url) && ["image", "video"].includes(attachment.type));
    openViewer(seen.map(({ attachment, sender, content, createdAt }) => ({ file: attachment, name: preview(content) || KINDS[attachment.type],
      detail: `${sender.id === this.userId ? "You" : this.who(sender.id).name}, ${fullMoment(createdAt)}` })), Math.max(0, seen.findIndex(({ id }) => id === messageId)));
  }

  /** @param {string} messageId */
  quoted(messageId) {
    const message = this.chat.room.message(messageId);
    if (!message) return null;
    const name = message.sender.id === this.userId ? "You" : this.who(message.sender.id).name;
    return { name, text: message.deletedAt ? "A deleted message" : preview(message.content) || "A file" };
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast({ title: "Copied", level: "success" });
    } catch (error) {
      toastError(error, "It could not be copied");
    }
  }

  async remove({ message }) {
    if (!await confirmed({ title: "Delete this message?", body: "Its text goes for everybody, and cannot be brought back. That something stood here stays visible.", action: "Delete" })) return;
    await this.#command("message:delete", { messageId: message.id }, "The message was not deleted");
  }

  edit(entry) {
    const view = this.chat.thread.view(entry.key);
    this.open?.();
    const { message } = entry;
    const close = () => {
      editor.element.remove();
      view.element.classList.remove("editing");
      this.open = null;
      view.element.focus();
    };
    const editor = messageEditor(message.content, { close, canResend: !this.chat.room.past && !this.#spokeAfter(message),
      save: async (content, resend) => {
        const ack = await this.chat.context.client.command("message:edit", { conversationId: this.chat.id, messageId: message.id, content, ...(resend ? { resend: true } : {}) });
        if (ack.message) this.chat.room.put(ack.message);
        if (ack.usage) this.chat.context.client.emit("usage:part", ack.usage);
      } });
    view.bubble.after(editor.element);
    view.element.classList.add("editing");
    this.open = close;
    editor.focus();
    editor.element.scrollIntoView({ block: "nearest" });
  }

  pick(entry) {
    const view = this.chat.thread.view(entry.key);
    this.open?.();
    const close = () => {
      picker.element.remove();
      this.open = null;
    };
    const back = () => {
      close();
      view.element.focus();
    };
    const picker = reactionPicker((emoji) => {
      back();
      this.react(view.entry, emoji, view.entry.message.reactions?.some((one) => one.emoji === emoji && one.userIds.includes(this.userId)));
    }, back);
    view.under.after(picker.element);
    this.open = close;
    picker.focus();
    picker.element.scrollIntoView({ block: "nearest" });
  }
}
