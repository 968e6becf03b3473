// @ts-check
/**
 * Replies of a room that have not become a message, or part of one: under way, or ended badly. Owns the rules of
 * PROTOCOL.md §3 for deltas, attempts and statuses; bounded by what the server runs at a time in a room.
 */

/**
 * @typedef {object} Reply
 * @property {string} messageId   its own id: of the message that it becomes, or only its name where it becomes part of another
 * @property {string} characterId
 * @property {string} inReplyTo
 * @property {string} [variantOf] it becomes another variant of this message: its text stands in the place of that one's
 * @property {string} [continues] it goes on with this message: its text stands after that one's
 * @property {number} attempt
 * @property {"queued"|"thinking"|"streaming"|"failed"|"stopped"|"interrupted"} state
 * @property {string} [code]
 * @property {string} text
 */

const ENDED = new Set(["failed", "stopped", "interrupted"]);

/** @param {{state: string}} reply */
export const isOpen = (reply) => !ENDED.has(reply.state);

/** The message whose text a reply changes, if it is none of its own. @param {Reply} reply */
export const partOf = (reply) => reply.variantOf ?? reply.continues ?? null;

/** What names a reply and its place, from an event. */
const placeOf = ({ messageId, characterId, inReplyTo, variantOf, continues }) =>
  ({ messageId, characterId, inReplyTo, ...(variantOf ? { variantOf } : {}), ...(continues ? { continues } : {}) });

/** @extends {Map<string, Reply>} */
export class Replies extends Map {
  /** @param {string} messageId @returns {Reply|undefined} one under way that becomes part of this message */
  into(messageId) {
    for (const reply of this.values()) if (partOf(reply) === messageId) return reply;
    return undefined;
  }

  /** @param {any} data of `message:delta` @returns {"changed"|"ignored"|"hole"} `hole`: text before it is missing */
  delta(data) {
    const { messageId, attempt, position, text } = data;
    const held = this.get(messageId);
    if (held && (attempt < held.attempt || (attempt === held.attempt && !isOpen(held)))) return "ignored";
    const before = held && attempt === held.attempt ? held.text : "";
    if (position > before.length) return "hole";
    this.set(messageId, { ...placeOf(data), attempt, state: "streaming", text: before.slice(0, position) + text });
    return "changed";
  }

  /** @param {any} data of `message:status` @returns {boolean} whether it told something new */
  status(data) {
    const { messageId, state, code, attempt: given } = data;
    const held = this.get(messageId);
    const attempt = given ?? held?.attempt ?? 0;
    if (held && attempt < held.attempt) return false;
    if (state === "done") return this.delete(messageId);
    const text = held && attempt === held.attempt ? held.text : "";
    this.set(messageId, { ...placeOf(data), attempt, state, ...(code ? { code } : {}), text });
    return true;
  }

  /**
   * As the asking message lists them: tells of one that is not known yet, or that it has ended; one that it no longer
   * lists has been tidied away. @param {string} asking @param {any[]} listed @param {(id: string) => boolean} isStored
   */
  listed(asking, listed, isStored) {
    const ids = new Set(listed.map(({ messageId }) => messageId));
    for (const reply of this.values()) {
      if (reply.inReplyTo === asking && !isOpen(reply) && !ids.has(reply.messageId)) this.delete(reply.messageId);
    }
    for (const reply of listed) {
      const held = this.get(reply.messageId);
      if (isStored(reply.messageId) || (held && isOpen(reply))) continue;
      this.set(reply.messageId, { attempt: 0, text: "", ...held, ...reply, inReplyTo: asking });
    }
  }

  /** The open replies of a snapshot are all there are. @param {any[]} open */
  snapshot(open) {
    const ids = new Set(open.map(({ messageId }) => messageId));
    for (const reply of this.values()) if (isOpen(reply) && !ids.has(reply.messageId)) this.delete(reply.messageId);
    for (const reply of open) this.set(reply.messageId, { text: "", ...reply });
  }
}
