// @ts-check
/**
 * Messages on their way: each is sent until it is acked or refused for good, over any number of reconnects, always under
 * the same `clientId`, so that it is stored once. One message per room is in flight at a time, which keeps their order.
 */
import { randomId } from "./random.js";
import { GreenroomError } from "./wire.js";

/**
 * @typedef {object} Outgoing  A message on its way.
 * @property {string} clientId        chosen here; makes a repeated send harmless
 * @property {string} conversationId
 * @property {string} content
 * @property {"pending"|"failed"} state
 * @property {GreenroomError|null} error   why it failed, or why it still waits
 * @property {number} createdAt       milliseconds since 1970
 * @property {Promise<any>} acked     settles with the ack's data (at least `message`), or with the refusal
 */

/** Refusals after which the same message may go out again under the same `clientId`. */
const SEND_AGAIN = new Set(["rate_limited", "room_busy", "overloaded", "dependency_down", "outcome_unknown", "draining",
  "timeout"]);
const MAX_TRIES = 6;
const MAX_WAIT_MS = 65000;
const MAX_MESSAGES = 100;

export class Outbox {
  /** @type {Map<string, any>} by clientId, oldest first */
  #messages = new Map();
  #sending = new Map();       // conversation id -> the message in flight, or waiting to be tried again
  #ports;

  /**
   * @param {object} ports
   * @param {(data: object, onAck: (ack: any) => void) => Promise<any>|null} ports.deliver  null while not online
   * @param {(conversationId: string, ack: any) => void} ports.stored
   * @param {(outgoing: Outgoing) => void} ports.changed
   */
  constructor(ports) {
    this.#ports = ports;
  }

  /** @param {string} conversationId @returns {Outgoing[]} oldest first */
  of(conversationId) {
    return [...this.#messages.values()].filter((outgoing) => outgoing.conversationId === conversationId);
  }

  /** @param {string} conversationId @param {string} content @param {object} fields @returns {Outgoing} */
  add(conversationId, content, fields) {
    if (this.#messages.size >= MAX_MESSAGES) {
      throw new GreenroomError("overloaded", "Too many messages are waiting to be sent.");
    }
    let settle;
    const acked = new Promise((resolve, reject) => { settle = { resolve, reject }; });
    acked.catch(() => {});    // whoever awaits it still learns of it
    const outgoing = { clientId: randomId(), conversationId, content, fields, state: /** @type {"pending"} */ ("pending"),
      error: null, createdAt: Date.now(), tries: 0, acked, settle };
    this.#messages.set(outgoing.clientId, outgoing);
    this.#ports.changed(outgoing);
    this.#pump(conversationId);
    return outgoing;
  }

  /** Tries a failed message again, as the same message. @param {string} clientId */
  resend(clientId) {
    const outgoing = this.#messages.get(clientId);
    if (outgoing?.state !== "failed") return;
    Object.assign(outgoing, { state: "pending", error: null, tries: 0 });
    this.#ports.changed(outgoing);
    this.#pump(outgoing.conversationId);
  }

  /** Forgets a failed message. @param {string} clientId */
  discard(clientId) {
    if (this.#messages.get(clientId)?.state === "failed") this.#remove(clientId);
  }

  /** The line is there again: what was not acked goes out. */
  flush() {
    for (const { conversationId } of this.#messages.values()) this.#pump(conversationId);
  }

  /** A stored message was seen: if it is one of these, it has arrived, ack or no ack. @param {any} message */
  settle(message) {
    const outgoing = this.#messages.get(message.clientId);
    if (outgoing?.conversationId !== message.conversationId) return;
    outgoing.settle.resolve({ success: true, message });
    this.#remove(message.clientId);
  }

  #remove(clientId) {
    const outgoing = this.#messages.get(clientId);
    this.#messages.delete(clientId);
    if (outgoing) this.#ports.changed(outgoing);
  }

  #pump(conversationId) {
    if (this.#sending.has(conversationId)) return;
    const next = this.of(conversationId).find(({ state }) => state === "pending");
    if (!next) return;
    const { clientId, content, fields } = /** @type {any} */ (next);
    const sent = this.#ports.deliver({ conversationId, content, type: "text", clientId, ...fields }, (ack) => {
      /** @type {any} */ (next).settle.resolve(ack);
      this.#ports.stored(conversationId, ack);
      this.#remove(clientId);
    });
    if (!sent) return;
    this.#sending.set(conversationId, next);
    sent.then(() => 0, (error) => this.#refused(next, error)).then((waitMs) => setTimeout(() => {
      this.#sending.delete(conversationId);
      this.#pump(conversationId);
    }, waitMs));
  }

  /** @returns {number} milliseconds to wait before the room's next message goes out */
  #refused(outgoing, error) {
    if (!this.#messages.has(outgoing.clientId) || error.code === "disconnected") return 0;
    outgoing.tries += 1;
    outgoing.error = error;
    const waitMs = error.retryAfterMs ?? Math.min(8000, 500 * 2 ** outgoing.tries);
    const again = SEND_AGAIN.has(error.code) && outgoing.tries < MAX_TRIES && waitMs <= MAX_WAIT_MS;
    if (!again) {
      outgoing.state = "failed";
      outgoing.settle.reject(error);
    }
    this.#ports.changed(outgoing);
    return again ? waitMs : 0;
  }
}
