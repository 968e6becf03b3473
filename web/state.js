// @ts-check
/**
 * What the console knows beside the open rooms: who is signed in, usage, characters, the list of conversations.
 * Views read it and listen to its events: `user`, `usage`, `characters`, `conversations`, `ai`, `billing` (what one has of plan,
 * payments or credits has changed).
 */
import { Emitter } from "./client/wire.js";

const PAGE = 50;
const MAX_CHARACTER_PAGES = 5;
const MAX_UNREAD = 100;
const DAY_MS = 24 * 60 * 60 * 1000;

export class State extends Emitter {
  #resetTimer = /** @type {any} */ (0);
  #starting = /** @type {Map<string, Promise<any>>} */ (new Map());
  #traits = /** @type {Promise<any[]>|null} */ (null);

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    super();
    this.api = api;
    this.user = /** @type {any} */ (null);
    /** Accounts elsewhere that this one is linked with. @type {any[]} */
    this.identities = [];
    this.usage = /** @type {any} */ (null);
    /** @type {Map<string, any>} by id, in the server's order */
    this.characters = new Map();
    /** @type {Map<string, any>} by id; see `conversationList` for the order */
    this.conversations = new Map();
    this.conversationsLoaded = false;
    this.moreConversations = /** @type {string|null} */ (null);
    /** True when the provider that answers by default is the built-in offline voice. */
    this.offlineVoice = false;
  }

  /** Loads all that the first screen needs; each part stands alone, so one failure does not hide the rest. */
  async load() {
    const parts = [this.loadUser(), this.loadCharacters(), this.loadConversations(), this.loadVoice()];
    const failed = (await Promise.allSettled(parts)).find(({ status }) => status === "rejected");
    if (failed) throw /** @type {PromiseRejectedResult} */ (failed).reason;
  }

  async loadUser() {
    const { user, usage, identities } = await this.api.get("/api/auth/me");
    this.user = user;
    this.identities = identities ?? [];
    this.setUsage(usage);
    this.emit("user");
  }

  async loadCharacters() {
    let cursor = "";
    for (let page = 0; page < MAX_CHARACTER_PAGES; page += 1) {
      const { items, nextCursor } = await this.api.get(`/api/characters?limit=100${cursor}`);
      for (const character of items) this.characters.set(character.id, character);
      if (!nextCursor) break;
      cursor = `&cursor=${encodeURIComponent(nextCursor)}`;
    }
    this.emit("characters");
  }

  async loadConversations() {
    const { items, nextCursor } = await this.api.get(`/api/conversations?limit=${PAGE}`);
    const kept = nextCursor ? this.conversations : []; // when all fits one page, what is not in it is gone
    this.conversations = new Map([...kept, ...items.map((item) => [item.id, item])]);
    this.moreConversations = nextCursor ?? null;
    this.conversationsLoaded = true;
    this.emit("conversations");
  }

  async loadMoreConversations() {
    if (!this.moreConversations) return;
    const cursor = encodeURIComponent(this.moreConversations);
    const { items, nextCursor } = await this.api.get(`/api/conversations?limit=${PAGE}&cursor=${cursor}`);
    for (const item of items) this.conversations.set(item.id, item);
    this.moreConversations = nextCursor ?? null;
    this.emit("conversations");
  }

  async loadVoice() {
    const status = await this.api.get("/api/ai/status");
    const name = status.default?.name ?? status.default;
    const provider = (status.providers ?? []).find((candidate) => candidate.name === name) ?? status.providers?.[0];
    this.offlineVoice = provider?.kind === "offline";
    this.emit("ai");
  }

  /** Of some limits it is known how they stand now; the others stand as before. @param {any} part */
  moveUsage(part) {
    const meter = (/** @type {any} */ { scope, characterId, type }) => `${scope} ${characterId ?? ""} ${type ?? "text"}`;
    const moved = new Map(part.limits.map((/** @type {any} */ limit) => [meter(limit), limit]));
    const before = this.usage?.plan === part.plan ? this.usage?.limits ?? [] : [];
    const kept = before.map((/** @type {any} */ limit) => {
      const now = moved.get(meter(limit)) ?? limit;
      moved.delete(meter(limit));
      return now;
    });
    this.setUsage({ ...part, limits: [...kept, ...moved.values()] });
  }

  /** @param {any} usage */
  setUsage(usage) {
    if (!usage) return;
    this.usage = usage.usage ?? usage;
    this.emit("usage");
    this.#renewAtReset();
  }

  /** Asks again when the next allowance begins, so that a page left open goes on by itself. */
  #renewAtReset() {
    clearTimeout(this.#resetTimer);
    const resets = (this.usage.limits ?? []).map(({ resetsAt }) => Date.parse(resetsAt ?? "") - Date.now()).filter((ms) => ms > 0 && ms < DAY_MS);
    if (resets.length) this.#resetTimer = setTimeout(() => this.loadUser().catch(() => {}), Math.min(...resets) + 1000);
  }

  /** Signed out: nothing is asked for any more. */
  end() {
    clearTimeout(this.#resetTimer);
  }

  /** The limits that count for a character's text replies: its own and the daily ones. @param {string} [characterId] */
  limitsFor(characterId) {
    return (this.usage?.limits ?? []).filter((limit) =>
      (limit.type ?? "text") === "text" && (limit.scope === "daily" || limit.characterId === characterId));
  }

  /** @returns {any[]} the latest first */
  conversationList() {
    const at = (conversation) => conversation.lastMessage?.createdAt ?? conversation.createdAt ?? "";
    return [...this.conversations.values()].sort((a, b) => (at(a) < at(b) ? 1 : at(a) > at(b) ? -1 : 0));
  }

  /** @param {any} conversation */
  putConversation(conversation) {
    const held = this.conversations.get(conversation.id);
    const newer = held?.lastMessage && held.lastMessage.offset >= (conversation.lastMessage?.offset ?? 0);
    const kept = newer ? { lastMessage: held.lastMessage, readOffset: held.readOffset, unreadCount: held.unreadCount, lastOffset: held.lastOffset } : {};
    this.conversations.set(conversation.id, { ...held, ...conversation, ...kept });
    this.emit("conversations");
  }

  /** @param {string} id */
  dropConversation(id) {
    if (this.conversations.delete(id)) this.emit("conversations");
  }

  /** A message was stored: the list shows it. @param {any} message */
  noteMessage(message) {
    const held = this.conversations.get(message.conversationId);
    if (!held || (held.lastMessage?.offset ?? 0) > message.offset) return;
    const lastOffset = Math.max(held.lastOffset ?? 0, message.offset);
    const mine = message.sender.id === this.user?.id;
    const unreadCount = mine || held.lastMessage?.id === message.id ? held.unreadCount ?? 0 : Math.min(MAX_UNREAD, (held.unreadCount ?? 0) + 1);
    this.conversations.set(held.id, { ...held, lastMessage: message, lastOffset, unreadCount });
    this.emit("conversations");
  }

  /** A stored message changed: the list shows it as it is, if it is the last one. @param {any} message */
  noteChange(message) {
    const held = this.conversations.get(message.conversationId);
    if (held?.lastMessage?.id !== message.id) return;
    this.conversations.set(held.id, { ...held, lastMessage: message });
    this.emit("conversations");
  }

  /** @param {string} id @param {number} offset */
  noteRead(id, offset) {
    const held = this.conversations.get(id);
    if (!held || (held.readOffset ?? 0) >= offset) return;
    const unreadCount = offset >= (held.lastMessage?.offset ?? 0) ? 0 : held.unreadCount;
    this.conversations.set(id, { ...held, readOffset: offset, unreadCount });
    this.emit("conversations");
  }

  /** @param {any} conversation */
  isUnread(conversation) {
    const last = conversation.lastMessage;
    return Boolean(last) && last.sender.id !== this.user?.id && last.offset > (conversation.readOffset ?? 0);
  }

  /** A character as fully as it is known. @param {string} id @param {any} [conversation] whose short form may serve */
  character(id, conversation) {
    const brief = conversation?.characters?.find((character) => character.id === id);
    return this.characters.get(id) ?? brief ?? { id, name: "Character", tags: [] };
  }

  /** A character changed, or is gone. @param {{character?: any, characterId?: string, deleted?: boolean}} update */
  noteCharacter({ character, characterId, deleted }) {
    if (character) this.characters.set(character.id, { ...this.characters.get(character.id), ...character });
    else if (deleted && characterId) this.characters.delete(characterId);
    this.emit("characters");
  }

  /** The latest conversation with a character alone. @param {string} characterId */
  latestWith(characterId) {
    return this.conversationList().find(({ characters, members }) => characters?.length === 1 && characters[0].id === characterId && (members?.length ?? 1) === 1);
  }

  /** Opens a new conversation, or the latest one when nothing was said in it yet. @param {string} characterId */
  async startWith(characterId) {
    const latest = this.latestWith(characterId);
    const last = latest?.lastMessage;
    if (latest && (!last || (last.sender.kind === "character" && !last.replyTo))) return latest; // no more than its greeting
    // Pressed twice, it is one.
    const under = this.#starting.get(characterId) ?? this.start({ characterId }).finally(() => this.#starting.delete(characterId));
    this.#starting.set(characterId, under);
    return under;
  }

  /** Opens a new conversation. @param {{characterId?: string, characterIds?: string[], title?: string, greeting?: number}} fields */
  async start(fields) {
    const { conversation } = await this.api.post("/api/conversations", fields);
    this.putConversation(conversation);
    return conversation;
  }

  /** What traits there are; asked for once. @returns {Promise<{name: string, label: string, description: string}[]>} */
  traits() {
    this.#traits ??= this.api.get("/api/characters/traits").then((answer) => answer.items ?? answer.traits ?? answer).catch((error) => {
      this.#traits = null;
      throw error;
    });
    return this.#traits;
  }
}
