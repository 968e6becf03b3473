// @ts-check
/**
 * What one conversation holds, kept in step with the server: messages, replies under way, who reads and types.
 * Owns the rules of PROTOCOL.md §3 (deltas) and §4 (offsets, resuming); knows no socket. Bounded: see MAX_MESSAGES.
 */
import { Emitter } from "./wire.js";

/**
 * @typedef {object} Reply  One that has not become a message: under way, or ended badly.
 * @property {string} messageId
 * @property {string} characterId
 * @property {string} inReplyTo
 * @property {number} attempt
 * @property {"queued"|"thinking"|"streaming"|"failed"|"stopped"|"interrupted"} state
 * @property {string} [code]
 * @property {string} text
 * @typedef {{type: "reset"|"messages"|"reply"|"typing"|"reads"|"presence"|"deleted", messageId?: string}} Change
 *   `reset`: what was held was thrown away. `reply`: only that reply changed (a delta, a status).
 */

/** The oldest are let go beyond this; `loadOlder` brings them back. */
const MAX_MESSAGES = 5000;
const TYPING_MS = 10000;
const ENDED = new Set(["failed", "stopped", "interrupted"]);
/** Events whose `offset` counts the room's durable changes. */
const DURABLE = new Set(["message:receive", "message:status", "message:read", "conversation:delete"]);

/** @param {{state: string}} reply */
export const isOpen = (reply) => !ENDED.has(reply.state);

/** Events: `change` (Change). */
export class Room extends Emitter {
  #sorted = /** @type {any[]|null} */ (null);

  /** @param {string} id */
  constructor(id) {
    super();
    this.id = id;
    this.conversation = /** @type {any} */ (null);
    this.epoch = /** @type {string|null} */ (null);
    /** The last durable change that is in here; null before the first join. */
    this.offset = /** @type {number|null} */ (null);
    /** True while live events arrive and nothing is missing. */
    this.live = false;
    this.deleted = false;
    this.hasOlder = false;
    /** @type {Map<string, any>} by message id */
    this.messages = new Map();
    /** @type {Map<string, Reply>} by the id that the reply's message will have */
    this.replies = new Map();
    /** @type {Map<string, number>} user id -> offset read */
    this.reads = new Map();
    /** @type {Map<string, string>} user id -> online, away, offline */
    this.presence = new Map();
    /** @type {Map<string, any>} user or character id -> timer that forgets it */
    this.typing = new Map();
  }

  /** @returns {any[]} the messages, oldest first; do not change the array */
  list() {
    return (this.#sorted ??= [...this.messages.values()].sort((a, b) => a.offset - b.offset));
  }

  /** Takes one page of a join's answer. @param {any} page */
  applySnapshot(page) {
    const reset = this.offset === null || !page.recovered || this.epoch !== page.epoch;
    if (reset) {
      this.messages.clear();
      this.replies.clear();
      this.reads.clear();
      this.hasOlder = (page.messages[0]?.offset ?? 0) > 1;
    }
    Object.assign(this, { conversation: page.conversation, epoch: page.epoch, offset: page.offset, live: !page.more });
    for (const message of page.messages) this.#store(message);
    if (!page.more) this.#takeReplies(page.replies ?? []);
    for (const { userId, offset } of page.reads ?? []) this.reads.set(userId, offset);
    this.presence = new Map((page.presence ?? []).map(({ userId, status }) => [userId, status]));
    this.emit("change", { type: reset ? "reset" : "messages" });
  }

  /** Takes a page of messages older than those held. @param {{items: any[], hasMore: boolean}} page */
  applyOlder({ items, hasMore }) {
    this.hasOlder = hasMore && items.length > 0;
    for (const message of items) this.#store(message);
    this.emit("change", { type: "messages" });
  }

  /** Takes a stored message from an ack; its event may come before or after. @param {any} message */
  put(message) {
    this.#store(message);
    this.emit("change", { type: "messages", messageId: message.id });
  }

  /** The room is gone, or no longer ours. */
  end() {
    this.deleted = true;
    this.live = false;
    this.emit("change", { type: "deleted" });
  }

  /**
   * Takes a live event. @param {string} event @param {any} data
   * @returns {boolean} false when something before it is missing: join again from where the room stands
   */
  apply(event, data) {
    if (!this.live) return true;                      // the join under way brings it
    if (DURABLE.has(event) && data.offset !== undefined) {
      const next = /** @type {number} */ (this.offset) + 1;
      if (data.offset < next) return true;
      if (data.offset > next) return (this.live = false);
      this.offset = data.offset;
    }
    switch (event) {
      case "message:receive":
        this.put(data.message);
        break;
      case "message:delta":
        return this.#delta(data);
      case "message:status":
        this.#status(data);
        break;
      case "message:read":
        this.reads.set(data.userId, data.readOffset);
        this.emit("change", { type: "reads" });
        break;
      case "typing:start":
      case "typing:stop":
        this.#type(data.characterId ?? data.userId, event === "typing:start");
        break;
      case "user:status":
        this.presence.set(data.userId, data.status);
        this.emit("change", { type: "presence" });
        break;
      case "conversation:delete":
        this.end();
        break;
    }
    return true;
  }

  #store(message) {
    const held = this.messages.get(message.id);
    if (held && held.revision > message.revision) return; // a late ack or page must not undo a newer change
    this.messages.set(message.id, message);
    this.#sorted = null;
    this.replies.delete(message.id);
    this.#type(message.sender.id, false);
    const listed = new Map((message.replies ?? []).map((reply) => [reply.messageId, reply]));
    for (const reply of this.replies.values()) {
      if (reply.inReplyTo === message.id && !isOpen(reply) && !listed.has(reply.messageId)) this.replies.delete(reply.messageId);
    }
    for (const reply of listed.values()) this.#note({ ...reply, inReplyTo: message.id });
    if (this.messages.size > MAX_MESSAGES && message === this.list().at(-1)) this.#forgetOldest();
  }

  #forgetOldest() {
    const oldest = this.list()[0];
    this.messages.delete(oldest.id);
    this.#sorted = null;
    this.hasOlder = true;
  }

  /** A reply as its asking message lists it: tells of one that is not known yet, or that it has ended. */
  #note(reply) {
    if (this.messages.has(reply.messageId)) return;
    const held = this.replies.get(reply.messageId);
    if (held && isOpen(reply)) return;
    this.replies.set(reply.messageId, { attempt: 0, text: "", ...held, ...reply });
  }

  /** The snapshot's open replies are all there are. */
  #takeReplies(open) {
    const ids = new Set(open.map(({ messageId }) => messageId));
    for (const reply of this.replies.values()) {
      if (isOpen(reply) && !ids.has(reply.messageId)) this.replies.delete(reply.messageId);
    }
    for (const reply of open) this.replies.set(reply.messageId, { text: "", ...reply });
  }

  #delta({ messageId, characterId, inReplyTo, attempt, position, text }) {
    if (this.messages.has(messageId)) return true;
    const held = this.replies.get(messageId);
    if (held && (attempt < held.attempt || (attempt === held.attempt && !isOpen(held)))) return true;
    const before = held && attempt === held.attempt ? held.text : "";
    if (position > before.length) return (this.live = false);
    this.replies.set(messageId, { messageId, characterId, inReplyTo, attempt, state: "streaming",
      text: before.slice(0, position) + text });
    this.emit("change", { type: "reply", messageId });
    return true;
  }

  #status({ messageId, characterId, inReplyTo, state, code, attempt: given }) {
    if (this.messages.has(messageId)) return;
    const held = this.replies.get(messageId);
    const attempt = given ?? held?.attempt ?? 0;
    if (held && attempt < held.attempt) return;
    const text = held && attempt === held.attempt ? held.text : "";
    this.replies.set(messageId, { messageId, characterId, inReplyTo, attempt, state, code, text });
    if (ENDED.has(state)) this.#type(characterId, false);
    this.emit("change", { type: "reply", messageId });
  }

  #type(who, typing) {
    if (!typing && !this.typing.has(who)) return;
    clearTimeout(this.typing.get(who));
    if (typing) this.typing.set(who, setTimeout(() => this.#type(who, false), TYPING_MS));
    else this.typing.delete(who);
    this.emit("change", { type: "typing" });
  }
}
