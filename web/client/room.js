// @ts-check
/**
 * What one conversation holds, kept in step with the server: its settings and members, messages, replies under way, who
 * reads and types. Owns the rules of PROTOCOL.md §4 (offsets, resuming); knows no socket. Bounded: see MAX_MESSAGES.
 *
 * The messages are one stretch without a hole that ends at the newest. One that lies above it is not taken in, however it
 * comes, until a page reaches it; so a room that resumed holds what a fresh one would load.
 */
import { changed, memberAdded, memberRemoved } from "./details.js";
import { Past } from "./past.js";
import { isOpen, Replies } from "./replies.js";
import { Emitter } from "./wire.js";

export { isOpen };

/**
 * @typedef {{type: "reset"|"messages"|"reply"|"typing"|"reads"|"presence"|"details"|"deleted", messageId?: string}} Change
 *   `reset`: what was held was thrown away. `reply`: only that reply changed (a delta, a status). `details`: settings,
 *   members or characters. `deleted`: the room is gone, or no longer ours.
 */

/** The oldest are let go beyond this; `loadOlder` brings them back. */
const MAX_MESSAGES = 5000;
const TYPING_MS = 10000;
const DURABLE = new Set(["message:receive", "message:update", "message:status", "message:read", "member:add", "member:remove",
  "conversation:update", "conversation:delete"]);

/** Events: `change` (Change). */
export class Room extends Emitter {
  #sorted = /** @type {any[]|null} */ (null);

  /** @param {string} id @param {string|null} [userId] who looks: their own removal ends the room */
  constructor(id, userId = null) {
    super();
    this.id = id;
    this.userId = userId;
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
    /** By the id of the reply: see `Reply`. */
    this.replies = new Replies();
    /** A stretch far above, while one reads there. @type {Past|null} */
    this.past = null;
    /** @type {Map<string, number>} user id -> offset read */
    this.reads = new Map();
    /** @type {Map<string, string>} user id -> online, away, offline */
    this.presence = new Map();
    /** @type {Map<string, string>} user id -> when they were last here */
    this.lastSeen = new Map();
    /** @type {Map<string, any>} user or character id -> timer that forgets it */
    this.typing = new Map();
  }

  /** @returns {any[]} the messages up to the newest, oldest first; do not change the array */
  list() {
    return (this.#sorted ??= [...this.messages.values()].sort((a, b) => a.offset - b.offset));
  }

  /** @returns {any[]} what one reads: the stretch above if there is one, else the messages up to the newest */
  shown() {
    return this.past?.list() ?? this.list();
  }

  /** A message wherever it is held. @param {string} id @returns {any} */
  message(id) {
    return this.messages.get(id) ?? this.past?.messages.get(id);
  }

  /** Takes one page of a join's answer. @param {any} page */
  applySnapshot(page) {
    const reset = this.offset === null || !page.recovered || this.epoch !== page.epoch;
    if (reset) {
      this.messages.clear();
      this.#sorted = null;
      this.replies.clear();
      this.reads.clear();
      this.past = null;
      this.hasOlder = (page.messages[0]?.offset ?? 0) > 1;
    }
    Object.assign(this, { conversation: page.conversation, epoch: page.epoch, offset: page.offset, live: !page.more });
    for (const message of page.messages) this.#take(message);
    if (!page.more) this.replies.snapshot(page.replies ?? []);
    for (const { userId, offset } of page.reads ?? []) this.reads.set(userId, offset);
    this.presence = new Map((page.presence ?? []).map(({ userId, status }) => [userId, status]));
    for (const { userId, lastSeen } of page.presence ?? []) if (lastSeen) this.lastSeen.set(userId, lastSeen);
    this.emit("change", { type: reset ? "reset" : "messages" });
  }

  /** Takes a page of messages older than those held. @param {{items: any[], hasMore: boolean}} page */
  applyOlder({ items, hasMore }) {
    this.hasOlder = hasMore && items.length > 0;
    for (const message of items) this.#store(message);
    this.emit("change", { type: "messages" });
  }

  /** Whether the place in the log lies in what is held up to the newest. @param {number} offset */
  reaches(offset) {
    return !this.hasOlder || offset >= (this.list()[0]?.offset ?? Infinity);
  }

  /**
   * Begins a stretch around a message, or takes a page into the one that is there. @param {"older"|"newer"} way
   * @param {{items: any[], hasMore: boolean}} page
   */
  applyPast(way, page) {
    this.past ??= new Past();
    this.past[way](page);
    const newest = this.past.list().at(-1);
    if (way === "newer" && (!this.past.hasNewer || (newest && this.reaches(newest.offset)))) this.#joinPast();
    this.emit("change", { type: "messages" });
  }

  /** Back to the newest: the stretch above is let go. */
  leavePast() {
    if (!this.past) return;
    this.past = null;
    this.emit("change", { type: "messages" });
  }

  /** Takes a stored message from an ack; its event may come before or after. @param {any} message */
  put(message) {
    this.#take(message);
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
    if (event === "user:status") return this.#presence(data);
    if (!this.live) return true;                      // the join under way brings it
    if (DURABLE.has(event) && data.offset !== undefined) {
      const next = /** @type {number} */ (this.offset) + 1;
      if (data.offset < next) return true;
      if (data.offset > next) return (this.live = false);
      this.offset = data.offset;
    }
    switch (event) {
      case "message:receive":
      case "message:update":
        if (data.replyId) this.replies.delete(data.replyId);
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
      case "member:add":
        this.#detail(memberAdded(this.conversation, data.member));
        break;
      case "member:remove":
        if (data.userId === this.userId) this.end();
        else this.#left(data.userId);
        break;
      case "conversation:update":
        this.#detail(changed(this.conversation, data));
        break;
      case "conversation:delete":
        this.end();
        break;
    }
    return true;
  }

  #detail(conversation) {
    this.conversation = conversation;
    this.emit("change", { type: "details" });
  }

  #left(userId) {
    for (const of of [this.reads, this.presence, this.lastSeen]) of.delete(userId);
    this.#type(userId, false);
    this.#detail(memberRemoved(this.conversation, userId));
  }

  /** Takes a message that no page brought: only where it leaves no hole. */
  #take(message) {
    if (this.past?.messages.has(message.id)) this.past.put(message);
    const oldest = this.list()[0];
    if (!this.messages.has(message.id) && this.hasOlder && oldest && message.offset < oldest.offset) return;
    this.#store(message);
  }

  #store(message) {
    const held = this.messages.get(message.id);
    if (held && held.revision > message.revision) return; // a late ack or page must not undo a newer change
    this.messages.set(message.id, message);
    this.#sorted = null;
    this.replies.delete(message.id);
    if (!held) this.#type(message.sender.id, false);
    this.replies.listed(message.id, message.replies ?? [], (id) => this.messages.has(id));
    if (this.messages.size > MAX_MESSAGES && message === this.list().at(-1)) this.#forgetOldest();
  }

  #forgetOldest() {
    const oldest = this.list()[0];
    this.messages.delete(oldest.id);
    this.#sorted = null;
    this.hasOlder = true;
  }

  /** The stretch above has met the live messages: together they are one. */
  #joinPast() {
    const { messages, hasOlder } = /** @type {Past} */ (this.past);
    this.past = null;
    for (const message of messages.values()) this.#store(message);
    this.hasOlder = hasOlder;
  }

  #delta(data) {
    if (this.messages.has(data.messageId)) return true;
    const outcome = this.replies.delta(data);
    if (outcome === "hole") return (this.live = false);
    if (outcome === "changed") this.emit("change", { type: "reply", messageId: data.messageId });
    return true;
  }

  #status(data) {
    if (this.messages.has(data.messageId) || !this.replies.status(data)) return;
    if (!isOpen(data)) this.#type(data.characterId, false);
    this.emit("change", { type: "reply", messageId: data.messageId });
  }

  #presence({ userId, status, lastSeen }) {
    if (!this.conversation?.memberIds?.includes(userId)) return true;
    this.presence.set(userId, status);
    if (lastSeen) this.lastSeen.set(userId, lastSeen);
    this.emit("change", { type: "presence" });
    return true;
  }

  #type(who, typing) {
    if (!typing && !this.typing.has(who)) return;
    clearTimeout(this.typing.get(who));
    if (typing) this.typing.set(who, setTimeout(() => this.#type(who, false), TYPING_MS));
    else this.typing.delete(who);
    this.emit("change", { type: "typing" });
  }
}
