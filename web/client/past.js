// @ts-check
/**
 * A stretch of a conversation far above what is held live, around a message that was looked for. It grows both ways by
 * pages, takes the changes of its own messages, and ends by joining the live messages. Bounded like those.
 */

const MAX_MESSAGES = 1000;

export class Past {
  #sorted = /** @type {any[]|null} */ (null);

  constructor() {
    /** @type {Map<string, any>} */
    this.messages = new Map();
    this.hasOlder = true;
    this.hasNewer = true;
  }

  /** @returns {any[]} oldest first */
  list() {
    return (this.#sorted ??= [...this.messages.values()].sort((a, b) => a.offset - b.offset));
  }

  /** @param {any} message */
  put(message) {
    const held = this.messages.get(message.id);
    if (held && held.revision > message.revision) return;
    this.messages.set(message.id, message);
    this.#sorted = null;
  }

  /** A page above. @param {{items: any[], hasMore: boolean}} page */
  older({ items, hasMore }) {
    for (const message of items) this.put(message);
    this.hasOlder = hasMore && items.length > 0;
    while (this.messages.size > MAX_MESSAGES) this.#forget(-1);
  }

  /** A page below. @param {{items: any[], hasMore: boolean}} page */
  newer({ items, hasMore }) {
    for (const message of items) this.put(message);
    this.hasNewer = hasMore && items.length > 0;
    while (this.messages.size > MAX_MESSAGES) this.#forget(0);
  }

  /** Lets go of the end that one scrolls away from. @param {0|-1} end */
  #forget(end) {
    const message = this.list().at(end);
    this.messages.delete(message.id);
    this.#sorted = null;
    if (end === 0) this.hasOlder = true;
    else this.hasNewer = true;
  }
}
